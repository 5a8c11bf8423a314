"""What decoding must know of a tokenizer: the tokens of digits, of a number's end, of a closing quote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from musicflamingo_cli.engines.flamingo.score_grid import ALPHABET
from musicflamingo_cli.errors import EngineError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SPACE = b" \t\r\n"
ENDINGS = (b"", b",", b"}", b"]")
"""How what follows a number in JSON begins, after white space: with nothing more, or with punctuation."""


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer beside its model's token table."""

    tokenizer: Any
    size: int
    """Rows of the model's token table; at least as many as the tokenizer has tokens."""
    end_ids: tuple[int, ...]
    """Tokens that end a reply."""

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a piece of text, without any that the tokenizer would add around it."""
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def decode(self, ids: list[int]) -> str:
        """Return the text of a reply: all before its end token. Marks such as `<think>` stay where they are."""
        kept = next((ids[:n] for n, token in enumerate(ids) if token in self.end_ids), ids)
        return str(self.tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    @cached_property
    def characters(self) -> tuple[int, ...]:
        """Token ids of the digits and the point. Raises `EngineError` if they are not single tokens."""
        found = [self.encode(character) for character in ALPHABET]
        if any(len(ids) != 1 for ids in found) or self.encode("0.85") != tuple(
            i for c in "0.85" for i in self.encode(c)
        ):
            raise EngineError(
                "this checkpoint's tokenizer does not write numbers digit by digit, which --decode json and scores "
                "need; use --decode text"
            )
        return tuple(ids[0] for ids in found)

    @cached_property
    def pieces(self) -> list[bytes]:
        """Return the bytes of every token; special and unused ones have none."""
        from tokenizers.pre_tokenizers import ByteLevel

        table = _byte_table(ByteLevel.alphabet())
        special = set(self.tokenizer.all_special_ids) | set(self.tokenizer.added_tokens_decoder)
        names = self.tokenizer.convert_ids_to_tokens(list(range(len(self.tokenizer))))
        pieces = [b"" if i in special or name is None else table(name) for i, name in enumerate(names)]
        return [*pieces, *[b""] * (self.size - len(pieces))]

    @cached_property
    def number_ends(self) -> tuple[int, ...]:
        """Token ids that can follow a number that is whole: punctuation of JSON, white space, the reply's end.

        A word after a space is none of them: `8 out of 10` and `1 / 10` state other numbers than 8 and 1.
        """
        punctuation = [i for i, piece in enumerate(self.pieces) if piece and piece.lstrip(SPACE)[:1] in ENDINGS]
        return tuple(dict.fromkeys((*punctuation, *self.end_ids)))

    def starting(self, character: str) -> NDArray[np.int32]:
        """Return the bit mask [ceil(size / 32)] of the tokens that begin with an ASCII character."""
        return self._bits(lambda piece: piece[:1] == character.encode())

    @cached_property
    def continuing(self) -> NDArray[np.int32]:
        """Return the bit mask [ceil(size / 32)] of the tokens that only go on with a UTF-8 character."""
        return self._bits(lambda piece: bool(piece) and all(0x80 <= byte < 0xC0 for byte in piece))

    def _bits(self, wanted: Callable[[bytes], bool]) -> NDArray[np.int32]:
        import numpy as np

        flags = np.zeros((self.size + 31) // 32 * 32, dtype=bool)
        flags[: self.size] = [wanted(piece) for piece in self.pieces]
        return np.packbits(flags, bitorder="little").view(np.int32)


def _byte_table(alphabet: list[str]) -> Callable[[str], bytes]:
    """Return a function from a byte-level token's name to its bytes (GPT-2's table of printable stand-ins)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    names = {chr(byte): byte for byte in plain}
    others = [byte for byte in range(256) if byte not in set(plain)]
    names |= {chr(256 + n): byte for n, byte in enumerate(others)}
    if set(alphabet) != set(names):
        raise EngineError("this checkpoint's tokenizer is not byte-level; use --decode text")

    def table(name: str) -> bytes:
        return bytes(names[c] for c in name if c in names)

    return table
