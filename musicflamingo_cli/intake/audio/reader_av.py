"""Reading everything else with FFmpeg's libraries, through PyAV.

FFmpeg is told the format by name and refused every further file or address.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from musicflamingo_cli.file_window import FileWindow
from musicflamingo_cli.intake.audio.formats import AudioFormat
from musicflamingo_cli.intake.audio.reader import (
    BLOCK_SAMPLES,
    MAX_CHANNELS,
    SAMPLE_RATES,
    check_shape,
    remixed,
    words_of,
)
from musicflamingo_cli.intake.reasons import IntakeError

if TYPE_CHECKING:
    from musicflamingo_cli.intake.audio.reader import Block

LOUDEST = 64.0
"""Coded sound that decodes to more than this (+36 dBFS) is bit rot, no music."""
LOUDEST_AFTER_DAMAGE = 4.0
"""So is what decodes to more than this (+12 dBFS) close behind a damaged place."""
MAX_PLANES = 8
"""PyAV sees no more planes of a frame than this; touching the others is what kills the process."""
BURST_FRAMES = 1024
"""How much is dropped around such a burst."""
TIMED = frozenset({"mov", "matroska", "ogg", "wv", "ape", "tta", "mpc8"})
"""The demuxers whose durations come from headers (Ogg: the last page) rather than from the file's size."""
NAMELESS = frozenset({"NONE", "UNK", "UNSD"})
"""What FFmpeg calls a channel that is for no loudspeaker it knows."""
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
        self.converted = False
        self._errors = 0
        self._passed = 0
        self._has_tail_junk = form.demuxer == "mp3"
        try:
            self._container = _open(fd, form)
        except (av.FFmpegError, ValueError, OSError, LookupError, MemoryError) as error:
            raise IntakeError("decode_error", f"a damaged {form.name} file: {words_of(error)}") from None
        try:
            self._prime(form)
        except BaseException:
            self.close()
            raise

    def _prime(self, form: AudioFormat) -> None:
        """Choose the audio track and decode its first frame, which alone knows the true rate and channels."""
        if not self._container.streams.audio:
            raise IntakeError("no_audio_stream", f"a {form.name} file without an audio track")
        self._stream = self._container.streams.best("audio") or self._container.streams.audio[0]
        codec: Any = self._stream.codec_context
        if codec is None:
            raise IntakeError("decode_error", f"a {form.name} file in a codec that is not known here")
        codec.thread_count = 1
        check_shape(codec.sample_rate or SAMPLE_RATES[0], codec.channels or 1)
        self._is_coded = not codec.name.startswith("pcm")
        self._frames = self._decode()
        try:
            self._first = next(self._frames, None)
        except MemoryError:  # Before the first sound, memory runs out only where a header lies.
            self._first = None
        if self._first is None:
            raise IntakeError("decode_error", f"no sound could be decoded from this {form.name} file")
        self.sample_rate: int = self._first.sample_rate
        self.channels: int = self._first.layout.nb_channels
        self.layout = _named(self._first.layout)
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
            except (self._av.FFmpegError, ValueError, LookupError) as error:  # LookupError: a track that came late.
                if isinstance(error, EOFError):
                    return
                self._errors += 1
                if isinstance(error, MemoryError):  # A fragment's header lies; a demuxer needs hardly any.
                    return

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
        known = 0
        for frame in self._merged():
            part = self._packed(frame)
            is_shaken, known = self._errors > known, self._errors
            yield self._calm(part, is_shaken)

    def _merged(self) -> Iterator[Any]:
        """The decoded frames, joined in FFmpeg's own buffer while they are alike: Python is slow at small frames."""
        fifo, kind = self._av.AudioFifo(), None
        for frame in chain([self._first], self._frames):
            count = frame.layout.nb_channels
            like = (frame.format.name, frame.layout.name, count, frame.sample_rate)
            if like != kind:
                if fifo.samples:
                    yield fifo.read(fifo.samples)
                fifo, kind = self._av.AudioFifo(), like
            self._passed = self._errors
            if count > MAX_PLANES:
                yield frame
                continue
            frame.pts = None
            fifo.write(frame)
            if fifo.samples * count >= BLOCK_SAMPLES:
                yield fifo.read(fifo.samples)
        if fifo.samples:
            yield fifo.read(fifo.samples)

    def _packed(self, frame: Any) -> Block:
        """One frame as float32 [n_channels, n_samples]."""
        nothing = np.zeros((self.channels, 0), np.float32)
        count, rate = frame.layout.nb_channels, frame.sample_rate
        if frame.format.name == "fltp" and count == self.channels <= MAX_PLANES and rate == self.sample_rate:
            planes = frame.planes[:count]  # Of 8 channels PyAV shows a ninth plane, which is no memory of ours.
            return np.stack([np.frombuffer(plane, np.float32, frame.samples) for plane in planes])
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
        parts = [np.frombuffer(p.planes[0], np.float32, p.samples * count).reshape(-1, count).T for p in packed]
        part = np.concatenate(parts, axis=1) if parts else nothing
        self.converted = self.converted or count != self.channels or rate != self.sample_rate
        return part if count == self.channels else remixed(part.T, _named(frame.layout), self.channels).T

    def _calm(self, planes: Block, is_shaken: bool) -> Block:
        """Turn [n_channels, n_samples] into a block, without the bursts that damaged frames decode to."""
        loudest = LOUDEST_AFTER_DAMAGE if is_shaken else LOUDEST
        block = np.ascontiguousarray(planes.T)
        if not self._is_coded or not block.size or max(float(block.max()), -float(block.min())) <= loudest:
            return block
        pieces = [block[start : start + BURST_FRAMES] for start in range(0, len(block), BURST_FRAMES)]
        calm = [piece for piece in pieces if float(np.abs(piece).max()) <= loudest]
        self._errors += len(pieces) - len(calm)
        return np.concatenate(calm) if calm else block[:0]

    @property
    def damaged(self) -> int:
        """Errors with sound behind them."""
        return self._passed

    @property
    def broke_off(self) -> bool:
        """True if there were errors behind the last sound; in MP3 that is where tags of other kinds lie."""
        return self._errors > self._passed and not self._has_tail_junk

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


def told_layout(fd: int, form: AudioFormat) -> tuple[str, ...] | None:
    """The loudspeaker of every channel, as a file's header tells, or None where it does not; decodes nothing."""
    import av

    try:
        with _open(fd, form) as container:
            streams = container.streams.audio
            return _named(streams[0].codec_context.layout) if streams else None
    except (av.FFmpegError, ValueError, OSError, LookupError, MemoryError):
        return None


def _named(layout: Any) -> tuple[str, ...] | None:
    names = tuple(str(channel.name) for channel in layout.channels)
    return None if any(name in NAMELESS or name.startswith("AMBI") for name in names) else names


def _open(fd: int, form: AudioFormat) -> Any:
    import av

    return av.open(
        io.BufferedReader(FileWindow(fd, form.start, form.stop), 1 << 16), "r", format=form.demuxer, io_open=_refuse,
        container_options={"format_whitelist": form.demuxer, "protocol_whitelist": "none"},
        metadata_errors="replace", buffer_size=1 << 16,
    )  # fmt: skip


def _refuse(url: str, _flags: int, _options: dict[str, str]) -> NoReturn:
    raise PermissionError(f"a container may not open {url}")
