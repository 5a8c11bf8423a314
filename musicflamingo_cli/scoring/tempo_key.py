"""Tempo and key out of the words of a model, where they are plain; where they are not, the words stay and the typed
value is None."""

from __future__ import annotations

import re
from functools import lru_cache

from musicflamingo_cli.scoring.folding import fold

SLOWEST, FASTEST = 20.0, 400.0
"""Beats per minute; outside of this it is no tempo."""
_MAX_CHARS = 4000
_TEXTS = 512
"""How many texts are remembered with what they state: there are some 200 tempos and 24 keys, and models repeat them."""
_NUMBER = r"\d{1,4}(?:[.,]\d{1,3})?"
_BPM = r"(?:bpm|b\.p\.m\.?|beats?[\s-]{1,3}per[\s-]{1,3}min(?:ute)?)"
_RANGE = re.compile(
    rf"(?<![:\d]){_NUMBER}\s{{0,3}}(?:{_BPM})?\s{{0,3}}(?:->|=>|→|-|‐|‑|–|—|~|/|&|;|…|\.{{2,3}}|\bto\b|\bor\b|\band\b"
    rf"|\bthrough\b|\bbis\b|,?\s{{0,3}}\b(?:maybe|perhaps|possibly|alternatively)\b)\s{{0,3}}(?:about\s"
    rf"|around\s)?{_NUMBER}",
    re.IGNORECASE,
)
_METRE = re.compile(r"(?<![\d/])\d{1,2}/\d{1,2}(?![\d/])(?!\s?bpm)", re.IGNORECASE)
_WITH_UNIT = re.compile(rf"(?<![\w.,/:])({_NUMBER})\s{{0,3}}-?{_BPM}(?![a-z])", re.IGNORECASE)
_AFTER_UNIT = re.compile(
    rf"{_BPM}\s{{0,3}}\)?\s{{0,3}}(?:[:=]|is|of|at)?\s{{0,3}}(?:about|around|approximately|approx\.?|circa|ca\."
    rf"|close\s+to|roughly|~"
    rf"|≈)?\s{{0,3}}({_NUMBER})(?![\d.,]*\d)",
    re.IGNORECASE,
)
_NOTE_EQUALS = re.compile(
    rf"(?:[♩♪𝅘𝅥]|\bquarter(?:[\s-]note)?|\bcrotchet|\bM\.?\s?M\.?)\s{{0,3}}(?:=|≈)\s{{0,3}}({_NUMBER})", re.IGNORECASE
)
_ALONE = re.compile(
    rf"\s*(?:about|around|approximately|approx\.?|roughly|circa|ca\.|~|≈)?\s*({_NUMBER})\s*\.?\s*", re.IGNORECASE
)
_COMPARED = re.compile(
    rf"(?:[<>≤≥±+]|\b(?:below|under|above|over|less than|more than|faster than|slower than|at least|at most|up to|not"
    rf"|between|from|half|double|shy\s+of|not\s+quite|exceed\w*|beyond|upwards?\s+of|(?:north|south)\s+of"
    rf"|in\s+excess\s+of"
    r"|by|shifts?|difference\s+of|(?:is|was|are)n['’]t|nowhere\s+near|anything\s+but|lacks?\s+an?|no\s+clear"
    r"|neither|third\s+of"
    rf"|(?:twice|half|as)\s+as\s+\w+\s+as|[\d.]+\s?[x×*]|max(?:imum)?|min(?:imum)?"
    rf"|nearly)\b)\s{{0,3}}(?:of\s)?{_NUMBER}"
    rf"|{_NUMBER}\s{{0,2}}(?:\+|±|plus\b)"
    rf"|{_BPM}\s{{0,2}}(?:or (?:more|less|so faster|higher|lower|above|below|faster|slower)|and (?:above|up"
    rf"|below|over|under)"
    r"|max\b|min\b|until\b|then\b|\?|plus\b|minus\b|faster\b|slower\b|higher\b|lower\b|is\s+too\b|x\s?\d|[×*]\s?\d|\+)"
    rf"|(?:^|[\s(])[-−]{_NUMBER}\s?(?:{_BPM}|\s*\Z)|\b(?:twice|thrice)\s{_NUMBER}|(?<![/\d:])\d{{2,3}}(?:,\s"
    rf"|\s?\|\s?)\d{{2,3}}\s{{0,3}}{_BPM}"
    rf"|(?<!\d)\d{{1,2}}\s\d{{1,3}}\s{{0,3}}{_BPM}|{_NUMBER}\s?\?",
    re.IGNORECASE,
)
_STEADY = re.compile(
    r"\b(?:no|not|never|without|does(?:n't| not)|hardly)\s(?:\w{1,12}\s){0,2}(?:chang|var[iy]|fluctuat|shift)\w*",
    re.IGNORECASE,
)
_CHANGE = r"(?:chang|var[iy]|fluctuat|shift|increas|decreas)\w*"
_CHANGING = re.compile(
    r"\b(?:speed(?:s|ing)? up|slow(?:s|ing)? down|accelerat\w*|decelerat\w*|accelerando|ritard\w*|rubato"
    rf"|(?:tempo|speed|(?<![0-9] )(?<![0-9])bpm),? (?:\w{{1,12}} ){{0,2}}{_CHANGE}"
    rf"|{_CHANGE} (?:in |of |the )*(?:tempo|speed|bpm)"
    r"|(?:peak|climb|reach|top)\w{0,3} (?:out )?(?:at |to )?\d|\band \d{2,3} (?:in|for|during|at) the\b"
    r"|(?:start|begin|end)(?:s|ing|ning)? (?:at|with|from|out)"
    r"|(?:ris|ramp|build|drop|mov|chang|shift|increas|decreas|slow)\w{0,4} (?:up |down )?to \D{0,12}\d)",
    re.IGNORECASE,
)

