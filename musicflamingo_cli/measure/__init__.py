"""What can be measured on the samples themselves. Pure functions; numpy, scipy and soxr only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import soxr

from musicflamingo_cli.measure import clipping, damage, hum, key, levels, loudness, spectrum, tempo
from musicflamingo_cli.records import MEASURES_VERSION, Measures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["MEASURES_VERSION", "measure"]

MONO_CORRELATION = 0.98
OLD_NOISE_DB = (-62.0, -32.0)
OLD_EDGE_DB_PER_OCTAVE = 38.0
OLD_BANDWIDTH_HZ = 16_000.0


def measure(samples: NDArray[np.float32], sample_rate: int, level: Literal["basic", "all"]) -> Measures:
    """Measure one recording at its own rate and channels.

    Args:
        samples: float32 [n_frames, n_channels], finite, full scale = 1; at least one frame and one channel.
        sample_rate: Hz, 4000..768000.
        level: `basic` takes the cheap figures only; `all` adds spectrum, damage, tempo and key.

    Returns:
        Finite figures, or None where something can't be measured: too short, silent, mono. Of more than two channels
        the loudest two are taken for what `all` adds.
    """
    taken = levels.levels(samples, sample_rate)
    tenths = loudness.tenths(samples, sample_rate)
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
        loudest = np.sort(np.argsort(-taken.power, kind="stable")[:2])
        channels = [samples[:, int(channel)] for channel in loudest]
        figures |= _closer(channels, sample_rate, taken, correlation, share)
    return Measures(**figures)  # type: ignore[arg-type]


def _closer(
    channels: Sequence[NDArray[np.float32]],
    sample_rate: int,
    taken: levels.Levels,
    correlation: float | None,
    silence_share: float,
) -> dict[str, float | bool | str | None]:
    """Measure what `all` adds, on one or two waves of the same length."""
    picture = spectrum.spectrogram(channels, sample_rate, taken.peak)
    bandwidth, mean_bandwidth = damage.bandwidth(picture, taken.peak)
    slope = damage.edge_slope(picture, taken.peak)
    noise = damage.steady_noise(picture, taken.peak)
    gaps, gap_share = damage.dropouts(channels, sample_rate, float(np.sort(taken.power)[-2:].mean()))
    slow = _slow(channels, sample_rate, taken.peak, -1 if (correlation or 0.0) < 0 else 1)
    onsets = tempo.onset_strength(picture)
    bpm, bpm_confidence = tempo.tempo(onsets, picture.frame_seconds)
    pitches = key.chroma(slow, key.RATE)
    tonic, mode, key_confidence = key.key(pitches, slow.size / key.RATE * (1 - silence_share))
    return {
        "bandwidth_hz": bandwidth,
        "mean_bandwidth_hz": mean_bandwidth,
        "band_edge_db_per_octave": slope,
        "band_edge_flatness_db": damage.edge_flatness(picture, bandwidth) if bandwidth else None,
        "steady_noise_db": noise,
        "hum_db": hum.hum(slow, key.RATE),
        "dropouts_per_minute": gaps,
        "dropout_share": gap_share,
        "bass_correlation": picture.bass_correlation,
        "old_recording": _old(len(channels) == 1 or (correlation or 0.0) > MONO_CORRELATION, noise, slope, bandwidth),
        "onset_rate_hz": tempo.onset_rate(onsets, picture.frame_seconds),
        "spectral_entropy": damage.spectral_entropy(picture),
        "pitch_entropy": key.pitch_entropy(pitches) if pitches.any() else None,
        "tempo_bpm": bpm,
        "tempo_confidence": bpm_confidence,
        "key_tonic": tonic,
        "key_mode": mode,
        "key_confidence": key_confidence,
    }


def _slow(
    channels: Sequence[NDArray[np.float32]], sample_rate: int, peak: float, sign: int
) -> NDArray[np.float32]:
    """Mono at 8 kHz, loudest sample about 1; the channels are subtracted where they are out of phase."""
    stream = soxr.ResampleStream(sample_rate, key.RATE, 1, dtype="float32", quality="MQ")
    scale = np.float64(1 / (peak * len(channels)))
    blocks = []
    for start, stop in loudness.spans(channels[0].size, 1):
        block = channels[0][start:stop] * scale
        if len(channels) > 1:
            block = block + channels[1][start:stop] * (scale * sign)
        blocks.append(stream.resample_chunk(block.astype(np.float32), last=stop == channels[0].size))
    return np.concatenate(blocks)


def _old(mono: bool, noise: float | None, slope: float | None, bandwidth: float | None) -> bool:
    """Whether this sounds like an old but sound recording: mono, and light hiss or a gentle loss of treble."""
    if not mono:
        return False
    hiss = noise is not None and OLD_NOISE_DB[0] < noise < OLD_NOISE_DB[1] and slope is None
    dull = slope is not None and slope < OLD_EDGE_DB_PER_OCTAVE and (bandwidth or 0.0) < OLD_BANDWIDTH_HZ
    return hiss or dull
