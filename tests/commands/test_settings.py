"""Options given once: by the environment, by a settings file, and which of them counts."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer

from musicflamingo_cli.cli import app
from musicflamingo_cli.commands.settings import FILE_NAME, OTHERS
from tests.conftest import Bench

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.fixture
def there(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench whose working folder is `here`, beside the folder of its manifest."""
    (bench.folder / "here").mkdir()
    monkeypatch.chdir(bench.folder / "here")
    return bench


def engine_of(bench: Bench, *words: object) -> str:
    assert bench.mfq("score", bench.manifest, "-o", bench.table, "--workers", 1, *words) == 0
    return str(bench.result()[0]["engine"])


def toml(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def scores(path: Path) -> Path:
    table = pa.table({"song_id": ["a", "b", "c"], "overall_quality_score": [0.3, 0.6, 0.9], "other": [0.9, 0.6, 0.3]})
    pq.write_table(table, path)
    return path


def test_every_option_of_every_command_has_one_variable_and_no_two_share_it() -> None:
    meant: dict[str, set[tuple[str, str]]] = {}
    for name, command in COMMANDS.items():
        shown = {p.name for p in command.params if p.param_type_name == "option" and not p.hidden}
        assert {option.name for option in command.options} == shown
        for key in (key for option in command.options for key in option.keys):
            words = key.upper().replace("-", "_")
            meant.setdefault(f"MFQ_{words}", set()).add(("any", key))
            meant.setdefault(f"MFQ_{name.upper()}_{words}", set()).add((name, key))
    assert {variable: options for variable, options in meant.items() if len(options) > 1} == {}
    assert not OTHERS & set(meant)


def test_command_line_over_environment_over_file_over_default(there: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    there.songs(1)
    here = Path(FILE_NAME)
    common = 'engine = "signal"\ncache-dir = "cache"\n'
    toml(here, common)
    assert engine_of(there) == "signal"
    toml(here, common + '[score]\nengine = "fake"\n[filter]\nmissing = "keep"\n')
    assert engine_of(there) == "fake"
    monkeypatch.setenv("MFQ_ENGINE", "signal")
    assert engine_of(there) == "signal"
    monkeypatch.setenv("MFQ_SCORE_ENGINE", "fake")
    assert engine_of(there) == "fake"
    assert engine_of(there, "--engine", "signal") == "signal"
    assert (Path("cache")).is_dir()


def test_one_file_is_used_that_of_config_then_that_beside_the_manifest_then_that_here(there: Bench) -> None:
    there.songs(1)
    toml(Path(FILE_NAME), "no-cache = true\nengine = 'signal'")
    assert engine_of(there) == "signal"
    assert "settings: mfq.toml (engine, no-cache)" in there.stderr()
    beside = toml(there.folder / FILE_NAME, "no-cache = true\nengine = 'fake'")
    assert engine_of(there) == "fake"
    said = there.stderr()
    assert f"settings: {beside} (engine, no-cache)\n" in said
    assert said.endswith(f"settings: {beside}\n")
    named = toml(there.folder / "other.toml", "no-cache = true\nengine = 'signal'")
    assert engine_of(there, "--config", named) == "signal"
    there.stderr()
    card = json.loads(pq.read_metadata(there.table).metadata[b"mfq.run"])
    assert card["settings"]["settings_file"] == str(named)
    assert engine_of(there, "--no-config", "--engine", "fake", "--no-cache") == "fake"
    assert "settings" not in there.stderr()


def test_config_may_be_named_or_left_out_by_the_environment(there: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    there.songs(1)
    toml(Path(FILE_NAME), "engine = 'flamingo'")
    monkeypatch.setenv("MFQ_CONFIG", str(toml(there.folder / "a b.toml", "no-cache = true\nengine = 'fake'")))
    assert engine_of(there) == "fake"
    monkeypatch.setenv("MFQ_NO_CONFIG", "1")
    assert engine_of(there, "--engine", "signal", "--no-cache") == "signal"
    assert there.mfq("score", there.manifest, "--config", "x", "--no-config") == 2


def test_lists_flags_and_values_with_blanks_from_the_environment(
    there: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table, ids = scores(there.folder / "in put.parquet"), there.folder / "kept ids.txt"
    monkeypatch.setenv("MFQ_WHERE", "overall_quality_score > 0.5\nother > 0.5\n")
    monkeypatch.setenv("MFQ_IDS", str(ids))
    assert there.mfq("filter", table) == 0
    assert ids.read_text() == "b\n"
    ids.unlink()
    monkeypatch.setenv("MFQ_DRY_RUN", "yes")
    assert there.mfq("filter", table) == 0
    assert not ids.exists()
    monkeypatch.setenv("MFQ_DRY_RUN", "0")
    monkeypatch.setenv("MFQ_WHERE", "")
    assert there.mfq("filter", table, "--min", 0.9) == 0
    assert ids.read_text() == "c\n"


def test_lists_and_tables_from_a_file(there: Bench) -> None:
    table = scores(there.folder / "scores.parquet")
    toml(there.folder / FILE_NAME, '[filter]\nmin = {overall_quality_score = 0.5, other = "0.5"}\nids = "kept.txt"\n')
    assert there.mfq("filter", table) == 0
    assert (there.folder / "kept.txt").read_text() == "b\n"
    toml(there.folder / FILE_NAME, '[filter]\nmin = 0.60\nwhere = ["other > 0.1", "other < 0.5"]\nids = "kept.txt"\n')
    assert there.mfq("filter", table) == 0
    assert (there.folder / "kept.txt").read_text() == "c\n"


def test_paths_in_a_file_start_from_its_folder_and_lists_need_no_commas(there: Bench) -> None:
    there.songs(1, label="folk")
    text = 'engine = "fake"\ncache_dir = "cache"\n[score]\nkeep = ["label", "title"]\nstats = "night/stats.json"\n'
    (there.folder / "night").mkdir()
    assert engine_of(there, "--config", toml(there.folder / "mine.toml", text)) == "fake"
    assert there.result()[0]["label"] == "folk"
    assert (there.folder / "cache").is_dir()
    assert (there.folder / "night" / "stats.json").is_file()
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("engin = 'fake'", "no option 'engin' (nearest: engine)"),
        ("[scor]\nengine = 'fake'", "[scor] is no command (nearest: score)"),
        ("[scores]\nengine = 'fake'", "[scores] is no command (nearest: score)"),
        ("[filter]\nengine = 'fake'", "[filter]: no option 'engine'"),
        ("[score]\nmanifest = 'x'", "[score]: no option 'manifest'"),
        ("workers = 'four'", "workers = four: it is a whole number"),
        ("workers = 1.5", "workers = 1.5: it is a whole number"),
        ("workers = true", "workers = True: it is a whole number"),
        ("workers = 0", "(--workers is set by "),
        ("min-coverage = 'all'", "min-coverage = all: it is a number"),
        ("offline = 1", "offline = 1: it is true or false"),
        ("prompt = ['a']", "prompt = ['a']: it is text"),
        ("decode = 'xml'", "--decode xml: it is text, json or scores (--decode is set by "),
        ("shard = '9/2'", "(--shard is set by "),
        ("refresh = true\noffline = true", "--refresh is set by "),
        ("cache-dir = 'a'\ncache_dir = 'b'", "'cache-dir' stands there twice"),
        ("config = 'x'", "no option 'config'"),
        ("engine = ", "settings can't be read: Invalid value"),
        ("x = " + "[" * 100_000, "settings can't be read"),
        ("# \udcff", "settings can't be read: 'utf-8'"),
        ("allow-private-hosts = 'a:80'", "counts only in a file that --config names"),
    ],
)
def test_a_file_that_cannot_be_used_ends_the_command_and_is_named(there: Bench, text: str, said: str) -> None:
    path = there.folder / FILE_NAME
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    there.songs(1)
    assert there.mfq("score", there.manifest) == 2
    error = there.stderr().splitlines()[-1]
    assert said in error
    assert str(path) in error


def test_a_named_file_may_allow_private_hosts_and_must_be_there(there: Bench) -> None:
    there.songs(1)
    named = toml(
        there.folder / "named.toml", "allow-private-hosts = ['a:80', 'b:81']\nengine = 'fake'\nno-cache = true"
    )
    assert engine_of(there, "--config", named) == "fake"
    assert there.mfq("score", there.manifest, "--config", there.folder / "none.toml") == 2
    assert "none.toml: there is no such settings file" in there.stderr()


def test_only_a_regular_file_is_picked_up(there: Bench) -> None:
    there.songs(1)
    os.mkfifo(FILE_NAME)
    (there.folder / FILE_NAME).mkdir()
    assert engine_of(there, "--engine", "fake", "--no-cache") == "fake"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("MFQ_WORKERS", "four", "(--workers is set by the environment variable MFQ_WORKERS)"),
        ("MFQ_OFFLINE", "perhaps", "MFQ_OFFLINE=perhaps: --offline is a flag; say 1 or 0"),
        ("MFQ_TIME_BUDGET", "soon", "(--time-budget is set by the environment variable MFQ_TIME_BUDGET)"),
        ("MFQ_SCORE_DTYPE", "int4", "(--dtype is set by the environment variable MFQ_SCORE_DTYPE)"),
        ("MFQ_MODEL_ID", "./nowhere", ""),
    ],
)
def test_an_error_names_the_variable(
    there: Bench, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    there.songs(1)
    monkeypatch.setenv(variable, value)
    assert there.mfq("score", there.manifest) in (2, 3)
    assert said in there.stderr()


def test_a_variable_that_no_option_has_is_named(there: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    table = scores(there.folder / "scores.parquet")
    monkeypatch.setenv("MFQ_ENGIN", "signal")
    monkeypatch.setenv("MFQ_PARITY", "2")
    assert there.mfq("filter", table, "--dry-run") == 0
    warned = [line for line in there.stderr().splitlines() if line.startswith("warning")]
    assert warned == ["warning: MFQ_ENGIN: no option has this variable (nearest: MFQ_ENGINE)"]


def test_quiet_leaves_errors_alone_and_verbose_says_where_values_are_from(there: Bench) -> None:
    table = scores(there.folder / "scores.parquet")
    toml(there.folder / FILE_NAME, "quiet = true")
    assert there.mfq("filter", table, "--dry-run") == 0
    assert there.stderr() == ""
    assert there.mfq("filter", table) == 2
    assert there.stderr().startswith("mfq: name an output")
    assert there.mfq("filter", table, "--dry-run", "-v") == 0
    assert "--dry-run True (from the command line)" in there.stderr()
    toml(there.folder / FILE_NAME, "min = 0.5")
    assert there.mfq("filter", table, "--dry-run", "-v") == 0
    said = there.stderr()
    assert "--dry-run True (from the command line)" in said
    assert f"--min 0.5 (from {there.folder / FILE_NAME})" in said
    assert there.mfq("filter", table, "--dry-run", "-v", "-q") == 2


def test_help_reads_no_settings(there: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    toml(Path(FILE_NAME), "broken")
    assert there.mfq("score", "--help") == 0
    assert "flamingo" in capsys.readouterr().out
