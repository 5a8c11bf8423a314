"""URLs: what is one, what is refused, what identifies a song, and what is never shown."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicflamingo_cli.intake.fetch.urls import (
    MAX_URL,
    is_url,
    parse,
    redirected,
    shown_url,
    store_name,
    url_facts,
    url_key,
)
from musicflamingo_cli.intake.reasons import IntakeError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://a.example/x.mp3", True),
        ("HTTPS://A.EXAMPLE/x.mp3", True),
        ("ftp://a.example/x", True),
        ("file:///etc/passwd", True),
        ("s3://bucket/key", True),
        ("data:audio/wav;base64,AAAA", True),
        ("/music/a.mp3", False),
        ("a.mp3", False),
        ("C:\\music\\a.mp3", False),
        ("/music/http://odd/a.mp3", False),
        ("live: at home.mp3", False),
        ("", False),
    ],
)
def test_a_url_is_told_from_a_path(text: str, expected: bool) -> None:
    assert is_url(text) is expected


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://a/b", "data:audio/wav;base64,AA", "s3://b/k", "a.mp3", ""]
)
def test_other_schemes_are_no_source(url: str) -> None:
    with pytest.raises(IntakeError) as caught:
        parse(url)
    assert caught.value.failure.reason == "unsupported_source"


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http:///x",
        "http://:80/",
        "http://a.example:0/",
        "http://a.example:65536/",
        "http://a.example:8o/",
        "http://a b.example/",
        "http://a\r\nX: y/",
        "http://a.example/x\r\nHost: b",
        "http://a.example/\x00",
        "http://good.example\\@127.0.0.1/",
        "http://[::1/",
        "http://[::1]evil/",
        "http://evil[::1]/",
        "http://[fe80::1%25eth0]/",
        "http://[v1.a]/",
        "http://a..example/",
        "http://127.0.0.1..../",
        "http://-/",
        "http://a.example%2f@b/%",
        "http://\ud800.example/",
        "http://a.example/\ud800",
        "http://a.example/" + "x" * MAX_URL,
    ],
)
def test_what_is_no_valid_url_is_refused(url: str) -> None:
    if url == "http://a.example%2f@b/%":  # A user and the host b: valid, and the host is b.
        assert parse(url).host == "b"
        return
    with pytest.raises(IntakeError) as caught:
        parse(url)
    assert caught.value.failure.reason == "url_refused"


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("http://A.Example", "a.example", 80, "/"),
        ("https://a.example./x?y=1#z", "a.example", 443, "/x?y=1"),
        ("http://a.example:8080/My Song #1", "a.example", 8080, "/My%20Song%20"),
        ("http://a.example/käse?q=ä&b=%2f%", "a.example", 80, "/k%C3%A4se?q=%C3%A4&b=%2F%25"),
        ("http://bücher.example/", "xn--bcher-kva.example", 80, "/"),
        ("http://１２７.０.０.１/", "127.0.0.1", 80, "/"),
        ("http://[::FFFF:127.0.0.1]:81/", "::ffff:7f00:1", 81, "/"),
        ("http://u:p@a.example/x", "a.example", 80, "/x"),
        ("  http://a.example/x  "[2:], "a.example", 80, "/x"),
    ],
)
def test_a_url_is_taken_apart(url: str, host: str, port: int, target: str) -> None:
    got = parse(url)
    query = "" if got.query is None else f"?{got.query}"
    assert (got.host, got.port, got.path + query) == (host, port, target)


def test_credentials_are_decoded_and_follow_only_to_the_same_origin() -> None:
    target = parse("https://us%40er:p%3Aw@a.example/x")
    assert (target.user, target.password) == ("us@er", "p:w")
    assert redirected(target, "/y").password == "p:w"
    for location in ("https://b.example/", "http://a.example/", "https://a.example:444/", "//b.example/"):
        assert redirected(target, location).user is None
    assert redirected(target, "https://x:y@b.example/").user is None


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://a/", "data:audio/wav,", "javascript:1", "http://[::1/"]
)
def test_a_redirect_leads_only_to_http(location: str) -> None:
    with pytest.raises(IntakeError) as caught:
        redirected(parse("http://a.example/x"), location)
    assert caught.value.failure.reason == "url_refused"


def test_a_fresh_signature_is_the_same_song() -> None:
    one = "https://u:p@A.example:443/a/b.mp3?X-Amz-Date=1&X-Amz-Signature=aa"
    two = "https://a.example/a/b.mp3?X-Amz-Date=2&X-Amz-Signature=bb#t=1"
    assert url_key(one, "path") == url_key(two, "path") == "https://a.example/a/b.mp3"
    assert url_key(one, "full") != url_key(two, "full")
    assert store_name(parse(one), "path") != store_name(parse(two), "path")  # Another user may get other bytes.
    assert store_name(parse(one.replace("u:p@", "")), "path") == store_name(parse(two), "path")


def test_a_failure_is_remembered_against_the_signature_too() -> None:
    old, new = (url_facts(f"https://u:p@a.example/x?Signature={n}#t", "path") for n in "ab")
    assert old != new
    assert old[:2] == new[:2] == ("https://a.example/x", 0)
    assert old == url_facts("https://A.example/x?Signature=a", "path")
    assert 0 <= old[2] < 1 << 63


@pytest.mark.parametrize("query", ["Expires=1&Signature=a&Key-Pair-Id=b", "sv=1&se=2&sp=r&sig=a", "X-Goog-Expires=3"])
def test_signatures_of_known_stores_do_not_name_a_file(query: str) -> None:
    plain = store_name(parse("http://a.example/x"), "path")
    assert store_name(parse(f"http://a.example/x?{query}"), "path") == plain
    assert store_name(parse(f"http://a.example/x?{query}"), "full") != plain


@pytest.mark.parametrize(("one", "two"), [("id=1", "id=2"), ("token=1", "token=2"), ("se=1", "se=2"), ("a=1", "b=1")])
def test_queries_that_may_name_a_song_never_share_a_file(one: str, two: str) -> None:
    base = "http://a.example/get?"
    assert store_name(parse(base + one), "path") != store_name(parse(base + two), "path")


def test_different_songs_have_different_keys() -> None:
    urls = ["http://a/x", "https://a/x", "http://a:81/x", "http://b/x", "http://a/X", "http://a/x/", "http://a/x%2Fy"]
    assert len({url_key(url, "path") for url in urls}) == len(urls)


SECRET = "SeCrEt77"
PLACES = [
    "http://{s}@a.example/x",
    "http://u:{s}@a.example/x",
    "http://{s}:{s}@a.example:99999/x",
    "http://u:{s}@127.1/",
    "http://u:{s}@[::1/x",
    "http://u:{s}@",
    "http://u:pa/{s}@a b/x",
    "ftp://u:{s}@a.example/x",
    "http://a.example/x?token={s}",
    "http://a.example/x#{s}",
    "http://a.example/x?X-Amz-Signature={s}&y=1",
    "s3://bucket/key?sig={s}",
    "data:audio/wav;base64,{s}",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("how", ["path", "full"])
def test_secrets_are_in_nothing_that_is_kept(place: str, how: str) -> None:
    url = place.format(s=SECRET)
    shown = [shown_url(url), url_key(url, how)]  # type: ignore[arg-type]
    try:
        shown.append(parse(url).shown)
    except IntakeError as error:
        shown.append(error.failure.error)
    assert SECRET not in " ".join(shown)


@given(st.text(), st.sampled_from(["", "http://", "https://", "http://a.example/", "http://u:p@a/", "x://", "data:a,"]))
def test_no_text_breaks_or_is_shown_as_control_codes(text: str, start: str) -> None:
    shown = shown_url(start + text) + url_key(start + text, "full") + url_key(start + text, "path")
    assert is_url(start + text) in (True, False)
    assert set(shown) <= set(string.printable) - set(string.whitespace)
