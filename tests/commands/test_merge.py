"""`mfq merge` as a user types it."""

import json
import os
import random
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.cli import main

HALVES = (
    "content_usefulness",
    "production_quality",
    "content_enjoyment",
    "production_complexity",
    "overall_recommendation_score",
)
"""The five scores of the older caches."""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def mfq(*words: object) -> int:
    return main(["merge", *map(str, words)])


def rows(name: str = "out.parquet") -> dict[str, dict[str, object]]:
    return {row["song_id"]: row for row in pq.read_table(name).to_pylist()}


def listing() -> set[str]:
    return {path.name for path in Path.cwd().iterdir()}


def shard(name: str, songs: list[tuple[str | None, str, float | None, int]], **more: object) -> str:
    """Write a table of scores from (id, status, overall, day of its run)."""
    columns: dict[str, object] = {
        "song_id": pa.array([s[0] for s in songs], pa.string()),
        "status": [s[1] for s in songs],
        "reason": pa.array([None] * len(songs), pa.string()),
        "overall_quality_score": pa.array([s[2] for s in songs], pa.float64()),
        "engine": ["flamingo"] * len(songs),
        "model": [more.pop("model", "m")] * len(songs),
        "prompt": ["quality"] * len(songs),
        "decode_mode": ["text"] * len(songs),
        "scored_at": pa.array([datetime(2026, 1, s[3], tzinfo=UTC) for s in songs], pa.timestamp("us", "UTC")),
    }
    columns |= {key: [value] * len(songs) for key, value in more.items()}
    pq.write_table(pa.table(columns), name)
    return name


def test_the_best_row_of_every_song_is_kept_in_the_order_of_first_sight(capsys: pytest.CaptureFixture[str]) -> None:
    shard(
        "a.parquet",
        [("z", "ok", 0.1, 1), ("p", "failed", None, 9), ("q", "skipped", None, 9), ("r", "partial", 0.3, 9)],
    )
    shard("b.parquet", [("new", "ok", 0.9, 1), ("z", "ok", 0.2, 2), ("p", "partial", 0.4, 1), ("q", "failed", None, 1)])
    shard("c.parquet", [("r", "ok", 0.5, 1), ("z", "ok", 0.3, 2), ("p", "failed", None, 10)])
    assert mfq("a.parquet", "b.parquet", "c.parquet", "-o", "out.parquet", "--report-json", "r.json") == 0
    found = rows()
    assert list(found) == ["z", "p", "q", "r", "new"]
    assert [found[k]["overall_quality_score"] for k in found] == [0.3, 0.4, None, 0.5, 0.9]
    assert found["q"]["status"] == "failed"
    report = json.loads(Path("r.json").read_text())
    assert (report["rows_in"], report["rows_out"], report["repeated"], report["conflicts"]) == (11, 5, 6, 1)
    assert "1 songs have two different ok scores" in capsys.readouterr().err


def test_conflicts_are_listed_and_refused_with_strict(capsys: pytest.CaptureFixture[str]) -> None:
    shard("a.parquet", [("x", "ok", 0.1, 1), ("y", "ok", 0.5, 1)])
    shard("b.parquet", [("x", "ok", 0.2, 2), ("y", "ok", 0.5, 2)])
    assert mfq("a.parquet", "b.parquet", "-o", "out.parquet", "--strict", "--conflicts", "c.jsonl") == 2
    assert listing() == {"a.parquet", "b.parquet", "c.jsonl"}
    found = [json.loads(line) for line in Path("c.jsonl").read_text().splitlines()]
    assert [(f["song_id"], f["merged_table"], f["taken"], f["overall_quality_score"]) for f in found] == [
        ("x", "a.parquet", False, 0.1),
        ("x", "b.parquet", True, 0.2),
    ]
    assert "1 songs" in capsys.readouterr().err
    assert mfq("a.parquet", "a.parquet", "-o", "out.parquet", "--strict") == 0


