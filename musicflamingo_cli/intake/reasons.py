"""What can be said of a file besides its sound: why it could not be heard, and what is odd about it.

The one list of intake's reason codes and audio flags; the tables in docs/ are these.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from musicflamingo_cli.records import Failure

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "not_found": "there is no file of that name",
        "not_a_file": "a folder, device, FIFO or socket",
        "permission_denied": "the file may not be read",
        "read_error": "the storage failed while the file was read",
        "unsupported_source": "a URL of another kind than http and https",
        "url_refused": "no valid URL, or one (perhaps after a redirect) to a private, local or reserved address",
        "http_error": "the server refuses it (401, 403, 404, 410, ...), redirects for ever or sends it compressed",
        "http_unavailable": "the server can't give it now (429, 5xx), also after several attempts",
        "network": "no connection, no such host, a bad certificate, or one that broke again and again",
        "empty_file": "0 bytes",
        "too_large": "more bytes than a song can have",
        "not_audio": "the content is no audio format that is known here, whatever the name says",
        "no_audio_stream": "a container without an audio track, such as a silent video",
        "decode_error": "an audio file from which no sound could be decoded",
        "bad_sample_rate": "a sample rate outside 4 kHz to 768 kHz",
        "bad_channel_count": "no channel, or more than 255",
        "too_short": "half a second or less",
        "non_finite": "no sample is a finite number",
        "changed_while_reading": "the file was written to while it was read",
        "timeout": "fetching or decoding took longer than the time limit",
        "out_of_memory": "decoding needed more than the memory limit",
        "decoder_crash": "the decoder died on this file",
    }
)
"""Reason code of a failed song at stage `intake`, and what it means."""

TRANSIENT = frozenset(
    {
        "not_found",
        "not_a_file",
        "permission_denied",
        "read_error",
        "unsupported_source",
        "http_unavailable",
        "network",
        "changed_while_reading",
        "timeout",
        "out_of_memory",
    }
)
"""The reasons that say nothing about the bytes of a file: the same path may be heard next time."""

FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "assumed_layout": "three channels or more, and the file does not tell which is which: taken for 3.0, quad, "
        "5.0, 5.1, 6.1 or 7.1 by their number; beyond eight all count alike",
        "clipped": "more than 0.1 % of the samples lie in flat runs at the ceiling",
        "decode_errors": "the decoder met damaged places and went on behind them",
        "long_audio": "longer than 20 minutes: only the first 20 were measured",
        "low_sample_rate": "recorded below 16 kHz, less than the model can hear",
        "measured_head": "many channels at a high rate: only as much as fits in 512 MB was measured",
        "mixed_formats": "recordings of different rates or channels joined in one file: brought to those of the first",
        "mostly_silent": "more than half of the time is silence",
        "non_finite_samples": "some samples were no finite numbers; they count as 0",
        "old_recording": "mono with the light hiss or the gentle loss of treble of old media, and no telephone band "
        "(only with all measures)",
        "one_sided": "stereo with one side at least 40 dB below the other",
        "out_of_phase": "stereo whose sides cancel each other (correlation below -0.5)",
        "over_full_scale": "samples far above full scale (over +12 dBFS), as of integers stored as floats",
        "silent": "nothing above -70 dBFS",
        "truncated_file": "clearly less audio than the file's header promised, or its end is missing",
        "very_quiet": "integrated loudness below -40 LUFS",
    }
)
"""Audio flag, and what it means. A flag is no failure."""


def fail(reason: str, error: str, *, transient: bool | None = None) -> Failure:
    """The failure of one file: a reason out of `REASONS`, transient as in `TRANSIENT` unless told, and a sentence."""
    assert reason in REASONS  # noqa: S101
    text = error.encode("utf-8", "backslashreplace").decode("utf-8")
    return Failure("intake", reason, text, transient=reason in TRANSIENT if transient is None else transient)


class IntakeError(Exception):
    """Carries a failure up to `load_audio`, which returns it as a value."""

    def __init__(self, reason: str, error: str) -> None:
        """Take what `fail` takes."""
        super().__init__(error)
        self.failure = fail(reason, error)
