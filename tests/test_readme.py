"""What README names exists, and what exists is named."""

import re
from pathlib import Path

import pytest
import typer

from musicflamingo_cli.cli import app
from musicflamingo_cli.intake.packs import load_pack
from musicflamingo_cli.intake.verdicts import FLAGS, REASONS
from musicflamingo_cli.results.table import HEAD, TableForm

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
GLOBAL = {"--help", "--version"}
FOREIGN = {"--array"}
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