def test_another_kind_of_table_is_refused_naming_what_differs(capsys: pytest.CaptureFixture[str]) -> None:
    shard("a.parquet", [("x", "ok", 0.1, 1)])
    shard("b.parquet", [("y", "ok", 0.2, 2)], model="other")
    assert mfq("a.parquet", "b.parquet", "-o", "out.parquet") == 2
    assert "model is 'm' in a.parquet but 'other' in b.parquet" in capsys.readouterr().err
    assert mfq("a.parquet", "b.parquet", "-o", "out.parquet", "--allow-mixed") == 0
    assert list(rows()) == ["x", "y"]


def test_columns_that_an_older_table_lacks_are_null_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    shard("old.parquet", [("x", "ok", 0.1, 1)])
    shard("new.parquet", [("y", "ok", 0.2, 2)], coverage=1.0)
    assert mfq("old.parquet", "new.parquet", "-o", "out.parquet") == 0
    assert [row["coverage"] for row in rows().values()] == [None, 1.0]
    assert "old.parquet lacks 1 columns, null here: coverage" in capsys.readouterr().err
    shard("odd.parquet", [("y", "ok", 0.2, 2)], coverage=[1.0])
    assert mfq("new.parquet", "odd.parquet", "-o", "out.parquet") == 2
    assert "column 'coverage'" in capsys.readouterr().err


def test_rows_without_an_id_are_rejected_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    shard("a.parquet", [("x", "ok", 0.1, 1), (None, "failed", None, 1), ("", "failed", None, 1)])
    assert mfq("a.parquet", "-o", "out.parquet", "--rejects", "rejects.csv") == 0
    assert list(rows()) == ["x"]
    assert Path("rejects.csv").read_text().splitlines()[1:] == [
        "a.parquet,row 2,,no_id,the row has no id",
        "a.parquet,row 3,,no_id,the row has no id",
    ]
    assert "2 rejected as no_id" in capsys.readouterr().err


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[: len(raw) // 2], lambda raw: b"", lambda raw: raw[:4] + bytes(len(raw) - 4)]
)
def test_a_torn_shard_is_refused_by_name(damage: object, capsys: pytest.CaptureFixture[str]) -> None:
    shard("a.parquet", [("x", "ok", 0.1, 1)])
    shard("torn.parquet", [("y", "ok", 0.2, 2)] * 100)
    raw = Path("torn.parquet").read_bytes()
    assert callable(damage)
    Path("torn.parquet").write_bytes(damage(raw))
    assert mfq("a.parquet", "torn.parquet", "-o", "out.parquet") == 2
    assert "torn.parquet" in capsys.readouterr().err
    assert not Path("out.parquet").exists()
    Path("t.jsonl").write_text('{"song_id": "a", "overall_quality_score": 0.5}\n{"song_id": "b", "over')
    assert mfq("t.jsonl", "-o", "out.parquet") == 2
    assert "t.jsonl line 2" in capsys.readouterr().err


def test_shards_of_other_formats_get_their_types_back() -> None:
    detail = {"obtained": "json", "written": 0.5, "expected": None, "std": None, "mass": None}
    struct = pa.struct(
        [("obtained", pa.string()), *((n, pa.float64()) for n in ("written", "expected", "std", "mass"))]
    )
    more = {"repairs": pa.scalar(["fence"], pa.list_(pa.string())), "mood": 0.5}
    table = pq.read_table(shard("a.parquet", [("x", "ok", 0.5, 1)], mood=0.5))
    table = table.append_column("mood_detail", pa.array([detail], struct))
    table = table.append_column("repairs", pa.array([["fence"]], pa.list_(pa.string())))
    pq.write_table(table, "a.parquet")
    assert more
    assert mfq("a.parquet", "-o", "a.jsonl") == 0
    assert mfq("a.parquet", "-o", "a.csv") == 0
    for name in ("a.jsonl", "a.csv"):
        assert mfq(name, "a.parquet", "-o", "out.parquet") == 0
        assert pq.read_schema("out.parquet").equals(table.schema)
        assert mfq(name, "-o", "out.parquet") == 0
        assert rows()["x"]["mood_detail"] == detail
        assert rows()["x"]["scored_at"] == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_table_merged_with_itself_is_the_same_table() -> None:
    schema = pa.schema([pa.field("song_id", pa.string()), pa.field("manifest_row", pa.int64(), nullable=False)])
    pq.write_table(pa.table([["b", "a"], [1, 2]], schema=schema), "a.parquet")
    assert mfq("a.parquet", "a.parquet", "-o", "out.parquet", "--strict") == 0
    assert pq.read_table("out.parquet").equals(pq.read_table("a.parquet"))
    assert pq.read_schema("out.parquet").equals(schema)


