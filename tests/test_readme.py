"""What README and docs/ name exists, and what exists is named there: commands, options and defaults, columns, codes."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from musicflamingo_cli import errors
from musicflamingo_cli.cli import app, main
from musicflamingo_cli.engines.fake import SCRIPT_KEYS
from musicflamingo_cli.intake.packs import FIELD_KEYS, PACK_KEYS, load_pack, pack_names
from musicflamingo_cli.intake.reasons import FLAGS, REASONS
from musicflamingo_cli.measures import BASIC_MEASURES, MEASURE_NAMES
from musicflamingo_cli.results.schema import HEAD, TableForm

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in (ROOT / "README.md", *DOCS.glob("*.md"))
}
LINKED = [*PAGES, "CONTRIBUTING.md", "CHANGELOG.md", "musicflamingo_cli/ARCHITECTURE.md", "data/sample/README.md"]
TEXT = "\n".join(PAGES.values())
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
GLOBAL = {"--help", "--version", "--install-completion", "--show-completion"}
FOREIGN = {"--array"}
"""Flags of other programs."""
TABLE_OF = {
    "score": ("docs/score.md", "mfq score"),
    "caption": ("docs/score.md", "mfq caption"),
    "show": ("docs/score.md", "mfq show"),
    "status": ("docs/overnight.md", "Watching a run"),
    "filter": ("docs/filter-and-merge.md", "mfq filter"),
    "merge": ("docs/filter-and-merge.md", "mfq merge"),
    "report": ("docs/report.md", "Report"),
    "eval": ("docs/evaluate.md", "mfq eval"),
    "rank": ("docs/rank.md", "Rank by pairs"),
    "tune": ("docs/evaluate.md", "mfq tune"),
    "doctor": ("docs/gpu-box.md", "mfq doctor"),
}
"""Command -> the page and the section that hold the table of its options."""
COMMON = ("docs/settings.md", "Options of every command")


def section(page: str, title: str) -> str:
    """Return what stands under a heading, with its sub-sections."""
    level, body = re.findall(rf"^(#+) {re.escape(title)}\n(.*)", PAGES[page], re.MULTILINE | re.DOTALL)[0]
    return re.split(rf"^#{{1,{len(level)}}} ", body, flags=re.MULTILINE)[0]


def rows(text: str, head: str) -> Iterator[list[str]]:
    """Yield the cells of all tables whose first column has that head."""
    for table in re.findall(rf"^\| {re.escape(head)} \|.*\n\|[-|]+\n((?:\|.*\n?)+)", text, re.MULTILINE):
        for line in table.strip().splitlines():
            yield [cell.strip() for cell in line.strip("|").split(" |")]


def options_shown(name: str) -> dict[str, Any]:
    """Return flag -> parameter, of the options that a command's help shows."""
    shown = [p for p in COMMANDS[name].params if p.param_type_name == "option" and not p.hidden]
    return {flag: p for p in shown for flag in (*p.opts, *p.secondary_opts) if flag not in ("--help", "-h")}


def documented(page: str, title: str) -> dict[str, str]:
    """Return flag -> the default that the tables of a section tell."""
    return {
        flag: cells[1]
        for cells in rows(section(page, title), "option")
        for flag in re.findall(r"`(-[\w-]+)`", cells[0])
    }


def default_told(option: Any) -> str:
    if isinstance(option.show_default, str):
        return option.show_default
    value = option.default
    if value is None or value is False or callable(value) or value == ():
        return ""
    return f"{value:g}" if isinstance(value, float) and value > 1 else str(value)


def test_every_flag_that_is_named_exists() -> None:
    known = {flag for name in COMMANDS for p in COMMANDS[name].params for flag in p.opts} | GLOBAL
    for name, page in PAGES.items():
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page)) - known - FOREIGN == set(), name


