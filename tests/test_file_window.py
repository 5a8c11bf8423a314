"""A stretch of an open file, read as a file of its own."""

import io
import os
from pathlib import Path

import pytest

from musicflamingo_cli.file_window import FileWindow


@pytest.fixture
def fd(tmp_path: Path) -> int:
    (tmp_path / "f").write_bytes(b"0123456789")
    return os.open(tmp_path / "f", os.O_RDONLY)


@pytest.mark.parametrize(
    ("start", "stop", "inside"), [(0, None, b"0123456789"), (3, None, b"3456789"), (3, 5, b"34"), (8, 99, b"89")]
)
def test_reads_what_lies_in_it_and_nothing_else(fd: int, start: int, stop: int | None, inside: bytes) -> None:
    window = io.BufferedReader(FileWindow(fd, start, stop), 2)
    assert window.read() == inside
    window.seek(1)
    assert window.read(1) == inside[1:2]
    window.close()
    assert os.read(fd, 2) == b"01"  # The descriptor is still open, and where it was.
    os.close(fd)


def test_seeks_from_all_three_places(fd: int) -> None:
    window = FileWindow(fd, 2, 8)
    assert (window.seek(-1, os.SEEK_END), window.read(9)) == (5, b"7")
    assert (window.seek(-3, os.SEEK_CUR), window.read(1), window.tell()) == (3, b"5", 4)
    assert (window.seek(99), window.read(1)) == (99, b"")
    with pytest.raises(OSError, match="before the start"):
        window.seek(-1)
    os.close(fd)
