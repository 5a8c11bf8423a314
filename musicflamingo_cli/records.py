"""The records that travel: one song as data, from manifest row to table row.

Frozen dataclasses; the line under a field says what it is, its unit and its range. Nothing here does any work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from musicflamingo_cli.measures import Measures

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Status = Literal["ok", "partial", "failed", "skipped"]
FieldKind = Literal["score", "text", "number", "measure"]
EMPTY: Mapping[str, object] = {}
"""No columns; nobody writes into it."""


@dataclass(frozen=True, slots=True)
class Song:
    """A manifest row that can be listened to."""

    manifest_row: int
    """Position among the manifest's rows, from 1 (a header is no row)."""
    song_id: str
    """The id as text, unchanged."""
    audio: str
    """The audio as the manifest names it."""
    path: str
    """Where that audio is: an absolute path."""
    title: str | None = None
    columns: Mapping[str, object] = field(default_factory=dict)
    """The further columns that the prompt or ``--keep`` asked for, by name; sentinels are None."""

    @property
    def parts(self) -> tuple[Song, ...]:
        """The songs that are heard for one answer: itself, or both of a pair."""
        return (self,)


@dataclass(frozen=True, slots=True)
class SongPair(Song):
    """Two songs that are heard one after the other, for one answer. Row, audio and path are those of the first."""

    parts: tuple[Song, ...] = field(kw_only=True)
    """Both, in the order in which they are heard."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A manifest row that never reaches a worker, and why."""

    manifest_row: int
    """Position among the manifest's rows, from 1."""
    status: Literal["failed", "skipped"]
    reason: str
    """`bad_row`, `no_id` or `no_audio`."""
    error: str
    """One sentence with the line number."""
    song_id: str | None = None
    audio: str | None = None
    title: str | None = None
    columns: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer for one song."""

    stage: Literal["intake", "engine"]
    reason: str
    """A short code, for counting: `not_found`, `not_audio`, `decode_error`, `too_short`, `timeout`, ..."""
    error: str
    """One sentence for a person."""
    transient: bool = False
    """True if the same file may succeed next time (network, memory, time, an engine that died)."""


@dataclass(frozen=True, slots=True)
class PairFailure(Failure):
    """Why there is no answer for a pair, where one of its songs is to blame."""

    part: int = field(kw_only=True)
    """Which: 0 for the first, 1 for the second."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Which bytes were heard."""

    path: str
    """Absolute path at the time."""
    size: int
    """Bytes."""
    mtime_ns: int
    """Modification time, nanoseconds since the epoch."""
    sha256: str
    """Of the whole file, hexadecimal."""


CLAIMS = {"tempo": {"tempo_bpm": "float"}, "key": {"key_tonic": "str", "key_mode": "str"}}
"""Text field -> the typed columns that its text may fill where it is plain."""


@dataclass(frozen=True, slots=True)
class LoadedAudio:
    """One audio file, decoded."""

    fingerprint: Fingerprint
    audio_seconds: float
    """Length of what was decoded of the original, seconds."""
    sample_rate: int
    """Of the original, Hz."""
    channels: int
    """Of the original."""
    flags: tuple[str, ...] = ()
    """Sorted: `truncated_file`, `silent`, `clipped`, `low_sample_rate`, ..."""
    measures: Measures = Measures()
    measured: Literal["basic", "all"] = "basic"
    """Which of the measures were taken."""
    used_seconds: float | None = None
    """Seconds of it that the engine is given (0..audio_seconds)."""
    clip: NDArray[np.float32] | None = None
    """float32 [n_samples], 16 000 Hz, mono (the channels' mean without LFE); None where no samples are wanted."""

    @property
    def parts(self) -> tuple[LoadedAudio, ...]:
        """What it is of, song by song: itself, or both of a pair."""
        return (self,)


