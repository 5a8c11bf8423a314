import subprocess
import sys
import threading
from pathlib import Path

import pytest

from musicflamingo_cli.errors import NotNow, OutputError
from musicflamingo_cli.inference.locks import locked


def test_a_whole_run_holds_the_folder_alone(tmp_path: Path) -> None:
    with locked(tmp_path, None, wait=False) as died:
        assert not died
        for shard in (None, (1, 2)):
            with pytest.raises(NotNow, match=r"process \d+ on"), locked(tmp_path, shard, wait=False):
                pass
    with locked(tmp_path, None, wait=False) as died:
        assert not died


def test_shards_of_one_count_share_and_hold_their_own_part(tmp_path: Path) -> None:
    with locked(tmp_path, (1, 2), wait=False), locked(tmp_path, (2, 2), wait=False):
        for other in (None, (1, 2), (1, 3)):
            with pytest.raises(NotNow), locked(tmp_path, other, wait=False):
                pass
    with locked(tmp_path, (1, 3), wait=False):
        pass


def test_a_killed_holder_blocks_nobody_and_is_noticed(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from musicflamingo_cli.inference.locks import locked\n"
        "with locked(Path(sys.argv[1]), None, wait=False): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    with locked(tmp_path, None, wait=False) as died:
        assert died


def test_waiting_ends_when_the_holder_does(tmp_path: Path) -> None:
    got = threading.Event()

    def second() -> None:
        with locked(tmp_path, None, wait=True):
            got.set()

    with locked(tmp_path, None, wait=False):
        thread = threading.Thread(target=second)
        thread.start()
        assert not got.wait(0.3)
    assert got.wait(10)
    thread.join()


def test_a_folder_that_can_not_be_locked_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="can't lock"), locked(tmp_path / "gone", None, wait=False):
        pass
