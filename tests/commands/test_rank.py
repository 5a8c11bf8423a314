"""`mfq rank` as a user runs it: an order out of pairs, what bias and failures do to it, and nothing asked twice."""

import csv
import json
import signal
import subprocess
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest
import soundfile

from musicflamingo_cli.cli import main
from tests.commands.test_resume import CODE, wait_for

STRENGTHS = {"song-0": 3.0, "song-1": 5.0, "song-2": 1.0, "song-3": 4.0}


@pytest.fixture
def rank(bench: Any) -> Any:
    def run(*words: object, engine: str = "fake") -> int:
        return bench.mfq(*command(bench, engine), *words)

    return run


def command(bench: Any, engine: str = "fake") -> list[object]:
    words = ["rank", bench.manifest, "--engine", engine, "--workers", 1, "--cache-dir", bench.folder / "cache"]
    return [*words, "-o", bench.folder / "ranks.jsonl"]


def rows(bench: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (bench.folder / "ranks.jsonl").read_text().splitlines()]


def order(bench: Any) -> list[str]:
    return [row["song_id"] for row in rows(bench) if row["rank"] is not None]


def scored(bench: Any, **scores: float | None) -> Path:
    path = bench.folder / "prior.csv"
    lines = (f"{name.replace('_', '-')},{'' if score is None else score}\n" for name, score in scores.items())
    path.write_text("song_id,overall_quality_score\n" + "".join(lines))
    return path


def test_songs_stand_in_the_order_of_their_strengths(bench: Any, rank: Any, script: Any, asked: Any) -> None:
    bench.songs(4)
    script({"default": {"strengths": STRENGTHS}})
    assert rank() == 0
    assert order(bench) == ["song-1", "song-3", "song-0", "song-2"]
    assert [row["rank"] for row in rows(bench)] == [1, 2, 3, 4]
    assert [(row["pairs"], row["wins"], row["losses"], row["ties"]) for row in rows(bench)] == [
        *((3, 3, 0, 0), (3, 2, 1, 0), (3, 1, 2, 0), (3, 0, 3, 0))
    ]
    both = {json.dumps([a, b]) for one, other in combinations(STRENGTHS, 2) for a, b in ((one, other), (other, one))}
    assert Counter(asked()) == Counter(both)
    told = bench.stderr()
    assert "6 pairs in both orders: 6 decided" in told
    assert "(12 answered now, 0 from the cache)" in told
    assert "the first of the two was preferred in 50% of the 12 answers that took a side" in told


def test_an_answer_that_changes_with_the_order_is_a_tie(bench: Any, rank: Any, script: Any) -> None:
    bench.songs(4)
    script({"default": {"strengths": STRENGTHS, "position_bias": 1.5}})
    assert rank() == 0
    counts = {row["song_id"]: (row["wins"], row["losses"], row["ties"]) for row in rows(bench)}
    assert counts == {"song-0": (1, 1, 1), "song-1": (2, 0, 1), "song-2": (0, 3, 0), "song-3": (1, 0, 2)}
    assert "4 decided, 2 tied by answers that changed with the order" in bench.stderr()


def test_an_engine_that_always_prefers_the_first_changes_no_order_and_is_told(
    bench: Any, rank: Any, script: Any
) -> None:
    bench.songs(4)
    script({"default": {"strengths": STRENGTHS, "position_bias": 100}})
    assert rank("--scores", scored(bench, song_0=0.1, song_1=0.2, song_2=0.3, song_3=0.4)) == 0
    assert order(bench) == ["song-3", "song-2", "song-1", "song-0"]
    told = bench.stderr()
    assert "the first of the two was preferred in 100% of the 12 answers that took a side" in told
    assert "warning: most answers follow the order of the songs" in told


def test_pairs_go_to_near_ties_and_the_rest_keeps_the_order_of_the_score(
    bench: Any, rank: Any, script: Any, asked: Any
) -> None:
    bench.songs(4)
    script({"default": {"strengths": STRENGTHS}})
    assert rank("--scores", scored(bench, song_0=0.9, song_1=0.52, song_2=0.53, song_3=0.1), "--pairs", 1) == 0
    assert asked() == ['["song-1", "song-2"]', '["song-2", "song-1"]']
    assert order(bench) == ["song-0", "song-1", "song-2", "song-3"]
    assert [(row["status"], row["reason"], row["score"]) for row in rows(bench)] == [
        ("partial", "no_pair", 0.9),
        ("ok", None, 0.52),
        ("ok", None, 0.53),
        ("partial", "no_pair", 0.1),
    ]