_SEMITONES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_ACCIDENTALS = {"#": 1, "♯": 1, "sharp": 1, "b": -1, "♭": -1, "flat": -1}
_KEY = re.compile(
    r"(?<![A-Za-z#♯♭])([A-Ga-g])(?:[ -]?(♯|♭|#|sharp\b|flat\b)|[ ]?(b)(?=[\s-]|m\b|maj|min|/))?"
    r"(?:[ \t-]{0,2}/[ \t]{0,2}([A-G])(?:[ -]?(♯|♭|#|sharp\b|flat\b)|(b)(?=[\s-]))?)?"
    r"(?:[\s-]{1,3}(?:natural[\s-]{1,3})?(major|minor|maj|min)\b|(maj|min|m)(?![A-Za-z\d]))(\.)?",
    re.IGNORECASE,
)
_OTHER_MODE = re.compile(
    r"\b(?:dorian|phrygian|lydian|mixolydian|locrian|atonal|microtonal|chromatic|whole[- ]tone|octatonic|unclear"
    r"|uncertain|ambiguous|unknown|modulat\w*|shift\w*|changes?|changing|moves?|moving|then|or|between|relative"
    r"|parallel"
    r"|not|neither|isn['’]t|hardly|avoids?|far\s+from|anything\s+but|no\s+longer|chord\s+of|semitones?|(?:half"
    r"|whole)[ -](?:a[ -])?(?:step|tone)s?|dominant|subdominant|capo|shapes?"
    r"|raised|lowered|transposed|while"
    r"|whereas|above|below)\b|[?]",
    re.IGNORECASE,
)
_BOTH_MODES = re.compile(
    r"\bmin(?:or)?\s{0,2}/\s{0,2}maj|\bmaj(?:or)?\s{0,2}/\s{0,2}min|[A-G][#b♯♭]?\s{0,2}(?:→|->)"
    r"|\bmajor\b.*\bminor\b|\bminor\b.*\bmajor\b",
    re.IGNORECASE | re.DOTALL,
)
_STEADY_KEY = re.compile(
    r"\b(?:no|not|never|without|nor|does(?:n't| not))\s(?:\w{1,12}\s){0,2}?(?:modulat|chang|shift"
    r"|mov)\w*",
    re.IGNORECASE,
)
_NEXT_CHORD = re.compile(
    r"\s{0,3}(?:->|→|[-–—,|/]|\s)\s{0,3}[A-G](?:[#♯♭b])?(?:m|maj|min|dim|sus\d?|add\d)?\d{0,2}(?![\w'])"
)
_AFTER_KEY = re.compile(
    r"\s{0,3}(?:\Z|[^\w\s]|\n|(?:key|tonality|tonal|scale|throughout|with|and|in|at|for|natural|harmonic|melodic"
    r"|blues|pentatonic|tuning|overall"
    r"|mostly|from|as|is|the)\b)",
    re.IGNORECASE,
)
"""What follows a key, so that the `A` before it is no article."""
_CHORDS = re.compile(
    r"\s{0,3}(?:chords?|triads?|7|7th|6th|sixth|seventh|9|scale degree|third|progression|add\d{0,2}|thirds"
    r"|second|interval)\b",
    re.IGNORECASE,
)


