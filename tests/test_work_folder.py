"""Temporary folders: in use by one process, and cleared by the next one when that was killed."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from musicflamingo_cli.errors import OutputError
from musicflamingo_cli.results.sandbox import work_folder
from musicflamingo_cli.work_folder import PREFIX, WorkFolder, sweep


def test_one_in_use_is_left_alone(tmp_path: Path) -> None:
    folder = WorkFolder(tmp_path)
    path = folder.new_path(".audio")
    path.touch()
    sweep(tmp_path)
    WorkFolder(tmp_path).close()
    assert path.exists()
    folder.close()
    assert list(tmp_path.iterdir()) == []


def test_that_of_a_killed_process_is_cleared(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from musicflamingo_cli.work_folder import WorkFolder\n"
        "path = WorkFolder(Path(sys.argv[1])).new_path('.audio'); path.write_bytes(b'x'); print(path, flush=True)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        left = Path(child.stdout.readline().strip())
        sweep(tmp_path)
        assert left.exists()
        child.send_signal(signal.SIGKILL)
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_folder_of_ours_is_left_alone(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "lock").touch()
    (tmp_path / f"{PREFIX}link").symlink_to(victim)
    (tmp_path / f"{PREFIX}file").touch()
    (tmp_path / f"{PREFIX}young").mkdir()
    sweep(tmp_path)
    assert (victim / "lock").exists()
    assert len(list(tmp_path.iterdir())) == 4


def test_an_old_one_without_a_lock_is_cleared(tmp_path: Path) -> None:
    old = tmp_path / f"{PREFIX}old"
    old.mkdir()
    (old / "00000001.audio").touch()
    os.utime(old, (1, 1))
    sweep(tmp_path)
    assert not old.exists()


def test_what_a_killed_join_spilled_is_cleared_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import time; from musicflamingo_cli.results.sandbox import work_folder\n"
        "with work_folder() as folder:\n"
        "    (folder / 'spill').write_bytes(b'x'); print(folder, flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        spill = Path(child.stdout.readline().strip()) / "spill"
        with work_folder() as folder:
            assert folder.is_dir()
            assert spill.exists()
        child.send_signal(signal.SIGKILL)
    with work_folder() as folder:
        assert list(tmp_path.iterdir()) == [folder.parent]
    assert list(tmp_path.iterdir()) == []


def test_where_none_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with WorkFolder(tmp_path / "file" / "below") as folder, pytest.raises(OutputError, match=r"below: .*TMPDIR"):
        folder.new_path("")