def test_a_merge_is_the_same_bytes_however_often() -> None:
    shard("a.parquet", [(f"s{i}", "ok", i / 1000, 1) for i in range(1000)])
    shard("b.parquet", [(f"s{i}", "ok", i / 1000, 2) for i in range(999, 500, -1)])
    for name, threads in (("1.parquet", 1), ("2.parquet", 4)):
        assert mfq("a.parquet", "b.parquet", "-o", name, "--threads", threads) == 0
    assert Path("1.parquet").read_bytes() == Path("2.parquet").read_bytes()


AXES = ("CE", "CU", "PC", "PQ")


def audiobox(*values: float | None) -> None:
    lines = [json.dumps(dict.fromkeys(AXES, value)) for value in values]
    Path("aes.jsonl").write_text("\n".join(lines) + "\n")


def test_sources_are_joined_by_id_and_weighed_together() -> None:
    shard("mf.parquet", [("a", "ok", 0.2, 1), ("b", "ok", 0.5, 1), ("c", "failed", None, 1)])
    audiobox(1, 10, 5.5)
    Path("in.jsonl").write_text('{"path": "/x/c.mp3"}\n{"path": "https://h/a.wav?x=1"}\n{"path": "d.flac"}\n')
    run = ("--with", "mf=mf.parquet", "--with", "aes=aes.jsonl", "--input", "in.jsonl", "--combine", "mf=0.6,aes=0.4")
    assert mfq(*run, "--as", "quality", "-o", "out.parquet") == 0
    found = rows()
    assert list(found) == ["a", "b", "c", "d"]
    assert [found[k]["quality"] for k in found] == [0.52, None, None, None]
    assert [found[k]["content_enjoyment"] for k in found] == [1.0, None, 0.0, 0.5]
    assert mfq(*run, "--missing", "renormalise", "-o", "out.parquet") == 0
    assert [row["quality"] for row in rows().values()] == [0.52, 0.5, 0.0, 0.5]
    assert mfq(*run, "--scale", "aes=0:20", "-o", "out.parquet") == 0
    assert rows()["a"]["quality"] == pytest.approx(0.6 * 0.2 + 0.4 * 0.5)


def test_audiobox_needs_its_input_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    audiobox(1, 2)
    assert mfq("--with", "aes=aes.jsonl", "-o", "out.parquet") == 2
    assert "--input" in capsys.readouterr().err
    Path("in.jsonl").write_text('{"path": "a.mp3"}\n')
    assert mfq("--with", "aes=aes.jsonl", "--input", "in.jsonl", "-o", "out.parquet") == 2
    assert "1 lines" in capsys.readouterr().err
    Path("in.jsonl").write_text('{"path": "x/a.mp3"}\n{"path": "y/a.mp3"}\n')
    assert mfq("--with", "aes=aes.jsonl", "--input", "in.jsonl", "-o", "out.parquet") == 2
    assert "more than once" in capsys.readouterr().err


def test_any_column_is_a_source_if_its_scale_is_stated(capsys: pytest.CaptureFixture[str]) -> None:
    shard("mf.parquet", [("1", "ok", 0.2, 1), ("2", "ok", 0.4, 1), ("3", "ok", 0.6, 1), ("4", "ok", 0.6, 1)])
    Path("clap.csv").write_text("id,score\n1,3\n2,FAILED\n3,9\n4,5\n")
    run = ("--with", "mf=mf.parquet", "--with", "clap=clap.csv:score", "--combine", "mf=1,clap=1", "-o", "out.parquet")
    assert mfq(*run) == 2
    assert "--scale clap=low:high" in capsys.readouterr().err
    assert mfq(*run, "--scale", "clap=1:5") == 0
    assert [row["quality"] for row in rows().values()] == [0.35, None, None, 0.8]
    assert mfq(*run, "--scale", "clap=rank", "--scale", "mf=rank") == 0
    assert [row["quality"] for row in rows().values()] == [0.0, None, 0.916666667, 0.666666667]


