"""Reading PCM files with libsndfile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from musicflamingo_cli.file_window import FileWindow
from musicflamingo_cli.intake.audio.formats import AudioFormat
from musicflamingo_cli.intake.audio.header_length import riff_rate
from musicflamingo_cli.intake.audio.reader import BLOCK_SAMPLES, check_shape, words_of
from musicflamingo_cli.intake.audio.reader_av import told_layout
from musicflamingo_cli.intake.reasons import IntakeError

if TYPE_CHECKING:
    from musicflamingo_cli.intake.audio.reader import Block


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
        source = fd if form.start == 0 and form.stop is None else FileWindow(fd, form.start, form.stop)
        try:
            self._file = Sequential(source, "r", closefd=False)
        except (soundfile.SoundFileError, ValueError, TypeError, OSError) as error:
            rate = riff_rate(fd, form.start) if form.demuxer == "wav" else None
            if rate is not None:  # libsndfile has no better words for a rate of 0 or 2**31.
                check_shape(rate, 1)
            raise IntakeError("decode_error", f"a damaged {form.name} file: {words_of(error)}") from None
        try:
            check_shape(self._file.samplerate, self._file.channels)
        except IntakeError:
            self.close()
            raise
        self._errors = (soundfile.SoundFileError, OSError)
        self._read = 0
        self.sample_rate, self.channels = self._file.samplerate, self._file.channels
        # Python's libsndfile has no way to ask for the channel map.
        is_told = self.channels > 2 or self._file.format == "WAVEX"
        self.layout = told_layout(fd, form) if is_told else None
        self.expected: int | None = self._file.frames
        self.promised: int | None = None
        self.converted = False
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
