"""What README names exists, and what exists is named."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from musicflamingo_cli.cli import app, main
from musicflamingo_cli.intake.packs import load_pack
from musicflamingo_cli.intake.reasons import FLAGS, REASONS
from musicflamingo_cli.results.schema import HEAD, TableForm

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
GLOBAL = {"--help", "--version"}
FOREIGN = {"--array", "--install-completion"}
"""Flags of other programs."""


def options_of(name: str) -> dict[str, bool]:
    """Return option -> hidden, for one command."""
    found = {}
    for parameter in COMMANDS[name].params:
        for option in (*parameter.opts, *parameter.secondary_opts):
            if option.startswith("--"):
                found[option] = bool(getattr(parameter, "hidden", False))
    return found


def test_every_flag_that_readme_names_exists() -> None:
    known = {option for name in COMMANDS for option in options_of(name)} | GLOBAL
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README))
    assert named - known - FOREIGN == set()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_flag_that_exists_is_named(name: str) -> None:
    shown = {option for option, hidden in options_of(name).items() if not hidden} - GLOBAL
    assert {option for option in shown if not re.search(rf"{option}(?![\w-])", README)} == set()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_two_examples_that_can_be_typed(name: str) -> None:
    command = COMMANDS[name]
    shown = [line.strip() for line in command.help.splitlines() if line.strip().startswith("mfq ")]
    assert len(shown) == 2
    for line in shown:
        words = shlex.split(line)
        assert words[:2] == ["mfq", name]
        root = typer.Context(typer.main.get_command(app), info_name="mfq")
        context = command.make_context(name, words[2:], parent=root)
        assert context.get_parameter_source("config").name == "DEFAULT"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_shows_every_word_of_every_option(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 400)
    assert main([name, "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for option in COMMANDS[name].params:
        if option.param_type_name == "option" and not option.hidden:
            assert f"{option.opts[0]}" in shown
            assert option.help.replace("\\[", "[") in shown
            assert not isinstance(option.show_default, str) or f"[default: ({option.show_default})]" in shown
    assert not re.search(r"<(bool|str|list)\b", shown)


def test_every_command_that_readme_names_exists() -> None:
    named = set(re.findall(r"(?:^|[\s/`])mfq ([a-z]+)\b(?=[ `\n])", README)) - {"turns", "is", "needs", "in"}
    assert named <= set(COMMANDS)
    assert {f"mfq {name}" for name in COMMANDS if f"mfq {name}" not in README} == set()


def test_every_make_target_that_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)\b", README)) <= targets
    assert {"demo", "test"} <= targets


FIXED = {n for n in TableForm(load_pack("technical"), {}).schema().names if not n.endswith("_detail")}
SCORING = {"no_answer", "gibberish", "empty", "token_cap", "loop_detected", "missing", "cut_off", "out_of_range"}
SCORING |= {
    "not_a_number",
    "ambiguous",
    "unclear_scale",
    "placeholder",
    "low_number_mass",
    "engine_crash",
    "not_cached",
}


@pytest.mark.parametrize("word", sorted({*FLAGS, *REASONS, *HEAD, *FIXED, *SCORING}))
def test_every_flag_reason_and_column_is_explained(word: str) -> None:
    assert f"`{word}`" in README


def test_readme_has_no_leftover_places() -> None:
    assert re.findall(r"\b[A-Z]+_(?:TABLE|TEXT|OPTIONS)\b|^FIGURES$", README, re.MULTILINE) == []
