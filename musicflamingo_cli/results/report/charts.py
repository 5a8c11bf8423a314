"""The charts of a report, drawn by matplotlib as SVG that stands inside the page and takes the page's colours.

Matplotlib rather than a JavaScript library: a chart is some 10 kB of SVG in place of megabytes of script, the page
needs no script at all, and what is on the screen is what is printed.
"""

from __future__ import annotations

import io
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from musicflamingo_cli.results.report.records import Comparison, Correlation, Group, Spread, Sweep
from musicflamingo_cli.results.report.text import CONTROL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, GRID = "#010203", "#020304", "#030405"
SERIES = ("#040506", "#050607", "#060708", "#070809", "#08090a", "#090a0b", "#0a0b0c", "#0b0c0d")
MARK, PAPER = "#0c0d0e", "#0d0e0f"
STAND_INS = {INK: "--ink", MUTED: "--muted", GRID: "--grid", MARK: "--mark", PAPER: "--card"} | {
    colour: f"--series-{i + 1}" for i, colour in enumerate(SERIES)
}
"""Colours that the page's own take the place of, so that the charts follow light, dark and print."""
WIDTH = 4.6
"""Inches; at 72 points an inch and the font below still legible on a phone."""
FONT = 8.5
SETTINGS: dict[str, Any] = {
    "font.size": FONT,
    "font.family": "DejaVu Sans",
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.labelsize": FONT,
    "axes.unicode_minus": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": FONT,
    "svg.fonttype": "none",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
TAG = re.compile(r"<[^>]+>")
FAMILY = re.compile(r"font: ([^;\"']*?)([\d.]+)px [^;\"]*")
LABEL = 30


@contextmanager
def _drawing(name: str, height: float, width: float = WIDTH) -> Iterator[tuple[Figure, Axes, list[str]]]:
    """Open a figure with one plot in it; afterwards the list holds its SVG. `name` sets its ids apart from others'."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    drawn: list[str] = []
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # A glyph that the measuring font lacks is no trouble: the browser has it.
        mpl.rcdefaults()
        mpl.rcParams.update(cast("Any", {**SETTINGS, "svg.hashsalt": name}))
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.add_subplot(), drawn
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    drawn.append(_inline(file.getvalue(), name))


def _inline(svg: str, name: str) -> str:
    """Return the SVG element alone, with ids that are unique on the page and colours that the page gives."""
    body = svg[svg.index("<svg") :].strip()
    body = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", body, flags=re.DOTALL)

    def tag(match: re.Match[str]) -> str:
        text = re.sub(r'\bid="', f'id="{name}-', match.group())
        text = text.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
        text = FAMILY.sub(r"font-size: \2px", text)
        for colour, variable in STAND_INS.items():
            text = text.replace(colour, f"var({variable})")
        return text

    body = TAG.sub(tag, body).replace("\n", " ")
    body = re.sub(r">\s+<", "><", re.sub(r" {2,}", " ", body))
    return body.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def _shorter(text: str) -> str:
    text = CONTROL.sub(" ", text)
    return text if len(text) <= LABEL else text[: LABEL - 1] + "\u2026"


def _percent(axis: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def histogram(spread: Spread, name: str, unit: str = "") -> str:
    """Draw how many songs have which score, with the 5 %, 50 % and 95 % quantiles."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    with _drawing(name, 2.1) as (_, plot, drawn):
        edges = spread.edges
        plot.bar(edges[:-1], spread.counts, width=edges[1] - edges[0], align="edge", color=SERIES[0], linewidth=0)
        for probability, style in ((0.05, ":"), (0.5, "-"), (0.95, ":")):
            plot.axvline(spread.quantiles[probability], color=MARK, linestyle=style, linewidth=1.2)
        median = spread.quantiles[0.5]
        plot.annotate(
            f"median {median:z.3g}" if abs(median) < 1000 else f"median {median:,.0f}",
            (median, 1.0),
            (0, 2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="bottom",
            color=MARK,
            annotation_clip=False,
        )
        plot.set_xlim(edges[0], edges[-1])
        plot.locator_params(axis="x", nbins=6)
        plot.set_ylabel("songs")
        if unit:
            plot.set_xlabel(unit)
        plot.grid(axis="y")
        plot.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        plot.yaxis.set_major_formatter(FuncFormatter(lambda songs, _: f"{songs:,.0f}"))
    return drawn[0]


def sweep(what: Sweep, name: str) -> str:
    """Draw the share of all rows that each threshold keeps."""
    with _drawing(name, 2.9) as (_, plot, drawn):
        shares = [kept / max(1, what.rows) for kept in what.kept]
        plot.fill_between(what.thresholds, shares, color=SERIES[0], alpha=0.18, linewidth=0)
        plot.plot(what.thresholds, shares, color=SERIES[0], linewidth=1.8)
        plot.set_xlim(what.thresholds[0], max(what.thresholds[-1], what.thresholds[0] + 1e-9))
        plot.set_ylim(0, 1.02)
        plot.set_xlabel(f"threshold on {_shorter(what.name)}")
        plot.set_ylabel("share of all rows kept")
        plot.grid()
        _percent(plot.yaxis)
    return drawn[0]


def correlation(what: Correlation, name: str) -> str:
    """Draw the rank correlations as a square of numbered columns: one colour for together, one for against."""
    from matplotlib.colors import ListedColormap, to_rgba

    shades = 16
    colours = [to_rgba(SERIES[1], 0.7 * (1 - i / shades)) for i in range(shades)]
    colours += [to_rgba(SERIES[0], 0.7 * (i + 1) / shades) for i in range(shades)]
    size = len(what.names)
    with _drawing(name, 0.8 + 0.3 * size) as (_, plot, drawn):
        grid = [[0.0 if value is None else value for value in line] for line in what.matrix]
        plot.pcolormesh(grid, cmap=ListedColormap(colours), vmin=-1, vmax=1, edgecolors=PAPER, linewidth=1.5)
        for row, line in enumerate(what.matrix):
            for column, value in enumerate(line):
                text = "-" if value is None else f"{value:z.2f}"
                plot.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=FONT - 1)
        plot.set_xticks([i + 0.5 for i in range(size)], [str(i + 1) for i in range(size)])
        plot.set_yticks([i + 0.5 for i in range(size)], [f"{_shorter(n)}  {i + 1}" for i, n in enumerate(what.names)])
        plot.invert_yaxis()
        plot.tick_params(length=0)
        plot.spines[:].set_visible(False)
    return drawn[0]


def obtained(fields: Mapping[str, Mapping[str, int]], name: str) -> str:
    """Draw, for every field, the shares of what its values were obtained from."""
    totals = Counter[str]()
    for counts in fields.values():
        totals.update(counts)
    sources = sorted(totals, key=lambda s: (s.startswith("("), -totals[s], s))
    with _drawing(name, 0.9 + 0.24 * len(fields)) as (figure, plot, drawn):
        left = [0.0] * len(fields)
        for i, source in enumerate(sources):
            shares = [counts.get(source, 0) / max(1, sum(counts.values())) for counts in fields.values()]
            colour = GRID if source.startswith("(") else SERIES[i % len(SERIES)]
            plot.barh(range(len(fields)), shares, left=left, color=colour, label=_shorter(source), height=0.7)
            left = [a + b for a, b in zip(left, shares, strict=True)]
        plot.set_yticks(range(len(fields)), [_shorter(field) for field in fields])
        plot.invert_yaxis()
        plot.set_xlim(0, 1)
        _percent(plot.xaxis)
        figure.legend(loc="outside lower center", ncols=min(4, len(sources)), handlelength=1)
    return drawn[0]


def groups(shown: Sequence[Group], ends: tuple[float, float], name: str) -> str:
    """Draw each group's median and its middle half."""
    scored = [g for g in shown if g.quartiles]
    with _drawing(name, 0.6 + 0.24 * len(scored)) as (_, plot, drawn):
        for place, group in enumerate(scored):
            low, middle, high = group.quartiles or (0.0, 0.0, 0.0)
            plot.plot([low, high], [place, place], color=SERIES[0], alpha=0.45, linewidth=5, solid_capstyle="round")
            plot.plot([middle], [place], "o", color=SERIES[0], markersize=6)
        plot.set_yticks(range(len(scored)), [_shorter(g.name) for g in scored])
        plot.set_ylim(len(scored) - 0.4, -0.6)
        plot.set_xlim(*ends)
        plot.grid(axis="x")
    return drawn[0]


def moved(what: Comparison, score: str, name: str) -> str:
    """Draw the older score against the new one: the darker a cell, the more songs."""
    from matplotlib.colors import ListedColormap, LogNorm, to_rgba

    shades = ListedColormap([to_rgba(SERIES[0], 0.2 + 0.8 * i / 15) for i in range(16)])
    low = min([what.low, *(min(pair) for pair in what.pairs)])
    high = max([what.high, *(max(pair) for pair in what.pairs)])
    with _drawing(name, 3.6, 4.2) as (_, plot, drawn):
        plot.plot([low, high], [low, high], color=MUTED, linewidth=0.8, linestyle="--")
        then, now = zip(*what.pairs, strict=True)
        bins = max(12, min(30, round(len(what.pairs) ** 0.5)))
        plot.hist2d(then, now, bins=bins, range=[[low, high]] * 2, cmin=1, cmap=shades, norm=LogNorm(vmin=1))
        plot.set_xlabel(f"{_shorter(score)}, older run")
        plot.set_ylabel(f"{_shorter(score)}, this run")
        plot.set_aspect("equal")
        plot.grid()
    return drawn[0]
