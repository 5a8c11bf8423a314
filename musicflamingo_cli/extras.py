"""The package's extras, and the command that installs one into the very interpreter that runs."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

NAME = "musicflamingo-cli"


def install_command(extra: str) -> str:
    """Return the command that adds an extra of mfq, as it can be pasted into a shell.

    It installs from where mfq itself came (PEP 610's `direct_url.json`, or the checkout that this file lies in). Where
    that is unknown or gone, it names the packages of the extra, which are on the index.
    """
    return pip_install(*(_from_origin(extra) or _requirements(extra) or [f"FOLDER-OF-MFQ[{extra}]"]))


def pip_install(*words: str) -> str:
    """Return a command that installs into the interpreter that runs, with or without a pip of its own."""
    python = sys.executable or "python3"
    if find_spec("pip") is not None:
        start = [python, "-m", "pip", "install"]
    elif shutil.which("uv"):
        start = ["uv", "pip", "install", "--python", python]
    else:
        start = ["pip", "--python", python, "install"]
    return shlex.join([*start, *words])


def _from_origin(extra: str) -> list[str] | None:
    """Return pip's arguments for an extra from where mfq came; None if nobody knows, or nothing is there any more."""
    import importlib.metadata

    try:
        text = importlib.metadata.distribution(NAME).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        checkout = Path(__file__).resolve().parent.parent
        return ["-e", f"{checkout}[{extra}]"] if (checkout / "pyproject.toml").is_file() else None
    try:
        origin = json.loads(text or "")
        url, within = origin["url"], origin.get("subdirectory")
        if url.startswith("file:") and "vcs_info" not in origin:
            path = Path(unquote(urlsplit(url).path)) / (within or "")
            editable = ["-e"] if origin.get("dir_info", {}).get("editable") else []
            return [*editable, f"{path}[{extra}]"] if path.exists() else None
        if vcs := origin.get("vcs_info"):
            url = f"{vcs['vcs']}+{url}@{vcs.get('requested_revision') or vcs['commit_id']}"
        return [f"{NAME}[{extra}] @ {url}" + (f"#subdirectory={within}" if within else "")]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _requirements(extra: str) -> list[str]:
    """Return the packages of an extra, as this installation's metadata names them."""
    import importlib.metadata

    try:
        known = importlib.metadata.requires(NAME) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    return [line.partition(";")[0].strip() for line in known if re.search(rf"extra == ['\"]{extra}['\"]", line)]
