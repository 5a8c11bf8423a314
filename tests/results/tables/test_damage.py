"""Parquet that is damaged, or holds what we can't: exit code 2 with file and column, in every command, and never 4."""

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from musicflamingo_cli.cli import main

ROWS = 60
RULE = "overall_quality_score > 0.5"
COMMANDS = (
    "filter b.parquet --min 0.5 -o k.parquet",
    "filter b.parquet --dry-run --where",
    "filter good.parquet --scores b.parquet -o k.csv --dropped d.jsonl --min scores.overall_quality_score=0.5",
    "merge b.parquet good.parquet -o m.parquet",
    "merge good.parquet --with x=b.parquet -o m.parquet",
    "merge b.parquet --with x=good.parquet -o m.jsonl",
    "report b.parquet",
    "report good.parquet --against b.parquet",
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(plain(), "good.parquet")


def plain() -> pa.Table:
    overall = [i / ROWS for i in range(ROWS)]
    return pa.table(
        {"song_id": [f"s{i}" for i in range(ROWS)], "status": ["ok"] * ROWS, "overall_quality_score": overall}
    )


def nested() -> pa.Table:
    detail = [{"a": i, "b": [1.0, None]} if i % 3 else None for i in range(ROWS)]
    table = plain().append_column("detail", pa.array(detail)).append_column("tags", [[["x"], None, []] * (ROWS // 3)])
    return table.append_column("m", pa.array([[("k", 1)]] * ROWS, pa.map_(pa.string(), pa.int64())))


def mfq(command: str) -> int:
    words = command.split()
    return main([*words, RULE] if words[-1] == "--where" else words)


FORMS = {
    "plain": {"compression": "none"},
    "snappy": {},
    "ours": {"compression": "zstd", "write_page_checksum": True, "store_schema": False},
    "v2": {"data_page_version": "2.0", "use_dictionary": False, "row_group_size": 20},
}


@pytest.mark.parametrize("form", FORMS)
def test_no_damage_is_an_internal_error_or_blamed_on_a_rule(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    pq.write_table(nested(), "whole.parquet", **FORMS[form])
    whole = Path("whole.parquet").read_bytes()
    footer = int.from_bytes(whole[-8:-4], "little") + 8
    chance = random.Random(form)
    for _ in range(14):
        raw = bytearray(whole)
        how = chance.choice(("flip", "footer", "cut", "length"))
        if how == "cut":
            raw = raw[: chance.randrange(4, len(raw))]
        elif how == "length":
            raw[-8:-4] = chance.randrange(2**32).to_bytes(4, "little")
        else:
            at = chance.randrange(len(raw)) if how == "flip" else len(raw) - chance.randrange(9, footer)
            raw[at] ^= 1 << chance.randrange(8)
        Path("b.parquet").write_bytes(raw)
        code = mfq(chance.choice(COMMANDS))
        told = capsys.readouterr().err
        assert code in (0, 2), told
        if code == 2:
            assert "b.parquet" in told
            assert "--where" not in told


@pytest.mark.parametrize("command", COMMANDS)
def test_a_flipped_bit_under_a_checksum_is_named_with_its_column(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pq.write_table(plain(), "b.parquet", write_page_checksum=True, compression="none", use_dictionary=False)
    raw = bytearray(Path("b.parquet").read_bytes())
    chunk = pq.read_metadata("b.parquet").row_group(0).column(2)
    raw[chunk.data_page_offset + chunk.total_compressed_size - 1] ^= 1
    Path("b.parquet").write_bytes(raw)
    assert mfq(command) == 2
    assert "b.parquet: column 'overall_quality_score' can't be read" in capsys.readouterr().err


def misnamed() -> None:
    pq.write_table(plain().append_column("caption", [["x"] * ROWS]), "b.parquet", store_schema=False)
    Path("b.parquet").write_bytes(Path("b.parquet").read_bytes().replace(b"caption", b"\xffaption"))


def wrong_text() -> None:
    cells = pa.array([b"\xff", *[b"ok"] * (ROWS - 1)]).view(pa.string())
    pq.write_table(plain().append_column("caption", cells), "b.parquet")


def twice_named_parts() -> None:
    part = pa.array(range(ROWS))
    pq.write_table(plain().append_column("caption", pa.StructArray.from_arrays([part, part], ["a", "a"])), "b.parquet")


def no_column() -> None:
    pq.write_table(pa.table({}), "b.parquet")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("write", "column"),
    [(misnamed, "aption"), (wrong_text, "caption"), (twice_named_parts, "caption"), (no_column, "no column")],
)
def test_what_can_not_be_read_is_refused_by_file_and_column(
    write: object, column: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(write)
    write()
    assert mfq(command) == 2
    told = capsys.readouterr().err
    assert "b.parquet" in told
    assert column in told
    assert "--where" not in told


def test_null_structs_over_parts_that_are_never_null_pass() -> None:
    part = pa.struct([pa.field("a", pa.int64(), nullable=False)])
    kind = pa.struct([pa.field("s", part)])
    values = pa.array([{"s": {"a": 1}}, {"s": None}, None] * (ROWS // 3), kind)
    pq.write_table(plain().append_column("deep", values), "b.parquet")
    for command in COMMANDS:
        assert mfq(command) == 0, command
    kept = pq.read_table("m.parquet").column("deep")
    assert kept.to_pylist()[:3] == [{"s": {"a": 1}}, {"s": None}, None]
