"""A reply from which no score can be read is asked for once more within the run; both replies are kept."""

import json
from typing import Any

import pytest

from musicflamingo_cli.cache import entry_in, folders
from musicflamingo_cli.errors import EngineError, MfqError, NotNow

NAMES = (
    *("content_usefulness", "production_quality", "content_enjoyment", "production_complexity"),
    "overall_recommendation_score",
)
GOOD = json.dumps(dict.fromkeys(NAMES, 0.7))
SENTENCE = "I would give the production quality a 0.9."


def score(bench: Any, *words: object) -> int:
    cache = ("--cache-dir", bench.folder / "cache")
    table = bench.folder / "scores.parquet"
    code: int = bench.mfq("score", bench.manifest, "--engine", "fake", "-o", table, "--workers", 1, *cache, *words)
    return code


def rows(bench: Any) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    found: list[dict[str, Any]] = pq.read_table(bench.folder / "scores.parquet").to_pylist()
    return found


def card(bench: Any) -> dict[str, Any]:
    import pyarrow.parquet as pq

    metadata = pq.read_schema(bench.folder / "scores.parquet").metadata
    found: dict[str, Any] = next(json.loads(v) for v in metadata.values() if v.startswith(b"{") and b"reruns" in v)
    return found


def entries(bench: Any) -> dict[str, Any]:
    found = {}
    for folder, _ in folders(bench.folder / "cache"):
        found |= {i: entry for i in (f"song-{n}" for n in range(9)) if (entry := entry_in(folder, i))}
    return found


def reruns(card_: dict[str, Any]) -> int:
    text = json.dumps(card_)
    return int(text.split('"reruns": ')[1].split(",")[0].split("}")[0])


def test_an_unreadable_reply_is_asked_for_once_more(bench: Any, script: Any) -> None:
    bench.songs(3)
    script({"default": {"reply": GOOD}, "song-1": {"reply": SENTENCE, "second_reply": GOOD}})
    assert score(bench) == 0
    found = rows(bench)
    assert [row["production_quality"] for row in found] == [0.7, 0.7, 0.7]
    assert [row["repairs"] for row in found] == [[], ["asked_again"], []]
    assert reruns(card(bench)) == 1
    kept = entries(bench)
    assert [reply.text for reply in kept["song-1"].replies] == [SENTENCE, GOOD]
    assert len(kept["song-0"].replies) == 1
    assert score(bench) == 0  # from the cache: asked for no third time
    assert (reruns(card(bench)), len(entries(bench)["song-1"].replies)) == (0, 2)


