"""Characters that look like ASCII ones: full-width and Arabic digits, the minus sign, ideographic stops."""

from __future__ import annotations

_FOLDED = str.maketrans(
    {
        **{chr(0xFF01 + i): chr(0x21 + i) for i in range(94)},
        **{chr(0x660 + i): chr(0x30 + i) for i in range(10)},
        **{chr(0x6F0 + i): chr(0x30 + i) for i in range(10)},
        **dict.fromkeys(map(chr, (0x2028, 0x2029, 0x85)), "\n"),
        **{"\u2212": "-", "\ufe63": "-", "\u3002": ".", "\u3001": ",", "\u066b": "."},
    }
)


def fold(text: str) -> str:
    """The same text, character for character, with look-alikes of ASCII as ASCII."""
    return text if text.isascii() else text.translate(_FOLDED)
