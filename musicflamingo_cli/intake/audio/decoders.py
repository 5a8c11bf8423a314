"""The two readers of audio: libsndfile for PCM files, FFmpeg's libraries for everything else.

Both give blocks of float32 [n_frames, n_channels], full scale = 1, from an open file descriptor, and go on behind
damage where they can.
"""

from __future__ import annotations

from musicflamingo_cli.intake.audio.formats import AudioFormat, Library
from musicflamingo_cli.intake.audio.reader import Reader
from musicflamingo_cli.intake.audio.reader_av import AvReader
from musicflamingo_cli.intake.audio.reader_chain import ChainReader
from musicflamingo_cli.intake.audio.reader_soundfile import SoundfileReader


def open_parts(library: Library, fd: int, parts: list[AudioFormat]) -> Reader:
    """Open the recordings that a file holds as one; a part that this library does not know goes to its own.

    Raises what `open_reader` raises.
    """

    def open_part(form: AudioFormat) -> Reader:
        return open_reader(library if library in form.libraries else form.libraries[0], fd, form)

    return open_part(parts[0]) if len(parts) == 1 else ChainReader(fd, parts, open_part)


def open_reader(library: Library, fd: int, form: AudioFormat) -> Reader:
    """Open the audio behind a descriptor.

    Raises:
        Unheard: with the reason why this library can't.
        MemoryError: the headers ask for more than there is.
    """
    return SoundfileReader(fd, form) if library == "soundfile" else AvReader(fd, form)
