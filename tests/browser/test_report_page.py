"""The report in a real browser: charts are drawn, nothing is logged or fetched, and it fits a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from musicflamingo_cli.cli import main
from tests.browser.chromium import Browser, browser, program
from tests.results.report.report_tables import CARD, HOSTILE, five_songs, many_songs, write
from tests.results.report.test_page import HOSTILE_CARD, hostile_columns

SAMPLE = Path(__file__).resolve().parent.parent.parent / "data" / "sample"
pytestmark = pytest.mark.skipif(
    program() is None, reason="no Chromium here (Debian: apt-get install chromium): the page is not looked at"
)
DRAWN = """[...document.querySelectorAll('figure')].map(figure => ({
    name: figure.querySelector('figcaption').textContent.slice(0, 60),
    width: figure.querySelector('svg').getBoundingClientRect().width,
    height: figure.querySelector('svg').getBoundingClientRect().height,
    shapes: [...figure.querySelectorAll('svg path, svg use')].filter(shape => {
        const box = shape.getBoundingClientRect();
        const style = getComputedStyle(shape);
        return box.width > 2 && box.height > 2 && style.fill !== 'none' && style.fill !== 'rgb(0, 0, 0)';
    }).length,
}))"""
STICKS_OUT = """[...document.querySelectorAll('.card > *')].filter(inner => {
    const card = inner.parentElement;
    const scrolls = getComputedStyle(card).overflowX === 'auto';
    return !scrolls && inner.getBoundingClientRect().right > card.getBoundingClientRect().right + 1;
}).map(inner => inner.textContent.slice(0, 60))"""
SIDEWAYS = "document.documentElement.scrollWidth - window.innerWidth"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("chromium") / "profile") as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Reports as `mfq report` writes them, as file: URLs."""
    folder = tmp_path_factory.mktemp("pages")
    scored = folder / "sample.parquet"
    words = ["--engine", "fake", "--keep", "genre", "--no-cache", "--workers", "1", "-o", str(scored)]
    assert main(["score", str(SAMPLE / "manifest.jsonl"), *words]) == 0
    captions = folder / "captions.parquet"
    words = ["--engine", "fake", "--no-cache", "--workers", "1", "-o", str(captions)]
    assert main(["caption", str(SAMPLE / "manifest.jsonl"), *words]) == 0
    tables = {
        "sample": [str(scored), "--audio-root", str(SAMPLE)],
        "large": [write(folder / "large.parquet", many_songs(100_000, 1), CARD)],
        "compared": [write(folder / "new.parquet", many_songs(3000, 1), CARD)],
        "hostile": [write(folder / "hostile.parquet", hostile_columns(), HOSTILE_CARD)],
        "bare": [write(folder / "bare.parquet", {"song_id": ["a", "b"]})],
        "few": [write(folder / "few.parquet", five_songs(), CARD)],
        "captions": [str(captions), "--audio-root", str(SAMPLE)],
        "huge": [
            write(folder / "huge.parquet", five_songs() | {"content_enjoyment": [-1e99, 1e99, 0.1, 1e-99, 7]}, CARD)
        ],
    }
    tables["compared"] += ["--against", write(folder / "old.parquet", many_songs(3000, 2), CARD)]
    found = {}
    for name, words in tables.items():
        page = folder / f"{name}.html"
        assert main(["report", *words, "-o", str(page)]) == 0
        found[name] = page.as_uri()
    return found


def visit(chromium: Browser, url: str, width: int = 1280, *, dark: bool = False) -> None:
    """Open a page and hold it to the rules that every page obeys."""
    chromium.console.clear()
    chromium.requests.clear()
    chromium.open(url, width, dark=dark)
    chromium.run("new Promise(done => setTimeout(done, 200))")
    assert chromium.console == []
    # Chromium draws the buttons of its audio player from data: URLs of its own.
    assert [request for request in chromium.requests if not request.startswith("data:")] == [url]


@pytest.mark.parametrize("name", ["sample", "large", "compared", "hostile", "few", "captions"])
def test_every_chart_is_drawn(name: str, chromium: Browser, pages: dict[str, str]) -> None:
    visit(chromium, pages[name])
    charts = chromium.run(DRAWN)
    assert len(charts) >= 4
    for chart in charts:
        assert chart["width"] > 250, chart
        assert chart["height"] > 50, chart
        assert chart["shapes"] >= 1, chart


