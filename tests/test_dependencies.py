"""Each dependency is used by what its extra is for, and what is imported is depended on."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PARTS = {
    "": ["musicflamingo_cli"],
    "signal": ["musicflamingo_cli/intake/audio", "musicflamingo_cli/measure", "musicflamingo_cli/engines/flamingo"],
    "flamingo": ["musicflamingo_cli/engines/flamingo"],
    "report": ["musicflamingo_cli/results/report"],
    "eval": ["musicflamingo_cli/evaluation"],
    "bench": ["scripts"],
    "test": ["tests"],
    "docs": ["docs"],
}
"""Extra ("" for none) -> the folders whose code it is for."""
UNSEEN = {
    "accelerate": "transformers places a model on a GPU with it",
    "mypy": "make types",
    "pandas-stubs": "make types",
    "pytest-xdist": "make unit",
    "ruff": "make lint",
    "sphinx": "make docs",
}
"""Dependency that no code of ours imports -> what it is for."""
CALLED = {"scikit-learn": "sklearn"}
"""Dependency -> its package, where that has another name."""
BROUGHT = {"huggingface_hub": "transformers", "tokenizers": "transformers", "markupsafe": "jinja2"}
"""Imported, and in the versions that another dependency asks for."""


def dependencies(extra: str) -> set[str]:
    listed = PROJECT["dependencies"] if not extra else PROJECT["optional-dependencies"][extra]
    names = {re.match(r"[\w.-]+", line)[0] for line in listed}  # type: ignore[index]
    return names - {PROJECT["name"]}


def imported(folder: str) -> set[str]:
    """Return the packages that the files of a folder import, or name as a Sphinx extension or theme."""
    found: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add((node.module or "").partition(".")[0])
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and folder == "docs":
                found.add(node.value)
    return found


def module(dependency: str) -> str:
    return CALLED.get(dependency, dependency.replace("-", "_"))


@pytest.mark.parametrize(
    ("extra", "name"), [(e, n) for e in ("", *PROJECT["optional-dependencies"]) for n in sorted(dependencies(e))]
)
def test_a_dependency_is_used_where_its_extra_is_for(extra: str, name: str) -> None:
    used = {package for folder in PARTS[extra] for package in imported(folder)}
    assert (module(name) in used) != (name in UNSEEN)


@pytest.mark.parametrize(
    "name", sorted(imported("musicflamingo_cli") - {"musicflamingo_cli", "_typeshed"} - sys.stdlib_module_names)
)
def test_what_the_package_imports_is_depended_on(name: str) -> None:
    declared = {module(d) for extra in ("", "signal", "flamingo", "report", "eval") for d in dependencies(extra)}
    assert BROUGHT.get(name, name) in declared


def test_what_is_pinned_is_what_is_depended_on() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = {line.partition("==")[0] for line in lines if not line.startswith("#")}
    assert pinned == {name for extra in ("", *PROJECT["optional-dependencies"]) for name in dependencies(extra)}
