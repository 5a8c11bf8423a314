"""The notation of the sample songs: written lines, chord symbols in a pattern, and drum grids, as notes in time.

Described for people who write scores in ``data/sample/README.md``.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Any

BEATS = {"w": 4.0, "h": 2.0, "q": 1.0, "e": 0.5, "s": 0.25}
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
CHORDS = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "m7": (0, 3, 7, 10),
    "dim": (0, 3, 6),
    "m7b5": (0, 3, 6, 10),
}
DRUMS = {"kick": 36, "snare": 38, "clap": 39, "hat": 42, "open": 46, "ride": 51, "crash": 49, "tambourine": 54}
DURATION = re.compile(r"([whqes])(\.?)(t?)")
PITCH = re.compile(r"([A-G])([#b]*)(-?\d)")


@dataclass(frozen=True, slots=True)
class Note:
    """One sounding note."""

    start: float
    """Beats since the beginning of the song."""
    length: float
    """Beats."""
    pitch: int
    """MIDI note number, 0..127; 60 is C4."""
    accent: int = 0
    """Added to the part's velocity."""


def pitch_class(letter: str, accidentals: str) -> int:
    return SEMITONES[letter] + accidentals.count("#") - accidentals.count("b")


def beats_of(text: str) -> float:
    match = DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"no duration: {text!r}")
    letter, dot, triplet = match.groups()
    return BEATS[letter] * (1.5 if dot else 1.0) * (2 / 3 if triplet else 1.0)


def parse_melody(text: str, meter: float, pickup: float, start: float) -> list[Note]:
    """Notes of a written line; every bar is checked against the meter, so that a slip of the pen is an error."""
    notes: list[Note] = []
    at, length = start, 1.0
    for number, bar in enumerate(text.strip().strip("|").split("|")):
        bar_start = at
        for token in bar.split():
            names, suffix = re.fullmatch(r"(.*?)([whqes]\.?t?)?", token).groups()  # type: ignore[union-attr]
            length = beats_of(suffix) if suffix else length
            if names == "-" and notes:  # a tie: the last notes last longer
                last = [note for note in notes if note.start == notes[-1].start]
                notes[-len(last) :] = [Note(n.start, n.length + length, n.pitch, n.accent) for n in last]
            elif names != "r":
                for name in names.split("+"):
                    match = PITCH.fullmatch(name)
                    if match is None:
                        raise ValueError(f"bar {number}: no note: {token!r}")
                    letter, accidentals, octave = match.groups()
                    pitch = 12 * (int(octave) + 1) + pitch_class(letter, accidentals)
                    notes.append(Note(at, length, pitch, accent_at(at - pickup, meter)))
            at += length
        expected = pickup if number == 0 and pickup and start == 0 else meter
        if abs(at - bar_start - expected) > 1e-6:
            raise ValueError(f"bar {number} has {at - bar_start:g} beats instead of {expected:g}: {bar.strip()}")
    return notes


def accent_at(beat: float, meter: float) -> int:
    if abs(beat % meter) < 1e-6:
        return 12
    return 4 if abs(beat % 1.0) < 1e-6 else -6


def chord_tones(symbol: str, low: int) -> list[int]:
    """MIDI notes of a chord symbol such as ``F#m7``, each in the octave above ``low``, ascending."""
    match = re.fullmatch(r"([A-G])([#b]?)(.*)", symbol)
    if match is None or match[3] not in CHORDS:
        raise ValueError(f"no chord: {symbol!r}")
    root = pitch_class(match[1], match[2])
    return sorted(low + (root + step - low) % 12 for step in CHORDS[match[3]])


def parse_pattern(text: str, meter: float, bar_start: float) -> list[tuple[str, float, float]]:
    """``(what, start, length)`` of a bar drawn as equal steps: ``-`` holds, ``.`` is silent."""
    step = meter / len(text)
    hits: list[tuple[str, float, float]] = []
    for index, char in enumerate(text):
        if char == "-" and hits:
            what, start, length = hits[-1]
            hits[-1] = (what, start, length + step)
        else:
            hits.append((char, bar_start + index * step, step))
    return [hit for hit in hits if hit[0] not in ".-"]


def parse_chords(part: dict[str, Any], meter: float, start: float, pickup: float) -> list[Note]:
    """Chord symbols by bar, played in a pattern (``b`` bass, ``f`` fifth, ``c`` chord, 1-4 a tone)."""
    notes: list[Note] = []
    low, bass_low = int(part.get("low", 55)), int(part.get("bass_low", 36))
    bars = [bar.split() for bar in part["chords"].strip().strip("|").split("|")]
    for number, symbols in enumerate(bars):
        bar_start = start + number * meter
        pattern = part.get("last_pattern", part["pattern"]) if number == len(bars) - 1 else part["pattern"]
        for what, at, length in parse_pattern(pattern, meter, bar_start):
            symbol = symbols[int((at - bar_start) / meter * len(symbols) + 1e-9)]
            tones = chord_tones(symbol, low)
            root = re.match(r"[A-G][#b]?", symbol)[0]  # type: ignore[index]
            bass = chord_tones(root, bass_low)
            root_pitch = next(p for p in bass if (p - pitch_class(root[0], root[1:])) % 12 == 0)
            pitches = {"b": [root_pitch], "f": [root_pitch + 7], "c": tones}.get(what) or [tones[int(what) - 1]]
            notes += [Note(at, length, pitch, accent_at(at - pickup, meter)) for pitch in pitches]
    return notes


def parse_part(part: dict[str, Any], meter: float, pickup: float) -> list[Note]:
    bar = int(part.get("start_bar", 0))
    start = pickup + bar * meter if bar or "notes" not in part else 0.0
    if "notes" in part:
        return parse_melody(part["notes"], meter, pickup, start)
    if "chords" in part:
        return parse_chords(part, meter, start, pickup)
    notes = []
    for number, (drum, pattern) in itertools.product(range(part["bars"]), part["drums"].items()):
        for what, at, length in parse_pattern(pattern, meter, start + number * meter):
            notes.append(Note(at, length, DRUMS[drum], 14 if what == "X" else 0))
    return notes
