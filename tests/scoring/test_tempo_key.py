"""Tempo and key out of the words that models use."""

from __future__ import annotations

import pytest

from musicflamingo_cli.scoring.tempo_key import key_of, tempo_bpm


@pytest.mark.parametrize(
    ("text", "bpm"),
    [
        ("around 120 BPM", 120.0),
        ("120", 120.0),
        ("120-125 BPM", None),
        ("Fast (140 bpm)", 140.0),
        ("4/4, 120 BPM", 120.0),
        ("approx. 128bpm", 128.0),
        ("♩ = 96", 96.0),
        ("Moderate, 92 beats per minute", 92.0),
        ("120.5 BPM", 120.5),
        ("BPM: 120", 120.0),
        ("between 118 and 122 BPM", None),
        ("120+ BPM", None),
        ("under 120 BPM", None),
        ("~120 BPM", 120.0),
        ("120 to 130 BPM", None),
        ("0 BPM", None),
        ("120,5 BPM", 120.5),
        ("120 BPM, half-time feel at 60 BPM", None),
        ("120 BPM (120 BPM)", 120.0),
        ("slow", None),
        ("", None),
        ("1200 BPM", None),
        ("mid-tempo 808 beat", None),
        ("about 120", 120.0),
        ("120 BPM in 6/8", 120.0),
        ("120 or 240 BPM", None),
        ("90–95", None),
        ("Tempo of 85 BPM throughout", 85.0),
        ("120bpm–130bpm", None),
        ("100 bpm then 140 bpm", None),
        ("130-BPM techno", 130.0),
        ("over 150 BPM", None),
        ("from 120 BPM to 140 BPM", None),
        ("１２０ BPM", 120.0),
        ("Allegro", None),
        ("120 BPM ± 2", None),
        ("80s feel, 110 BPM", 110.0),
        ("110 BPM, 80s feel", 110.0),
        ("120 → 140 BPM", None),
        ("120 -> 140 BPM", None),
        ("120...140 BPM", None),
        ("-120 BPM", None),
        ("starts at 80 BPM and speeds up", None),
        ("110 BPM, slows down at the end", None),
        ("rubato, around 70 BPM", None),
        ("steady 96 BPM without tempo changes", 96.0),
        ("110 BPM and it never varies", 110.0),
        ("130 BPM with chord changes, building to a climax", 130.0),
        ("80 BPM rising to about 100", None),
    ],
)
def test_tempo(text: str, bpm: float | None) -> None:
    assert tempo_bpm(text) == bpm


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("C minor", ("C", "minor")),
        ("C# minor", ("C#", "minor")),
        ("F sharp major", ("F#", "major")),
        ("B♭ major", ("Bb", "major")),
        ("A-flat major", ("Ab", "major")),
        ("Am", ("A", "minor")),
        ("Cmaj", ("C", "major")),
        ("Emin", ("E", "minor")),
        ("Dbm", ("C#", "minor")),
        ("E minor or G major", None),
        ("A major and minor mix", None),
        ("A minor with a major-key chorus", None),
        ("C", None),
        ("C minor, modulating to Eb major", None),
        ("D dorian", None),
        ("a minor", ("A", "minor")),
        ("in a minor key", None),
        ("A minor", ("A", "minor")),
        ("Key of G Major.", ("G", "major")),
        ("C#/Db major", ("C#", "major")),
        ("Bb minor", ("Bb", "minor")),
        ("B minor", ("B", "minor")),
        ("b minor", ("B", "minor")),
        ("unknown", None),
        ("", None),
        ("G major (relative E minor)", None),
        ("E major chord", None),
        ("likely F# minor", ("F#", "minor")),
        ("minor", None),
        ("AM radio", None),
        ("A Minor (natural)", ("A", "minor")),
        ("D minor, D minor", ("D", "minor")),
        ("Cb major", ("B", "major")),
        ("E# minor", ("F", "minor")),
        ("C-sharp minor", ("C#", "minor")),
        ("Eb Major", ("Eb", "major")),
        ("Gm", ("G", "minor")),
        ("the key is A minor throughout", ("A", "minor")),
        ("I am in love", None),
        ("a major hit", None),
        ("Ab", None),
        ("Abm", ("Ab", "minor")),
        ("A minor pentatonic", ("A", "minor")),
        ("F♯m", ("F#", "minor")),
        ("Bbmaj", ("Bb", "major")),
        ("D Major / B Minor", None),
        ("C MAJOR", ("C", "major")),
        ("G min.", ("G", "minor")),
        ("A minor blues", ("A", "minor")),
        ("Not C minor", None),
        ("E♭ minor", ("Eb", "minor")),
    ],
)
def test_key(text: str, key: tuple[str, str] | None) -> None:
    assert key_of(text) == key


def test_long_words_take_no_time() -> None:
    assert tempo_bpm("120 " * 100_000) is None
    assert key_of("A minor or " * 100_000) is None