@dataclass(frozen=True, slots=True)
class LoadedPair(LoadedAudio):
    """Two audio files as one clip, with silence between them. Made by `inference.pairs.joined`."""

    parts: tuple[LoadedAudio, ...] = field(kw_only=True)
    """Both, without their clips."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a pack asks for."""

    name: str
    kind: FieldKind
    """`score` (a number in low..high that carries weight), `number`, `text`, or `measure` (taken from `Measures`)."""
    meaning: str = ""
    low: float | None = None
    high: float | None = None
    weight: float = 0.0
    """Share in the overall score; 0 for none."""
    measure: str | None = None
    """For kind `measure`: the name in `Measures`."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A prompt and what it asks for."""

    name: str
    version: str
    fields: tuple[Field, ...]
    template: str
    """The words of `prompt.md`, with `{title}`-style places."""
    system: str | None = None
    """The words of `system.md`, where the pack has one."""
    columns: tuple[str, ...] = ()
    """The manifest columns that the template names."""
    score_order: Literal["independent", "sequence"] = "independent"
    """Whether `--decode scores` judges each score on its own, or each after those before it."""
    pair: bool = False
    """True if it asks about two songs. Its one score then says which is better: `low` the first, `high` the second."""

    @property
    def unit(self) -> str:
        """What is asked one reply for, in a word: a song, or a question, of which a pair takes two."""
        return "question" if self.pair else "song"

    @property
    def asked(self) -> tuple[Field, ...]:
        """The fields that an engine must answer (measures are taken, not asked)."""
        return tuple(f for f in self.fields if f.kind != "measure")


@dataclass(frozen=True, slots=True)
class Request:
    """What an engine is given for one song."""

    song_id: str
    prompt: str
    """The rendered prompt."""
    heard: LoadedAudio
    system: str | None = None
    second_try: bool = False
    """True if an earlier reply could not be read: this one is held to the pack's schema, or else kept from repeating
    itself."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """How a model spread its belief over the values that one score could take."""

    values: tuple[float, ...]
    probabilities: tuple[float, ...]
    """As long as `values`; sums to `mass`."""
    mass: float
    """Probability that fell on valid numbers at all, 0..1."""
    written: float | None = None
    """The value that greedy decoding wrote."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What an engine said about one song, whole."""

    text: str
    finish_reason: Literal["stop", "length"] | None = "stop"
    """`length`: the token cap ended it."""
    prompt_tokens: int | None = None
    generated_tokens: int | None = None
    seconds: float = 0.0
    """The song's share of the engine's time."""
    scores: Mapping[str, Distribution] = field(default_factory=dict)
    measured: bool = False
    """True if the text holds measurements rather than a model's words."""


class FieldAnswer(NamedTuple):
    """One field of an answer, and where it came from. A named tuple: a frozen dataclass costs four times as much."""

    value: float | str | None = None
    """What the overall score uses; None if it was not stated."""
    obtained: str | None = None
    """`json`, `repaired`, `labelled`, `rescaled`, `distribution`, `measured`, `legacy`; None without a value."""
    reason: str | None = None
    """Why there is no value, e.g. `missing`, `out_of_range`."""
    written: float | None = None
    """The number as the reply states it."""
    expected: float | None = None
    """Mean of the model's own distribution over the numbers."""
    std: float | None = None
    """Standard deviation of that distribution."""
    mass: float | None = None
    """Probability that fell on numbers at all, 0..1."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was read out of a reply."""

    fields: Mapping[str, FieldAnswer]
    """By field name, every asked field, in the pack's order."""
    status: Literal["ok", "partial", "failed"]
    reason: str | None = None
    repairs: tuple[str, ...] = ()
    """The repairs that were needed, in the order applied."""
    claims: Mapping[str, float | str] = field(default_factory=dict)
    """Plain values out of the texts: `tempo_bpm`, `key_tonic`, `key_mode`."""
    words: str | None = None
    """What was said besides thinking, whole; only where words were asked for."""
    thinking: str | None = None
    """What was said while thinking; only where words were asked for."""


@dataclass(frozen=True, slots=True)
class Score:
    """The weighted score of one answer."""

    overall: float | None
    """0..1, rounded to 1e-9; None below the coverage asked for."""
    coverage: float
    """Share of the weight that was answered, 0..1."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one song: everything that its table row is made of."""

    song: Song
    heard: LoadedAudio | None = None
    reply: Reply | None = None
    answer: Answer | None = None
    score: Score | None = None
    failure: Failure | None = None
    cached: bool = False
    """True if the reply was there before this run."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How replies become scores. None of it needs the model again."""

    weights: Mapping[str, float] | None = None
    """By field name; None for the pack's own."""
    min_coverage: float = 1.0
    """Share of the weight that must be answered for an overall score, 0..1."""
    assume_scale: float | None = None
    """What every bare number counts out of, where a person says so; None leaves it on its field's own range."""
    min_number_mass: float = 0.5
    """Probability that must fall on valid numbers for a score with a distribution to count, 0..1."""
    score_from: Literal["expected", "written"] = "expected"
    """Which figure of a distribution is the score."""
    words_around: Literal["keep", "null"] = "keep"
    """`null` leaves answers null beside which a model said more than a heading or a short line."""
    words: bool = False
    """Keep the whole text of each reply, for captions."""