def test_what_was_neither_compared_nor_scored_has_no_rank(bench: Any, rank: Any, script: Any) -> None:
    bench.songs(4)
    script({"default": {"strengths": STRENGTHS}})
    assert rank("--scores", scored(bench, song_0=0.5, song_1=None), "--pairs", 1, "--limit", 2) == 0
    assert [(row["song_id"], row["status"], row["score"]) for row in rows(bench)] == [
        ("song-1", "ok", None),
        ("song-0", "ok", 0.5),
    ]
    assert rank("--pairs", 1) == 0
    last = rows(bench)[-1]
    assert (last["song_id"], last["status"], last["reason"]) == ("song-3", "skipped", "no_pair")
    assert (last["rank"], last["strength"], last["strength_error"], last["pairs"]) == (None, None, None, 0)


def test_songs_whose_score_is_missing_or_none_are_told(bench: Any, rank: Any, script: Any) -> None:
    bench.songs(4)
    script({"default": {"strengths": STRENGTHS}})
    prior = scored(bench, song_0=0.5, song_1=None, song_2=70)
    assert rank("--scores", prior, "--pairs", 1) == 0
    said = f"--scores {prior}: it has no overall_quality_score for 3 of 4 songs (1 null, 1 outside 0..1, 1 not in it)"
    assert said in bench.stderr()
    assert {row["song_id"]: row["score"] for row in rows(bench)} == {
        **dict.fromkeys(STRENGTHS),
        "song-0": 0.5,
    }
    assert rank("--scores", scored(bench, song_0=0.5, song_1=0.4, song_2=0.3, song_3=0.2)) == 0
    assert "it has no overall_quality_score" not in bench.stderr()


def test_groups_that_no_pair_links_are_told(bench: Any, rank: Any, script: Any) -> None:
    bench.songs(4)
    script({"default": {"strengths": STRENGTHS}})
    assert rank("--pairs", 2) == 0
    assert "2 groups that none of them links" in bench.stderr()
    assert rank("--pairs", 4) == 0
    assert "none of them links" not in bench.stderr()


def test_a_killed_run_goes_on_and_asks_nothing_twice(bench: Any, rank: Any, script: Any, asked: Any) -> None:
    bench.songs(4)
    script({"default": {"strengths": STRENGTHS, "delay_seconds": 0.3}})
    words = [sys.executable, "-c", CODE, *map(str, command(bench)), "--batch-size", "1"]
    run = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(asked()) >= 6)
    run.send_signal(signal.SIGKILL)
    assert run.wait(30) == -9
    assert not (bench.folder / "ranks.jsonl").exists()
    script({"default": {"strengths": STRENGTHS}})
    assert rank() == 0
    counts = Counter(asked())
    assert len(counts) == 12
    assert counts.total() <= 13  # one may have been answered, and not be written
    assert order(bench) == ["song-1", "song-3", "song-0", "song-2"]
    before = asked()
    for more in ((), ("--offline",), ("--pairs", "2")):
        assert rank(*more) == 0
    assert asked() == before


def test_a_larger_budget_asks_what_is_new_only(bench: Any, rank: Any, script: Any, asked: Any) -> None:
    bench.songs(4)
    script({"default": {"strengths": STRENGTHS}})
    for pairs in (1, 3, 4, 6):
        assert rank("--pairs", pairs) == 0
        assert max(Counter(asked()).values()) == 1
        assert len(asked()) == 2 * pairs


def test_a_song_that_is_missing_costs_no_pair_and_no_other_song(bench: Any, rank: Any, script: Any, asked: Any) -> None:
    bench.songs(4)
    (bench.folder / "3.wav").unlink()
    script({"default": {"strengths": STRENGTHS}})
    assert rank("--pairs", 3) == 1
    assert order(bench) == ["song-1", "song-0", "song-2"]
    last = rows(bench)[-1]
    assert (last["song_id"], last["status"], last["reason"], last["rank"]) == ("song-3", "failed", "not_found", None)
    assert last["error"].startswith("song-3: there is no such file")
    assert rank("--pairs", 3, "--max-failures", 1) == 0
    assert rank("--pairs", 3, "--max-failures", 0) == 1
    assert len(asked()) == 6
    bench.tone("3.wav", hertz=440.0)
    assert rank() == 0
    assert order(bench) == ["song-1", "song-3", "song-0", "song-2"]
    assert max(Counter(asked()).values()) == 1


