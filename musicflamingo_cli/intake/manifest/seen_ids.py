"""Which ids were seen before: exact in practice, in flat memory."""

from __future__ import annotations

from array import array
from hashlib import blake2b

_FIRST_SLOTS = 1 << 12
_MASK_64 = (1 << 64) - 1


class SeenIds:
    """A set of texts that keeps 128-bit digests only: 24 to 64 bytes an id.

    Open addressing in two flat arrays. Two different ids out of 10 million share a BLAKE2b digest of 128 bits with a
    probability of about 1e-25.
    """

    def __init__(self) -> None:
        self._count = 0
        self._resize(_FIRST_SLOTS)

    def __len__(self) -> int:
        return self._count

    def add(self, text: str) -> bool:
        """Remember `text` (encodable as UTF-8); False if it was there already."""
        digest = int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "little")
        # A low half of 0 marks a free slot.
        low, high = (digest & _MASK_64) or 1, digest >> 64
        if not self._insert(low, high):
            return False
        self._count += 1
        if self._count * 3 > len(self._low) * 2:
            self._grow()
        return True

    def _insert(self, low: int, high: int) -> bool:
        lows, highs, mask = self._low, self._high, self._mask
        slot = low & mask
        while found := lows[slot]:
            if found == low and highs[slot] == high:
                return False
            slot = (slot + 1) & mask
        lows[slot] = low
        highs[slot] = high
        return True

    def _resize(self, slots: int) -> None:
        self._mask = slots - 1
        self._low = array("Q", bytes(8 * slots))
        self._high = array("Q", bytes(8 * slots))

    def _grow(self) -> None:
        lows, highs = self._low, self._high
        self._resize(2 * len(lows))
        for low, high in zip(lows, highs, strict=True):
            if low:
                self._insert(low, high)