def test_a_histogram_has_a_bar_for_each_bin_that_holds_songs(chromium: Browser, pages: dict[str, str]) -> None:
    visit(chromium, pages["large"])
    heights = chromium.run("""[...document.querySelector('#scores figure svg').querySelectorAll('path')]
        .filter(bar => getComputedStyle(bar).fill === 'rgb(47, 111, 222)')
        .map(bar => bar.getBoundingClientRect().height)""")
    assert sum(height > 1 for height in heights) > 20
    assert max(heights) > 80


@pytest.mark.parametrize("name", ["sample", "large", "compared", "hostile", "bare", "few", "captions", "huge"])
@pytest.mark.parametrize("width", [360, 768, 1100])
def test_it_fits_a_screen_of_any_width(name: str, width: int, chromium: Browser, pages: dict[str, str]) -> None:
    visit(chromium, pages[name], width)
    assert chromium.run(SIDEWAYS) <= 0
    assert chromium.run(STICKS_OUT) == []


def test_dark_and_light_differ_and_can_be_read(chromium: Browser, pages: dict[str, str]) -> None:
    seen = {}
    for dark in (False, True):
        visit(chromium, pages["sample"], dark=dark)
        colours = """[getComputedStyle(document.body).color,
            getComputedStyle(document.querySelector('.card')).backgroundColor,
            getComputedStyle(document.querySelector('figure svg text')).fill]"""
        seen[dark] = [[int(part) for part in colour[4:-1].split(",")] for colour in chromium.run(colours)]
    for ink, paper, label in seen.values():
        assert contrast(ink, paper) > 7
        assert contrast(label, paper) > 7
    assert seen[False] != seen[True]


def contrast(one: list[int], other: list[int]) -> float:
    """Contrast ratio of two sRGB colours (WCAG 2.2)."""
    light = [
        sum(
            share * (part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4)
            for share, part in zip((0.2126, 0.7152, 0.0722), colour, strict=True)
        )
        for colour in (one, other)
    ]
    return (max(light) + 0.05) / (min(light) + 0.05)


def test_hostile_text_does_nothing(chromium: Browser, pages: dict[str, str]) -> None:
    visit(chromium, pages["hostile"])
    assert chromium.run("[document.scripts.length, document.images.length, document.forms.length]") == [0, 0, 0]
    shown = chromium.run("document.querySelector('h4').textContent")
    assert shown.startswith(HOSTILE[:60])


def test_a_local_song_plays(chromium: Browser, pages: dict[str, str]) -> None:
    visit(chromium, pages["sample"])
    played = """(async () => {
        const song = [...document.querySelectorAll('audio')].find(one => one.src.endsWith('.ogg'));
        const ready = new Promise((done, failed) => {
            song.addEventListener('loadedmetadata', () => done(song.duration));
            song.addEventListener('error', () => failed(new Error(song.error.message)));
        });
        song.preload = 'metadata';
        song.load();
        return ready;
    })()"""
    assert 10 < chromium.run(played) < 40
    assert chromium.console == []


def test_print_hides_what_paper_can_not_do(chromium: Browser, pages: dict[str, str]) -> None:
    chromium.open(pages["sample"], 780, dark=True, media="print")
    hidden = "['nav', 'audio'].map(tag => getComputedStyle(document.querySelector(tag)).display)"
    assert chromium.run(hidden) == ["none", "none"]
    assert chromium.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert chromium.run(SIDEWAYS) <= 0


def test_a_screenshot_shows_more_than_paper(chromium: Browser, pages: dict[str, str], tmp_path: Path) -> None:
    visit(chromium, pages["sample"])
    chromium.screenshot(tmp_path / "page.png")
    matplotlib_image = pytest.importorskip("matplotlib.image")
    pixels = matplotlib_image.imread(tmp_path / "page.png")[..., :3]
    bars = (abs(pixels - [47 / 255, 111 / 255, 222 / 255]).max(axis=2) < 0.02).mean()
    assert 0.002 < bars < 0.5
