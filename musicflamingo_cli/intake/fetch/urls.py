"""URLs as the addresses of songs: taken apart once (RFC 3986), shown without secrets, and told from each other.

What is taken apart here is what is connected to: no second parser reads the URL, so none can read it otherwise.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote, urljoin, urlsplit

from musicflamingo_cli.intake.reasons import IntakeError
from musicflamingo_cli.urls import SCHEME, has_scheme

UrlKey = Literal["path", "full"]
PORTS = {"http": 80, "https": 443}
MAX_URL = 16_384
"""Characters; servers refuse far shorter ones."""

_DATA = re.compile(r"data:[A-Za-z0-9.+-]*[/;,]", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]|[^:\[\]]+)(:\d{0,5})?")
_PATH_SAFE = "/%:@!$&'()*+,;=~-._"

_SIGNING = re.compile(
    r"x-(amz|goog|oss|cos|obs)-.+|(aws|oss)accesskeyid|googleaccessid|key-pair-id|policy|signature|sig|expires"
    r"|hdnea|hdnts|q-(sign-algorithm|ak|sign-time|key-time|header-list|url-param-list|signature)",
    re.IGNORECASE,
)
"""Query parameters that sign a request or end its life and say nothing about which song is meant. Only those of well
known stores and CDNs: a `token` or `key` may as well be the song's name."""
_AZURE = re.compile(r"s[evprtks]|spr|sip|srt|skoid|sktid|skt|ske|sks|skv", re.IGNORECASE)
"""The same of a shared access signature; so short that they count only beside a `sig`."""


@dataclass(frozen=True, slots=True)
class Target:
    """One http or https URL, ready to be asked for."""

    scheme: Literal["http", "https"]
    host: str
    """Lower case, ASCII (IDNA), an IPv6 address without its brackets."""
    port: int
    path: str
    """Percent-encoded, at least `/`."""
    query: str | None
    """Percent-encoded, without its question mark."""
    user: str | None = None
    password: str | None = None

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The URL without user, password, query and fragment: the parts that hold secrets."""
        return f"{self.scheme}://{self.authority}{self.path}"


def is_url(audio: str) -> bool:
    """True for what is a URL of any scheme (`fetch` says which of them it reads), not a path."""
    return has_scheme(audio) or _DATA.match(audio) is not None


def parse(url: str) -> Target:
    """Take a URL apart. Raises `IntakeError`: `unsupported_source` (other schemes), `url_refused` (what is no URL)."""
    scheme = (SCHEME.match(url) or ("", "data" if _DATA.match(url) else ""))[1].lower()
    if scheme not in ("http", "https"):
        what = f"a {scheme[:20]} URL" if scheme else "this"
        raise IntakeError("unsupported_source", f"{what} is not read; http, https and local files are")
    try:
        return _take_apart(url.strip(" "))
    except ValueError:  # UnicodeError is one; what Python says may quote the password.
        raise IntakeError("url_refused", "this is no valid URL") from None


def redirected(target: Target, location: str) -> Target:
    """The URL that a redirect leads to. Credentials go along only to the same origin. Raises `IntakeError`."""
    query = "" if target.query is None else f"?{target.query}"
    try:
        new = _take_apart(urljoin(target.shown + query, location.strip(" ")))
    except ValueError:
        raise IntakeError("url_refused", "a redirect to what is no valid http or https URL") from None
    keep = (new.scheme, new.host, new.port) == (target.scheme, target.host, target.port)
    return replace(new, user=target.user if keep else None, password=target.password if keep else None)


def url_key(url: str, how: UrlKey) -> str:
    """What identifies the audio in the cache: scheme, host, port and path, without user and password.

    `path` leaves the query out, so that a fresh signature changes nothing; `full` adds a hash of it (the query itself
    may hold a secret). A text that is no http URL is named by its hash.
    """
    try:
        target = parse(url)
    except IntakeError:
        return f"invalid:{_digest(url)}"
    return target.shown if how == "path" or not target.query else f"{target.shown}?sha256={_digest(target.query)}"


def url_facts(url: str, how: UrlKey) -> tuple[str, int, int]:
    """What a failure of a URL is remembered against, in the form of a file's (path, size, mtime_ns).

    The query counts in either case, as a number made of its hash: a URL that was refused because its signature had
    expired is another one with a fresh signature.
    """
    rest = url.partition("#")[0].partition("?")[2]
    return url_key(url, how), 0, int(_digest(rest)[:15], 16)


def login_mark(url: str) -> str:
    """20 bits of the hash of a URL's user and password: enough to tell a corrected password, too few to find it."""
    try:
        target = parse(url)
    except IntakeError:
        return ""
    return "" if target.user is None else _digest(f"{target.user}:{target.password or ''}")[:5]


def store_name(target: Target, how: UrlKey) -> str:
    """The name under which a song's bytes may be kept: 64 hexadecimal digits.

    With `path` the query counts but for its signing parameters: `?id=1` and `?id=2` are never one file.
    """
    query = target.query or ""
    if how == "path":
        pairs = parse_qsl(query, keep_blank_values=True)
        signed = any(name.lower() == "sig" for name, _ in pairs)
        kept = [p for p in pairs if not _SIGNING.fullmatch(p[0]) and not (signed and _AZURE.fullmatch(p[0]))]
        query = repr(kept) if kept else ""
    return _digest(f"{target.shown}?{query}\n{target.user or ''}")


def shown_url(url: str) -> str:
    """A URL as tables, logs and the cache may hold it: no user, password, query or fragment, nothing unprintable."""
    try:
        return parse(url).shown
    except IntakeError:
        match = SCHEME.match(url)
        if match is None:
            return "data:"
        # What can't be read may have its password anywhere before an @.
        rest = re.split(r"[?#]", url[match.end() : MAX_URL], maxsplit=1)[0].rpartition("@")[2]
        return f"{match[1].lower()}://{quote(rest, safe=_PATH_SAFE + '[]', errors='replace')}"


def _take_apart(url: str) -> Target:
    """A URL's parts. Raises `ValueError` for what is no http or https URL, or none that is valid."""
    if len(url) > MAX_URL or _CONTROL.search(url):
        raise ValueError
    parts = urlsplit(url)
    login, at, place = parts.netloc.rpartition("@")
    if "\\" in login or not _HOST_AND_PORT.fullmatch(place):
        raise ValueError
    scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
    port = PORTS[scheme] if parts.port is None else parts.port
    host = parts.hostname or ""
    if ":" in host:
        host = ipaddress.IPv6Address(host).compressed
    else:
        # Of a number in disguise (`0x7f.1`, `2130706433`) the address that it resolves to is judged.
        host = (host if host.isascii() else host.encode("idna").decode("ascii")).lower().removesuffix(".")
        if len(host) > 253 or not _HOST.fullmatch(host) or ".." in host:
            raise ValueError
    if parts.scheme not in PORTS or port == 0:
        raise ValueError
    user, _, password = (unquote(part) for part in login.partition(":"))
    query = _encoded(parts.query, _PATH_SAFE + "?") if "?" in url.split("#", maxsplit=1)[0] else None
    path = _encoded(parts.path, _PATH_SAFE) or "/"
    return Target(scheme, host, port, path, query, user if at else None, password if at else None)


def _encoded(text: str, safe: str) -> str:
    quoted = quote(_LONE_PERCENT.sub("%25", text), safe=safe)
    return _ESCAPE.sub(lambda match: match[0].upper(), quoted)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