def test_a_broken_file_is_remembered_and_its_replacement_heard(bench: Any, rank: Any, script: Any, asked: Any) -> None:
    bench.songs(3)
    (bench.folder / "1.wav").write_bytes(b"no audio at all" * 100)
    script({"default": {"strengths": STRENGTHS}})
    assert rank() == 1
    assert [row["reason"] for row in rows(bench)] == [None, None, "not_audio"]
    assert rank("--dry-run") == 0
    bench.tone("1.wav", hertz=330.0)
    assert rank() == 0
    assert order(bench) == ["song-1", "song-0", "song-2"]
    assert max(Counter(asked()).values()) == 1


def test_a_song_that_changed_is_asked_about_again_and_one_that_moved_is_not(
    bench: Any, rank: Any, script: Any, asked: Any
) -> None:
    bench.songs(3)
    script({"default": {"strengths": STRENGTHS}})
    assert rank() == 0
    (bench.folder / "2.wav").rename(bench.folder / "two.wav")
    bench.rows([{"id": f"song-{n}", "audio": name} for n, name in enumerate(("0.wav", "1.wav", "two.wav"))])
    assert rank() == 0
    assert len(asked()) == 6
    bench.tone("two.wav", hertz=550.0)
    assert rank() == 0
    assert sorted(asked()[6:]) == sorted(one for one in asked()[:6] if "song-2" in one)


def test_replies_that_can_not_be_read_are_no_ties(bench: Any, rank: Any, script: Any) -> None:
    bench.songs(3)
    unread = ('["song-0", "song-1"]', '["song-2", "song-0"]', '["song-1", "song-2"]')
    script({"default": {"strengths": STRENGTHS}, **{name: {"garbage": True} for name in unread}})
    assert rank("--retry", "transient") == 1
    assert {(row["status"], row["pairs"], row["rank"]) for row in rows(bench)} == {("failed", 0, None)}
    assert "3 without both answers" in bench.stderr()


def test_an_early_end_leaves_a_table_where_it_was_asked_for(bench: Any, rank: Any, script: Any) -> None:
    bench.songs(4)
    script({"default": {"strengths": STRENGTHS, "delay_seconds": 0.4}})
    assert rank("--batch-size", 1, "--time-budget", "2s", "--partial-output") == 75
    assert "question" in (told := bench.stderr()) and "songs by this run" not in told
    assert len(rows(bench)) == 4
    script({"default": {"strengths": STRENGTHS}})
    assert rank() == 0
    assert order(bench) == ["song-1", "song-3", "song-0", "song-2"]


def test_parquet_carries_the_settings_and_what_was_counted(bench: Any, rank: Any, script: Any) -> None:
    bench.songs(2)
    script({"default": {"strengths": STRENGTHS}})
    assert rank("-o", bench.table, "--scores", scored(bench, song_0=0.4, song_1=0.6)) == 0
    table = pq.read_table(bench.table)
    assert table.schema.names[:4] == ["song_id", "title", "rank", "strength"]
    card = orjson.loads(pq.read_schema(bench.table).metadata[b"mfq.run"])
    assert (card["settings"]["pairs"], card["settings"]["by"]) == (100, "overall_quality_score")
    assert card["settings"]["audio"]["silence_between"] == 2.0
    assert (card["counts"]["asked"], card["counts"]["decided"], card["counts"]["groups"]) == (1, 1, 1)
    assert rank("-o", bench.folder / "ranks.csv") == 0
    with (bench.folder / "ranks.csv").open(newline="") as file:
        assert [row["rank"] for row in csv.DictReader(file)] == ["1", "2"]


def test_a_dry_run_counts_what_is_cached(bench: Any, rank: Any, script: Any, asked: Any) -> None:
    bench.songs(4)
    script({"default": {"strengths": STRENGTHS}})
    assert rank("--pairs", 2) == 0
    bench.capture.readouterr()
    assert rank("--dry-run", "--pairs", 5) == 0
    told = dict(line.rsplit(None, 1) for line in bench.capture.readouterr().out.splitlines())
    assert (told["songs"], told["answers cached"], told["to ask, at most"]) == ("4", "4", "6")
    assert len(asked()) == 4


