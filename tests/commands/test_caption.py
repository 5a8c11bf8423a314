import csv
import json
from typing import Any

import pytest

TALE = "A warm upright bass walks under brushed drums. <b>Halfway</b>, a trumpet enters; it ends on a held minor chord."


def caption(bench: Any, *words: object, output: str = "captions.parquet") -> int:
    cache = ("--cache-dir", bench.folder / "cache")
    table = bench.folder / output
    code: int = bench.mfq("caption", bench.manifest, "--engine", "fake", "-o", table, "--workers", 1, *cache, *words)
    return code


def rows(bench: Any) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    found: list[dict[str, Any]] = pq.read_table(bench.folder / "captions.parquet").to_pylist()
    return found


def test_a_caption_is_the_whole_text_without_its_thinking(bench: Any, script: Any) -> None:
    bench.songs(3)
    script({"default": {"reply": f"<think>bass? 0.9</think>\n{TALE}"}, "song-2": {"reply": ""}})
    assert caption(bench) == 1
    found = rows(bench)
    assert [row["status"] for row in found] == ["ok", "ok", "failed"]
    assert found[0]["caption"] == found[0]["text"] == TALE
    assert found[0]["thinking"] == "bass? 0.9"
    assert found[2]["caption"] is None and found[2]["text"] is None
    assert found[0]["prompt"] == "caption" and found[0]["overall_quality_score"] is None


def test_a_pack_with_more_fields_has_its_fields_beside_the_text(bench: Any, script: Any) -> None:
    bench.songs(1)
    reply = f"genre: hard bop\ntempo: about 120 BPM\nkey: Eb minor\ndescription: {TALE}"
    script({"default": {"reply": reply}})
    assert caption(bench, "--prompt", "describe") == 0
    row = rows(bench)[0]
    assert row["text"] == reply
    assert (row["genre"], row["key"]) == ("hard bop", "Eb minor")


def test_csv_holds_id_and_caption_alone(bench: Any, script: Any) -> None:
    bench.songs(2)
    script({"default": {"reply": TALE}, "song-1": {"garbage": True}})
    caption(bench, output="captions.csv")
    with (bench.folder / "captions.csv").open(newline="") as file:
        assert list(csv.reader(file))[:2] == [["id", "caption"], ["song-0", TALE]]


def test_json_as_an_answer_is_taken_apart(bench: Any, script: Any) -> None:
    bench.songs(1)
    script({"default": {"reply": json.dumps({"caption": TALE})}})
    assert caption(bench) == 0
    assert rows(bench)[0]["caption"] == TALE


@pytest.mark.parametrize("words", [("--prompt", "nothing"), ("--no-such",), ("--retry", "some")])
def test_wrong_use_exits_2(bench: Any, words: tuple[str, ...]) -> None:
    bench.songs(1)
    assert caption(bench, *words) == 2
