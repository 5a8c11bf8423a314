"""What can be measured on the samples themselves. Pure functions; numpy, scipy and soxr only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import soxr

from musicflamingo_cli.measure import (
    bandwidth,
    clicks,
    clipping,
    dropouts,
    hum,
    key,
    layouts,
    levels,
    lines,
    loudness,
    movement,
    noise,
    rumble,
    spectrum,
    tempo,
)
from musicflamingo_cli.measure.recording import Recording
from musicflamingo_cli.measures import MEASURES_VERSION, Measures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["MEASURES_VERSION", "measure"]

MONO_CORRELATION = 0.98
"""Two channels that are closer than this count as mono."""
OLD_NOISE_DB = (-62.0, -32.0)
"""The light hiss of old media, relative to the programme."""
OLD_EDGE_DB_PER_OCTAVE = 38.0
TELEPHONE_DB = 16.0
"""How far bass and treble of a telephone lie under the band of speech, per Hz."""
LEAST_TOP_HZ = 6500.0
OLD_BANDWIDTH_HZ = 16_000.0
"""Old microphones and media lose their treble below this, more gently than the line above says."""


def measure(
    samples: NDArray[np.float32],
    sample_rate: int,
    level: Literal["basic", "all"],
    layout: Sequence[str] | None = None,
) -> Measures:
    """Measure one recording at its own rate and channels.

    Args:
        samples: float32 [n_frames, n_channels], finite, full scale = 1; at least one frame and one channel.
        sample_rate: Hz, 4000..768000.
        level: `basic` takes the cheap figures only; `all` adds spectrum, damage, tempo and key.
        layout: the loudspeaker of every channel, by FFmpeg's names; None for what so many channels are taken for.

    Returns:
        Finite figures, or None where something can't be measured: too short, silent, mono. Of more than two channels
        the loudest two, but no LFE, are taken for what `all` adds.
    """
    names = layouts.positions(samples.shape[1], layout)
    taken = levels.levels(samples, sample_rate)
    tenths = loudness.tenths(samples, sample_rate, layouts.loudness_weights(names))
    peak = loudness.true_peak(samples, sample_rate)
    share, leading, trailing = levels.silence(taken)
    correlation, width = levels.stereo(taken)
    figures: dict[str, float | bool | str | None] = {
        "loudness_lufs": loudness.integrated_loudness(tenths),
        "true_peak_dbtp": float(levels.decibels(peak**2)) if peak > 1e-10 else None,
        "clipped_share": clipping.clipped_share(samples, sample_rate),
        "silence_share": share,
        "leading_silence_seconds": leading,
        "trailing_silence_seconds": trailing,
        "dc_offset": float(taken.mean[np.abs(taken.mean).argmax()]),
        "loudness_range_lu": loudness.loudness_range(tenths),
        "noise_floor_dbfs": levels.noise_floor(taken),
        "stereo_correlation": correlation,
        "stereo_width": width,
        "abrupt_end": levels.abrupt_end(taken),
    }
    if level == "all" and share < 1:
        heard = np.flatnonzero(layouts.mono_weights(names))
        loudest = np.sort(heard[np.argsort(-taken.power[heard], kind="stable")[:2]])
        channels = [samples[:, int(channel)] for channel in loudest]
        recording = Recording(channels, sample_rate, taken.peak, opposed=(correlation or 0.0) < 0)
        figures |= _closer(recording, taken, correlation, share)
    return Measures(**figures)  # type: ignore[arg-type]


def _closer(
    recording: Recording, taken: levels.Levels, correlation: float | None, silence_share: float
) -> dict[str, float | bool | str | None]:
    """Measure what `all` adds."""
    channels, peak = recording.channels, recording.peak
    picture = spectrum.spectrogram(channels, recording.sample_rate, peak)
    steady = noise.steady_noise(picture, peak)
    highest, mean_highest = bandwidth.bandwidth(picture, peak, steady.hiss if steady else None)
    slope = bandwidth.edge_slope(picture, peak)
    gaps, gap_share = dropouts.dropouts(channels, recording.sample_rate, float(np.sort(taken.power)[-2:].mean()))
    waves: list[NDArray[np.float32]] = [_slow(wave, recording.sample_rate, peak) for wave in channels]
    mixed = waves[0]
    if len(waves) > 1:
        mixed = mixed - waves[1] if recording.opposed else mixed + waves[1]
    moves = movement.movement(picture, mixed, key.RATE, taken)
    onsets = tempo.onset_strength(picture)
    begins = tempo.onset_rate(onsets, picture.frame_seconds)
    bpm, bpm_confidence = tempo.tempo(onsets, picture.frame_seconds) if begins > 0 else (None, None)
    pitches = key.chroma(mixed, key.RATE)
    tonic, mode, key_confidence = key.key(pitches, mixed.size / key.RATE * (1 - silence_share))
    return {
        "balance_db": levels.balance(taken),
        "short_term_crest_db": levels.short_term_crest(taken),
        "bandwidth_hz": highest,
        "mean_bandwidth_hz": mean_highest,
        "band_edge_db_per_octave": slope,
        "band_edge_flatness_db": bandwidth.edge_flatness(picture, highest) if highest else None,
        "treble_rise_db": bandwidth.treble_rise(picture),
        "steady_noise_db": steady.level_db if steady else None,
        "noise_evenness": steady.evenness if steady else None,
        "steady_hiss": steady is not None and steady.hiss is not None,
        "hum_db": max((h for wave in waves if (h := hum.hum(wave, key.RATE)) is not None), default=None),
        "rumble_db": rumble.rumble(mixed, key.RATE),
        "lines_db": lines.lines(recording),
        "clicks_per_second": clicks.clicks(recording),
        "dropouts_per_minute": gaps,
        "dropout_share": gap_share,
        "bass_correlation": picture.bass_correlation,
        "old_recording": (len(channels) == 1 or (correlation or 0.0) > MONO_CORRELATION)
        and not _is_telephone(picture)
        and (_hisses(steady) or _is_dull(slope, highest)),
        "change_db": moves.change_db if moves else None,
        "continuity": moves.continuity if moves else None,
        "pitch_steadiness": moves.pitch_steadiness if moves else None,
        "sounding_share": moves.sounding_share if moves else None,
        "onset_rate_hz": begins,
        "spectral_entropy": spectrum.spectral_entropy(picture),
        "pitch_entropy": key.pitch_entropy(pitches) if pitches.any() else None,
        "tempo_bpm": bpm,
        "tempo_confidence": bpm_confidence,
        "key_tonic": tonic,
        "key_mode": mode,
        "key_confidence": key_confidence,
    }


def _slow(wave: NDArray[np.float32], sample_rate: int, peak: float) -> NDArray[np.float32]:
    """One channel at 8 kHz, scaled by 1 / `peak`."""
    stream = soxr.ResampleStream(sample_rate, key.RATE, 1, dtype="float32", quality="MQ")
    blocks = []
    for start, stop in loudness.spans(wave.size, 1):
        block = (wave[start:stop] * np.float64(1 / peak)).astype(np.float32)
        blocks.append(stream.resample_chunk(block, last=stop == wave.size))
    return np.concatenate(blocks)


def _is_telephone(picture: spectrum.Spectrogram) -> bool:
    """Whether neither bass nor treble is there, as behind a telephone or an AM radio; old media have one of them."""
    if picture.edges_hz[-1] < LEAST_TOP_HZ:
        return True
    _, mean, _ = spectrum.band_levels(picture)
    bass, voice, treble = (
        float(levels.decibels(mean[(picture.centres_hz > low) & (picture.centres_hz < high)]).mean())
        for low, high in ((40, 160), (300, 2500), (4500, 6500))
    )
    return voice - max(bass, treble) > TELEPHONE_DB


def _hisses(steady: noise.Noise | None) -> bool:
    """Whether there is the light hiss of old media."""
    return steady is not None and steady.hiss is not None and OLD_NOISE_DB[0] < steady.level_db < OLD_NOISE_DB[1]


def _is_dull(slope: float | None, bandwidth: float | None) -> bool:
    """Whether the treble is lost gently, as by an old microphone."""
    return slope is not None and slope < OLD_EDGE_DB_PER_OCTAVE and (bandwidth or 0.0) < OLD_BANDWIDTH_HZ
