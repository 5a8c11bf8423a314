"""The records that travel: one song as data, from manifest row to table row.

Frozen dataclasses; the line under a field says what it is, its unit and its range. Nothing here does any work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

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


@dataclass(frozen=True, slots=True)
class Measures:
    """What was measured on the original, at its own rate and channels. None: not measured, or not measurable."""

    loudness_lufs: float | None = None
    """Integrated loudness, LUFS (ITU-R BS.1770-4)."""
    true_peak_dbtp: float | None = None
    """True peak, dBTP (4x oversampled)."""
    clipped_share: float | None = None
    """Share of the samples that lie in flat runs at the waveform's ceiling, 0..1."""
    silence_share: float | None = None
    """Share of the time in silence, 0..1."""
    leading_silence_seconds: float | None = None
    trailing_silence_seconds: float | None = None
    dc_offset: float | None = None
    """Mean of the samples, largest over the channels by magnitude, full scale = 1."""
    loudness_range_lu: float | None = None
    """Loudness range, LU (EBU Tech 3342)."""
    bandwidth_hz: float | None = None
    """Effective bandwidth, Hz: where the long-term spectrum falls away for good."""
    mean_bandwidth_hz: float | None = None
    """The same frequency, taken moment by moment and averaged, Hz: codecs drop their upper bands now and then."""
    band_edge_db_per_octave: float | None = None
    """How steeply the spectrum ends there; None where it reaches half the sample rate."""
    band_edge_flatness_db: float | None = None
    """How densely the half octave below that is filled, dB: 0 for a flat spectrum, -15 and less for lone tones."""
    noise_floor_dbfs: float | None = None
    """Level of the quietest moments, dBFS."""
    steady_noise_db: float | None = None
    """Upper bound of a steady white noise, dB relative to the programme's power."""
    steady_hiss: bool | None = None
    """True if an even, steady noise fills the upper end of the spectrum, so that the bound is no mere bound."""
    hum_db: float | None = None
    """Mains hum (50 or 60 Hz and harmonics), dB relative to the programme; None where none stands out."""
    dropouts_per_minute: float | None = None
    """Gaps of 2 to 500 ms with sound right before and after, per minute."""
    dropout_share: float | None = None
    """Their share of the time, 0..1."""
    stereo_correlation: float | None = None
    """Left with right, -1..1; None for mono."""
    bass_correlation: float | None = None
    """The same between 20 and 300 Hz, where sound stereo music is in phase."""
    stereo_width: float | None = None
    """Side energy over mid plus side energy, 0..1; None for mono."""
    abrupt_end: bool | None = None
    """True if the music stops without a decay."""
    old_recording: bool | None = None
    """True for mono with the light steady noise or the gentle loss of treble of old media, which are no faults."""
    onset_rate_hz: float | None = None
    """Onsets per second."""
    spectral_entropy: float | None = None
    """How evenly sound is spread over the frequency bands at each moment, 0..1."""
    pitch_entropy: float | None = None
    """How evenly sound is spread over the twelve pitch classes, 0..1."""
    tempo_bpm: float | None = None
    tempo_confidence: float | None = None
    """0..1."""
    key_tonic: str | None = None
    """C, C#, D, Eb, E, F, F#, G, Ab, A, Bb or B."""
    key_mode: str | None = None
    """`major` or `minor`."""
    key_confidence: float | None = None
    """0..1."""


CLAIMS = {"tempo": {"tempo_bpm": "float"}, "key": {"key_tonic": "str", "key_mode": "str"}}
"""Text field -> the typed columns that its text may fill where it is plain."""
MEASURE_NAMES = tuple(f.name for f in fields(Measures))
BASIC_MEASURES = (
    *("loudness_lufs", "true_peak_dbtp", "clipped_share", "silence_share", "leading_silence_seconds"),
    *("trailing_silence_seconds", "dc_offset", "loudness_range_lu", "noise_floor_dbfs", "stereo_correlation"),
    *("stereo_width", "abrupt_end"),
)
"""What is always measured; the rest is for engines that need it and for `--measure`."""
MEASURES_VERSION = "2"
"""Goes up whenever a figure would come out differently. 1 differs where there are more than two channels
(layouts) or several recordings in one file, of which it heard the first."""


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
class Tick:
    """How far a run is."""

    stage: Literal["loading", "listening", "writing"]
    """The engine is made ready; songs are heard and answered; the table is written."""
    done: int
    """Songs (loading, listening) or rows (writing) that are finished."""
    total: int
    cached: int = 0
    """Of them, served from the cache."""
    failed: int = 0
    audio_seconds: float = 0.0
    """Audio heard in this run, seconds."""
    tokens: int = 0
    """Tokens generated in this run."""
    left_seconds: float | None = None
    """Time that the stage still takes; infinite while nobody can know; None where the rate so far tells it."""
    model: str | None = None
    """What is being loaded."""

    def plus(self, cached: bool, failed: bool, audio_seconds: float, tokens: int) -> Tick:
        """Return the tick after one more song."""
        return replace(
            self,
            done=self.done + 1,
            cached=self.cached + cached,
            failed=self.failed + failed,
            audio_seconds=self.audio_seconds + audio_seconds,
            tokens=self.tokens + tokens,
        )


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


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told how it goes, and how a batch is kept from being cut short."""

    on_tick: Callable[[Tick], None] = lambda tick: None
    """Told after every song and every row."""
    say: Callable[[str], None] = lambda text: None
    """Writes a line for a person."""
    holding: Callable[[str], AbstractContextManager[None]] = lambda what: nullcontext()
    """A block that a polite stop waits for."""
