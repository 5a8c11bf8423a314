"""An evaluation as a file: a page, text or JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.evaluation.records import Estimate, Evaluation
from musicflamingo_cli.evaluation.text import HEADS, text_lines
from musicflamingo_cli.results.report.page import CONTROL, POLICY, check_packages
from musicflamingo_cli.results.write.formats import check_output, output

SUFFIXES = {".html": "html", ".htm": "html", ".json": "json", ".txt": "text"}


def check_place(path: str, sources: Sequence[str]) -> None:
    """Raise `UsageError` where an evaluation can't be written, before it is made."""
    check_output(path, _form(path), sources)
    if _form(path) == "html":
        check_packages()


def write_evaluation(found: Evaluation, path: str) -> None:
    """Write what was found, whole or not at all. Raises `OutputError`."""
    form = _form(path)
    if form == "json":
        raw = f"{json_text(found)}\n".encode()
    elif form == "html":
        raw = _page(found).encode("utf-8")
    else:
        raw = "".join(f"{line}\n" for line in text_lines(found)).encode("utf-8")
    with output(path) as file:
        file.write(raw)


def json_text(found: Evaluation) -> str:
    """Return what was found as JSON, with null for what could not be had."""
    return orjson.dumps(_finite(asdict(found)), option=orjson.OPT_INDENT_2).decode()


def _form(path: str) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"-o {path}: an evaluation is a page (.html), text (.txt) or .json")
    return SUFFIXES[suffix]


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _page(found: Evaluation) -> str:
    import jinja2
    from markupsafe import Markup

    folder = files("musicflamingo_cli")
    text = (folder / "evaluation" / "templates" / "eval.html.jinja").read_text("utf-8")
    style = (folder / "results" / "report" / "templates" / "report.css").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(figure=_figure, head=HEADS.__getitem__)
    labels = list(dict.fromkeys(one.label for one in found.columns))
    page = environment.from_string(text).render(
        found=found, labels=labels, heads=HEADS, style=Markup(style), policy=POLICY, bar=_bar
    )
    return CONTROL.sub("\ufffd", page)


def _figure(value: float) -> str:
    return f"{value:z.3f}" if math.isfinite(value) else "\u2013"


def _bar(one: Estimate) -> dict[str, float] | None:
    """Return where an interval is drawn on a scale from -1 to 1, in percent; None where there is none."""
    if not all(map(math.isfinite, (one.value, one.low, one.high))):
        return None
    low, high = max(-1.0, one.low), min(1.0, one.high)
    return {"left": 50 + 50 * low, "width": 50 * (high - low), "at": 50 + 50 * one.value}
