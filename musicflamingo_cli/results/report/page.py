"""A report as one HTML page that needs nothing else: no script, no font, no image, no network but for songs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.extras import install_command
from musicflamingo_cli.results.report.card import settings_of
from musicflamingo_cli.results.report.compare import plain
from musicflamingo_cli.results.report.records import Report, Spread

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


@dataclass(frozen=True, slots=True)
class Charts:
    """The drawn charts, SVG each; empty where there is nothing to draw."""

    histograms: Mapping[str, str]
    sweep: str = ""
    correlation: str = ""
    obtained: str = ""
    groups: str = ""
    moved: str = ""


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
    drawn = draw(report)
    # matplotlib escapes all text in its SVG, and the style is a file of this package: they alone go in as they are.
    charts = {name: Markup(getattr(drawn, name)) for name in ("sweep", "correlation", "obtained", "groups", "moved")}
    histograms = {name: Markup(svg) for name, svg in drawn.histograms.items()}
    page = environment.from_string(text).render(
        report=report,
        style=Markup(style),
        policy=POLICY,
        charts={**charts, "histograms": histograms},
        settings=_settings(report.card),
        words=_words(report.card),
        versions={**report.versions, "matplotlib": mpl.__version__},
        preview=PREVIEW,
        thresholds=_thresholds(report),
        strongest=report.correlation.strongest() if report.correlation else [],
    )
    return CONTROL.sub("\ufffd", page)


def draw(report: Report) -> Charts:
    """Draw every chart that the report has figures for."""
    from musicflamingo_cli.results.report import charts as chart

    ranked = next((s for s in report.spreads if s.name == report.rank), None)
    compared = report.comparison
    return Charts(
        histograms={s.name: chart.histogram(s, f"histogram{i}") for i, s in enumerate(report.spreads)}
        | {s.name: chart.histogram(s, f"measure{i}", unit) for i, (s, unit) in enumerate(report.measures)},
        sweep=chart.sweep(report.sweep, "sweep") if report.sweep else "",
        correlation=chart.correlation(report.correlation, "correlation") if report.correlation else "",
        obtained=chart.obtained(report.obtained, "obtained") if report.obtained else "",
        groups=chart.groups(report.groups, _ends(ranked), "groups") if any(g.quartiles for g in report.groups) else "",
        moved=chart.moved(compared, report.rank, "moved") if compared and compared.pairs and report.rank else "",
    )


def _ends(spread: Spread | None) -> tuple[float, float]:
    if spread is None or spread.high <= spread.low:
        return 0.0, 1.0
    return spread.low, spread.high


def _settings(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    named = settings_of(card)
    order = [*(k for k in FIRST_SETTINGS if k in named), *(k for k in named if k not in FIRST_SETTINGS)]
    told = [(str(k), plain(named[k], SETTING)) for k in order if k not in (*WORDS, "fields") and named[k] is not None]
    versions = card.get("versions")
    if isinstance(versions, dict):
        told.append(("versions", ", ".join(f"{k} {plain(v)}" for k, v in versions.items())))
    merged = card.get("merged")
    if isinstance(merged, list):
        told.append(("merged from", plain(", ".join(map(str, merged)), SETTING)))
    if card.get("scored_at"):
        told.append(("scored at", plain(card["scored_at"])))
    return told


def _words(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    named = settings_of(card)
    return [(k, plain(named[k], 20_000)) for k in WORDS if named.get(k)]


def breakable(name: str) -> Markup:
    """Return a name, escaped, that a narrow screen may break behind its underscores."""
    from markupsafe import Markup, escape

    return escape(name).replace("_", Markup("_<wbr>"))


def _thresholds(report: Report) -> list[tuple[float, int]]:
    if report.sweep is None:
        return []
    return list(zip(report.sweep.thresholds[::10], report.sweep.kept[::10], strict=True))


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
