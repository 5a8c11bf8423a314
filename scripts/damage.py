"""Kinds of damage to recordings, by degrees, and changes that are none: what `bench_signal.py` puts before `signal`."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray
from scipy import signal

Wave = NDArray[np.float32]
"""[n_frames, n_channels], full scale = 1."""
Make = Callable[[Wave, int, float, np.random.Generator], NDArray[Any]]
"""From a wave, its rate, an amount and a source of chance to the damaged wave."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of damage."""

    make: Make
    audible: tuple[float, ...]
    """Amounts that listeners hear, mild to strong."""
    inaudible: tuple[float, ...] = ()
    """Amounts that nobody should be able to tell."""


def rms(wave: NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))


def _gain(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def _add(wave: Wave, noise: NDArray[Any], decibels: float) -> NDArray[Any]:
    """Add a disturbance so many dB under the programme (0: as loud as it)."""
    return wave + noise / rms(noise) * rms(wave) * _gain(decibels)


def _coloured(shape: tuple[int, ...], exponent: float, rate: int, rng: np.random.Generator) -> NDArray[Any]:
    """Noise whose power falls by `exponent` times 3 dB an octave, from 20 Hz up."""
    spectrum = np.fft.rfft(rng.standard_normal(shape), axis=0)
    hertz = np.fft.rfftfreq(shape[0], 1 / rate)
    return np.fft.irfft(spectrum * (np.maximum(hertz, 20) ** (-exponent / 2))[:, None], shape[0], axis=0)


def clip(wave: Wave, rate: int, over: float, rng: np.random.Generator) -> NDArray[Any]:
    """Clip what lies within `over` dB of the peak."""
    ceiling = np.abs(wave).max() * _gain(-over)
    return np.clip(wave, -ceiling, ceiling)


def clip_resampled(wave: Wave, rate: int, over: float, rng: np.random.Generator) -> NDArray[Any]:
    """The same, then to 48 kHz (or from it) and back: nothing is flat any more."""
    clipped = clip(wave, rate, over, rng).astype(np.float32)
    other = 48_000 if rate != 48_000 else 44_100
    return np.resize(soxr.resample(soxr.resample(clipped, rate, other), other, rate), wave.shape)


def soft_clip(wave: Wave, rate: int, drive: float, rng: np.random.Generator) -> NDArray[Any]:
    peak = np.abs(wave).max()
    return np.tanh(wave / peak * _gain(drive)) * peak


def limit(wave: Wave, rate: int, gain: float, rng: np.random.Generator) -> NDArray[Any]:
    """A look-ahead limiter of 3 ms, driven by `gain` dB."""
    peak = np.abs(wave).max()
    loud = wave * _gain(gain)
    reach = int(0.003 * rate) * 2 + 1
    envelope = np.maximum(np.abs(loud).max(axis=1), 1e-9)
    held = np.lib.stride_tricks.sliding_window_view(np.pad(envelope, reach // 2), reach).max(axis=1)
    down = np.convolve(np.minimum(1, peak / held), np.hanning(reach) / np.hanning(reach).sum(), mode="same")
    return np.clip(loud * down[:, None], -peak, peak)


def pump(wave: Wave, rate: int, ratio: float, rng: np.random.Generator) -> NDArray[Any]:
    """A compressor that lets go in 300 ms."""
    envelope = np.sqrt(signal.lfilter([1 / (0.01 * rate)], [1, 1 / (0.01 * rate) - 1], (wave**2).mean(axis=1)))
    slow = np.maximum(signal.lfilter([1 / (0.3 * rate)], [1, 1 / (0.3 * rate) - 1], envelope), envelope * 0.1) + 1e-6
    return wave * ((slow / rms(wave)) ** (1 / ratio - 1))[:, None]


def quantise(wave: Wave, rate: int, bits: float, rng: np.random.Generator) -> NDArray[Any]:
    return np.round(wave * 2 ** (bits - 1)) / 2 ** (bits - 1)


def downsample(wave: Wave, rate: int, to: float, rng: np.random.Generator) -> NDArray[Any]:
    return np.resize(soxr.resample(soxr.resample(wave, rate, to), to, rate), wave.shape)


def low_pass(wave: Wave, rate: int, cutoff: float, rng: np.random.Generator) -> NDArray[Any]:
    return signal.sosfiltfilt(signal.butter(4, cutoff, fs=rate, output="sos"), wave, axis=0)


def band_pass(wave: Wave, rate: int, cutoff: float, rng: np.random.Generator) -> NDArray[Any]:
    """As AM radio and telephones do: from 300 Hz to `cutoff`, 4th order, mono."""
    sections = signal.butter(4, [300, cutoff], "band", fs=rate, output="sos")
    return np.repeat(signal.sosfilt(sections, wave.mean(axis=1, keepdims=True), axis=0), wave.shape[1], axis=1)


def bass_cut(wave: Wave, rate: int, cutoff: float, rng: np.random.Generator) -> NDArray[Any]:
    return signal.sosfilt(signal.butter(4, cutoff, "high", fs=rate, output="sos"), wave, axis=0)


def white_noise(wave: Wave, rate: int, decibels: float, rng: np.random.Generator) -> NDArray[Any]:
    return _add(wave, rng.standard_normal(wave.shape), decibels)


def pink_noise(wave: Wave, rate: int, decibels: float, rng: np.random.Generator) -> NDArray[Any]:
    return _add(wave, _coloured(wave.shape, 1, rate, rng), decibels)


def wind(wave: Wave, rate: int, decibels: float, rng: np.random.Generator) -> NDArray[Any]:
    """Noise below some 200 Hz that comes in gusts."""
    noise = signal.sosfilt(signal.butter(2, 150, fs=rate, output="sos"), _coloured(wave.shape, 2, rate, rng), axis=0)
    gusts = np.interp(np.arange(len(wave)), np.linspace(0, len(wave), 24), rng.uniform(0.2, 1, 24))
    return _add(wave, noise * gusts[:, None], decibels)


def _tones(wave: Wave, rate: int, hertz: NDArray[Any], amplitudes: NDArray[Any], decibels: float) -> NDArray[Any]:
    seconds = np.arange(len(wave)) / rate
    tone = sum(a * np.sin(2 * np.pi * f * seconds + f) for f, a in zip(hertz, amplitudes, strict=True))
    return _add(wave, np.repeat(np.asarray(tone)[:, None], wave.shape[1], axis=1), decibels)


def hum(wave: Wave, rate: int, decibels: float, rng: np.random.Generator) -> NDArray[Any]:
    return _tones(wave, rate, 50.0 * np.arange(1, 6), np.array([1, 0.5, 0.3, 0.2, 0.1]), decibels)


def buzz(wave: Wave, rate: int, decibels: float, rng: np.random.Generator) -> NDArray[Any]:
    return _tones(wave, rate, 100.0 * np.arange(1, 31), np.arange(1, 31) ** -0.5, decibels)


def whine(wave: Wave, rate: int, decibels: float, rng: np.random.Generator) -> NDArray[Any]:
    return _tones(wave, rate, np.array([8000.0]), np.ones(1), decibels)


def comb_peaks(wave: Wave, rate: int, decibels: float, rng: np.random.Generator) -> NDArray[Any]:
    """Lines at multiples of a 64th of the rate, as the upsampling layers of music generators leave them."""
    return _tones(wave, rate, rate / 64 * np.arange(1, 31), np.arange(1, 31) ** -0.5, decibels)


def images(wave: Wave, rate: int, decibels: float, rng: np.random.Generator) -> NDArray[Any]:
    """The lower half of the spectrum mirrored into the upper one, as upsampling without a filter does."""
    half = soxr.resample(wave, rate, rate / 2)
    stuffed = np.zeros((2 * len(half), wave.shape[1]))
    stuffed[::2] = 2 * half
    upper = signal.sosfilt(signal.butter(12, rate / 4, "high", fs=rate, output="sos"), stuffed, axis=0)
    return downsample(wave, rate, rate / 2, rng) + np.resize(upper, wave.shape) * _gain(decibels)


def hold(wave: Wave, rate: int, count: float, rng: np.random.Generator) -> NDArray[Any]:
    """Hold every so-manieth sample."""
    return np.repeat(wave[:: int(count)], int(count), axis=0)[: len(wave)]


def anti_phase(wave: Wave, rate: int, share: float, rng: np.random.Generator) -> NDArray[Any]:
    """Turn the second channel round, wholly or in part."""
    damaged = wave.copy()
    damaged[:, -1] *= 1 - 2 * share
    return damaged


def one_channel(wave: Wave, rate: int, decibels: float, rng: np.random.Generator) -> NDArray[Any]:
    damaged = wave.copy()
    damaged[:, -1] *= _gain(decibels)
    return damaged


def comb_mono(wave: Wave, rate: int, milliseconds: float, rng: np.random.Generator) -> NDArray[Any]:
    """Both channels mixed to one, and that with itself a little later."""
    mono, later = wave.mean(axis=1, keepdims=True), int(milliseconds * rate / 1000)
    return np.repeat((mono + np.concatenate((np.zeros((later, 1)), mono[:-later]))) / 2, wave.shape[1], axis=1)


def _places(wave: Wave, rate: int, per_second: float, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.sort(rng.integers(rate // 10, len(wave) - rate // 10, max(1, round(per_second * len(wave) / rate))))


def crackle(wave: Wave, rate: int, per_second: float, rng: np.random.Generator) -> NDArray[Any]:
    """Ticks of 0.1 to 1 ms, up to half the peak."""
    damaged, peak = wave.copy(), np.abs(wave).max()
    for at in _places(wave, rate, per_second, rng):
        tick = np.exp(-np.arange(int(rate * 0.002)) / (rate * rng.uniform(0.0001, 0.0005)))
        damaged[at : at + len(tick)] += (tick * rng.uniform(0.1, 0.5) * peak * rng.choice((-1, 1)))[:, None]
    return damaged


def lost_samples(wave: Wave, rate: int, per_second: float, rng: np.random.Generator) -> NDArray[Any]:
    """Cut out 2 to 10 ms, and join the ends."""
    kept = np.ones(len(wave), bool)
    for at in _places(wave, rate, per_second, rng):
        kept[at : at + int(rate * rng.uniform(0.002, 0.01))] = False
    return wave[kept]


def concealed(wave: Wave, rate: int, per_second: float, rng: np.random.Generator) -> NDArray[Any]:
    """Repeat the 20 ms before a lost packet in its place."""
    damaged, size = wave.copy(), rate // 50
    for at in _places(wave, rate, per_second, rng):
        damaged[at : at + size] = damaged[at - size : at]
    return damaged


def stutter(wave: Wave, rate: int, per_second: float, rng: np.random.Generator) -> NDArray[Any]:
    """Repeat 60 ms three times."""
    damaged, size = wave.copy(), rate * 6 // 100
    for at in _places(wave[: -4 * size], rate, per_second, rng):
        damaged[at : at + 3 * size] = np.tile(wave[at - size : at], (3, 1))[: len(damaged) - at]
    return damaged


def dropouts(wave: Wave, rate: int, per_minute: float, rng: np.random.Generator) -> NDArray[Any]:
    """Silence stretches of 15 to 60 ms."""
    damaged = wave.copy()
    for at in _places(wave, rate, per_minute / 60, rng):
        damaged[at : at + int(rate * rng.uniform(0.015, 0.06))] = 0
    return damaged


def faded_dropouts(wave: Wave, rate: int, per_minute: float, rng: np.random.Generator) -> NDArray[Any]:
    """As of worn tape: 60 ms, 30 dB down, with soft edges."""
    level, size = np.ones(len(wave)), int(0.06 * rate)
    dip = 1 - (1 - _gain(-30)) * signal.windows.tukey(size, 0.4)
    for at in _places(wave, rate, per_minute / 60, rng):
        level[at : at + size] = np.minimum(level[at : at + size], dip[: len(level) - at])
    return wave * level[:, None]


def wobble(wave: Wave, rate: int, percent: float, rng: np.random.Generator, hertz: float = 0.7) -> NDArray[Any]:
    """Wow: a speed that swings by so many per cent."""
    seconds = np.arange(len(wave)) / rate
    at = seconds + percent / 100 / (2 * np.pi * hertz) * np.sin(2 * np.pi * hertz * seconds)
    return np.stack([np.interp(at, seconds, channel) for channel in wave.T], axis=1)


def flutter(wave: Wave, rate: int, percent: float, rng: np.random.Generator) -> NDArray[Any]:
    return wobble(wave, rate, percent, rng, 9.0)


def reverberate(wave: Wave, rate: int, seconds: float, rng: np.random.Generator) -> NDArray[Any]:
    length = np.arange(int(seconds * rate)) / rate
    tail = rng.standard_normal((len(length), wave.shape[1])) * (10 ** (-3 * length / seconds))[:, None]
    wet = signal.oaconvolve(wave, tail / np.sqrt((tail**2).sum(axis=0)), axes=0)[: len(wave)]
    return 0.5 * wave + 0.5 * wet


ENCODERS = {"mp3": ("libmp3lame", "mp3"), "aac": ("aac", "adts"), "opus": ("libopus", "ogg")}


def code(wave: Wave, rate: int, codec: str, kilobits: float) -> Wave:
    """Encode with a codec of `ENCODERS` and decode again, at the wave's own rate and length."""
    encoder, container_format = ENCODERS[codec]
    coded_rate = 48_000 if codec == "opus" else rate
    source = wave if coded_rate == rate else soxr.resample(wave, rate, coded_rate)
    layout = "mono" if wave.shape[1] == 1 else "stereo"
    file = io.BytesIO()
    with av.open(file, "w", format=container_format) as container:
        stream: Any = container.add_stream(encoder, rate=coded_rate)
        stream.bit_rate, stream.layout = int(kilobits * 1000), layout
        fifo = av.AudioFifo()
        planar = np.ascontiguousarray(source.T if codec != "opus" else source.reshape(1, -1), dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(planar, format="flt" if codec == "opus" else "fltp", layout=layout)
        frame.sample_rate, frame.time_base = coded_rate, Fraction(1, coded_rate)
        fifo.write(frame)
        while (block := fifo.read(960 if codec == "opus" else stream.codec_context.frame_size or 1152)) is not None:
            container.mux(stream.encode(block))
        if (block := fifo.read()) is not None:
            container.mux(stream.encode(block))
        container.mux(stream.encode(None))
    file.seek(0)
    if codec == "aac":
        with av.open(file) as container:
            blocks = [frame.to_ndarray() for frame in container.decode(audio=0)]
        decoded = np.concatenate(blocks, axis=1).T
    else:
        decoded, _ = sf.read(file, dtype="float32", always_2d=True)
    if coded_rate != rate:
        decoded = soxr.resample(decoded, coded_rate, rate)
    return np.ascontiguousarray(decoded[: len(wave)], dtype=np.float32)


KINDS: Mapping[str, Kind] = {
    "clipping, dB": Kind(clip, (6, 12)),
    "clipping, resampled": Kind(clip_resampled, (6, 12)),
    "soft clipping, dB": Kind(soft_clip, (10, 20)),
    "limiter, dB": Kind(limit, (10, 18)),
    "pumping, ratio": Kind(pump, (3, 10)),
    "bits": Kind(quantise, (8, 5), (14,)),
    "resampled, Hz": Kind(downsample, (16_000, 8000), (36_000,)),
    "low-pass, Hz": Kind(low_pass, (8000, 4000), (17_000,)),
    "radio band, Hz": Kind(band_pass, (5000, 3400)),
    "bass cut, Hz": Kind(bass_cut, (200, 600)),
    "white noise, dB": Kind(white_noise, (-35, -20), (-60,)),
    "pink noise, dB": Kind(pink_noise, (-30, -16), (-55,)),
    "wind, dB": Kind(wind, (-6, 3)),
    "hum, dB": Kind(hum, (-28, -20), (-55,)),
    "buzz, dB": Kind(buzz, (-36, -26)),
    "whine, dB": Kind(whine, (-40, -30)),
    "comb peaks, dB": Kind(comb_peaks, (-40, -30)),
    "images, dB": Kind(images, (-12, 0)),
    "held samples": Kind(hold, (3, 6)),
    "anti-phase": Kind(anti_phase, (0.8, 1.0)),
    "one channel, dB": Kind(one_channel, (-14, -60)),
    "comb filter, ms": Kind(comb_mono, (1, 5)),
    "crackle /s": Kind(crackle, (10, 60)),
    "lost samples /s": Kind(lost_samples, (4, 12)),
    "concealed loss /s": Kind(concealed, (2, 10)),
    "stutter /s": Kind(stutter, (0.3, 1.5)),
    "dropouts /min": Kind(dropouts, (18, 90)),
    "faded dropouts /min": Kind(faded_dropouts, (18, 90)),
    "wow, %": Kind(wobble, (1, 3)),
    "flutter, %": Kind(flutter, (0.5, 1.5)),
    "reverb, s": Kind(reverberate, (1.5, 4)),
    "MP3, kbit/s": Kind(lambda wave, rate, kilobits, rng: code(wave, rate, "mp3", kilobits), (80, 48), (192,)),
    "AAC, kbit/s": Kind(lambda wave, rate, kilobits, rng: code(wave, rate, "aac", kilobits), (64, 40), (160,)),
    "Opus, kbit/s": Kind(lambda wave, rate, kilobits, rng: code(wave, rate, "opus", kilobits), (24, 14), (128,)),
}
CODINGS: Mapping[str, tuple[str, int] | None] = {
    "FLAC": None,
    "MP3 192": ("mp3", 192),
    "MP3 128": ("mp3", 128),
    "AAC 128": ("aac", 128),
    "Opus 64": ("opus", 64),
}
"""How clean and damaged twin alike are coded before they are measured."""


def _all_pass(wave: Wave, rate: int, rng: np.random.Generator) -> NDArray[Any]:
    return signal.lfilter([-0.6, 1], [1, -0.6], wave, axis=0)


def _equalise(wave: Wave, rate: int, rng: np.random.Generator) -> NDArray[Any]:
    """1.5 dB more at 1 kHz, an octave wide."""
    bell = signal.sosfilt(signal.butter(1, [700, 1400], "band", fs=rate, output="sos"), wave, axis=0)
    return wave + bell * (_gain(1.5) - 1)


HARMLESS: Mapping[str, Callable[[Wave, int, np.random.Generator], NDArray[Any]]] = {
    "gain -6 dB": lambda wave, rate, rng: wave * np.float32(0.5),
    "gain -20 dB, 16 bit": lambda wave, rate, rng: np.round(wave * 3276.7) / 32768,
    "mono": lambda wave, rate, rng: wave.mean(axis=1, keepdims=True),
    "sides swapped": lambda wave, rate, rng: wave[:, ::-1],
    "48 kHz": lambda wave, rate, rng: downsample(wave, rate, 48_000 if rate != 48_000 else 44_100, rng),
    "all-pass": _all_pass,
    "0.3 s cut off": lambda wave, rate, rng: wave[int(0.3 * rate) :],
    "EQ +1.5 dB": _equalise,
    "MP3 320": lambda wave, rate, rng: code(wave, rate, "mp3", 320),
}