def test_a_catalogue_keeps_every_row_and_its_order(capsys: pytest.CaptureFixture[str]) -> None:
    songs = pa.table({"song_id": pa.array([2, 1, 2, 7], pa.int32()), "title": ["b", "a", "b2", "x"]})
    pq.write_table(songs, "songs.parquet")
    shard("mf.parquet", [("1", "ok", 0.2, 1), ("2", "ok", 0.4, 1), ("9", "ok", 0.6, 1)], title="t")
    assert mfq("songs.parquet", "--with", "mf=mf.parquet", "-o", "out.parquet", "--report-json", "r.json") == 0
    found = pq.read_table("out.parquet")
    assert found.select(["song_id", "title"]).equals(songs)
    assert found["overall_quality_score"].to_pylist() == [0.4, 0.2, 0.4, None]
    assert found["title_mf"].to_pylist() == ["t", "t", "t", None]
    source = json.loads(Path("r.json").read_text())["sources"][0]
    assert (source["songs_with"], source["songs_without"], source["ids_not_in_songs"]) == (3, 1, 1)
    assert source["some_of_them"] == ["9"]
    assert "1 of its ids are no song here (9)" in capsys.readouterr().err


def test_ranks_go_into_new_columns() -> None:
    songs = [
        ("a", "ok", 0.9, 1),
        ("b", "ok", 0.1, 1),
        ("c", "ok", 0.5, 1),
        ("d", "ok", 0.5, 1),
        ("e", "failed", None, 1),
    ]
    shard("s.parquet", songs)
    assert mfq("s.parquet", "--normalise", "rank", "-o", "out.parquet") == 0
    found = rows()
    assert [found[k]["overall_quality_score_rank"] for k in "abcde"] == [1.0, 0.0, 0.5, 0.5, None]
    assert found["a"]["overall_quality_score"] == 0.9
    pq.write_table(pa.table({"song_id": list("abcde"), "genre": ["x", "x", "y", None, "y"]}), "songs.parquet")
    run = ("songs.parquet", "--with", "mf=s.parquet", "--normalise", "overall_quality_score=rank", "--per", "genre")
    assert mfq(*run, "-o", "ranked.parquet") == 0
    assert [rows("ranked.parquet")[k]["overall_quality_score_rank"] for k in "abcde"] == [1.0, 0.0, None, None, None]
    assert (
        mfq("ranked.parquet", "--with", "mf=s.parquet", "--normalise", "overall_quality_score=rank", "-o", "x.parquet")
        == 2
    )


def test_old_json_is_read_and_written() -> None:
    five = ("content_usefulness", "production_quality", "content_enjoyment", "production_complexity")
    scores = dict.fromkeys(five, 0.5) | {"overall_recommendation_score": 0.6}
    document = {
        "a": {"song_id": "a", "title": "T", "scores": {"production_quality": 0.9, "overall_quality_score": 0.8}},
        "b": {"overall_quality_score": 0.7},
        "c": 0.6,
        "d": None,
        "e": {"overall_recommendation_score": 0.4},
        "f": {"scores": {"overall_recommendation_score": 0.3}},
        "g": "high",
        "h": scores | {"overall_recommendation_score": 0.5},
        "i": scores,
    }
    Path("old.json").write_text(json.dumps(document))
    assert mfq("old.json", "-o", "out.parquet", "--rejects", "rejects.jsonl") == 0
    found = {key: row["overall_quality_score"] for key, row in rows().items()}
    assert found == {"a": 0.8, "b": 0.7, "c": 0.6, "d": None, "e": 0.4, "f": 0.3, "i": 0.6}
    rejected = [json.loads(line) for line in Path("rejects.jsonl").read_text().splitlines()]
    assert [(r["song_id"], r["reason"]) for r in rejected] == [("g", "not_a_number"), ("h", "legacy_failure")]
    assert mfq("old.json", "-o", "new.json") == 0
    written = json.loads(Path("new.json").read_text())
    assert written["a"]["scores"] == {"production_quality": 0.9, "overall_quality_score": 0.8}
    assert "d" not in written
    Path("list.json").write_text(json.dumps({"songs": [{"id": 1, "overall_quality_score": 0.5}, 7]}))
    assert mfq("list.json", "-o", "out.parquet") == 0
    assert pq.read_table("out.parquet")["id"].to_pylist() == ["1"]


