"""What can be measured of an audio file, and under which version of the measures."""

from __future__ import annotations

from dataclasses import dataclass, fields


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
    treble_rise_db: float | None = None
    """How far the spectrum rises again above 3 kHz, dB: up to 10 for music, 20 and more where images fill its top."""
    steady_noise_db: float | None = None
    """Upper bound of a steady white noise, dB relative to the programme's power."""
    noise_evenness: float | None = None
    """How even the floor under the music is from 5 to 11 kHz, 0..1: 1 as of noise, 0 where it falls as music does."""
    steady_hiss: bool | None = None
    """True if an even, steady noise fills the upper end of the spectrum, so that the bound is no mere bound."""
    hum_db: float | None = None
    """Mains hum (50 or 60 Hz and harmonics), dB relative to the programme; None where none stands out."""
    rumble_db: float | None = None
    """Noise between 3 and 16 Hz (wind, turntables), dB relative to the programme."""
    lines_db: float | None = None
    """Steady narrow lines above 200 Hz (whine, buzz), dB relative to the programme; None where none stands out."""
    clicks_per_second: float | None = None
    """Ticks, lost samples and joints, per second; hi-hats and synthetic drums can make up to 2."""
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
    balance_db: float | None = None
    """Level of the first channel over the second, dB, -100..100; None for mono."""
    short_term_crest_db: float | None = None
    """Peak over RMS within 3 s, in the median, dB: 11 to 20 for music, 4 to 10 where it was clipped or limited."""
    abrupt_end: bool | None = None
    """True if the music stops without a decay."""
    old_recording: bool | None = None
    """True for mono with the light steady noise or the gentle loss of treble of old media, which are no faults."""
    change_db: float | None = None
    """How far the levels of the bands move over time, dB: 5 to 25 for music, under 2 for tones, noise, frozen sound."""
    continuity: float | None = None
    """How much the bands' levels have to do with those 0.1 to 0.2 s later, 0..1; under 0.2 where nothing goes on."""
    pitch_steadiness: float | None = None
    """How alike the partials are 256 ms later, -1..1: 0.3 to 0.8 where notes are held, lower for speech and drums."""
    sounding_share: float | None = None
    """Share of the time less than 40 dB under the loudest moment, 0..1; a few hundredths for clicks alone."""
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


MEASURE_NAMES = tuple(f.name for f in fields(Measures))
BASIC_MEASURES = (
    *("loudness_lufs", "true_peak_dbtp", "clipped_share", "silence_share", "leading_silence_seconds"),
    *("trailing_silence_seconds", "dc_offset", "loudness_range_lu", "noise_floor_dbfs", "stereo_correlation"),
    *("stereo_width", "abrupt_end"),
)
"""What is always measured; the rest is for engines that need it and for `--measure`."""
MEASURES_VERSION = "3"
"""Goes up whenever a figure would come out differently. 1 differs where there are more than two channels
(layouts) or several recordings in one file, of which it heard the first; 1 and 2 in what is not always measured."""
