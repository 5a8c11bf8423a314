from pathlib import Path

import pytest

from musicflamingo_cli.files import sweep_part, whole_file, write_whole
from musicflamingo_cli.results.write.formats import output, sweep_parts


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_whole(path, b"old")
    with pytest.raises(RuntimeError), whole_file(path) as file:
        file.write(b"new")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    write_whole(path, b"new", durable=False)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_the_part_of_a_living_writer_is_left_alone(tmp_path: Path) -> None:
    """Names that share their first 60 characters share the pattern of their part files."""
    one, two = (str(tmp_path / f"{'x' * 70}-{n}.jsonl") for n in (1, 2))
    dead = tmp_path / f".{'x' * 60}.0123abcd.part"
    dead.touch()
    with output(one) as file:
        file.write(b"one")
        sweep_parts(two)
        with output(two) as other:
            other.write(b"two")
    assert not dead.exists()
    assert (Path(one).read_bytes(), Path(two).read_bytes()) == (b"one", b"two")
    assert len(list(tmp_path.iterdir())) == 2


def test_only_regular_part_files_are_swept(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"data")
    link = tmp_path / ".a.0.part"
    link.symlink_to("kept")
    with pytest.raises(OSError, match="is a link"):
        sweep_part(link)
    assert (tmp_path / "kept").exists()