def test_old_caches_are_a_table_and_their_failures_no_scores(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("content_usefulness", "production_quality", "content_enjoyment", "production_complexity")
    Path("cache").mkdir()

    def cache(song_id: str, *values: float | None) -> None:
        scores = dict(zip((*names, "overall_recommendation_score"), values, strict=True))
        Path(f"cache/{song_id}.json").write_text(json.dumps(scores))

    cache("good", 0.85, 0.92, 0.78, 0.65, 0.82)
    cache("bad", 0.5, 0.5, 0.5, 0.5, 0.5)
    cache("part", 0.85, None, 0.78, 1.65, 0.82)
    Path("cache/torn.json").write_text('{"content_')
    assert mfq("cache", "-o", "out.parquet", "--rejects", "rejects.jsonl") == 0
    found = rows()
    assert found["good"]["overall_quality_score"] == 0.8275
    assert {row["obtained"] for row in found.values()} == {"legacy"}
    assert (found["part"]["status"], found["part"]["overall_quality_score"]) == ("partial", None)
    assert set(found) == {"good", "part"}
    rejected = [json.loads(line) for line in Path("rejects.jsonl").read_text().splitlines()]
    assert [(r["song_id"], r["reason"]) for r in rejected] == [("bad", "legacy_failure"), ("torn", "broken_file")]
    assert "1 rejected as legacy_failure" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name the tables"),
        (("a.parquet", "--combine", "x=1"), "--with"),
        (("a.parquet", "a.parquet", "--with", "x=a.parquet"), "merge the shards first"),
        (("a.parquet", "--with", "a.parquet"), "name=table"),
        (("a.parquet", "--with", "x=a.parquet", "--combine", "y=1"), "no source of that name"),
        (("a.parquet", "--with", "x=a.parquet", "--combine", "x=0"), "above 0"),
        (("a.parquet", "--with", "x=a.parquet", "--with", "x=a.parquet"), "name of its own"),
        (("a.parquet", "--with", "x=a.parquet", "--scale", "x=5:1"), "low is below high"),
        (("a.parquet", "--with", "x=a.parquet", "--combine", "x=1", "--as", "status"), "not written over"),
        (("a.parquet", "--with", "x=a.parquet:scor", "--combine", "x=1"), "no column"),
        (("a.parquet", "--normalise", "status=rank"), "not numbers"),
        (("a.parquet", "--normalise", "mean"), "say rank"),
        (("a.parquet", "--on", "sond_id"), "did you mean song_id"),
        (("none.parquet",), "no such file"),
    ],
)
def test_a_wrong_request_is_refused(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    shard("a.parquet", [("x", "ok", 0.1, 1)])
    assert mfq(*words, "-o", "out.parquet") == 2
    assert said in capsys.readouterr().err
    assert listing() == {"a.parquet"}


def test_numbers_of_other_widths_keep_their_digits() -> None:
    pq.write_table(pa.table({"song_id": ["a"], "overall_quality_score": pa.array([0.7], pa.float32())}), "a.parquet")
    pq.write_table(pa.table({"song_id": ["b"], "overall_quality_score": [0.6]}), "b.parquet")
    assert mfq("a.parquet", "b.parquet", "-o", "out.parquet") == 0
    assert [row["overall_quality_score"] for row in rows().values()] == [0.7, 0.6]


def test_a_column_that_can_not_be_merged_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    import duckdb

    duckdb.execute("COPY (SELECT 'x' AS song_id, INTERVAL 1 DAY AS wait) TO 'odd.parquet'")
    assert mfq("odd.parquet", "-o", "out.parquet") == 2
    assert "odd.parquet: column 'wait'" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["-o", "--conflicts", "--rejects", "--report-json"])