@pytest.mark.parametrize("name", sorted({*COMMANDS} - {"caption", "rank"}))
def test_the_tables_of_a_command_have_its_options_and_no_others(name: str) -> None:
    common = {*documented(*COMMON)} - {"--help", "-h"}
    assert {*documented(*TABLE_OF[name])} == {*options_shown(name)} - common


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_defaults_in_the_tables_are_those_of_the_command(name: str) -> None:
    shown = options_shown(name)
    told = {**documented(*COMMON), **documented(*TABLE_OF[name])}
    assert {flag: told[flag].replace("`", "") for flag in shown if flag in told} == {
        flag: default_told(option) for flag, option in shown.items() if flag in told
    }


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_tables_name_every_choice_of_an_option(name: str) -> None:
    lines = section(*TABLE_OF[name]).splitlines()
    for option in COMMANDS[name].options:
        for row in (line for line in lines if f"`{option.flag}`" in line.partition(" | ")[0]):
            assert {choice for choice in option.choices if f"`{choice}`" not in row} == set(), option.flag


@pytest.mark.parametrize(("name", "own"), [("caption", set()), ("rank", {"--scores", "--by", "--pairs"})])
def test_others_have_the_options_of_score_but_those_that_are_named(name: str, own: set[str]) -> None:
    text = section(*TABLE_OF[name])
    left_out = set(re.findall(r"`(--[\w-]+)`", re.findall(r"but those about [^:]*:(.*?)\.\s", text, re.DOTALL)[0]))
    assert {*options_shown("score")} - {*options_shown(name)} == left_out
    assert {*options_shown(name)} - {*options_shown("score")} == own
    assert own - {*documented(*TABLE_OF[name])} == set()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_two_examples_that_can_be_typed(name: str) -> None:
    shown = [line.strip() for line in COMMANDS[name].help.splitlines() if line.strip().startswith("mfq ")]
    assert len(shown) == 2
    for line in shown:
        parse(line)


def parse(line: str) -> None:
    """Parse a command line as `mfq` would."""
    words = shlex.split(line, comments=True)
    if words[1].startswith("--"):
        assert words[1] in GLOBAL
        return
    root = typer.Context(typer.main.get_command(app), info_name="mfq")
    context = COMMANDS[words[1]].make_context(words[1], words[2:], parent=root)
    assert context.get_parameter_source("config").name == "DEFAULT"


EXAMPLES = sorted(
    set(re.findall(r"`(mfq [a-z]+ [^`]*)`", TEXT))
    | {
        line
        for block in re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
        for line in re.findall(r"(?:^|\| )(?:\.venv/bin/)?(mfq .*)$", block.replace("\\\n", " "), re.MULTILINE)
    }
)


@pytest.mark.parametrize("line", [line for line in EXAMPLES if not re.search(r"--\w[\w-]*$", line) or "/" in line])
def test_every_example_can_be_typed(line: str) -> None:
    parse(line)


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


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_command_that_is_named_exists(page: str) -> None:
    code = re.findall(r"^```\w+\n(.*?)^```", PAGES[page], re.MULTILINE | re.DOTALL) + re.findall(
        r"`[^`]+`", PAGES[page]
    )
    assert {name for text in code for name in re.findall(r"\bmfq ([a-z]+)\b", text)} <= set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_an_example_in_readme(name: str) -> None:
    assert f"`mfq {name}`]" in PAGES["README.md"]
    assert re.search(rf"\| `mfq {name}( .*)?` \|", PAGES["README.md"])


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)\b|^ *make ([a-z-]+)\b", TEXT)) <= {(t, "") for t in targets} | {
        ("", t) for t in targets
    }
    assert {"demo", "test", "docs"} <= targets


FIXED = {n for n in TableForm(load_pack("technical"), {}).schema().names if not n.endswith("_detail")}
SCORING = {"no_answer", "gibberish", "empty", "token_cap", "loop_detected", "engine_crash", "not_cached"}
NULLS = {"missing", "words_around", "cut_off", "out_of_range", "not_a_number", "ambiguous", "unclear_scale"}
NULLS |= {"placeholder", "low_number_mass"}


