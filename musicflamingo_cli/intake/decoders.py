"""The two readers of audio: libsndfile for PCM files, FFmpeg's libraries for everything else.

Both give blocks of float32 [n_frames, n_channels], full scale = 1, from an open file descriptor, and go on behind
damage where they can. FFmpeg is told the format by name and refused every further file or address.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import numpy as np

from musicflamingo_cli.intake.audio_formats import AudioFormat, Library
from musicflamingo_cli.intake.verdicts import Unheard

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Block = NDArray[np.float32]

BLOCK_SAMPLES = 1 << 17
"""About how many samples, over all channels, a block holds."""
MAX_CHANNELS = 255
SAMPLE_RATES = (4_000, 768_000)
"""Hz. Below, a few bytes become hours of audio; above, headers lie."""
LOUDEST = 64.0
"""A coded frame that decodes to more than this (+36 dBFS) is bit rot, no music."""
TIMED = frozenset({"mov", "matroska", "ogg", "wv", "ape", "tta", "mpc8"})
"""The demuxers whose durations come from headers (Ogg: the last page) rather than from the file's size."""
COUNTED_SECONDS = 24 * 3600.0
"""Where counting the length of a long file ends."""


class Reader(Protocol):
    """One open audio file."""

    sample_rate: int
    """Hz."""
    channels: int
    expected: int | None
    """About how many frames there are, as far as the reader knows."""
    promised: int | None
    """How many frames the header promises, or None where it only estimates."""

    @property
    def damaged(self) -> int:
        """How many damaged places were met and passed."""

    @property
    def broke_off(self) -> bool:
        """True if the last thing that happened was an error."""

    def blocks(self) -> Iterator[Block]:
        """Yield what can be decoded, in order, as float32 [n_frames, n_channels]."""

    def rest(self) -> int:
        """Count the frames behind the last block without decoding them; ends the reading."""

    def close(self) -> None:
        """Let go of the decoder; the descriptor stays open."""


def open_reader(library: Library, fd: int, form: AudioFormat) -> Reader:
    """Open the audio behind a descriptor.

    Raises:
        Unheard: with the reason why this library can't.
        MemoryError: the headers ask for more than there is.
    """
    return SoundfileReader(fd, form) if library == "soundfile" else AvReader(fd, form)


def _check(sample_rate: int, channels: int) -> None:
    if not SAMPLE_RATES[0] <= sample_rate <= SAMPLE_RATES[1]:
        raise Unheard("bad_sample_rate", f"the sample rate is {sample_rate} Hz; 4 kHz to 768 kHz can be heard")
    if not 1 <= channels <= MAX_CHANNELS:
        raise Unheard("bad_channel_count", f"{channels} channels; 1 to {MAX_CHANNELS} can be heard")


class _Window(io.RawIOBase):
    """A descriptor's bytes from `start` on, as a file of their own."""

    def __init__(self, fd: int, start: int) -> None:
        self._fd, self._start, self._at = fd, start, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = os.preadv(self._fd, [buffer], self._start + self._at)
        self._at += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: os.fstat(self._fd).st_size - self._start}[whence]
        if base + offset < 0:
            raise OSError("seek before the start")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at


class SoundfileReader:
    """libsndfile, read in order until nothing comes.

    `SoundFile.blocks` is not used: on a cut-off file it repeats the last block up to the header's length. Nor may
    `SoundFile.read` seek after each block, which it does on what it takes for seekable.
    """

    def __init__(self, fd: int, form: AudioFormat) -> None:
        import soundfile

        class Sequential(soundfile.SoundFile):  # type: ignore[misc]
            def seekable(self) -> bool:
                return False

        os.lseek(fd, 0, os.SEEK_SET)
        source = fd if form.start == 0 else _Window(fd, form.start)
        try:
            self._file = Sequential(source, "r", closefd=False)
        except (soundfile.SoundFileError, ValueError, TypeError, OSError) as error:
            raise Unheard("decode_error", f"a damaged {form.name} file: {_words(error)}") from None
        try:
            _check(self._file.samplerate, self._file.channels)
        except Unheard:
            self.close()
            raise
        self._errors = (soundfile.SoundFileError, OSError)
        self._read = 0
        self.sample_rate, self.channels = self._file.samplerate, self._file.channels
        self.expected: int | None = self._file.frames
        self.promised: int | None = None
        self.damaged = 0
        self.broke_off = False

    def blocks(self) -> Iterator[Block]:
        """Yield blocks until the end or the first place that libsndfile can't pass."""
        length = max(1, BLOCK_SAMPLES // self.channels)
        while True:
            try:
                block: Block = self._file.read(length, dtype="float32", always_2d=True)
            except self._errors:
                self.broke_off = True
                return
            if not len(block):
                return
            self._read += len(block)
            yield block

    def rest(self) -> int:
        """Count by the header, which libsndfile has set right by the file's size for PCM."""
        return max(0, int(self._file.frames) - self._read)

    def close(self) -> None:
        """Close libsndfile's side."""
        self._file.close()


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
        self._has_tail_junk = form.demuxer == "mp3"
        options = {"format_whitelist": form.demuxer, "protocol_whitelist": "none"}
        source = io.BufferedReader(_Window(fd, form.start), 1 << 16)
        try:
            self._container = av.open(
                source, "r", format=form.demuxer, io_open=_refuse, container_options=options,
                metadata_errors="replace", buffer_size=1 << 16,
            )  # fmt: skip
        except (av.FFmpegError, ValueError, OSError, LookupError) as error:
            raise Unheard("decode_error", f"a damaged {form.name} file: {_words(error)}") from None
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
        _check(codec.sample_rate or SAMPLE_RATES[0], codec.channels or 1)
        self._is_coded = not codec.name.startswith("pcm")
        self._frames = self._decode()
        self._first = next(self._frames, None)
        if self._first is None:
            raise Unheard("decode_error", f"no sound could be decoded from this {form.name} file")
        self.sample_rate, self.channels = self._first.sample_rate, self._first.layout.nb_channels
        _check(self.sample_rate, self.channels)
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
        if self._is_coded and block.size and float(np.max(np.abs(block))) > LOUDEST:
            self._errors += 1
            return nothing
        if count != self.channels:
            block = np.repeat(block.mean(axis=1, keepdims=True), self.channels, axis=1)
        return block

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
        return int(round(seconds * self.sample_rate))

    def close(self) -> None:
        """Close the container."""
        self._container.close()


def _refuse(url: str, _flags: int, _options: dict[str, str]) -> NoReturn:
    raise PermissionError(f"a container may not open {url}")


def _words(error: BaseException) -> str:
    """What a library says went wrong, without the file names that it makes up."""
    text = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return str(text).strip().rstrip(".") or type(error).__name__
