"""What docs/ says to type, run as far as that can be done without a GPU, a scheduler and the weights."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.cli import main
from tests.conftest import Bench, tone

DOCS = Path(__file__).resolve().parent.parent / "docs"
PLACE = "/srv/music"
BARE = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "mfq"}
"""What cron gives a job, but for the home."""


def blocks(page: str, language: str, title: str = "") -> list[str]:
    """Return the fenced blocks of a language on a page, of one section or of all."""
    text = (DOCS / f"{page}.md").read_text("utf-8")
    if title:
        text = re.split(r"^## ", text.split(f"\n## {title}\n", 1)[1], flags=re.MULTILINE)[0]
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def place(bench: Bench) -> Path:
    """Return a folder with songs and a `.venv` in which `mfq` is."""
    bench.songs(3)
    folder: Path = bench.folder
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    mfq = programs / "mfq"
    package = Path(__file__).resolve().parent.parent
    code = f"import sys\nsys.path.insert(0, {str(package)!r})\nfrom musicflamingo_cli.cli import run\nrun()\n"
    mfq.write_text(f"#!{sys.executable}\n{code}")
    mfq.chmod(0o755)
    return folder


def run(command: str, place: Path, **more: str) -> None:
    """Run a command with nearly nothing around it."""
    around = BARE | {"HOME": str(place)} | more
    done = subprocess.run(
        ["/bin/sh", "-c", command.replace(PLACE, str(place))],
        cwd="/",
        env=around,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def ids(table: Path) -> list[str]:
    return [row["song_id"] for row in pq.read_table(table).to_pylist()]


def test_the_crontab_line(place: Path) -> None:
    (line,) = blocks("overnight", "text", "cron")
    fields = line.rstrip("\n").split(maxsplit=5)
    assert len(line.splitlines()) == 1 and all(re.fullmatch(r"[\d*]+", field) for field in fields[:5])
    command = fields[5]
    assert not re.search(r"(?<!\\)%", command)  # cron takes it as the end of the command
    run(command.replace("\\%", "%"), place)
    assert ids(place / "scores.parquet") == ["song-0", "song-1", "song-2"]
    assert json.loads((place / "mfq.jsonl").read_text().splitlines()[-1])["event"] == "done"


def test_the_systemd_units(place: Path) -> None:
    service, timer = blocks("overnight", "ini", "systemd")
    (command,) = re.findall(r"^ExecStart=(.*)$", service, re.MULTILINE)
    (home,) = re.findall(r"^WorkingDirectory=(.*)$", service, re.MULTILINE)
    run(f"cd {home} && exec {shlex.join(shlex.split(command))}", place)
    assert ids(place / "scores.parquet") == ["song-0", "song-1", "song-2"]
    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        for name, text in (("mfq.service", service), ("mfq.timer", timer)):
            (place / name).write_text(text.replace(PLACE, str(place)) + "\n")
        units = [str(place / "mfq.service"), str(place / "mfq.timer")]
        done = subprocess.run([analyze, "verify", *units], capture_output=True, text=True, check=False)
        assert "mfq." not in done.stderr, done.stderr


def test_the_slurm_array(place: Path) -> None:
    script, merge = blocks("overnight", "sh", "Slurm")
    (first, last) = re.findall(r"^#SBATCH --array=(\d+)-(\d+)$", script, re.MULTILINE)[0]
    for number in range(int(first), int(last) + 1):
        run(f"cd {place}\n{script}", place, SLURM_ARRAY_TASK_ID=str(number))
    found = [song for table in place.glob("scores-*.parquet") for song in ids(table)]
    assert sorted(found) == ["song-0", "song-1", "song-2"]
    run(f"cd {place} && {merge}", place)
    assert sorted(ids(place / "scores.parquet")) == ["song-0", "song-1", "song-2"]


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
def test_the_make_rule(place: Path) -> None:
    (rule,) = blocks("overnight", "make", "make")
    (place / "Makefile").write_text(rule)
    run(f"cd {place} && make", place)
    assert ids(place / "scores.parquet") == ["song-0", "song-1", "song-2"]
    assert "up to date" in subprocess.run(["make"], cwd=place, capture_output=True, text=True, check=True).stdout
    os.utime(place / "songs.jsonl")
    run(f"cd {place} && make", place)


def scores(path: Path, **genres: float) -> None:
    """Write a table of scores, and a catalogue of the same songs beside it."""
    rows = [{"song_id": f"song-{n}", "overall_quality_score": score} for n, score in enumerate(genres.values())]
    pq.write_table(pa.Table.from_pylist(rows), path)
    catalogue = [{"song_id": f"song-{n}", "genre": genre} for n, genre in enumerate(genres)]
    pq.write_table(pa.Table.from_pylist(catalogue), path.with_name("songs.parquet"))


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
def test_the_makefile_from_shards_to_what_may_be_played(place: Path) -> None:
    (rules,) = blocks("filter-and-merge", "make")
    (place / "Makefile").write_text(rules)
    scores(place / "scores-1.parquet", rock=0.9, spoken=0.9, folk=0.1)
    run(f"cd {place} && make", place, PATH=f"{place}/.venv/bin:/usr/bin:/bin")
    assert ids(place / "songs_kept.parquet") == ["song-0"]
    assert (place / "allow.txt").read_text() == "song-0\n"


@pytest.fixture
def songs(scored: Path, tmp_path: Path) -> Path:
    """Return a home as `scored`, which a page may change."""
    return Path(shutil.copytree(scored, tmp_path / "home"))


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with songs in which every file that docs/ names lies, scored once."""
    home = tmp_path_factory.mktemp("home")
    names = ["song-1", "some-song-id", "bach-prelude-c"]
    for folder in (home, home / "music", home / "Music", home / "data"):
        folder.mkdir(exist_ok=True)
    for n, name in enumerate(names, 1):
        tone(home / f"{n}.wav", hertz=110.0 * n)
        shutil.copy(home / f"{n}.wav", home / "Music" / f"{name}.wav")
    tone(home / "music" / "a.flac")
    extra = {"title": "A", "genre": "rock", "artist": "B"}
    rows = [{"id": name, "audio": f"{n}.wav", **extra} for n, name in enumerate(names, 1)]
    (home / "songs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pq.write_table(pa.Table.from_pylist([{"song_id": row["id"], **extra} for row in rows]), home / "songs.parquet")
    (home / "w.toml").write_text("production_quality = 1\n")
    (home / "audiobox.jsonl").write_text(f"{json.dumps(dict.fromkeys(('CE', 'CU', 'PC', 'PQ'), 5))}\n" * 3)
    (home / "audiobox_input.jsonl").write_text("".join(f'{{"path": "{name}.wav"}}\n' for name in names))
    rated = [(row["id"], f"artist {n}", 2 + n) for n, row in enumerate(rows)]
    (home / "ratings.csv").write_text("song_id,artist,rating\n" + "".join(f"{i},{a},{r}\n" for i, a, r in rated))
    (home / "preferred.csv").write_text(f"winner,loser\n{names[2]},{names[0]}\n{names[1]},{names[0]}\n")
    raters = [{"data_path": name, "Production_Quality": [3 + n, 4 + n]} for n, name in enumerate(names)]
    (home / "AES_natural_music.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in raters))
    said = [(name, "100 BPM in A minor", "rock") for name in names]
    pq.write_table(
        pa.table(dict(zip(("id", "caption", "genre"), zip(*said, strict=True), strict=True))), home / "captions.parquet"
    )
    (home / "known.csv").write_text("id,bpm,key,genre\n" + "".join(f"{name},100,A minor,rock\n" for name in names))
    (home / "clap.csv").write_text("id,clap\n" + "".join(f"{name},0.{n}\n" for n, name in enumerate(names)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        for cache in (home / ".cache" / "mfq", home / "data" / "cache"):
            how = ["--engine", "signal", "--cache-dir", str(cache), "--stats", "stats.json", "-o", "scores.parquet"]
            assert main(["score", "songs.jsonl", "--keep", "genre", *how]) == 0
    for folder in ("out", "sample"):
        (home / "data" / folder).mkdir()
    labels = "".join(f"{name},{n % 2},{name}\n" for n, name in enumerate(names))
    (home / "data" / "sample" / "labels.csv").write_text(f"id,clean,song\n{labels}")
    for copy in ("last-week", "scores-1", "scores-2", "data/out/scores"):
        shutil.copy(home / "scores.parquet", home / f"{copy}.parquet")
    return home


def lines(page: str) -> list[str]:
    """Return what a page says to type of `mfq`, but for what needs the weights and what stands in recipes."""
    joined = "".join(blocks(page, "sh")).replace("\\\n", " ")
    return [line for line in re.findall(r"^mfq .*$", joined, re.MULTILINE) if "not run here" not in line]


@pytest.mark.parametrize("page", sorted(path.stem for path in DOCS.glob("*.md") if lines(path.stem)))
def test_what_a_page_says_to_type(page: str, songs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(songs)
    monkeypatch.setenv("HOME", str(songs))
    monkeypatch.setenv("MFQ_ENGINE", "signal")  # docs/gpu-box.md takes the default, whose weights are not here.
    monkeypatch.setenv("MFQ_RESAMPLES", "100")  # docs/evaluate.md: what they tell is tested elsewhere.
    monkeypatch.setenv("MFQ_FORCE", "true")  # Three songs make no weights.
    monkeypatch.delenv("MFQ_FAKE_SCRIPT", raising=False)
    write_pack(songs)
    for line in lines(page):
        words = [str(Path(word).expanduser()) if word.startswith("~") else word for word in shlex.split(line, True)]
        assert main(words[1:]) == 0, line


def write_pack(folder: Path) -> None:
    """Write the pack of docs/packs.md."""
    (folder / "dance").mkdir(exist_ok=True)
    (folder / "dance" / "pack.toml").write_text(blocks("packs", "toml")[0])
    (folder / "dance" / "prompt.md").write_text(blocks("packs", "markdown")[0])


def test_the_pack_of_ones_own(bench: Bench) -> None:
    bench.songs(2, genre="dance")
    write_pack(bench.folder)
    assert bench.score("--prompt", bench.folder / "dance", "--measure") == 0
    for row in bench.result():
        assert row["status"] == "ok"
        assert row["overall_quality_score"] == pytest.approx(0.7 * row["danceability"] + 0.3 * (row["energy"] - 1) / 4)  # type: ignore[operator]
        assert {"genre", "bars_before_the_beat"} <= {name for name, value in row.items() if value is not None}
        assert "bpm" in row and "measured_tempo_bpm" not in row


def test_the_settings_file(bench: Bench) -> None:
    bench.songs(2, genre="rock", artist="B")
    (text,) = blocks("settings", "toml")
    assert tomllib.loads(text)["cache-dir"] == "/data/mfq"
    (bench.folder / "mfq.toml").write_text(text.replace("/data/mfq", "cache"))
    assert bench.mfq("score", bench.manifest, "-o", bench.table, "--workers", 1) == 0
    assert [(row["engine"], row["genre"], row["artist"]) for row in bench.result()] == [("signal", "rock", "B")] * 2
    assert (bench.folder / "cache").is_dir()
    assert bench.mfq("filter", bench.table, "--config", bench.folder / "mfq.toml", "--dry-run") == 0


def test_the_script_of_the_fake_engine(bench: Bench, script: Any) -> None:
    (text,) = blocks("testing", "json")
    bench.songs(2)
    bench.rows([{"id": "song-9", "audio": "0.wav"}, {"id": "song-1", "audio": "1.wav"}])
    script({name: rule for name, rule in json.loads(text).items() if not rule.get("crash")})
    assert bench.score() == 1
    assert [row["reason"] for row in bench.result()] == ["no_answer", None]


def test_the_python_of_the_docs(songs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(songs)
    monkeypatch.setenv("HOME", str(songs))
    scoring, filtering = blocks("notebook", "python")
    found: dict[str, Any] = {}
    exec(scoring, found)
    assert list(found["table"]["song_id"]) == ["song-1"]
    found |= {"songs": found["table"], "ids": ["song-1", "x"], "recommendations": [{"song_id": "song-1", "score": 1.0}]}
    exec(filtering, found)
    assert found["quality"].explain("x").kept is False
