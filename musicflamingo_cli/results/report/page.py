"""A report as one HTML page that needs nothing else: no script, no font, no image, no network but for songs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.extras import install_command
from musicflamingo_cli.results.report.compare import shown
from musicflamingo_cli.results.report.records import Report
from musicflamingo_cli.results.run_card import part_of

if TYPE_CHECKING:
    from markupsafe import Markup

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src file: http: https:; "
    "base-uri 'none'; form-action 'none'"
)
"""Nothing runs and nothing is fetched, whatever a title or a model's text holds; audio is, when a person plays it."""
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
PREVIEW = 260
"""Characters of a song's text that are shown at once."""
SETTING = 300
FIRST_SETTINGS = ("engine", "model", "revision", "licence", "pack", "prompt_hash", "decode", "weights", "min_coverage")
WORDS = ("prompt", "system")
"""Settings that are long texts."""


def check_packages() -> None:
    """Raise `UsageError` if the packages of the extra `report` are not installed."""
    absent = [name for name in ("jinja2", "matplotlib") if find_spec(name) is None]
    if absent:
        raise UsageError(f"-o needs {' and '.join(absent)}: {install_command('report')}; without -o the report is text")


def render_page(report: Report) -> str:
    """Return the page. The packages of the extra `report` must be installed (`check_packages`)."""
    import logging

    import jinja2

    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # It tells about its font cache where there is no HOME.
    import matplotlib as mpl
    from markupsafe import Markup

    text = (files("musicflamingo_cli.results.report") / "templates" / "report.html.jinja").read_text("utf-8")
    style = (files("musicflamingo_cli.results.report") / "templates" / "report.css").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(number=number, signed=signed, share=share, count=count, songs=songs, breakable=breakable)
    said, sweep = part_of(report.card, "settings"), report.sweep
    page = environment.from_string(text).render(
        report=report,
        style=Markup(style),
        policy=POLICY,
        charts=_charts(report),
        settings=_settings(report.card),
        words=[(name, shown(said[name], 20_000)) for name in WORDS if said.get(name)],
        versions={"mfq": version("musicflamingo-cli"), "matplotlib": mpl.__version__},
        made_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        preview=PREVIEW,
        thresholds=list(zip(sweep.thresholds[::10], sweep.kept[::10], strict=True)) if sweep else [],
        strongest=report.correlation.strongest() if report.correlation else [],
    )
    return CONTROL.sub("\ufffd", page)


def _charts(report: Report) -> dict[str, Any]:
    """Draw every chart that the report has figures for, as SVG; "" for one that it has none for."""
    from markupsafe import Markup

    from musicflamingo_cli.results.report import charts

    histograms = {s.name: charts.histogram(s, f"histogram{i}") for i, s in enumerate(report.spreads)}
    histograms |= {s.name: charts.histogram(s, f"measure{i}", unit) for i, (s, unit) in enumerate(report.measures)}
    ends = next(((s.low, s.high) for s in report.spreads if s.name == report.rank and s.low < s.high), (0.0, 1.0))
    grouped = any(group.quartiles for group in report.groups)
    compared = report.comparison if report.comparison and report.comparison.pairs else None
    drawn = {
        "sweep": report.sweep and charts.sweep(report.sweep, "sweep"),
        "correlation": report.correlation and charts.correlation(report.correlation, "correlation"),
        "obtained": report.obtained and charts.obtained(report.obtained, "obtained"),
        "groups": grouped and charts.groups(report.groups, ends, "groups"),
        "moved": compared and report.rank and charts.moved(compared, report.rank, "moved"),
    }
    # matplotlib escapes all text in its SVG: with the style, a file of this package, it alone goes in as it is.
    whole = {name: Markup(svg or "") for name, svg in drawn.items()}
    return {**whole, "histograms": {name: Markup(svg) for name, svg in histograms.items()}}


def _settings(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    named = part_of(card, "settings")
    order = [*(k for k in FIRST_SETTINGS if k in named), *(k for k in named if k not in FIRST_SETTINGS)]
    told = [(str(k), shown(named[k], SETTING)) for k in order if k not in (*WORDS, "fields") and named[k] is not None]
    if isinstance(card.get("versions"), dict):
        told.append(("versions", ", ".join(f"{k} {shown(v)}" for k, v in card["versions"].items())))
    if isinstance(card.get("merged"), list):
        told.append(("merged from", shown(", ".join(map(str, card["merged"])), SETTING)))
    if card.get("scored_at"):
        told.append(("scored at", shown(card["scored_at"])))
    return told


def breakable(name: str) -> Markup:
    """Return a name, escaped, that a narrow screen may break behind its underscores."""
    from markupsafe import Markup, escape

    return escape(name).replace("_", Markup("_<wbr>"))


def number(value: float | None, digits: int = 3) -> str:
    """Return a score as text; a dash for none."""
    if value is None:
        return "\u2013"
    if abs(value) < 1000:
        return f"{value:z.{digits}f}"
    return f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.4g}"


def signed(value: float) -> str:
    """Return a change as text."""
    return f"{value:+z.3f}"


def share(part: float, whole: float) -> str:
    """Return a share as a percentage."""
    return f"{part / whole:.1%}" if whole else "\u2013"


def count(value: int) -> str:
    """Return a whole number with separators."""
    return f"{value:,}"


def songs(value: int) -> str:
    """Return so many songs in words."""
    return f"{value:,} song" if value == 1 else f"{value:,} songs"
