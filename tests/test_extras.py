"""What to install is said as a command that works from where mfq came."""

import importlib.metadata
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from musicflamingo_cli import extras

PIP = [sys.executable, "-m", "pip", "install"]
KNOWN = [
    "numpy>=1.26",
    "torch<3,>=2.6; extra == 'flamingo'",
    'av>=13; extra == "flamingo"',
    "av>=13; extra == 'signal'",
]


@pytest.fixture
def came_from(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have mfq be installed from somewhere: `direct_url.json` as pip writes it, or none."""

    def install(origin: dict[str, Any] | str | None) -> None:
        class Installed:
            def read_text(self, name: str) -> str | None:
                assert name == "direct_url.json"
                return json.dumps(origin) if isinstance(origin, dict) else origin

        monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Installed())
        monkeypatch.setattr(importlib.metadata, "requires", lambda name: KNOWN)
        monkeypatch.setattr(extras, "find_spec", lambda name: object())

    return install


@pytest.mark.parametrize("editable", [True, False])
def test_a_folder(came_from: Any, tmp_path: Path, editable: bool) -> None:
    folder = tmp_path / "my clone's"
    folder.mkdir()
    came_from({"url": folder.as_uri(), "dir_info": {"editable": True} if editable else {}})
    assert shlex.split(extras.install_command("report")) == PIP + ["-e"] * editable + [f"{folder}[report]"]


def test_a_wheel(came_from: Any, tmp_path: Path) -> None:
    wheel = tmp_path / "musicflamingo_cli-0.1.0-py3-none-any.whl"
    wheel.touch()
    came_from({"url": wheel.as_uri(), "archive_info": {}})
    assert shlex.split(extras.install_command("signal")) == [*PIP, f"{wheel}[signal]"]


@pytest.mark.parametrize(
    ("origin", "meant"),
    [
        ({"url": "https://a.b/x.whl", "archive_info": {}}, "https://a.b/x.whl"),
        ({"url": "https://a.b/x", "vcs_info": {"vcs": "git", "commit_id": "c0"}}, "git+https://a.b/x@c0"),
        (
            {
                "url": "file:///srv/x",
                "vcs_info": {"vcs": "git", "commit_id": "c0", "requested_revision": "main"},
                "subdirectory": "sub",
            },
            "git+file:///srv/x@main#subdirectory=sub",
        ),
    ],
)
def test_an_address(came_from: Any, origin: dict[str, Any], meant: str) -> None:
    came_from(origin)
    assert shlex.split(extras.install_command("flamingo")) == [*PIP, f"musicflamingo-cli[flamingo] @ {meant}"]


@pytest.mark.parametrize(
    "origin", [None, "", "{", "[]", {"url": 1}, {"url": "file:///gone/by/now", "dir_info": {}}, {"vcs_info": {}}]
)
def test_where_nobody_knows_the_packages_are_named(came_from: Any, origin: Any) -> None:
    came_from(origin)
    assert shlex.split(extras.install_command("flamingo")) == [*PIP, "torch<3,>=2.6", "av>=13"]


def test_an_environment_without_pip(came_from: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    came_from(None)
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/uv")
    assert shlex.split(extras.install_command("signal")) == [
        *("uv", "pip", "install", "--python"),
        sys.executable,
        "av>=13",
    ]
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert shlex.split(extras.install_command("signal")) == ["pip", "--python", sys.executable, "install", "av>=13"]


@pytest.mark.parametrize("extra", ["flamingo", "signal", "report", "docs"])
def test_every_extra_that_is_named_exists(extra: str) -> None:
    assert f"{extra}" in (importlib.metadata.metadata("musicflamingo-cli").get_all("Provides-Extra") or ())
    assert len(shlex.split(extras.install_command(extra))) > len(PIP)
