"""The page as text: whatever a title holds, nothing in it runs, and nothing is fetched."""

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from musicflamingo_cli.results.report import page
from musicflamingo_cli.results.report.build import build_report
from musicflamingo_cli.results.report.page import render_page
from musicflamingo_cli.results.report.records import ReportOptions
from tests.results.report.report_tables import CARD, HOSTILE, detail, five_songs, write

PAGE_TAGS = {"html", "head", "meta", "title", "link", "style", "body", "header", "main", "nav", "section", "footer"}
TEXT_TAGS = {"h1", "h2", "h3", "h4", "p", "bdi", "span", "strong", "a", "pre", "br", "wbr", "details", "summary"}
LIST_TAGS = {"ul", "ol", "li", "dl", "dt", "dd", "div", "table", "caption", "thead", "tbody", "tr", "th", "td"}
CHART_TAGS = {"figure", "figcaption", "audio", "svg", "g", "path", "defs", "use", "text", "clippath", "rect"}
ALLOWED = PAGE_TAGS | TEXT_TAGS | LIST_TAGS | CHART_TAGS


class Reader(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


def hostile_columns(count: int = 12) -> dict[str, Any]:
    values = [i / count for i in range(count)]
    return {
        "song_id": [f"{i}{HOSTILE}" for i in range(count)],
        "title": [HOSTILE] * count,
        "audio": [f'https://example.org/"onerror="alert(3)/{HOSTILE}'] * count,
        "status": ["ok", HOSTILE] * (count // 2),
        "reason": [None, HOSTILE] * (count // 2),
        "error": [HOSTILE] * count,
        "genre": [HOSTILE] * count,
        "mood": [HOSTILE * 9] * count,
        "finish_reason": [HOSTILE] * count,
        "audio_flags": pa.array([[HOSTILE]] * count),
        "repairs": pa.array([[HOSTILE]] * count),
        "overall_quality_score": values,
        HOSTILE: values,
        f"{HOSTILE}_detail": detail([HOSTILE] * count, [0.1] * count),
    }


HOSTILE_CARD = {
    "scored_at": HOSTILE,
    "versions": {HOSTILE: HOSTILE},
    "settings": {
        "model": HOSTILE,
        HOSTILE: {HOSTILE: HOSTILE},
        "prompt": HOSTILE,
        "fields": [{"name": HOSTILE, "kind": "score", "low": 0, "high": 1}],
    },
}


@pytest.fixture
def hostile(tmp_path: Path) -> str:
    new = write(tmp_path / "new.parquet", hostile_columns(), HOSTILE_CARD)
    old = hostile_columns()
    old["overall_quality_score"] = old["overall_quality_score"][::-1]
    older = write(tmp_path / "old.parquet", old, CARD)
    return render_page(build_report(new, ReportOptions(against=older)))


def test_hostile_text_is_text(hostile: str) -> None:
    found = read(hostile)
    assert {tag for tag, _ in found.tags} <= ALLOWED
    assert [name for _, attributes in found.tags for name in attributes if name.startswith("on")] == []
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", hostile)
    assert "{{ 7*7 }}" in "".join(found.text)
    assert sum("<script>alert(1)</script>" in text for text in found.text) > 20


def test_the_style_ends_where_it_should(hostile: str) -> None:
    assert hostile.count("</style>") == 1


def test_nothing_but_audio_comes_from_elsewhere(hostile: str) -> None:
    for tag, attributes in read(hostile).tags:
        if tag == "audio":
            assert (attributes["src"] or "").startswith("https://example.org/")
            assert attributes["preload"] == "none"
            continue
        for name in ("src", "href", "xlink:href", "srcset", "action", "poster", "data"):
            value = attributes.get(name)
            assert value is None or value.startswith("#") or value == "data:,", (tag, name, value)
    assert "url(" not in re.sub(r"url\(#", "", hostile)
    assert "@import" not in hostile


def test_the_policy_allows_no_script_and_no_fetch(hostile: str) -> None:
    (policy,) = [
        a["content"] or "" for tag, a in read(hostile).tags if a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "connect-src" not in policy


def test_ids_are_unique_and_references_meet_one(tmp_path: Path) -> None:
    table = write(tmp_path / "t.parquet", five_songs(), CARD)
    page = render_page(build_report(table, ReportOptions(against=table)))
    tags = read(page).tags
    ids = [a["id"] for _, a in tags if "id" in a]
    assert len(ids) == len(set(ids))
    used = {a[key] or "" for _, a in tags for key in ("href", "xlink:href") if (a.get(key) or "").startswith("#")}
    used |= {f"#{name}" for name in re.findall(r"url\(#([^)]*)\)", page)}
    assert {name[1:] for name in used} - set(ids) == set()


def test_the_page_takes_its_colours_from_the_reader(tmp_path: Path) -> None:
    page = render_page(build_report(write(tmp_path / "t.parquet", five_songs(), CARD), ReportOptions()))
    style = page[page.index("<style>") : page.index("</style>")]
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style
    drawn = re.findall(r'style="[^"]*#[0-9a-f]{6}', page)
    assert drawn == [], "a chart has a colour of its own"
    named = set(re.findall(r"var\((--[a-z0-9-]+)\)", page))
    assert named <= set(re.findall(r"(--[a-z0-9-]+):", style))


def test_every_chart_has_words_beside_it(tmp_path: Path) -> None:
    page = render_page(build_report(write(tmp_path / "t.parquet", five_songs(), CARD), ReportOptions()))
    figures = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert len(figures) >= 6
    for figure in figures:
        assert 'aria-hidden="true"' in figure
        assert len(re.sub(r"<[^>]*>", "", figure[figure.index("<figcaption>") :]).split()) > 5
    headings = [int(tag[1]) for tag, _ in read(page).tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(headings))


def test_the_page_shows_what_it_should(tmp_path: Path) -> None:
    table = write(tmp_path / "t.parquet", five_songs(), CARD)
    text = " ".join("".join(read(render_page(build_report(table, ReportOptions()))).text).split())
    for what in ("Anthem", "not_audio", "single_quotes", "clipped", "nvidia/music-flamingo-2601-hf", "spread 0.200",
                 "Listen to the whole track.", "production_quality", "jazz", "60.0%"):  # fmt: skip
        assert what in text, what


def test_without_its_packages_the_page_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "find_spec", lambda name: None)
    with pytest.raises(page.UsageError, match=r"jinja2 and matplotlib: .* install .*\[report\]"):
        page.check_packages()


def test_large_numbers_are_short() -> None:
    assert [page.number(value) for value in (0.5, -14.25, 22050.0, 1e300, None)] == [
        *("0.500", "-14.250", "22,050", "1e+300", "\u2013"),
    ]
