"""`mfq filter` as a user types it: every edge case has its expected row."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.cli import main
from musicflamingo_cli.results import join

Run = Callable[..., int]
RANGES = {"mfq.run": json.dumps({"settings": {"fields": [{"name": "mos", "kind": "score", "low": 1.0, "high": 5.0}]}})}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def mfq(*words: object) -> int:
    return main(["filter", *map(str, words)])


def write(name: str, columns: dict[str, object], metadata: dict[str, str] | None = None) -> str:
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), name)
    return name


def listing() -> set[str]:
    return {path.name for path in Path.cwd().iterdir()}


def ids(name: str = "kept.parquet") -> list[object]:
    return pq.read_table(name).column("song_id").to_pylist()


def reasons(name: str = "dropped.parquet") -> dict[str, str]:
    table = pq.read_table(name)
    return dict(zip(table["song_id"].to_pylist(), table["drop_reason"].to_pylist(), strict=True))


EDGES = {
    "song_id": [
        "above",
        "exact",
        "below",
        "nan",
        "inf",
        "minus-inf",
        "null",
        "over-one",
        "negative",
        "twice",
        "twice",
        None,
    ],
    "overall_quality_score": [0.9, 0.4, 0.39999, math.nan, math.inf, -math.inf, None, 1.0001, -0.1, 0.7, 0.1, 0.8],
}
KEPT = ["above", "exact", "twice", None]
MISSING = {
    "nan": "not a finite number",
    "inf": "not a finite number",
    "minus-inf": "not a finite number",
    "null": "null",
    "over-one": "out of range",
    "negative": "out of range",
}


def test_every_edge_of_a_scores_table_has_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    write("scores.parquet", EDGES)
    assert mfq("scores.parquet", "--min", 0.4, "-o", "kept.parquet", "--dropped", "dropped.parquet") == 0
    assert ids() == KEPT
    told = reasons()
    assert told.pop("below") == told.pop("twice") == "overall_quality_score >= 0.4"
    assert told == {name: f"missing: overall_quality_score ({why})" for name, why in MISSING.items()}
    assert ids("dropped.parquet") == ["below", "nan", "inf", "minus-inf", "null", "over-one", "negative", "twice"]
    said = capsys.readouterr().err
    assert "rows in" in said
    assert "1 null" in said


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("overall_quality_score > 0.5", ["above", "twice", None]),
        ("not (overall_quality_score < 0.5)", ["above", "twice", None]),
        ("overall_quality_score is null", ["nan", "inf", "minus-inf", "null", "over-one", "negative"]),
        ("1 / (overall_quality_score - overall_quality_score) > 0", []),
        ("song_id like 'a%' or song_id = 'exact'", ["above", "exact"]),
        ("\"song_id\" in ('above', 'nan') and overall_quality_score >= 0.4", ["above"]),
    ],
)
def test_unusable_numbers_are_missing_in_expressions_too(where: str, kept: list[str | None]) -> None:
    write("scores.parquet", EDGES)
    assert mfq("scores.parquet", "--where", where, "-o", "kept.parquet") == 0
    assert ids() == kept


def test_missing_can_be_kept_or_not_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    write("scores.parquet", EDGES)
    assert (
        mfq("scores.parquet", "--min", 0.4, "--missing", "keep", "-o", "kept.parquet", "--report-json", "r.json") == 0
    )
    assert ids() == ["above", "exact", *MISSING, "twice", None]
    report = json.loads(Path("r.json").read_text())
    assert (report["rows_in"], report["kept"], report["dropped"], report["missing"]["rows"]) == (12, 10, 2, 6)
    assert mfq("scores.parquet", "--min", 0.4, "--missing", "fail", "-o", "none.parquet") == 1
    assert not Path("none.parquet").exists()
    assert "6 rows could not be judged" in capsys.readouterr().err
    assert mfq("scores.parquet", "--where", "song_id is not null", "--missing", "fail", "-o", "all.parquet") == 0
    assert mfq("scores.parquet", "--missing", "guess", "-o", "x.parquet") == 2


def test_a_rule_that_failed_drops_a_row_even_where_another_could_not_judge_it() -> None:
    write("s.parquet", {"song_id": ["a", "b"], "overall_quality_score": [None, None], "genre": ["spoken", "rock"]})
    rules = ("--min", 0.4, "--where", "genre <> 'spoken'")
    assert mfq("s.parquet", *rules, "-o", "kept.parquet", "--dropped", "dropped.parquet") == 0
    rows = {row["song_id"]: row for row in pq.read_table("dropped.parquet").to_pylist()}
    assert rows["a"]["drop_reason"] == "genre <> 'spoken'"
    assert rows["a"]["drop_reasons"] == ["missing: overall_quality_score (null)", "genre <> 'spoken'"]
    assert rows["b"]["drop_reason"] == "missing: overall_quality_score (null)"


@pytest.mark.parametrize("kind", [pa.float32(), pa.float16(), pa.float64(), pa.decimal128(5, 2)])
@pytest.mark.parametrize("bound", [0.4, 0.7, 0.1])
def test_a_threshold_is_met_by_its_own_value_in_every_precision(kind: pa.DataType, bound: float) -> None:
    value = pa.array([np.float16(bound)], kind) if kind == pa.float16() else pa.array([bound], pa.float64()).cast(kind)
    write("s.parquet", {"song_id": ["a"], "overall_quality_score": value})
    assert mfq("s.parquet", "--min", bound, "--max", bound, "-o", "kept.parquet") == 0
    assert ids() == ["a"]


def test_the_range_of_a_score_is_its_packs() -> None:
    write("s.parquet", {"song_id": ["a", "b", "c"], "mos": [4.5, 5.5, 0.0], "plays": [1e9, 2.0, 3.0]}, RANGES)
    assert mfq("s.parquet", "--min", "mos=0", "--min", "plays=2", "-o", "kept.parquet") == 0
    assert ids() == ["a"]
    assert json.loads(pq.read_schema("kept.parquet").metadata[b"mfq.run"]) == json.loads(RANGES["mfq.run"])


def odd_songs() -> pa.Table:
    return pa.table(
        {
            "song_id": pa.array([3, 1, 2, 1, None], pa.int64()),
            "large": pa.array(["é", "", None, "日本", "x"], pa.large_string()),
            "genre": pa.array(["rock", None, "pop", "rock", "pop"]).dictionary_encode(),
            "tags": pa.array([["a"], [], None, ["b", None], ["c"]], pa.list_(pa.string())),
            "info": pa.array([{"x": 1}, None, {"x": None}, {"x": 4}, {"x": 5}], pa.struct([("x", pa.int8())])),
            "price": pa.array([None, 1, 2, 3, 4], pa.int64()).cast(pa.decimal128(22, 3)),
            "at": pa.array([1, 2, None, 4, 5], pa.timestamp("ns", "Europe/Berlin")),
            "unsigned": pa.array([0, 2**64 - 1, 1, 2, 3], pa.uint64()),
            "half": pa.array(np.array([0.5, 1, 2, 3, 4], np.float16)),
            "wait": pa.array([1, 2, 3, 4, None], pa.duration("ms")),
            "raw": pa.array([b"\xff", None, b"", b"a", b"b"], pa.binary()),
            "Genre": ["A", "B", "C", "D", "E"],
            "": [1, 2, 3, 4, 5],
            "file_row_number": [9, 9, 9, 9, 9],
        },
        metadata={"mine": "kept"},
    )


def test_songs_keep_every_column_type_row_and_their_order() -> None:
    songs = odd_songs()
    pq.write_table(songs, "songs.parquet", row_group_size=2)
    write(
        "scores.parquet",
        {"song_id": ["1", "2", "9"], "overall_quality_score": [0.9, 0.1, 0.5], "genre": ["m", "n", "o"]},
    )
    assert mfq("songs.parquet", "--scores", "scores.parquet", "-o", "all.parquet") == 0
    found = pq.read_table("all.parquet")
    expected = pq.read_table("songs.parquet")
    assert found.select(expected.schema.names).equals(expected)
    assert found.schema.names == [*expected.schema.names, "overall_quality_score", "genre_scores"]
    assert found["overall_quality_score"].to_pylist() == [None, 0.9, 0.1, 0.9, None]
    assert found.schema.metadata[b"mine"] == b"kept"
    assert mfq("songs.parquet", "--scores", "scores.parquet", "--min", 0.4, "-o", "kept.parquet") == 0
    assert pq.read_table("kept.parquet").select(expected.schema.names).equals(expected.take([1, 3]))


def test_names_that_both_tables_have_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    write("songs.parquet", {"song_id": ["a", "b"], "genre": ["rock", "pop"], "overall_quality_score": [0.1, 0.9]})
    write("scores.parquet", {"song_id": ["a", "b"], "genre": ["x", "y"], "overall_quality_score": [0.9, 0.1]})
    run = ("songs.parquet", "--scores", "scores.parquet", "-o", "kept.parquet")
    assert mfq(*run, "--where", "genre = 'rock' and scores.genre = 'x' and genre_scores = 'x'") == 0
    assert ids() == ["a"]
    assert "genre_scores (scores.genre)" in capsys.readouterr().err
    assert mfq(*run, "--min", 0.4) == 2
    assert "scores.overall_quality_score" in capsys.readouterr().err
    assert mfq(*run, "--min", "scores.overall_quality_score=0.4") == 0
    assert ids() == ["a"]
    assert mfq(*run, "--min", "songs.overall_quality_score=0.4") == 0
    assert ids() == ["b"]


def test_an_id_twice_in_the_scores_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    write("songs.parquet", {"song_id": ["a", "b"]})
    write("scores.parquet", {"song_id": ["b", "a", "b"], "overall_quality_score": [0.1, 0.2, 0.3]})
    assert mfq("songs.parquet", "--scores", "scores.parquet", "--min", 0.1, "-o", "kept.parquet") == 2
    assert "more than once (b)" in capsys.readouterr().err
    assert listing() == {"songs.parquet", "scores.parquet"}


@pytest.mark.parametrize("flag", ["-o", "--dropped", "--ids"])
def test_a_repeated_id_that_shows_in_the_join_is_named_too(
    flag: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(join, "EXACT_ROWS", 0)
    write("songs.parquet", {"song_id": ["a", "b"]})
    write("scores.parquet", {"song_id": ["b", "a", "b"], "overall_quality_score": [0.1, 0.2, 0.3]})
    assert mfq("songs.parquet", "--scores", "scores.parquet", "--min", 0.1, flag, "out.parquet") == 2
    assert "more than once (b)" in capsys.readouterr().err
    assert listing() == {"songs.parquet", "scores.parquet"}


def test_a_funnel_can_be_told_by_lists_and_structs() -> None:
    columns = {"song_id": list("abc"), "tags": [["x"], [], ["x"]], "info": [{"n": 1}, None, {"n": 2}]}
    write("s.parquet", columns | {"overall_quality_score": [0.9, 0.1, 0.2]})
    for column, expected in (
        ("tags", [("['x']", 2, 1), ("[]", 1, 0)]),
        ("info", [("{'n': 1}", 1, 1), ("{'n': 2}", 1, 0), (None, 1, 0)]),
    ):
        assert mfq("s.parquet", "--min", 0.4, "--per", column, "--report-json", "r.json") == 0
        groups = json.loads(Path("r.json").read_text())["groups"]
        assert [(g["group"], g["rows_in"], g["kept"]) for g in groups] == expected


def test_the_best_are_taken_from_what_is_left_with_ties_by_id() -> None:
    columns = {
        "song_id": ["d", "c", "b", "a", "e", "f", "g"],
        "overall_quality_score": [0.5, 0.5, 0.5, 0.9, None, 1.0, 0.2],
        "genre": ["x", "x", "y", "y", "y", "z", None],
    }
    write("s.parquet", columns)
    assert mfq("s.parquet", "--top", 3, "--where", "genre <> 'z'", "-o", "kept.parquet", "--dropped", "d.parquet") == 0
    assert ids() == ["c", "b", "a"]
    told = reasons("d.parquet")
    assert told["d"] == "top 3 by overall_quality_score"
    assert told["e"] == "missing: overall_quality_score (null)"
    assert mfq("s.parquet", "--top", 1, "--per", "genre", "-o", "kept.parquet") == 0
    assert ids() == ["c", "a", "f", "g"]
    assert mfq("s.parquet", "--top-percent", 50, "-o", "kept.parquet") == 0
    assert ids() == ["b", "a", "f"]
    assert mfq("s.parquet", "--top-percent", 1, "--per", "genre", "--missing", "keep", "-o", "kept.parquet") == 0
    assert ids() == ["c", "a", "e", "f", "g"]
    assert mfq("s.parquet", "--top-percent", 50, "--top", 2, "-o", "kept.parquet") == 0
    assert ids() == ["a", "f"]


def test_a_funnel_adds_up_in_every_group() -> None:
    write(
        "s.parquet",
        {"song_id": list("abcd"), "overall_quality_score": [0.9, 0.1, None, 0.8], "genre": ["x", "x", "y", None]},
    )
    assert mfq("s.parquet", "--min", 0.4, "--per", "genre", "--dry-run", "--report-json", "r.json") == 0
    report = json.loads(Path("r.json").read_text())
    assert [
        (g["group"], g["rows_in"], g["rules"][0]["dropped"], g["missing"], g["kept"]) for g in report["groups"]
    ] == [
        ("x", 2, 1, 0, 1),
        ("y", 1, 0, 1, 0),
        (None, 1, 0, 0, 1),
    ]
    assert listing() == {"s.parquet", "r.json"}


def test_a_sweep_counts_at_every_threshold(capsys: pytest.CaptureFixture[str]) -> None:
    write(
        "s.parquet", {"song_id": list("abcd"), "overall_quality_score": pa.array([0.4, 0.7, None, 0.72], pa.float32())}
    )
    assert mfq("s.parquet", "--sweep", "overall_quality_score", "--min", 0.5) == 0
    rows = dict(line.split("\t", 1) for line in capsys.readouterr().out.splitlines()[1:])
    assert (rows["0.00"], rows["0.40"], rows["0.45"], rows["0.70"], rows["0.75"]) == (
        "3\t1",
        "3\t1",
        "2\t2",
        "2\t2",
        "0\t4",
    )
    assert len(rows) == 21


def test_outputs_in_other_formats(capsys: pytest.CaptureFixture[str]) -> None:
    write("s.parquet", {"song_id": ["=1+1", "b"], "overall_quality_score": [0.9, 0.1], "tags": [["x"], None]})
    assert mfq("s.parquet", "--min", 0.4, "-o", "k.csv", "--dropped", "d.jsonl", "--ids", "a.txt") == 0
    assert Path("k.csv").read_text() == 'song_id,overall_quality_score,tags\n\'=1+1,0.9,"[""x""]"\n'
    assert json.loads(Path("d.jsonl").read_text())["drop_reason"] == "overall_quality_score >= 0.4"
    assert Path("a.txt").read_text() == "=1+1\n"
    assert mfq("s.parquet", "--min", 0.4, "-o", "-", "--format", "jsonl") == 0
    assert json.loads(capsys.readouterr().out) == {"song_id": "=1+1", "overall_quality_score": 0.9, "tags": ["x"]}
    assert mfq("s.parquet", "-o", "k.json") == 0
    assert json.loads(Path("k.json").read_text())["b"]["scores"] == {"overall_quality_score": 0.1}


def test_odd_types_can_be_written_as_text() -> None:
    pq.write_table(odd_songs(), "songs.parquet")
    assert mfq("songs.parquet", "-o", "k.jsonl") == 0
    first, *_ = map(json.loads, Path("k.jsonl").read_text().splitlines())
    assert (first["song_id"], first["raw"], first["wait"], first["info"]) == (3, "ff", 0.001, {"x": 1})
    assert mfq("songs.parquet", "-o", "k.csv") == 0
    assert len(Path("k.csv").read_text().splitlines()) == 6


def test_partitions_are_written_and_read_again() -> None:
    write(
        "s.parquet", {"song_id": list("abcd"), "genre": ["x y", "z/é", None, "x y"], "overall_quality_score": [0.5] * 4}
    )
    run = ("s.parquet", "--min", 0.4, "--partition-by", "genre", "-o", "kept")
    assert mfq(*run) == 0
    assert mfq("kept", "-o", "again.parquet") == 0
    rows = {row["song_id"]: row["genre"] for row in pq.read_table("again.parquet").to_pylist()}
    assert rows == {"a": "x y", "b": "z/é", "c": None, "d": "x y"}
    before = sorted((p, p.stat().st_mtime_ns) for p in Path("kept").rglob("*.parquet"))
    assert mfq(*run, "--if-changed") == 0
    assert sorted((p, p.stat().st_mtime_ns) for p in Path("kept").rglob("*.parquet")) == before
    assert mfq(*run, "--where", "song_id = 'c'") == 0
    assert [p.parent.name for p in Path("kept").rglob("*.parquet")] == ["genre=__HIVE_DEFAULT_PARTITION__"]
    Path("kept/notes.txt").write_text("mine")
    assert mfq(*run) == 2
    assert Path("kept/notes.txt").read_text() == "mine"


def test_the_same_input_and_rules_give_the_same_bytes() -> None:
    rows = 30_000
    scores = np.random.default_rng(1).random(rows).round(2)
    write("songs.parquet", {"song_id": [f"s{i}" for i in range(rows)], "n": list(range(rows))})
    order = np.random.default_rng(2).permutation(rows)
    write("scores.parquet", {"song_id": [f"s{i}" for i in order], "overall_quality_score": scores[order]})
    for name, threads in (("a.parquet", 1), ("b.parquet", 4)):
        out = ("--min", 0.5, "--top-percent", 33.3, "-o", name, "--threads", threads)
        assert mfq("songs.parquet", "--scores", "scores.parquet", *out) == 0
    assert Path("a.parquet").read_bytes() == Path("b.parquet").read_bytes()
    table = pq.read_table("a.parquet")
    assert table.num_rows == math.ceil(int((scores >= 0.5).sum()) * 0.333)
    assert table["n"].to_pylist() == sorted(table["n"].to_pylist())


def test_made_for_make() -> None:
    write("s.parquet", {"song_id": ["a", "b"], "overall_quality_score": [0.9, 0.1]})
    run = ("s.parquet", "-o", "kept.parquet", "--if-changed", "--min")
    assert mfq(*run, 0.4) == 0
    os.utime("kept.parquet", (1, 1))
    assert mfq(*run, 0.4) == 0
    assert Path("kept.parquet").stat().st_mtime == 1
    assert mfq(*run, 0.05) == 0
    assert Path("kept.parquet").stat().st_mtime > 1
    before = Path("kept.parquet").read_bytes()
    assert mfq(*run, 0.95, "--expect-min-rows", 1, "--ids", "ids.txt", "--report-json", "r.json") == 1
    assert Path("kept.parquet").read_bytes() == before
    assert listing() == {"s.parquet", "kept.parquet"}
    assert mfq(*run, 0.95) == 0
    assert ids() == []
    assert pq.read_schema("kept.parquet").names == ["song_id", "overall_quality_score"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--min", "overal_quality_score=0.4"), "did you mean overall_quality_score"),
        (("--where", "genr = 'x'"), "did you mean genre"),
        (("--where", "genre"), "not true or false"),
        (("--where", "cast(genre as int) > 1"), "genre"),
        (("--min", "genre=1"), "column 'genre' of s.parquet holds string, not numbers"),
        (("--min", "x"), "say --min 0.4"),
        (("--min", "nan"), "say --min 0.4"),
        (("--per", "gen"), "did you mean genre"),
        (("--sweep", "genre"), "not numbers"),
        (("--on", "songid"), "did you mean song_id"),
        (("--scores", "none.parquet"), "no such file"),
        (("--memory-limit", "lots"), "500MB"),
        (("--dropped", "kept.parquet"), "name another place"),
        (("--ids", "s.parquet"), "name another place"),
        (("--ids", "no/such/ids.txt"), "make it first"),
        (("--memory-limit", "200%"), "500MB"),
        (("--where", "cast(genre as int) > overall_quality_score"), "'cast(genre as int) > overall_quality_score'"),
    ],
)
def test_a_wrong_request_is_refused_with_what_to_do(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("s.parquet", {"song_id": ["a"], "overall_quality_score": [0.5], "genre": ["x"]})
    assert mfq("s.parquet", "-o", "kept.parquet", *words) == 2
    assert said in capsys.readouterr().err
    assert listing() == {"s.parquet"}


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 and then nothing that is a footer", b"<html>"])
def test_a_torn_table_is_refused_by_name(content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    Path("torn.parquet").write_bytes(content)
    assert mfq("torn.parquet", "-o", "kept.parquet") == 2
    assert "torn.parquet" in capsys.readouterr().err


def test_an_empty_table_gives_an_empty_table() -> None:
    write("s.parquet", {"song_id": pa.array([], pa.string()), "overall_quality_score": pa.array([], pa.float64())})
    write("c.parquet", {"song_id": pa.array([], pa.string()), "mos": pa.array([], pa.float64())})
    out = ("--min", 0.4, "--top", 3, "-o", "kept.parquet", "--dropped", "d.parquet")
    assert mfq("s.parquet", "--scores", "c.parquet", *out) == 0
    assert pq.read_table("kept.parquet").num_rows == pq.read_table("d.parquet").num_rows == 0


def test_a_folder_is_read_in_the_order_of_its_names() -> None:
    Path("songs").mkdir()
    write("songs/b.parquet", {"song_id": ["c", "d"], "new": [1, 2]})
    write("songs/a.parquet", {"song_id": ["b", "a"]})
    Path("songs/.hidden.parquet").write_bytes(b"")
    write("scores.parquet", {"song_id": list("abcd"), "overall_quality_score": [0.9, 0.8, 0.7, 0.1]})
    assert mfq("songs", "--scores", "scores.parquet", "--min", 0.4, "-o", "kept.parquet") == 0
    assert ids() == ["b", "a", "c"]
    assert pq.read_table("kept.parquet")["new"].to_pylist() == [None, None, 1]


def test_names_of_files_and_columns_can_hold_anything() -> None:
    name = "it's [1] genre=x *.parquet"
    pq.write_table(pa.table({"my id": ["a", "b"], 'q"; --': [0.5, 0.1], "mfq_s1": [1, 2]}), name)
    assert mfq(name, "--on", "my id", "--where", '"q""; --" > 0.4 and mfq_s1 = 1', "-o", "o u't.parquet") == 0
    assert pq.read_table("o u't.parquet")["my id"].to_pylist() == ["a"]


def test_other_forms_of_songs() -> None:
    Path("songs.csv").write_text("﻿id,genre,plays,code\r\n1,rock,5,007\r\n02,None,,1\r\n,pop,7,x\r\n", "utf-8")
    Path("scores.jsonl").write_text(
        '{"id": 1, "overall_quality_score": 0.5}\n{"id": "02", "overall_quality_score": NaN}\n'
    )
    run = ("songs.csv", "--scores", "scores.jsonl", "--min", 0.4, "-o", "kept.parquet", "--dropped", "d.parquet")
    assert mfq(*run) == 0
    assert pq.read_table("kept.parquet").to_pylist() == [
        {"id": "1", "genre": "rock", "plays": 5, "code": "007", "overall_quality_score": 0.5}
    ]
    assert pq.read_table("d.parquet")["genre"].to_pylist() == [None, "pop"]
    Path("ragged.csv").write_text("id,genre\na,b\nc\n")
    assert mfq("ragged.csv", "-o", "x.parquet") == 2


def test_little_memory_is_enough(capsys: pytest.CaptureFixture[str]) -> None:
    rows = 200_000
    order = np.random.default_rng(2).permutation(rows)
    write("songs.parquet", {"song_id": [f"song-{i:09d}" for i in range(rows)]})
    scores = {"song_id": [f"song-{i:09d}" for i in order], "overall_quality_score": (order % 10) / 10}
    write("scores.parquet", scores | {f"text{k}": [f"words of some length {i} {k}" for i in order] for k in range(4)})
    out = ("--min", 0.4, "-o", "kept.parquet", "--memory-limit", "90MB", "--threads", 2)
    assert mfq("songs.parquet", "--scores", "scores.parquet", *out) == 0, capsys.readouterr().err
    assert pq.read_table("kept.parquet").num_rows == rows * 6 // 10


def test_no_heavy_package_is_loaded() -> None:
    write("s.parquet", {"song_id": ["a"], "overall_quality_score": [0.5]})
    code = (
        "import sys; from musicflamingo_cli.cli import main; "
        "assert main(['filter', 's.parquet', '--min', '0.4', '-o', 'k.parquet']) == 0; "
        "heavy = ('torch', 'transformers', 'scipy', 'soundfile', 'av', 'soxr', 'pandas'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


RULE_SETS = {
    "ranked": ("--min", 0.3, "--max", "q=0.9", "--where", "n <> 3 and (q > 0.1 or n = 2)", "--top-percent", 80),
    "bounds": ("--min", 0.3, "--max", "q=0.9", "--min", "n=1"),
    "bound and expression": ("--min", 0.3, "--where", "n <> 3 and (q > 0.1 or n = 2)"),
    "expression": ("--where", "q > 0.3 or n = 2"),
    "none passes": ("--min", 1, "--max", 0),
    "no rule": (),
}


@pytest.mark.parametrize("missing", ["drop", "keep"])
@pytest.mark.parametrize("rules", RULE_SETS)
@pytest.mark.parametrize("known", [5000, 2500])
def test_what_else_is_written_changes_neither_rows_nor_counts(missing: str, rules: str, known: int) -> None:
    rows, rng = 5000, np.random.default_rng(7)
    scores = np.where(rng.random(rows) < 0.1, np.nan, rng.random(rows) * 1.2)
    write("songs.parquet", {"song_id": [f"s{i % 4000}" for i in range(rows)], "n": rng.integers(0, 9, rows)})
    ids = [f"s{i}" for i in rng.permutation(rows)][:known]
    q = pa.array(scores[::-1][:known].copy()).cast(pa.float32())
    write("scores.parquet", {"song_id": ids, "overall_quality_score": scores[:known], "q": q})
    run = ("songs.parquet", "--scores", "scores.parquet", *RULE_SETS[rules], "--missing", missing)
    assert mfq(*run, "-o", "quick.parquet", "--ids", "quick.txt", "--report-json", "quick.json") == 0
    more = ("--dropped", "dropped.parquet", "--ids", "whole.txt", "--report-json", "whole.json")
    assert mfq(*run, "-o", "whole.parquet", *more) == 0
    assert mfq(*run, "--dry-run", "--report-json", "dry.json") == 0
    assert mfq(*run, "--ids", "only.txt", "--report-json", "only.json") == 0
    for kind in ("parquet", "txt", "json"):
        assert Path(f"quick.{kind}").read_bytes() == Path(f"whole.{kind}").read_bytes()
    assert Path("dry.json").read_bytes() == Path("only.json").read_bytes() == Path("quick.json").read_bytes()
    assert Path("only.txt").read_bytes() == Path("quick.txt").read_bytes()
    kept, dropped = pq.read_table("whole.parquet").num_rows, pq.read_table("dropped.parquet").num_rows
    assert kept + dropped == rows
    assert kept == json.loads(Path("quick.json").read_text())["kept"]


def test_a_table_without_ids_can_be_filtered_alone() -> None:
    write("s.parquet", {"x": [1, 2, 3]})
    assert mfq("s.parquet", "--where", "x > 1", "-o", "kept.parquet") == 0
    assert pq.read_table("kept.parquet")["x"].to_pylist() == [2, 3]
    assert mfq("s.parquet", "--where", "x > 1", "--ids", "ids.txt") == 2
    assert mfq("s.parquet", "--on", "x", "--where", "x > 1", "--ids", "ids.txt") == 0
    assert Path("ids.txt").read_text() == "2\n3\n"


@pytest.mark.parametrize("flag", ["-o", "--dropped", "--ids", "--report-json"])
def test_a_folder_is_never_replaced_by_a_file(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    write("s.parquet", {"song_id": ["a"], "overall_quality_score": [0.5]})
    Path("mine").mkdir()
    Path("mine/precious").write_text("x")
    for folder in ("mine", "."):
        assert mfq("s.parquet", "--min", 0.4, flag, folder) == 2
        assert "is a folder" in capsys.readouterr().err
    assert Path("mine/precious").read_text() == "x"
    assert listing() == {"s.parquet", "mine"}


def test_a_fifo_is_written_to_and_stays_one() -> None:
    write("s.parquet", {"song_id": ["a", "b"], "overall_quality_score": [0.5, 0.1]})
    os.mkfifo("pipe")
    with subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE, text=True) as reader:
        assert mfq("s.parquet", "--min", 0.4, "--ids", "pipe") == 0
        assert reader.communicate(timeout=20)[0] == "a\n"
    assert Path("pipe").is_fifo()
    assert listing() == {"s.parquet", "pipe"}


def test_an_output_leaves_the_part_files_of_others_alone() -> None:
    write("s.parquet", {"song_id": ["a"], "overall_quality_score": [0.5]})
    Path(".kept.parquet.0123abcd.part").touch()
    assert mfq("s.parquet", "--min", 0.4, "-o", "kept.parquet", "--report-json", "kept") == 0
    assert listing() == {"s.parquet", "kept.parquet", "kept"}
    Path(".kept.parquet.0123abcd.part").touch()
    assert mfq("s.parquet", "--min", 0.4, "--report-json", "kept") == 0
    assert ".kept.parquet.0123abcd.part" in listing()


def test_a_full_disk_is_said_and_leaves_what_was_there() -> None:
    rows = 50_000
    write("s.parquet", {"song_id": [f"s{i * 7919 % 1000003}" for i in range(rows)]})
    Path("kept.parquet").write_text("old")
    script = "import resource, sys; from musicflamingo_cli.cli import main; "
    script += "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)); "
    script += "sys.exit(main(['filter', 's.parquet', '-o', 'kept.parquet']))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert "could not write" in done.stderr
    assert "kept.parquet" in done.stderr
    assert Path("kept.parquet").read_text() == "old"
    assert listing() == {"s.parquet", "kept.parquet"}


def test_views_of_text_are_text() -> None:
    columns = {
        "song_id": pa.array(["a", "b"], pa.string_view()),
        "overall_quality_score": [0.1, 0.9],
        "inside": pa.array([{"x": "p"}, {"x": "q"}], pa.struct([("x", pa.string_view())])),
        "tags": pa.array([["p"], ["q"]], pa.list_(pa.string_view())),
        "raw": pa.array([b"p", b"q"], pa.binary_view()),
    }
    write("s.parquet", columns)
    assert mfq("s.parquet", "--min", 0.4, "-o", "kept.parquet", "--dropped", "d.parquet") == 0
    expected = {"song_id": "b", "overall_quality_score": 0.9, "inside": {"x": "q"}, "tags": ["q"], "raw": b"q"}
    assert pq.read_table("kept.parquet").to_pylist() == [expected]
    assert mfq("s.parquet", "--min", 0.4, "-o", "kept.parquet") == 0
    assert pq.read_table("kept.parquet").to_pylist() == [expected]


def test_files_of_a_folder_may_hold_numbers_of_other_widths() -> None:
    Path("songs").mkdir()
    narrow = {"overall_quality_score": pa.array([0.7], pa.float32()), "n": pa.array([1], pa.int32())}
    write("songs/a.parquet", {"song_id": ["a"], **narrow})
    write("songs/b.parquet", {"song_id": ["b"], "overall_quality_score": [0.6], "n": [2**40]})
    assert mfq("songs", "--min", 0.7, "--max", 0.7, "-o", "kept.parquet") == 0
    assert pq.read_table("kept.parquet").to_pylist() == [{"song_id": "a", "overall_quality_score": 0.7, "n": 1}]


def test_ids_of_mixed_types_are_compared_as_text() -> None:
    Path("s.jsonl").write_text('{"song_id": 1.0, "n": 1}\n{"song_id": "x", "n": 2}\n{"song_id": 2, "n": 3}\n')
    write("scores.parquet", {"song_id": [1, 2], "overall_quality_score": [0.5, 0.6]})
    assert mfq("s.jsonl", "--scores", "scores.parquet", "--min", 0.4, "-o", "kept.parquet") == 0
    assert ids() == ["1", "2"]


def test_the_smallest_share_is_one_row() -> None:
    write("s.parquet", {"song_id": ["a", "b"], "overall_quality_score": [0.5, 0.6]})
    assert mfq("s.parquet", "--top-percent", "1e-320", "-o", "kept.parquet") == 0
    assert ids() == ["b"]
