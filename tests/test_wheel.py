"""The wheel as a user installs it, and what importing costs."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from musicflamingo_cli.intake import packs

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from hatchling.builders.wheel import WheelBuilder

    out = tmp_path_factory.mktemp("wheel")
    (wheel,) = list(WheelBuilder(str(ROOT)).build(directory=str(out), versions=["standard"]))
    site = out / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def run(code: str, *path: Path) -> str:
    """Run code in a fresh interpreter that finds the package only in `path`."""
    inserted = f"import sys; sys.path[:0] = {[str(p) for p in path]!r}; "
    done = subprocess.run([sys.executable, "-c", inserted + code], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_wheel_carries_the_packs(unpacked: Path) -> None:
    code = "from musicflamingo_cli.intake import packs; print(packs.__file__); print(*packs.pack_names())"
    where, names = run(code, unpacked).splitlines()
    assert where.startswith(str(unpacked))
    assert names.split() == packs.pack_names() != []


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'transformers', 'pandas', 'pyarrow', 'numpy', 'scipy', 'soundfile', 'av', 'duckdb'}"
    code = (
        "from musicflamingo_cli.cli import main; import io, contextlib\n"
        "with contextlib.redirect_stdout(io.StringIO()): code = main(['--help'])\n"
        f"print(code, sorted({heavy} & set(sys.modules)))"
    )
    assert run(code, ROOT) == "0 []"


def test_a_cached_run_imports_no_audio_and_no_model_library(tmp_path: Path) -> None:
    sample = ROOT / "data" / "sample" / "manifest.jsonl"
    words = [str(sample), "--engine", "fake", "--cache-dir", str(tmp_path / "c"), "-o", str(tmp_path / "t.parquet")]
    code = f"from musicflamingo_cli.cli import main; print(main(['score', *{words!r}, '--limit', '3'])); import sys; "
    heavy = "{'torch', 'transformers', 'soundfile', 'av', 'soxr', 'scipy', 'duckdb'}"
    assert run(code, ROOT) == "0"
    assert run(f"{code}print(sorted({heavy} & set(sys.modules)))", ROOT).split("\n") == ["0", "[]"]