def test_the_signal_engine_ranks_by_its_own_quality(bench: Any, rank: Any) -> None:
    bench.songs(3)
    for n, level in enumerate((0.01, 0.0001, 0.1)):
        samples, rate = soundfile.read(bench.folder / f"{n}.wav", dtype="float32")
        noise = np.random.default_rng(n).normal(0, level, samples.shape).astype(np.float32)
        soundfile.write(bench.folder / f"{n}.wav", samples + noise, rate)
    assert bench.score(engine="signal") == 0
    quality = {row["song_id"]: row["production_quality"] for row in bench.result()}
    assert rank(engine="signal") == 0
    ranked = [quality[name] for name in order(bench)]
    assert ranked == sorted(quality.values(), reverse=True)
    ranks = [row["rank"] for row in rows(bench)]
    assert ranks == [1 + ranked.index(value) for value in ranked]
    assert len(set(ranked)) > 1
    entry = next((bench.folder / "cache").glob("signal-pairwise-*/??/*.json"))
    body = json.loads(entry.read_bytes())["body"]
    assert [len(body["heard"]["parts"]), body["heard"]["clip"], body["heard"]["measured"]] == [2, None, "all"]
    assert bench.mfq("show", json.loads(entry.read_bytes())["song_id"], "--cache-dir", bench.folder / "cache") == 0


def test_a_silent_song_can_not_be_compared(bench: Any, rank: Any) -> None:
    bench.songs(3)
    soundfile.write(bench.folder / "1.wav", np.zeros(44_100, np.float32), 22_050)
    assert rank(engine="signal") == 1
    assert {row["song_id"]: row["reason"] for row in rows(bench)} == {
        "song-0": None,
        "song-1": "silent",
        "song-2": None,
    }


@pytest.mark.parametrize(
    ("songs", "words", "said"),
    [
        (1, (), "songs.jsonl holds 1 song that can be heard; a pair takes two"),
        (2, ("--prompt", "quality"), "pack 'quality' asks about one song, and mfq rank about two (pair = true)"),
        (2, ("-o", "x.json"), "a ranking is a table of rows"),
        (2, ("--scores", "nowhere.csv"), "nowhere.csv: there is no such file"),
        (2, ("--scores", "{folder}/other.csv"), "it has no overall_quality_score for any song of songs.jsonl"),
        (2, ("--scores", "{folder}/other.csv"), "for any song of songs.jsonl (2 not in it)"),
        (2, ("--scores", "{folder}/percent.csv"), "for any song of songs.jsonl (1 outside 0..1, 1 null)"),
        (2, ("--scores", "{folder}/other.csv", "--by", "x"), "no column 'x'"),
        (2, ("--scores", "{folder}/other.csv", "-o", "{folder}/other.csv"), "other.csv is what is read"),
        (2, ("--scores", "{folder}/other.csv", "--stats", "{folder}/other.csv"), "other.csv is also what is read"),
        (2, ("--pairs", "0"), "--pairs"),
        (2, ("--offline",), "holds no replies of --engine fake with these settings"),
    ],
)
def test_what_can_not_be_ranked_is_refused(
    bench: Any, rank: Any, songs: int, words: tuple[str, ...], said: str, asked: Any
) -> None:
    bench.songs(songs)
    (bench.folder / "other.csv").write_text("song_id,overall_quality_score\nother,0.5\n")
    (bench.folder / "percent.csv").write_text("song_id,overall_quality_score\nsong-0,85\nsong-1,\nother,1\n")
    assert rank(*(word.format(folder=bench.folder) for word in words)) == 2
    assert said in bench.stderr()
    assert asked() == []


@pytest.mark.parametrize("command", ["score", "caption"])
def test_a_pack_for_pairs_is_for_ranking_alone(bench: Any, command: str) -> None:
    bench.songs(2)
    for words in ((), ("--dry-run",)):
        assert (
            main([command, str(bench.manifest), "--engine", "fake", "--prompt", "pairwise", "--no-cache", *words]) == 2
        )
        assert "pack 'pairwise' asks about two songs, which mfq rank does" in bench.stderr()


def test_two_songs_are_enough(bench: Any, rank: Any, script: Any) -> None:
    bench.songs(2)
    script({"default": {"strengths": STRENGTHS}})
    assert rank() == 0
    assert order(bench) == ["song-1", "song-0"]
    assert rows(bench)[0]["strength"] == -rows(bench)[1]["strength"] == pytest.approx(0.5213, abs=1e-4)
