"""What the members of an object say of its scale: `"max": 10`, `"range": [0, 10]`, `"unit": "%"`, `"scale": "1-5"`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.keys import read_key
from musicflamingo_cli.scoring.nodes import Arr, Bare, Obj
from musicflamingo_cli.scoring.notes import UNCLEAR, stated_scale
from musicflamingo_cli.scoring.scales import NO_SCALE, Scale
from musicflamingo_cli.scoring.stated_scales import said_scale

_TOPS = frozenset(
    """outof max maxscore maximum maximumscore maxvalue scoremax denominator maxpossible maxrating scalemax 满分 満点
    notamáxima notamaxima notemaximale puntuaciónmáxima maxpoints maximumrating maxpossiblescore ratingmax
    rangemax scoresoutof ratingsoutof totalpoints bestscore maximumpoints possiblescore totalpossible bestrating
    highestpossible scoreoutof""".split()  # noqa: SIM905
)
_OWN_TOPS = frozenset("best top upper ceiling highest limit possible total base high of over upperbound".split())  # noqa: SIM905
"""Tops only in the object of one field: beside several, `total` is their sum."""
_BOTTOMS = frozenset(
    """min minimum minscore minimumscore minvalue scoremin scalemin minrating worstrating""".split()  # noqa: SIM905
)
_OWN_BOTTOMS = frozenset("worst lowest lower floor low lowerbound".split())  # noqa: SIM905
_NOTES = frozenset(
    """scale ratingsystem scaleused scoresscale ratingsscale scoringsystem scaledescription legend scoring escala
    échelle echelle skala scala 评分范围 评分标准 分制 scoringscale ratingscale scorescale scorerange range scalerange
    valuerange ratingrange""".split()  # noqa: SIM905
)
_OWN_NOTES = frozenset(("unit", "units", "scoreunit"))
_REMARKS = frozenset(
    """explanation details info about note notes comment comments remark remarks legend disclaimer methodology
    method""".split()  # noqa: SIM905
)
"""Beside the fields, what may say in words on which scale they are."""
_NEUTRAL = frozenset(
    ("", "null", "none", "n/a", "score", "rating", "ratio", "float", "number", "decimal", "numeric", "normalized")
)
_BESIDE = frozenset("unit units scoretype scoreunit scoreformat format type".split())  # noqa: SIM905
"""Beside the fields, what states a unit where it names one."""
_UNIT = re.compile(r"\s*(?:%|percent\w*|/\s?\d+|stars?|points?|out of \d+)\s*", re.IGNORECASE)
_HOLD_SCALES = frozenset("meta metadata info scaleinfo scoring".split())  # noqa: SIM905
_SAYS_SCALE = re.compile(
    r"(?<![\w.])\d+(?:\.\d+)?\s{0,3}(?:-|–|—|,|to\b|/|\.\.)\s{0,3}\d|\bout of\b|满分|満点|%|\bpercent|/\s{0,2}\d",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"\s*\d+(?:\.0+)?\s*")


def is_bound(key: str) -> bool:
    """Whether a member of a field's own object speaks of the scale."""
    joined = read_key(key).joined
    return any(joined in names for names in (_TOPS, _OWN_TOPS, _BOTTOMS, _OWN_BOTTOMS, _NOTES, _OWN_NOTES))


def scale_notes(pairs: Iterable[tuple[str, object]], own: bool, prefix: str = "") -> tuple[str, ...]:
    """The notes on the scale among an object's members, as words such as `out of 10`, `0-10`, `scale` (can't be told).

    Args:
        pairs: The object's members.
        own: True for the object of one field, where every such member counts; beside several fields only plain ones do.
        prefix: A field's joined name that precedes such a member's own name, as in `production_quality_max`.
    """
    tops: list[str] = []
    bottoms: list[str] = []
    notes: list[str] = []
    for key, value in pairs:
        joined = read_key(key).joined
        if not joined.startswith(prefix):
            continue
        joined = joined[len(prefix) :]
        if joined in _TOPS or (own and joined in _OWN_TOPS):
            tops.extend(_number(value, own))
        elif joined in _BOTTOMS or (own and joined in _OWN_BOTTOMS):
            bottoms.extend(_number(value, own))
        elif joined in _NOTES or (own and joined in _OWN_NOTES):
            notes.extend(_note(value, own))
        elif not own and joined in _BESIDE and isinstance(value, str) and _UNIT.fullmatch(value):
            notes.append(value.strip() if re.search(r"%|percent|\d", value, re.IGNORECASE) else "scale")
        elif not own and joined in _HOLD_SCALES and isinstance(value, Obj):
            notes.extend(scale_notes(value.pairs, own=False))
        elif not own and joined in _REMARKS and isinstance(value, str) and (said := said_scale(value)):
            notes.append(said)
    if tops:
        notes = [note for note in notes if note != "scale" or (own and re.search(r"\d", note))]
        notes += [f"{bottom}-{top}" for top in tops for bottom in bottoms or ["0"]]
    elif any(float(bottom) != 0 for bottom in bottoms if bottom != "scale") or "scale" in bottoms:
        notes.append("scale")
    return tuple(dict.fromkeys("scale" if "scale" in note else note for note in notes))


def _number(value: object, own: bool) -> list[str]:
    text = value.raw if isinstance(value, Bare) else value if isinstance(value, str) else ""
    if value is None or text.strip().lower() in ("null", "none"):
        return []
    if _WHOLE.fullmatch(text) and (own or float(text) >= 1 or float(text) == 0):
        return [text.strip()]
    if own and re.fullmatch(r"\s*-?\d+(?:\.\d+)?\s*", text):
        return [text.strip()]
    return ["scale"] if own else []


def _note(value: object, own: bool) -> list[str]:
    if isinstance(value, Obj):
        return list(scale_notes(value.pairs, True)) or (["scale"] if own else [])
    if isinstance(value, Arr | list):
        items = value.items if isinstance(value, Arr) else value
        ends = [item.raw.strip() for item in items[:3] if isinstance(item, Bare)]
        return [f"{ends[0]}-{ends[1]}"] if len(items) == len(ends) == 2 else ["scale"] if own or ends else []
    text = value.raw if isinstance(value, Bare) else value if isinstance(value, str) else ""
    text = text.strip()[:80]
    if text.lower() in _NEUTRAL or value is None:
        return []
    if _WHOLE.fullmatch(text):
        return [f"out of {text}"]
    if own:
        return [text] if re.search(r"\d|%|percent", text) else ["scale"]
    return [text] if _SAYS_SCALE.search(text) else []


def scale_from(notes: Sequence[str], field: Field) -> Scale:
    """The one scale that these notes state; unclear where they differ."""
    stated = {stated_scale(note, field) for note in notes}
    stated = stated - {NO_SCALE} or stated
    return NO_SCALE if not stated else stated.pop() if len(stated) == 1 else UNCLEAR
