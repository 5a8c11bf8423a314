"""The table of who may import whom."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "musicflamingo_cli"
GROUND = {"records", "errors", "files", "ids", "runs", "yardsticks"}
MAY = {
    "records": set(),
    "errors": set(),
    "stops": {"errors"},
    "processes": set(),
    "extras": set(),
    "yardsticks": set(),
    "ids": set(),
    "readback": {"inference", "scoring", "cache", "results", "processes", *GROUND},
    "monitor": {"records", "runs", "files", "errors"},
    "road": {"inference", "scoring", "intake", "engines", "cache", "results", *GROUND},
    "enquiries": {"road", "monitor", "inference", "scoring", "intake", "engines", "cache", "results", *GROUND},
    "files": set(),
    "runs": {"records"},
    "measure": {"records", "errors"},
    "engines": {"records", "errors", "files", "extras"},
    "cache": {"records", "errors", "files"},
    "results": {"records", "errors", "extras", "files", "ids", "yardsticks"},
    "intake": {"measure", "processes", "extras", "records", "errors", "files", "ids"},
    "console": {"records", "runs", "errors"},
    "inference": {"intake", "engines", "cache", *GROUND},
    "scoring": {"cache", *GROUND},
    "pipeline": {
        *("road", "monitor", "readback", "inference", "intake", "engines", "cache", "results", "scoring"),
        *GROUND,
    },
    "recommender": {"results", *GROUND},
    "notebook": {"pipeline", "results", *GROUND},
    "commands": {
        "pipeline",
        "enquiries",
        "stops",
        "extras",
        "results",
        "console",
        "inference",
        "scoring",
        "intake",
        "engines",
        "cache",
        *GROUND,
    },
    "cli": {"commands", "console", "errors", "stops", "processes"},
    "__main__": {"cli", "processes"},
    "__init__": {"notebook", "recommender", "scoring", "intake", *GROUND},
}
"""Room -> the rooms that it may import, beside itself."""
HEAVY = {"torch", "transformers", "accelerate", "torchaudio"}
LATE = {"soundfile", "soxr", "av", "scipy", "pandas", "duckdb", *HEAVY}
"""Not imported at a module's top outside the rooms named in `test_heavy`."""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            base = node.module or ""
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def imported_at_top(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    ours = {name.split(".")[1] for name in imported(path) if name.startswith("musicflamingo_cli.")}
    assert ours - MAY[room(path)] - {room(path)} == set()


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_packages_are_imported_late_and_only_where_they_belong(path: Path) -> None:
    everywhere = {name.split(".")[0] for name in imported(path)}
    if room(path) != "engines":
        assert everywhere & HEAVY == set()
    if room(path) != "measure":
        assert imported_at_top(path) & LATE == set()


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_the_console_prints(path: Path) -> None:
    calls = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)]
    printed = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]
    assert not printed or room(path) == "console"
