"""Stretches of a text, and whether a place lies in one of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable


class Spans:
    """Half-open spans; those that touch or overlap are one."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(spans):
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    def hold(self, place: int) -> bool:
        """Whether one of the spans holds this place."""
        at = bisect_right(self._starts, place) - 1
        return at >= 0 and place < self._ends[at]

    def pieces(self, start: int, end: int) -> Iterable[tuple[int, int]]:
        """The parts of start..end that lie outside, in order."""
        at = bisect_right(self._ends, start)
        for low, high in zip(self._starts[at:], self._ends[at:], strict=True):
            if low >= end:
                break
            if low > start:
                yield start, low
            start = max(start, high)
        if start < end:
            yield start, end