def test_a_folder_is_never_replaced_by_a_file(flag: str) -> None:
    shard("a.parquet", [("x", "ok", 0.1, 1)])
    Path("mine").mkdir()
    Path("mine/precious").write_text("x")
    assert mfq("a.parquet", flag, "mine", *(() if flag == "-o" else ("-o", "out.parquet"))) == 2
    assert Path("mine/precious").read_text() == "x"
    assert listing() == {"a.parquet", "mine"}


@pytest.mark.parametrize("seed", range(20))
def test_a_flipped_bit_is_never_taken_for_a_value(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    shard("whole.parquet", [(f"s{i * 7919 % 10007}", "ok", i / 2000, 1) for i in range(2000)])
    assert mfq("whole.parquet", "-o", "a.parquet") == 0
    raw = bytearray(Path("a.parquet").read_bytes())
    footer = int.from_bytes(raw[-8:-4], "little") + 8
    draw = random.Random(seed)
    raw[draw.randrange(4, len(raw) - footer)] ^= 1 << draw.randrange(8)
    Path("flipped.parquet").write_bytes(raw)
    capsys.readouterr()
    done = mfq("flipped.parquet", "-o", "out.parquet")
    if done == 0:
        assert pq.read_table("out.parquet").equals(pq.read_table("a.parquet"))
    else:
        assert done == 2
        assert "flipped.parquet" in capsys.readouterr().err


def test_one_axis_of_audiobox_is_a_source_on_its_known_scale(capsys: pytest.CaptureFixture[str]) -> None:
    audiobox(1, 10, 5.5)
    Path("in.jsonl").write_text("".join(f'{{"path": "x/{name}.wav"}}\n' for name in "abc"))
    for axis in ("PQ", "production_quality"):
        run = ("--with", f"aes=aes.jsonl:{axis}", "--input", "in.jsonl", "--combine", "aes=1", "-o", "out.parquet")
        for scale in ((), ("--scale", "aes=1:10"), ("--scale", "aes=rank")):
            assert mfq(*run, *scale) == 0
            assert [row["quality"] for row in rows().values()] == [0.0, 1.0, 0.5]
    assert mfq("--with", "aes=aes.jsonl", "--input", "in.jsonl", "--normalise", "rank", "-o", "out.parquet") == 0
    assert [row["production_quality_rank"] for row in rows().values()] == [0.0, 1.0, 0.5]
    pq.write_table(pa.table({"song_id": ["a"]}), "songs.parquet")
    assert mfq("songs.parquet", "--with", "x=songs.parquet", "--normalise", "rank", "-o", "none.parquet") == 2
    assert "no table has a column of scores" in capsys.readouterr().err


def test_the_mark_of_a_failure_is_no_score_in_lists_and_lines_either() -> None:
    five = dict.fromkeys((*HALVES, "overall_quality_score"), 0.5)
    songs = [{"song_id": "a", "scores": {"overall_quality_score": 0.8}}, {"song_id": "p", "scores": five}]
    Path("l.json").write_text(json.dumps([*songs, {"id": "b", "overall_quality_score": 0.3}]))
    Path("l.jsonl").write_text("".join(json.dumps(song) + "\n" for song in songs))
    assert mfq("l.json", "-o", "out.parquet", "--rejects", "r.jsonl") == 0
    assert {k: row["overall_quality_score"] for k, row in rows().items()} == {"a": 0.8, "b": 0.3}
    assert json.loads(Path("r.jsonl").read_text())["reason"] == "legacy_failure"
    assert mfq("l.jsonl", "-o", "out.parquet", "--rejects", "r.jsonl") == 0
    assert {k: row["overall_quality_score"] for k, row in rows().items()} == {"a": 0.8}
    assert json.loads(Path("r.jsonl").read_text())["song_id"] == "p"


def test_a_folder_of_caches_may_hold_what_is_none() -> None:
    Path("cache/sub.json").mkdir(parents=True)
    os.mkfifo("cache/pipe.json")
    Path("cache/._a.json").write_bytes(b"\0\5")
    Path("cache/a.json").write_text(json.dumps(dict.fromkeys(HALVES, 1)))
    assert mfq("cache", "-o", "out.parquet", "--rejects", "r.jsonl") == 0
    assert list(rows()) == ["a"]
    assert [json.loads(line)["place"] for line in Path("r.jsonl").read_text().splitlines()] == ["pipe.json", "sub.json"]


def test_side_outputs_hold_more_than_json_by_id_can(capsys: pytest.CaptureFixture[str]) -> None:
    shard("a.parquet", [("x", "ok", 0.1, 1)])
    for flag, name in (("--rejects", "r.json"), ("--conflicts", "c.json"), ("--conflicts", "c.txt")):
        assert mfq("a.parquet", "-o", "out.parquet", flag, name) == 2
    assert "holds scores only" in capsys.readouterr().err
    assert listing() == {"a.parquet"}


@pytest.mark.parametrize("catalogue", [True, False])
def test_on_may_name_a_column_of_each_side(catalogue: bool) -> None:
    pq.write_table(pa.table({"track": ["x", "y"], "title": ["X", "Y"]}), "songs.parquet")
    pq.write_table(pa.table({"key": ["y", "x"], "mos": [4.0, 2.0]}), "mos.parquet")
    songs = ["songs.parquet"] if catalogue else []
    assert mfq(*songs, "--with", "a=mos.parquet", "--on", "track=key", "-o", "out.parquet") == 0
    found = pq.read_table("out.parquet")
    assert found.column("mos").to_pylist() == ([2.0, 4.0] if catalogue else [4.0, 2.0])
    assert found.column(0).to_pylist() == (["x", "y"] if catalogue else ["y", "x"])


def test_shards_may_call_their_id_differently() -> None:
    pq.write_table(pa.table({"track": ["x"], "overall_quality_score": [0.1]}), "a.parquet")
    pq.write_table(pa.table({"key": ["y", "x"], "overall_quality_score": [0.2, 0.3]}), "b.parquet")
    assert mfq("a.parquet", "b.parquet", "--on", "track=key", "-o", "out.parquet") == 0
    assert pq.read_table("out.parquet").to_pydict() == {"track": ["x", "y"], "overall_quality_score": [0.3, 0.2]}
    assert mfq("a.parquet", "b.parquet", "--on", "track=other", "-o", "out.parquet") == 2


@pytest.mark.parametrize(("line", "reason"), [('{"song_id": "b", "over', "torn_line"), ("[1]", "not_an_object")])
def test_a_torn_line_is_a_reject_with_its_place(line: str, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    whole = [json.dumps({"song_id": name, "overall_quality_score": 0.5}) for name in "ac"]
    Path("s.jsonl").write_text("\n".join([whole[0], line, whole[1]]))
    assert mfq("s.jsonl", "-o", "out.parquet") == 2
    told = capsys.readouterr().err
    assert "s.jsonl line 2: " in told
    assert "--rejects" in told
    assert mfq("s.jsonl", "-o", "out.parquet", "--rejects", "r.jsonl") == 0
    assert list(rows()) == ["a", "c"]
    found = json.loads(Path("r.jsonl").read_text())
    assert (found["table"], found["place"], found["reason"]) == ("s.jsonl", "line 2", reason)
    assert mfq("--with", "x=s.jsonl", "-o", "out.parquet", "--rejects", "r.jsonl") == 0
    assert json.loads(Path("r.jsonl").read_text())["place"] == "line 2"


CELLS = (
    ("n", pa.array([1], pa.int64()), "abc", "int64"),
    ("n", pa.array([1], pa.int64()), "1.5", "int64"),
    ("x", pa.array([0.5]), "oops", "double"),
    ("at", pa.array([datetime(2026, 1, 2, tzinfo=UTC)]), "yesterday", "timestamp[us, tz=UTC]"),
)


@pytest.mark.parametrize(("column", "values", "cell", "kind"), CELLS)
@pytest.mark.parametrize("form", ["csv", "csv with a torn row", "jsonl"])
def test_a_cell_that_its_column_can_not_hold_is_a_reject_with_its_place(
    column: str, values: pa.Array, cell: str, kind: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pq.write_table(pa.table({"song_id": ["a"], column: values}), "a.parquet")
    good = {"n": "7", "x": "0.25", "at": "2026-01-03 00:00:00+00"}[column]
    if form == "jsonl":
        name = "s.jsonl"
        shown = cell if cell == "1.5" else f'"{cell}"'
        lines = [
            '{"song_id": "t',
            f'{{"song_id": "b", "{column}": {shown}}}',
            f'{{"song_id": "c", "{column}": "{good}"}}',
        ]
    else:
        name = "s.csv"
        note = '"two\nlines"'  # so that lines and rows are not the same
        torn = ["t,1"] if form != "csv" else []
        lines = [f"song_id,{column},note", *torn, f"d,{good},{note}", f"b,{cell},x", f"c,{good},y"]
    Path(name).write_text("\n".join(lines) + "\n")
    place = f"line {next(i for i, line in enumerate(Path(name).read_text().splitlines(), 1) if cell in line)}"

    assert mfq("a.parquet", name, "-o", "out.parquet", "--rejects", "r.jsonl") == 0
    assert set(rows()) == {"a", "c"} | ({"d"} if form != "jsonl" else set())
    assert rows()["c"][column] is not None
    found = [json.loads(line) for line in Path("r.jsonl").read_text().splitlines()]
    (bad,) = [one for one in found if one["reason"] == "bad_cell"]
    assert (bad["table"], bad["place"], bad["song_id"]) == (name, place, "b")
    assert bad["error"] == f"column '{column}' holds {cell!r}, which can't be read as {kind}"
    assert len(found) == (1 if form == "csv" else 2)

    Path("out.parquet").unlink()
    Path(name).write_text("\n".join(line for line in lines if not line.startswith(("t,1", '{"song_id": "t'))) + "\n")
    capsys.readouterr()
    assert mfq("a.parquet", name, "-o", "out.parquet") == 2
    told = capsys.readouterr().err
    assert f"column '{column}' holds {cell!r}, which can't be read as {kind}" in told
    assert "--rejects" in told
    assert not Path("out.parquet").exists()


def test_a_row_set_aside_for_a_cell_gives_way_to_a_whole_row_of_its_song() -> None:
    pq.write_table(pa.table({"song_id": ["a", "b"], "overall_quality_score": [0.5, 0.75], "n": [1, 2]}), "a.parquet")
    Path("s.csv").write_text("song_id,overall_quality_score,n\nb,oops,x\nc,0.25,3\n")
    assert mfq("a.parquet", "s.csv", "-o", "out.parquet", "--rejects", "r.jsonl", "--report-json", "m.json") == 0
    assert {name: (row["overall_quality_score"], row["n"]) for name, row in rows().items()} == {
        "a": (0.5, 1),
        "b": (0.75, 2),
        "c": (0.25, 3),
    }
    why = json.loads(Path("r.jsonl").read_text())["error"]
    assert why == (
        "column 'overall_quality_score' holds 'oops', which can't be read as double; "
        "column 'n' holds 'x', which can't be read as int64"
    )
    assert json.loads(Path("m.json").read_text())["rejected"] == 1


def test_part_of_a_whole_number_passes_where_cells_are_written_as_they_were() -> None:
    pq.write_table(pa.table({"song_id": ["a"], "n": [1]}), "a.parquet")
    Path("s.csv").write_text("song_id,n\nb,1.5\n")
    assert mfq("a.parquet", "s.csv", "-o", "out.csv") == 0
    assert Path("out.csv").read_text() == "song_id,n\na,1\nb,1.5\n"


@pytest.mark.parametrize("words", [("s.jsonl",), ("--with", "x=s.jsonl")])
def test_rejects_are_written_where_a_file_holds_nothing_else(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("s.jsonl").write_text('{"song_id": "b", "over\n{"song\n')
    assert mfq(*words, "-o", "out.parquet", "--rejects", "r.jsonl") == 2
    assert "s.jsonl: no column and no row in it" in capsys.readouterr().err
    found = [json.loads(line) for line in Path("r.jsonl").read_text().splitlines()]
    assert [(one["place"], one["reason"]) for one in found] == [("line 1", "torn_line"), ("line 2", "torn_line")]
    assert listing() == {"s.jsonl", "r.jsonl"}
