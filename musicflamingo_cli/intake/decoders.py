"""The two readers of audio: libsndfile for PCM files, FFmpeg's libraries for everything else.

Both give blocks of float32 [n_frames, n_channels], full scale = 1, from an open file descriptor, and go on behind
damage where they can.
"""

from __future__ import annotations

from musicflamingo_cli.intake.audio_formats import AudioFormat, Library
from musicflamingo_cli.intake.reading import Reader
from musicflamingo_cli.intake.reading_av import AvReader
from musicflamingo_cli.intake.reading_soundfile import SoundfileReader


def open_reader(library: Library, fd: int, form: AudioFormat) -> Reader:
    """Open the audio behind a descriptor.

    Raises:
        Unheard: with the reason why this library can't.
        MemoryError: the headers ask for more than there is.
    """
    return SoundfileReader(fd, form) if library == "soundfile" else AvReader(fd, form)
