"""Loading one audio file: from a path to a clip, measures and flags, or the reason why not.

Judged by content, never by name. Whatever the file is, the answer is a value: nothing here raises because of it. Run
in a decode worker (`intake.audio.pool`), which adds the limits on time and memory and survives a decoder's death.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from musicflamingo_cli.errors import EngineError
from musicflamingo_cli.extras import install_command
from musicflamingo_cli.intake.audio.chains import parts_of
from musicflamingo_cli.intake.audio.clip import CLIP_RATE, Clip, Head, Samples
from musicflamingo_cli.intake.audio.fingerprint import (
    check_unchanged,
    fingerprint,
    open_regular,
    same_file,
    take_fingerprint,
)
from musicflamingo_cli.intake.audio.formats import AudioFormat, Library, sniff
from musicflamingo_cli.intake.audio.header_length import is_ogg_cut, is_short, promised_frames
from musicflamingo_cli.intake.audio.reader import Reader
from musicflamingo_cli.intake.audio.reader_av import AvReader
from musicflamingo_cli.intake.audio.reader_chain import ChainReader
from musicflamingo_cli.intake.audio.reader_soundfile import SoundfileReader
from musicflamingo_cli.intake.audio.settings import MEASURED_SECONDS, AudioPlan
from musicflamingo_cli.intake.reasons import IntakeError, fail
from musicflamingo_cli.measures import Measures
from musicflamingo_cli.records import Failure, Fingerprint, LoadedAudio

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["AudioPlan", "fingerprint", "load_audio", "same_file"]

MEASURED_BYTES = 512 << 20
"""And at most this much of them, as float32 at the original rate."""
MIDDLE_SECONDS = 7200.0
"""The middle of a longer file is sought in its first two hours."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What one reader got out of a file."""

    clip: NDArray[np.float32] | None
    head: NDArray[np.float32]
    samples: Samples
    frames: int
    """Length of the whole, what lay beyond the limits included."""
    promised: float | None
    """What the header promises of that."""
    damaged: int
    """Places where the decoder stumbled and went on."""
    broke_off: bool
    """True if the decoder's last word was an error."""
    sample_rate: int
    channels: int
    layout: tuple[str, ...] | None
    """The loudspeaker of every channel, or None where the file does not tell."""
    converted: bool
    """True if parts of another rate or with other channels were brought to those of the first."""

    @property
    def short(self) -> bool:
        """True if clearly less came than was promised."""
        return self.promised is not None and is_short(self.frames, self.promised, self.sample_rate)


def load_audio(path: str, plan: AudioPlan) -> LoadedAudio | Failure:
    """Decode one local file.

    Args:
        path: an absolute path; symbolic links to regular files are followed.
        plan: what is wanted.

    Returns:
        LoadedAudio, with the clip where the plan asks for one; or a Failure of stage `intake` whose reason is a key of
        `reasons.REASONS`.

    Raises:
        EngineError: a library of the `signal` extra is missing. Never because of the file.
    """
    try:
        with open_regular(path) as (fd, status):
            form = sniff(fd, status.st_size)
            if form is None:
                raise IntakeError("not_audio", "the content is no audio format that is known here")
            print_ = take_fingerprint(path, fd, status)
            loaded = _loaded(fd, form, print_, plan)
            check_unchanged(fd, status)
            return loaded
    except IntakeError as error:
        return error.failure
    except MemoryError:
        return fail("out_of_memory", "decoding this file needs more memory than the limit")
    except ImportError as error:
        raise EngineError(f"audio can't be decoded: {error}: {install_command('signal')}") from error
    except OSError as error:
        return fail("read_error", f"the file could not be read: {error.strerror or error}")
    except Exception as error:
        return fail("decode_error", f"the decoder gave up: {type(error).__name__}: {error}"[:500])


def _loaded(fd: int, form: AudioFormat, print_: Fingerprint, plan: AudioPlan) -> LoadedAudio:
    from musicflamingo_cli.measure import measure

    best = listen(fd, form, plan)
    seconds = best.frames / best.sample_rate
    if seconds <= plan.min_seconds:
        raise IntakeError("too_short", f"{seconds:.3f} s of sound; more than {plan.min_seconds:g} s are needed")
    if best.samples.not_finite == best.samples.values:
        raise IntakeError("non_finite", "no sample is a finite number that a recording can hold")
    measures = measure(best.head, best.sample_rate, plan.measures, best.layout)
    used = best.clip.size / CLIP_RATE if best.clip is not None else len(best.head) / best.sample_rate
    return LoadedAudio(
        fingerprint=print_,
        audio_seconds=seconds,
        sample_rate=best.sample_rate,
        channels=best.channels,
        flags=_flags(best, measures, form.demuxer == "ogg" and is_ogg_cut(fd)),
        measures=measures,
        measured=plan.measures,
        used_seconds=min(used, seconds),
        clip=best.clip,
    )