def named(page: str, head: str) -> set[str]:
    return {word for cells in rows(PAGES[page], head) for word in re.findall(r"`(\w+)`", cells[0])}


def test_the_table_of_flags_is_that_of_the_code() -> None:
    assert named("docs/audio.md", "flag") == {*FLAGS}


@pytest.mark.parametrize("reason", sorted({*REASONS, *SCORING, *NULLS}))
def test_every_reason_is_explained(reason: str) -> None:
    assert reason in named("docs/table.md", "reason")


def test_every_reason_of_a_field_is_explained() -> None:
    assert named("docs/replies.md", "null with") == NULLS


def test_every_column_is_explained() -> None:
    told = named("docs/table.md", "column") | named("docs/audio.md", "column")
    assert {*HEAD, *FIXED} - {f.name for f in load_pack("technical").asked} - told == set()
    assert named("docs/audio.md", "column") == {
        *MEASURE_NAMES,
        *(f"measured_{name}" for name in MEASURE_NAMES if name.startswith(("tempo", "key"))),
    }


def test_the_measures_that_are_always_taken_are_told_apart() -> None:
    always = section("docs/audio.md", "Measures").partition("Taken for `signal`")[0]
    assert set(re.findall(r"^\| `(\w+)`", always, re.MULTILINE)) == {*BASIC_MEASURES}


def test_every_exit_code_is_explained() -> None:
    told = {int(code) for cells in rows(PAGES["docs/overnight.md"], "code") for code in cells[0].split(", ")}
    raised = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")}
    assert {0, 4, 129, 130, 143} | {code for code in raised if isinstance(code, int)} == told


def test_packs_and_their_keys_are_explained() -> None:
    assert named("docs/packs.md", "pack") == {*pack_names()}
    lines = " ".join(cells[0] for cells in rows(PAGES["docs/packs.md"], "line"))
    assert {key for key in PACK_KEYS | FIELD_KEYS if key not in lines and key != "measure"} == set()
    assert {*re.findall(r'kind = "(\w+)"', lines)} == {"score", "number", "text", "measure"}


def test_what_the_fake_engine_can_be_told_is_explained() -> None:
    assert named("docs/testing.md", "key") == {*SCRIPT_KEYS}


def slug(heading: str) -> str:
    """Return the anchor of a heading, as GitHub and MyST make it."""
    return re.sub(r"[^\w\- ]", "", re.sub(r"[`*]|\[(.*?)\]\(.*?\)", r"\1", heading).strip().lower()).replace(" ", "-")


def prose(page: str) -> str:
    return re.sub(r"^```.*?^```", "", (ROOT / page).read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", LINKED)
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        there = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert there.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", prose(str(there.relative_to(ROOT))), re.MULTILINE)
            assert anchor in {slug(title) for title in titles}, target


def test_every_module_that_contributors_are_sent_to_is_there() -> None:
    sources = [
        path.relative_to(ROOT)
        for room in ("musicflamingo_cli", "tests", "scripts")
        for path in (ROOT / room).rglob("*.py")
    ]
    named = set(re.findall(r"`([\w/]+\.py)`", (ROOT / "CONTRIBUTING.md").read_text("utf-8")))
    assert len(named) > 10
    assert [name for name in named if not any(path.match(name.replace("NAME", "*")) for path in sources)] == []


def test_every_page_is_in_the_index() -> None:
    names = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    assert set(re.findall(r"\]\((\w[\w-]*)\.md\)", PAGES["docs/index.md"])) == names
    assert set(re.findall(r"^([a-z-]+)$", PAGES["docs/index.md"], re.MULTILINE)) == names


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_page_begins_with_what_it_is_for(page: str) -> None:
    title, blank, first = PAGES[page].split("\n")[:3]
    assert title.startswith("# ") and blank == ""
    assert len(first) > 60 and not first.startswith(("|", "`--", "#", "-"))


def test_readme_is_read_in_one_go() -> None:
    assert len(PAGES["README.md"].encode()) <= 8192
