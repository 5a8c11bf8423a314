"""Reading everything else with FFmpeg's libraries, through PyAV.

FFmpeg is told the format by name and refused every further file or address.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from musicflamingo_cli.intake.audio_formats import AudioFormat
from musicflamingo_cli.intake.reading import (
    BLOCK_SAMPLES,
    MAX_CHANNELS,
    SAMPLE_RATES,
    Window,
    check_shape,
    words_of,
)
from musicflamingo_cli.intake.verdicts import Unheard

if TYPE_CHECKING:
    from musicflamingo_cli.intake.reading import Block

LOUDEST = 64.0
"""A coded frame that decodes to more than this (+36 dBFS) is bit rot, no music."""
LOUDEST_AFTER_DAMAGE = 4.0
"""So is one that decodes to more than this (+12 dBFS) within `SHAKEN_FRAMES` behind a damaged place."""
SHAKEN_FRAMES = 8
TIMED = frozenset({"mov", "matroska", "ogg", "wv", "ape", "tta", "mpc8"})
"""The demuxers whose durations come from headers (Ogg: the last page) rather than from the file's size."""
COUNTED_SECONDS = 24 * 3600.0
"""Where counting the length of a long file ends."""


class AvReader:
    """FFmpeg's demuxers and decoders, through PyAV.

    Frames go through a resampler that only packs them: `AudioFrame.to_ndarray` kills the process on planar frames of
    more than 8 channels, and swresample's own float downmix to mono is 3 dB too loud.
    """

    def __init__(self, fd: int, form: AudioFormat) -> None:
        import av

        self._av = av
        self._resamplers: dict[tuple[object, ...], Any] = {}
        self._errors = 0
        self._errors_passed = 0
        self._errors_known, self._shaken = 0, 0
        self._has_tail_junk = form.demuxer == "mp3"
        options = {"format_whitelist": form.demuxer, "protocol_whitelist": "none"}
        source = io.BufferedReader(Window(fd, form.start), 1 << 16)
        try:
            self._container = av.open(
                source, "r", format=form.demuxer, io_open=_refuse, container_options=options,
                metadata_errors="replace", buffer_size=1 << 16,
            )  # fmt: skip
        except (av.FFmpegError, ValueError, OSError, LookupError) as error:
            raise Unheard("decode_error", f"a damaged {form.name} file: {words_of(error)}") from None
        try:
            self._prime(form)
        except BaseException:
            self.close()
            raise

    def _prime(self, form: AudioFormat) -> None:
        """Choose the audio track and decode its first frame, which alone knows the true rate and channels."""
        if not self._container.streams.audio:
            raise Unheard("no_audio_stream", f"a {form.name} file without an audio track")
        self._stream = self._container.streams.best("audio") or self._container.streams.audio[0]
        codec: Any = self._stream.codec_context
        if codec is None:
            raise Unheard("decode_error", f"a {form.name} file in a codec that is not known here")
        codec.thread_count = 1
        check_shape(codec.sample_rate or SAMPLE_RATES[0], codec.channels or 1)
        self._is_coded = not codec.name.startswith("pcm")
        self._frames = self._decode()
        self._first = next(self._frames, None)
        if self._first is None:
            raise Unheard("decode_error", f"no sound could be decoded from this {form.name} file")
        self.sample_rate: int = self._first.sample_rate
        self.channels: int = self._first.layout.nb_channels
        check_shape(self.sample_rate, self.channels)
        seconds = self._seconds(form)
        self.expected: int | None = None if seconds is None else round(seconds * self.sample_rate)
        self.promised: int | None = self.expected if form.demuxer in TIMED else None

    def _seconds(self, form: AudioFormat) -> float | None:
        stream = self._stream
        if stream.duration and stream.time_base:
            return float(stream.duration * stream.time_base)
        alone = len(self._container.streams) == 1 or form.demuxer != "matroska"
        if self._container.duration and alone:  # Matroska's is that of the longest track.
            return float(self._container.duration) / 1e6
        return None

    def _packets(self) -> Iterator[Any]:
        """The track's packets, on behind places where the demuxer stumbles."""
        for _ in range(64):
            try:
                yield from self._container.demux(self._stream)
                return
            except (self._av.FFmpegError, ValueError) as error:
                if isinstance(error, MemoryError):
                    raise
                if isinstance(error, EOFError):
                    return
                self._errors += 1

    def _decode(self) -> Iterator[Any]:
        for packet in self._packets():
            try:
                frames = packet.decode()
            except (self._av.FFmpegError, ValueError) as error:
                if isinstance(error, MemoryError):
                    raise
                self._errors += 0 if isinstance(error, EOFError) else 1
                continue
            yield from (frame for frame in frames if frame.samples > 0)

    def blocks(self) -> Iterator[Block]:
        """Yield the primed frame and all that follow, packed to the first one's rate and channels."""
        waiting, size = [self._packed(self._first)], 0
        for frame in self._frames:
            block = self._packed(frame)
            if len(block):
                self._errors_passed = self._errors
            waiting.append(block)
            size += block.size
            if size >= BLOCK_SAMPLES:
                yield np.concatenate(waiting)
                waiting, size = [], 0
        if waiting:
            yield np.concatenate(waiting)

    def _packed(self, frame: Any) -> Block:
        nothing = np.zeros((0, self.channels), np.float32)
        count, rate = frame.layout.nb_channels, frame.sample_rate
        if not 1 <= count <= MAX_CHANNELS or not SAMPLE_RATES[0] <= rate <= SAMPLE_RATES[1]:
            self._errors += 1
            return nothing
        key = (frame.format.name, frame.layout.name, count, rate)
        try:
            if key not in self._resamplers:
                # A new rate or layout on the way (chained streams) is brought to the first one's.
                self._resamplers[key] = self._av.AudioResampler(format="flt", rate=self.sample_rate)
            packed = self._resamplers[key].resample(frame)
        except (self._av.FFmpegError, ValueError) as error:
            if isinstance(error, MemoryError):
                raise
            self._errors += 1
            return nothing
        parts = [np.frombuffer(p.planes[0], np.float32, p.samples * count).reshape(-1, count) for p in packed]
        block = np.concatenate(parts) if parts else nothing
        if self._is_coded and block.size and float(np.max(np.abs(block))) > self._loudest():
            self._errors += 1
            return nothing
        if count != self.channels:
            block = np.repeat(block.mean(axis=1, keepdims=True), self.channels, axis=1)
        return block

    def _loudest(self) -> float:
        if self._errors > self._errors_known:
            self._errors_known, self._shaken = self._errors, SHAKEN_FRAMES
        self._shaken -= 1
        return LOUDEST_AFTER_DAMAGE if self._shaken >= 0 else LOUDEST

    @property
    def damaged(self) -> int:
        """Errors with sound behind them."""
        return self._errors_passed

    @property
    def broke_off(self) -> bool:
        """True if there were errors behind the last sound; in MP3 that is where tags of other kinds lie."""
        return self._errors > self._errors_passed and not self._has_tail_junk

    def rest(self) -> int:
        """Count what the remaining packets say they hold."""
        seconds = 0.0
        for packet in self._packets():
            if packet.duration and packet.time_base:
                seconds += float(packet.duration * packet.time_base)
            if seconds > COUNTED_SECONDS:
                break
        return round(seconds * self.sample_rate)

    def close(self) -> None:
        """Close the container."""
        self._container.close()


def _refuse(url: str, _flags: int, _options: dict[str, str]) -> NoReturn:
    raise PermissionError(f"a container may not open {url}")