def test_no_reply_is_asked_for_a_third_time(bench: Any, script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    bench.songs(1)
    script({"default": {"reply": SENTENCE}})
    for words in ((), ("--retry", "unreadable")):
        assert score(bench, *words) == 1
        row = rows(bench)[0]
        assert (row["status"], row["reason"], row["repairs"]) == ("failed", "no_answer", ["asked_again"])
        assert len(entries(bench)["song-0"].replies) == 2


def test_a_batch_that_does_not_fit_is_asked_again_in_parts(bench: Any, script: Any) -> None:
    bench.songs(5)
    script({"default": {"reply": SENTENCE, "second_reply": GOOD, "out_of_memory_above": 2}})
    assert score(bench) == 0
    assert [row["production_quality"] for row in rows(bench)] == [0.7] * 5
    assert reruns(card(bench)) == 5


def test_replies_of_an_earlier_run_are_asked_for_again_where_told_so(
    bench: Any, script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from musicflamingo_cli.engines.fake import FakeEngine

    bench.songs(3)
    script({"default": {"reply": SENTENCE, "second_reply": GOOD}, "song-2": {"reply": GOOD}})
    with monkeypatch.context() as older:
        older.setattr(FakeEngine, "second_try", None)
        assert score(bench) == 1
    assert [row["production_quality"] for row in rows(bench)] == [None, None, 0.7]
    for words in ((), ("--offline",), ("--offline", "--retry", "unreadable")):
        assert score(bench, *words) == 1
        assert [len(entry.replies) for entry in entries(bench).values()] == [1, 1, 1]
    for words, todo in ((), 0), (("--retry", "unreadable"), 2):
        capsys.readouterr()
        assert score(bench, "--dry-run", *words) == 0
        assert f"  to do           {todo}\n" in capsys.readouterr().out
    assert score(bench, "--retry", "unreadable") == 0
    assert [row["production_quality"] for row in rows(bench)] == [0.7] * 3
    assert sorted(len(entry.replies) for entry in entries(bench).values()) == [1, 2, 2]
    assert reruns(card(bench)) == 2


def test_the_second_request_says_what_was_wrong(bench: Any, script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from musicflamingo_cli.engines.fake import FakeEngine

    prompts: list[tuple[str, bool]] = []
    say = FakeEngine._say

    def noting(self: FakeEngine, request: Any, rule: Any) -> str:
        prompts.append((request.prompt, request.second_try))
        return say(self, request, rule)

    monkeypatch.setattr(FakeEngine, "_say", noting)
    bench.songs(1)
    script({"default": {"reply": SENTENCE}})
    score(bench)
    (first, is_first), (second, is_second) = prompts
    assert (is_first, is_second) == (False, True)
    assert second.startswith(first) and "could not be read" in second[len(first) :]


def test_a_pack_without_scores_is_never_asked_again(bench: Any, script: Any) -> None:
    bench.songs(1)
    script({"default": {"reply": "A slow tune.", "second_reply": GOOD}})
    cache = ("--cache-dir", bench.folder / "cache")
    bench.mfq("caption", bench.manifest, "--engine", "fake", "-o", bench.folder / "c.csv", "--workers", 1, *cache)
    assert len(entries(bench)["song-0"].replies) == 1


def test_answers_among_other_words_can_be_left_null(bench: Any, script: Any) -> None:
    bench.songs(2)
    around = f"I could not hear this song.\n{GOOD}\nThese numbers are made up."
    script({"default": {"reply": GOOD}, "song-1": {"reply": around, "second_reply": around}})
    assert score(bench) == 0
    assert [(row["production_quality"], row["repairs"]) for row in rows(bench)] == [(0.7, []), (0.7, ["words_around"])]
    assert score(bench, "--offline", "--words-around", "null") == 1
    told = rows(bench)[1]
    assert (told["status"], told["reason"], told["production_quality"]) == ("failed", "words_around", None)
    assert told["repairs"] == ["words_around"]
    assert score(bench, "--words-around", "drop") == 2


@pytest.mark.parametrize("end", [NotNow("the deadline came"), EngineError("the engine died")])
def test_a_run_that_ends_between_two_replies_is_gone_on_with(
    bench: Any, script: Any, monkeypatch: pytest.MonkeyPatch, end: MfqError
) -> None:
    from musicflamingo_cli.engines.fake import FakeEngine

    reply = FakeEngine.reply

    def ending(self: FakeEngine, batch: Any) -> Any:
        if batch[0].second_try:
            raise end
        return reply(self, batch)

    bench.songs(3)
    script({"default": {"reply": SENTENCE, "second_reply": GOOD}, "song-2": {"reply": GOOD}})
    with monkeypatch.context() as earlier:
        earlier.setattr(FakeEngine, "reply", ending)
        assert score(bench) == end.exit_code
    assert [(len(entry.replies), entry.due) for entry in entries(bench).values()] == [(1, True), (1, True), (1, False)]
    assert score(bench, "--offline") == 1  # never asks
    assert score(bench) == 0
    assert [row["production_quality"] for row in rows(bench)] == [0.7] * 3
    assert [(len(entry.replies), entry.due) for entry in entries(bench).values()] == [
        (2, False),
        (2, False),
        (1, False),
    ]