def expected_seconds(path: str) -> float | None:
    """Return about how many seconds of audio a file holds, or None if its header doesn't tell. Decodes nothing."""
    try:
        with open_regular(path) as (fd, status):
            form = sniff(fd, status.st_size)
            if form is None:
                return None
            with closing(_open(form.libraries[0], fd, form)) as reader:
                return reader.expected / reader.sample_rate if reader.expected else None
    except (IntakeError, ImportError, OSError, MemoryError, ValueError):
        return None


def listen(fd: int, form: AudioFormat, plan: AudioPlan) -> Pass:
    """Read with the better library; if it met damage or found nothing, also with the other; keep what is longer."""
    parts = parts_of(fd, form)
    best: Pass | None = None
    failure: IntakeError | None = None
    for library in form.libraries:
        try:
            heard = _listen_with(library, fd, parts, plan)
        except IntakeError as error:
            failure = failure or error
            continue
        if best is None or heard.samples.frames > best.samples.frames:
            best = heard
        if best.samples.frames and not (best.damaged or best.broke_off):
            break
    if best is None:
        assert failure is not None  # noqa: S101
        raise failure
    return best


def _listen_with(
    library: Library, fd: int, parts: list[AudioFormat], plan: AudioPlan, length: int | None = None
) -> Pass:
    """Read one file with one library; `length` is its length in frames where an earlier reading has told it."""
    from musicflamingo_cli.measure.layouts import mono_weights, positions

    def open_part(form: AudioFormat) -> Reader:  # What this library does not know goes to its own.
        return _open(library if library in form.libraries else form.libraries[0], fd, form)

    with closing(open_part(parts[0]) if len(parts) == 1 else ChainReader(fd, parts, open_part)) as reader:
        rate = reader.sample_rate
        samples = Samples(reader.channels)
        measured = int(MEASURED_SECONDS * rate)
        head = Head(reader.channels, min(measured, MEASURED_BYTES // (4 * reader.channels)), reader.expected)
        start, stop = _window(plan, rate, length or reader.expected)
        weights = mono_weights(positions(reader.channels, reader.layout))
        clip = Clip(rate, start, stop, weights) if plan.clip else None
        beyond = 0
        for block in reader.blocks():
            clean = samples.clean(block)
            head.add(clean)
            if clip is not None:
                clip.add(clean)
            if samples.frames >= max(measured, stop):
                beyond = reader.rest()
                break
        frames = samples.frames + beyond
        promised = promised_frames(reader, fd, parts[0], frames) if len(parts) == 1 else reader.promised
    if length is None and abs(_window(plan, rate, frames)[0] - start) > rate:
        return _listen_with(library, fd, parts, plan, frames)  # The middle was not where the header said.
    return Pass(
        clip.finish() if clip is not None else None, head.samples, samples, frames, promised,
        reader.damaged, reader.broke_off, rate, reader.channels, reader.layout, reader.converted,
    )  # fmt: skip


def _open(library: Library, fd: int, form: AudioFormat) -> Reader:
    """Raises `IntakeError` with the reason why this library can't, and MemoryError where headers ask for too much."""
    return SoundfileReader(fd, form) if library == "soundfile" else AvReader(fd, form)


def _window(plan: AudioPlan, rate: int, length: int | None) -> tuple[int, int]:
    """First frame of the clip, and the first one behind it."""
    wanted = max(1, int(plan.max_clip_seconds * rate))
    if plan.placement == "head" or not plan.clip or length is None:
        return 0, wanted
    start = max(0, (min(length, int(MIDDLE_SECONDS * rate)) - wanted) // 2)
    return start, start + wanted


def _flags(heard: Pass, measures: Measures, is_cut: bool) -> tuple[str, ...]:
    """Everything odd about a file that can be heard all the same; the meanings are in `reasons.FLAGS`."""
    samples, rate = heard.samples, heard.sample_rate
    is_silent = samples.peak <= 10 ** (-70 / 20)
    is_one_sided = heard.channels == 2 and samples.energy.min() <= 1e-4 * samples.energy.max()
    decoded = min(samples.frames, int(MEASURED_SECONDS * rate))
    raised = {
        "assumed_layout": heard.layout is None and heard.channels > 2,
        "clipped": (measures.clipped_share or 0.0) > 1e-3,
        "decode_errors": heard.damaged > 0,
        "long_audio": heard.frames > MEASURED_SECONDS * rate,
        "low_sample_rate": rate < CLIP_RATE,
        "measured_head": len(heard.head) < decoded,
        "mixed_formats": heard.converted,
        "mostly_silent": not is_silent and (measures.silence_share or 0.0) > 0.5,
        "non_finite_samples": samples.not_finite > 0,
        "over_full_scale": samples.peak > 4.0,
        "old_recording": measures.old_recording is True and (measures.loudness_lufs or 0.0) >= -40.0,
        "one_sided": not is_silent and is_one_sided,
        "out_of_phase": (measures.stereo_correlation or 0.0) < -0.5,
        "silent": is_silent,
        "truncated_file": heard.short or heard.broke_off or is_cut,
        "very_quiet": not is_silent and measures.loudness_lufs is not None and measures.loudness_lufs < -40.0,
    }
    return tuple(sorted(name for name, is_raised in raised.items() if is_raised))
