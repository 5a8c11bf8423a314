"""Tuned weights as a file, which `mfq score --weights` and `mfq merge --combine` read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from musicflamingo_cli.evaluation.records import Estimate, Tuning
from musicflamingo_cli.results.merge.combine import TUNED_VERSION
from musicflamingo_cli.results.write.formats import output


def write_weights(found: Tuning, path: str) -> None:
    """Write weights with how they were come by, whole or not at all. Raises `OutputError`."""
    with output(path) as file:
        file.write("".join(f"{line}\n" for line in _lines(found)).encode())


def _lines(found: Tuning) -> Iterator[str]:
    yield "# Made by mfq tune; for mfq score --offline --weights and mfq merge --combine."
    yield f"version = {TUNED_VERSION}"
    yield f"made = {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    yield "\n[weights]"
    yield from (f"{_text(name)} = {weight!r}" for name, weight in found.weights.items())
    yield "\n[ranges]  # what of each column counts 0, and what 1"
    yield from (f"{_text(name)} = {_numbers(ends)}" for name, ends in found.ranges.items())
    yield "\n[songs]  # sha256: of their ids, sorted, one a line"
    yield f"count = {found.songs}"
    yield f"sha256 = {_text(found.songs_sha256)}"
    yield f"scores = {_text(found.scores)}"
    yield f"labels = {_text(found.labels)}"
    yield "\n[held_out]  # Spearman with its 95 % interval, of songs that the weights were not made from"
    yield f"fit = {_text(found.fit)}"
    yield f"folds = {found.folds}"
    yield from [f"group = {_text(found.group)}"] if found.group else []
    yield f"tuned = {_estimate(found.tuned)}"
    yield f"today = {_estimate(found.today)}"
    yield f"gain = {_estimate(found.gain.spearman)}"
    yield f"over = {_text(found.gain.other)}"
    yield f"error = {found.error!r}"
    yield f"error_of_mean = {found.error_of_mean!r}"
    yield f"doubts = [{', '.join(map(_text, found.doubts))}]"
    yield "\n[label]  # what a score of 0..1 is on the label's scale; straight between"
    yield f"name = {_text(found.label)}"
    yield f"score = {_numbers([score for score, _ in found.rising])}"
    yield f"value = {_numbers([value for _, value in found.rising])}"


def _text(value: str) -> str:
    """Return a basic string, or a quoted key, of TOML: as in JSON, but that DEL must be escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _numbers(values: Sequence[float]) -> str:
    return f"[{', '.join(map(repr, values))}]"


def _estimate(one: Estimate) -> str:
    return _numbers([round(value, 6) for value in (one.value, one.low, one.high)])
