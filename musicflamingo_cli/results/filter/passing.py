"""One pass over SONGS: every row counted and written where it belongs."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.results.filter.funnel import Funnel, Sweep, reasons
from musicflamingo_cli.results.filter.query import Filter
from musicflamingo_cli.results.filter.records import Block
from musicflamingo_cli.results.filter.selection import Selection
from musicflamingo_cli.results.sandbox import Sandbox
from musicflamingo_cli.results.write.parquet import ParquetSink

REASON, REASONS = "drop_reason", "drop_reasons"


class Pass:
    """One pass over the rows of a filter; afterwards it holds what was counted."""

    def __init__(self, chosen: Filter, sandbox: Sandbox) -> None:
        judgement = chosen.judgement
        self._sandbox = sandbox
        self.filter = chosen
        self.funnel = Funnel(chosen.rules, judgement.missing, judgement.per)
        self.sweep: Sweep | None = None
        if judgement.sweep:
            self.sweep = Sweep(judgement.sweep, chosen.sweep_ends(), chosen.swept_rules(), judgement.missing)
        joined = chosen.joined
        self.kept_schema = joined.schema()
        self._reason_names = _free((REASON, REASONS), self.kept_schema.names)
        kinds = (pa.string(), pa.list_(pa.string()))
        self.dropped_schema = joined.schema([pa.field(n, k) for n, k in zip(self._reason_names, kinds, strict=True)])
        self.score_names = tuple(c.name for c in joined.columns().all if c.span)

    def pass_through(self, kept: ParquetSink | None, dropped: ParquetSink | None, allow: Path | None) -> None:
        """Read every row once, count it and write it where it belongs."""
        with open(allow, "wb") if allow else nullcontext() as allowed:  # noqa: PTH123 - beside nullcontext
            if dropped is None and self.sweep is None and not self.filter.judgement.per:
                self._count_and_keep(kept, allowed)
                return
            for block in self.filter.blocks():
                groups = block.groups() if self.funnel.per else None
                decision = self.funnel.add(block.verdicts, block.matched, None, groups)
                if self.sweep is not None:
                    self.sweep.add(block)
                if kept is not None:
                    kept.write(_rows(block, decision.kept, (), kept.schema))
                if dropped is not None and not decision.kept.all():
                    which = np.flatnonzero(~decision.kept)
                    why = reasons(block, decision, self.filter.rules, which)
                    dropped.write(_rows(block, ~decision.kept, why, dropped.schema))
                if allowed is not None:
                    allowed.write(_id_lines(block.ids(decision.kept)))

    def _count_and_keep(self, kept: ParquetSink | None, allowed: BinaryIO | None) -> None:
        """Count all rows and write the kept ones, where nothing else is asked about the others."""
        wanted = kept is not None or allowed is not None
        selection = Selection(self.filter, self._sandbox, rows=wanted, tables=kept is not None)
        written = 0
        for some in selection.kept():
            written += len(some.songs)
            if kept is not None:
                kept.write(pa.RecordBatch.from_arrays([*some.songs.columns, *some.added], schema=kept.schema))
            if allowed is not None and some.ids is not None:
                allowed.write(_id_lines(some.ids))
        counts = selection.counts()
        self.funnel.add(counts.verdicts, counts.matched, counts.weights)
        if wanted and written != self.funnel.all.kept:
            raise AssertionError("the kept rows are not as many as were counted")

    def report(self) -> dict[str, Any]:
        """Return the counts for JSON."""
        swept = {} if self.sweep is None else {"sweep": self.sweep.report()}
        return self.funnel.report() | swept


def _free(names: tuple[str, ...], taken: list[str]) -> tuple[str, ...]:
    number = 2
    found = names
    while set(found) & set(taken):
        found = tuple(f"{name}_{number}" for name in names)
        number += 1
    return found


def _rows(block: Block, mask: NDArray[np.bool_], more: tuple[pa.Array, ...], schema: pa.Schema) -> pa.RecordBatch:
    songs = block.songs.columns if mask.all() else block.songs.filter(pa.array(mask)).columns
    return pa.RecordBatch.from_arrays([*songs, *block.added(mask), *more], schema=schema)


def _id_lines(ids: pa.Array) -> bytes:
    ids = ids.filter(pc.not_equal(ids, ""))
    broken = ids.filter(pc.match_substring_regex(ids, "[\r\n]"))
    if len(broken):
        raise UsageError(
            f"--ids: the id {broken[0].as_py()!r} holds a line break, so it can't stand in a list of lines"
        )
    return "".join(f"{song_id}\n" for song_id in ids.to_pylist()).encode()
