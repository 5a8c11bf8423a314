"""Who may import whom, part by part; no circles between files; nothing heavy at a module's top."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "musicflamingo_cli"
MAY = {
    # The ground: may be imported by anybody above it.
    "measures": "",
    "watch": "",
    "records": "measures",
    "csv_records": "",
    "errors": "",
    "ids": "",
    "nulls": "",
    "urls": "",
    "processes": "",
    "extras": "",
    "files": "",
    "file_window": "",
    "work_folder": "errors files",
    "score_stats": "",
    "signals": "errors",
    "summary": "records",
    "monitor": "errors files watch",
    # Stages that do not know each other.
    "measure": "measures",
    "cache": "cache_entry errors files",
    "cache_entry": "measures records",
    "engines": "errors measures records",
    "engines.flamingo": "engines errors extras files records",
    "intake.reasons": "records",
    "intake.packs": "errors measures records",
    "intake.manifest": "csv_records errors file_window ids nulls records urls",
    "intake.audio": "errors extras file_window intake.reasons measure measures processes records urls",
    "intake.fetch": "errors files intake.audio intake.reasons records urls work_folder",
    "intake.settings": "intake.audio intake.fetch measures",
    "inference": "cache cache_entry engines errors files intake.audio intake.fetch intake.packs intake.settings "
    "measures records urls watch",
    "scoring.reply": "records",
    "scoring": "cache_entry errors records scoring.reply urls",
    "results.sandbox": "errors work_folder",
    "results.outcome_rows": "measures records",
    "results.schema": "errors measures records results.outcome_rows",
    "results.run_card": "",
    "results.csv_text": "nulls",
    "results.spelling": "errors results.csv_text",
    "results.tables": "csv_records errors files ids nulls results.csv_text results.run_card results.sandbox "
    "results.schema results.spelling",
    "results.columns": "errors results.sandbox results.tables",
    "results.join": "errors results.columns results.run_card results.sandbox results.spelling results.tables",
    "results.sweep": "results.sandbox",
    "results.write": "errors files ids results.csv_text results.run_card results.spelling results.tables",
    # Three verbs that do not know each other.
    "results.filter": "errors results.columns results.join results.sandbox results.spelling results.sweep "
    "results.tables results.write",
    "results.merge": "errors results.columns results.join results.run_card results.sandbox "
    "results.schema results.spelling results.tables results.write",
    "results.report": "errors extras measures results.columns results.join results.outcome_rows results.run_card "
    "results.sandbox results.schema results.sweep results.tables results.write score_stats "
    "urls",
    "evaluation": "errors extras results.columns results.merge results.report results.sandbox results.sweep "
    "results.tables results.write scoring",
    # A run, and questions about one.
    "console": "errors",
    "progress": "console watch",
    "views": "console summary",
    "score_options": "engines errors inference intake.audio intake.fetch intake.manifest intake.packs "
    "intake.settings nulls records scoring",
    "run_context": "cache engines errors inference intake.fetch intake.manifest intake.packs records results.schema "
    "score_options work_folder",
    "rescore": "cache inference processes records results.outcome_rows scoring",
    "score_table": "intake.manifest intake.packs monitor records rescore results.outcome_rows results.run_card "
    "results.schema results.write run_context score_stats summary watch",
    "pipeline": "errors inference monitor rescore results.write run_context score_options score_table scoring summary "
    "watch",
    "ranking": "errors extras inference monitor pipeline quality_scores records results.run_card results.write "
    "run_context score_options score_table scoring summary watch",
    "inspection": "cache engines errors inference monitor records run_context score_options scoring summary",
    "api": "errors pipeline results.run_card score_options",
    "quality_scores": "errors ids results.sandbox results.tables",
    "recommender": "errors ids quality_scores results.filter results.tables",
    "commands": "console engines engines.flamingo errors evaluation extras inspection intake.audio intake.packs nulls "
    "pipeline progress ranking records results.filter results.merge results.report results.sandbox results.write "
    "score_options signals views watch",
    "cli": "commands console errors processes signals",
    "__main__": "cli processes",
    "__init__": "api recommender scoring.reply",
}
"""Part -> the parts that it may import, beside itself. A module is of the part with the longest name that fits."""
HEAVY = {"torch", "transformers", "accelerate", "torchaudio"}
LATE = {"soundfile", "soxr", "av", "scipy", "sklearn", "pandas", "duckdb", *HEAVY}
"""Not imported at a module's top outside the parts named below."""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


NAMES = {name_of(path): path for path in modules()}


def part(name: str) -> str:
    return max((p for p in MAY if name == p or name.startswith(f"{p}.")), key=len, default=name)


def statements(path: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node


@cache
def ours(name: str) -> frozenset[str]:
    """The modules of ours that a module imports, anywhere in it."""
    found: set[str] = set()
    for node in statements(NAMES[name]):
        if isinstance(node, ast.Import):
            found |= {
                alias.name.partition(".")[2] for alias in node.names if alias.name.startswith("musicflamingo_cli.")
            }
            continue
        assert node.level == 0, f"{name}: relative import"
        root, _, base = (node.module or "").partition(".")
        if root == "musicflamingo_cli":
            full = {alias.name: f"{base}.{alias.name}".lstrip(".") for alias in node.names}
            found |= {whole if whole in NAMES else base for whole in full.values()}
    return frozenset(found - {name, ""})


def packages(nodes: Iterator[ast.Import | ast.ImportFrom]) -> set[str]:
    names: set[str] = set()
    for node in nodes:
        names |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else {node.module or ""}
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("name", NAMES)
def test_a_module_imports_only_what_its_part_may(name: str) -> None:
    assert {part(other) for other in ours(name)} - {part(name), *MAY.get(part(name), "").split()} == set()


@pytest.mark.parametrize("name", MAY)
def test_no_permission_is_unused(name: str) -> None:
    used = {part(other) for module in NAMES if part(module) == name for other in ours(module)}
    assert set(MAY[name].split()) - used == set()


def test_no_files_import_each_other_in_a_circle() -> None:
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above[above.index(name) :], name))
        if name not in done:
            for other in sorted(ours(name) & set(NAMES)):
                visit(other, (*above, name))
            done.add(name)

    for name in NAMES:
        visit(name, ())


@pytest.mark.parametrize("name", NAMES)
def test_heavy_packages_are_imported_late_and_only_where_they_belong(name: str) -> None:
    if not name.startswith("engines"):
        assert packages(statements(NAMES[name])) & HEAVY == set()
    if part(name) != "measure":
        tree = ast.parse(NAMES[name].read_text("utf-8"))
        assert packages(n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)) & LATE == set()


@pytest.mark.parametrize("name", NAMES)
def test_only_the_console_prints(name: str) -> None:
    calls = [n for n in ast.walk(ast.parse(NAMES[name].read_text("utf-8"))) if isinstance(n, ast.Call)]
    printed = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]
    assert not printed or name == "console"
