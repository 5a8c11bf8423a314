"""The signal engine: scores from measurements alone, without a model.

`production_quality` is what is left of 1 after every fault that can be measured took its share:
quality = product of (1 - loss), and each loss is a column of the table. It only grows with its measure and is
relative to the programme, so that loudness is no merit and no fault. Loudness, true peak, DC, mono and the length of
silence at the ends are reported and cost nothing; neither does the light steady noise or the gentle loss of treble of
an old mono recording.

`production_complexity` is the mean of how often something begins, how evenly the spectrum and the pitch classes
are filled, and how wide the stereo image is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from musicflamingo_cli.engines.base import Engine
from musicflamingo_cli.measures import MEASURES_VERSION, Measures
from musicflamingo_cli.records import Failure, LoadedAudio, PairFailure, Reply, Request

VERSION = "2"
"""Goes up whenever a mapping would give another score for the same measures."""
JUDGED_FROM_SECONDS = 1.0
"""Shorter sounds get no score."""
FULL_BANDWIDTH_HZ = 18_500.0
"""More bandwidth than adults hear is no merit."""
MOST_NOISE = 0.85
LEAST_CHANGE_DB = 2.5
"""Noise reaches 1.3, a loop of half a second 1.5; music starts at 5."""
LEAST_ENTROPY = 0.02
"""One band at a time: a tone that glides. Music starts at 0.3."""
LEAST_SOUNDING = 0.06
MUSICAL_CLICKS = 2.0
"""A second; drums and hi-hats make as many."""
LEAST_CONTINUITY, LEAST_BEAT = 0.2, 0.3
"""Pieces of 50 ms in any order; a fast beat has as little continuity, and a confidence of tempo over 0.5."""
SPEECH_CHANGE_DB, SPEECH_STEADINESS, SPEECH_BEAT = 20.0, 0.33, 0.4
"""Speech changes far (pauses, consonants), holds no pitch and has no beat."""
MONO_FROM = (0.97, 0.99)
"""Stereo correlation from which two channels begin to count as one, and fully do."""


def technical_scores(measures: Measures) -> dict[str, float | None]:
    """Map measures to `production_quality` and `production_complexity`, 0..1, None where they can't be judged.

    With the quality stands what each fault took from it, 0..1, as `loss_<fault>`. A measure that is None costs nothing
    in quality. Complexity needs all of its parts. All are None for silence, and for what is no music.
    """
    found = {f"loss_{name}": round(loss, 4) for name, loss in losses(measures).items()}
    if measures.loudness_lufs is None or measures.mean_bandwidth_hz is None or not_music(measures):
        return {"production_quality": None, "production_complexity": None, **dict.fromkeys(found)}
    quality = math.prod(1 - loss for loss in found.values())
    return {"production_quality": round(quality, 4), "production_complexity": _complexity(measures), **found}


def not_music(measures: Measures) -> str | None:
    """Say why a sound is no music; None where it is, or where it was too short to tell (under 5 s)."""
    change, entropy, beat = measures.change_db, measures.spectral_entropy, measures.tempo_confidence or 0.0
    steadiness, continuity = measures.pitch_steadiness, measures.continuity
    if change is None or steadiness is None or continuity is None:
        return None
    if change < LEAST_CHANGE_DB:
        return "nothing changes: a tone, a noise or frozen sound"
    if entropy is not None and entropy < LEAST_ENTROPY:
        return "one gliding tone"
    if (measures.sounding_share or 0.0) < LEAST_SOUNDING:
        return "clicks with nothing between them"
    joints = (measures.clicks_per_second or 0.0) > MUSICAL_CLICKS
    if joints and continuity < LEAST_CONTINUITY and beat < LEAST_BEAT:
        return "nothing lasts for 0.1 s, no beat holds, and there are joints: shuffled pieces or speech"
    if change > SPEECH_CHANGE_DB and steadiness < SPEECH_STEADINESS and beat < SPEECH_BEAT:
        return "no pitch and no beat holds: speech"
    return None


def losses(measures: Measures) -> dict[str, float]:
    """What each fault takes away, 0..1, by name; 0 where it was not measured."""
    mono = 1.0
    if measures.stereo_correlation is not None:
        mono = _ramp(measures.stereo_correlation, *MONO_FROM)
    return {
        "clipping": _clipping(measures.clipped_share),
        "limiting": _limiting(measures.short_term_crest_db),
        "bandwidth": _bandwidth(measures, mono),
        "images": 0.5 * _ramp(measures.treble_rise_db or 0.0, 14.0, 26.0),
        "noise": _noise(measures),
        "rumble": 0.5 * _ramp(_or(measures.rumble_db, -100.0), -17.0, -5.0),
        "hum": _hum(measures.hum_db),
        "lines": _lines(measures.lines_db),
        "clicks": _clicks(measures.clicks_per_second),
        "dropouts": _dropouts(measures.dropouts_per_minute, measures.dropout_share),
        "balance": 0.5 * _ramp(abs(measures.balance_db or 0.0), 5.0, 15.0),
        "phase": _phase(measures.stereo_correlation, measures.bass_correlation),
        "silence": 0.5 * _ramp(measures.silence_share or 0.0, 0.3, 0.9),
    }


def _clipping(share: float | None) -> float:
    """0.07 at 0.01 % of the samples, 0.2 at 0.1 %, 0.49 at 1 %, 0.8 at 10 %: the first clips are the worst."""
    return 0.85 * (1 - math.exp(-math.sqrt((share or 0.0) / 0.014)))


def _limiting(crest_db: float | None) -> float:
    """Half of 0.7 at 7.3 dB; 0.05 at 11 dB, the least of music that nobody clipped, and 0.01 at 13 dB."""
    return 0.0 if crest_db is None else _logistic(-crest_db, -7.3, 1.4, 0.7)


def _bandwidth(measures: Measures, mono: float) -> float:
    """0.005 at 16 kHz, 0.15 at 10, 0.4 at 7, 0.9 at 3.5, after the anchors of ITU-R BS.1534-3 (7 and 3.5 kHz low-pass).

    Nothing where lone tones end rather than a filled band, and nothing where no note begins. A gentle edge costs a
    tenth: what is still there can be equalised back, and dull music ends like that. Gentle is up to 20 to 30 dB per
    octave, and 34 to 45 in mono, as of old microphones. The edge of an old recording that is covered by its hiss costs
    a fortieth.
    """
    if measures.mean_bandwidth_hz is None:
        return 0.0
    octaves = max(0.0, math.log2(FULL_BANDWIDTH_HZ / max(measures.mean_bandwidth_hz, 20.0)))
    slope, flatness = measures.band_edge_db_per_octave, measures.band_edge_flatness_db
    gentle = 0.0 if slope is None else 1 - _ramp(slope, 20 + 14 * mono, 30 + 15 * mono)
    filled = 1.0 if flatness is None else _ramp(flatness, -32.0, -26.0)
    if measures.onset_rate_hz == 0:
        filled = 0.0
    forgiven = 0.975 if measures.old_recording else 0.9 * gentle
    return filled * (1 - math.exp(-((octaves / 1.8) ** 2.5))) * (1 - forgiven)


def _noise(measures: Measures) -> float:
    """Half of 0.85 at 22 dB under the programme, 0.02 at 45 dB; a tenth of that where no noise is heard as such.

    (Then the level is what dense music could hide, and more likely the music itself.) It is heard where it fills the
    top of the spectrum, and where the floor is as even as noise, which codecs leave below their band edge. In an old
    recording, light noise, from 28 down to 34 dB under the programme, costs a fourteenth.
    """
    level = measures.steady_noise_db
    if level is None:
        return 0.0
    light = 1 - _ramp(level, -34.0, -28.0) if measures.old_recording else 0.0
    certain = 1.0 if measures.steady_hiss else 0.1 + 0.9 * (measures.noise_evenness or 0.0)
    return _logistic(level, -22.0, 6.0, MOST_NOISE) * (1 - 0.93 * light) * certain


def _hum(hum_db: float | None) -> float:
    """Half of 0.7 at 25 dB under the programme."""
    return 0.0 if hum_db is None else _logistic(hum_db, -25.0, 6.0, 0.7)


def _lines(lines_db: float | None) -> float:
    """Half of 0.6 at 38 dB under the programme: a whine stands where music has little."""
    return 0.0 if lines_db is None else _logistic(lines_db, -38.0, 7.0, 0.6)


def _clicks(per_second: float | None) -> float:
    """0.05 for 3 a second, 0.34 for 10; nothing up to 2, which drums and hi-hats make as well."""
    return 0.6 * (1 - math.exp(-max(0.0, (per_second or 0.0) - MUSICAL_CLICKS) / 10))


def _dropouts(per_minute: float | None, share: float | None) -> float:
    """0.15 for 3 gaps a minute, 0.5 for 30; longer gaps count for more."""
    amount = (per_minute or 0.0) / 40 + (share or 0.0) / 0.05
    return 0.8 * (1 - math.exp(-(amount**0.6)))


def _phase(correlation: float | None, bass: float | None) -> float:
    """What summing to mono cancels: 0.1 at a correlation of -0.3 (very wide music), 0.6 for an inverted channel."""
    if correlation is None:
        return 0.0
    opposed = max(0.0, -(correlation + (correlation if bass is None else bass)) / 2)
    return 0.6 * (1 - math.exp(-((opposed / 0.45) ** 4)))


def _complexity(measures: Measures) -> float | None:
    """Steady noise is no variety: what it costs in quality is taken off the parts that it would fill."""
    onsets, spectrum, pitches = measures.onset_rate_hz, measures.spectral_entropy, measures.pitch_entropy
    if onsets is None or spectrum is None or pitches is None:
        return None
    music = 1 - _noise(measures) / MOST_NOISE
    parts = (
        0.35 * (1 - math.exp(-onsets / 3.5)) * music,
        0.30 * _ramp(spectrum, 0.2, 0.9) * music,
        0.25 * _ramp(pitches, 0.5, 1.0),
        0.10 * _ramp(measures.stereo_width or 0.0, 0.0, 0.5),
    )
    return round(sum(parts), 4)


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _ramp(value: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high`, straight between."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _logistic(level_db: float, middle_db: float, width_db: float, most: float) -> float:
    return most / (1 + math.exp(-(level_db - middle_db) / width_db))


def _scores(heard: LoadedAudio) -> dict[str, float | None] | Failure:
    if heard.measured != "all":
        return Failure("engine", "not_measured", "the signal engine needs all measures of the original")
    if heard.audio_seconds < JUDGED_FROM_SECONDS:
        return Failure("engine", "too_brief", f"{heard.audio_seconds:.2f} s can be heard but not judged; 1 s is needed")
    scores = technical_scores(heard.measures)
    if why := not_music(heard.measures):
        return Failure("engine", "not_music", why)
    if scores["production_quality"] is None:
        return Failure("engine", "silent", "nothing sounds above -70 LUFS")
    return scores


class SignalEngine(Engine):
    """Scores songs from their measures. Heavy libraries are not needed and not imported."""

    name = "signal"
    default_pack = "technical"
    needs_clip = False
    needs_measures = "all"
    batch_items = 64

    def identity(self) -> Mapping[str, object]:
        """Return the versions of the mappings and of the measures, which decide every reply."""
        return {
            "engine": self.name,
            "version": VERSION,
            "measures_version": MEASURES_VERSION,
            "model": None,
            "revision": None,
            "decode": "measured",
        }

    def reply(self, requests: Sequence[Request]) -> list[Reply | Failure]:
        """Score every song from its measures, in order; of a pair, say whose quality is higher, and how clearly."""
        return [self._judge(request.heard) for request in requests]

    def _judge(self, heard: LoadedAudio) -> Reply | Failure:
        judged = [_scores(part) for part in heard.parts]
        for part, one in enumerate(judged):
            if isinstance(one, Failure):
                return one if len(judged) == 1 else PairFailure(**asdict(one), part=part)
        scores = [one for one in judged if not isinstance(one, Failure)]
        if len(scores) == 1:
            said = scores[0]
        else:
            better = next(field for field in self.asked if field.kind == "score")
            first, second = (one["production_quality"] or 0.0 for one in scores)
            low, high = better.low or 0.0, better.high or 0.0
            said = {better.name: round((low + high) / 2 + (high - low) / 2 * (second - first), 4)}
        return Reply(text=json.dumps(said), finish_reason="stop", measured=True)