def tempo_bpm(text: str) -> float | None:
    """The one tempo that a description states, in beats per minute.

    ``around 120 BPM`` gives 120; a range, two tempos, one that changes, a comparison (``over 120 BPM``) and words alone
    give None.
    """
    return _tempo_bpm(text[:_MAX_CHARS])


@lru_cache(_TEXTS)
def _tempo_bpm(text: str) -> float | None:
    text = _METRE.sub(" ", fold(text))
    if _RANGE.search(text) or _COMPARED.search(text) or _CHANGING.search(_STEADY.sub(" ", text)):
        return None
    found = [m.group(1) for pattern in (_WITH_UNIT, _AFTER_UNIT, _NOTE_EQUALS) for m in pattern.finditer(text)]
    alone = _ALONE.fullmatch(text)
    if not found and alone is not None:
        found = [alone.group(1)]
    values = {_beats(number) for number in found}
    if len(values) != 1:
        return None
    return values.pop()


def _beats(number: str) -> float | None:
    whole, _, fraction = number.replace(",", ".").partition(".")
    if len(fraction) == 3 and "," in number:
        return None
    value = float(f"{whole}.{fraction or 0}")
    return value if SLOWEST <= value <= FASTEST else None


def key_of(text: str) -> tuple[str, str] | None:
    """The one key that a description states, as tonic and mode.

    ``A minor`` gives ``("A", "minor")``, ``Db major`` gives ``("C#", "major")``: the tonic is one of C, C#, D, Eb, E,
    F, F#, G, Ab, A, Bb, B. Two keys, a modulation, another mode and a tonic without a mode give None.
    """
    return _key_of(text[:_MAX_CHARS])


@lru_cache(_TEXTS)
def _key_of(text: str) -> tuple[str, str] | None:
    text = _STEADY_KEY.sub(" ", fold(text))
    keys: set[tuple[str, str]] = set()
    for found in _KEY.finditer(text):
        if _CHORDS.match(text, found.end()) or _is_article(text, found):
            continue
        if found.group(8) and _NEXT_CHORD.match(text, found.end()):
            return None
        key = _key(found)
        if key is None:
            return None
        keys.add(key)
    if len(keys) != 1 or _OTHER_MODE.search(text) or _BOTH_MODES.search(text):
        return None
    return keys.pop()


def _is_article(text: str, found: re.Match[str]) -> bool:
    """Whether the letter is the word in "in a minor key", or `m` no mode but a name in capitals such as `AM radio`."""
    letter, mode = found.group(1), found.group(7) or found.group(8)
    if mode in ("M", "MIN", "MAJ") and found.group(8):
        return mode == "M"
    plain = found.group(2) is None and found.group(3) is None
    if (
        letter == "A"
        and plain
        and mode.islower()
        and not text[: found.start()].rstrip(" \"'*_(").rpartition(".")[2].strip()
    ):
        return _AFTER_KEY.match(text, found.end()) is None
    if letter != "a" or not plain:
        return found.group(8) == "m" and letter.islower()
    around = text[: found.start()] + text[found.end() :]
    return found.group(8) is not None or bool(around.strip(" \"'*_:.,;()"))


def _key(found: re.Match[str]) -> tuple[str, str] | None:
    tonic = _tonic(found.group(1), found.group(2) or found.group(3))
    if found.group(4) and _tonic(found.group(4), found.group(5) or found.group(6)) != tonic:
        return None
    mode = (found.group(7) or found.group(8)).lower()
    return tonic, "major" if mode.startswith("maj") else "minor"


def _tonic(letter: str, accidental: str | None) -> str:
    return _TONICS[(_SEMITONES[letter.lower()] + _ACCIDENTALS.get((accidental or "").lower(), 0)) % 12]
