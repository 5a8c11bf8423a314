"""One song from the network to a file: redirects, ranges, limits, and which troubles may pass."""

from __future__ import annotations

import base64
import re
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from typing import Literal, NoReturn

import httpcore2 as httpcore

from musicflamingo_cli.intake.fetch.content import HEAD_BYTES, check_head, check_type
from musicflamingo_cli.intake.fetch.hosts import HostGate
from musicflamingo_cli.intake.fetch.network import Clock, FetcherClosed, Wire
from musicflamingo_cli.intake.fetch.part import Part, Passing, resume_validator, retry_after
from musicflamingo_cli.intake.fetch.settings import FetchSettings
from musicflamingo_cli.intake.fetch.urls import Target, redirected
from musicflamingo_cli.intake.reasons import Unheard

MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
WELL = frozenset({200, 203, 206})
PASSING = frozenset({408, 421, 425, 429})
"""Beside 5xx, the answers that another attempt may change."""

LISTS = frozenset({"content-encoding", "transfer-encoding", "accept-ranges"})
PLAIN = frozenset({"", "identity", "none", "aws-chunked"})
"""Codings of a body that compress nothing. `aws-chunked` is how an object was once uploaded to S3, not how it comes."""

_RANGE = re.compile(r"bytes +(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)
_LAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


@dataclass(frozen=True, slots=True)
class Means:
    """What all downloads of a fetcher share."""

    pool: Callable[[Literal["http", "https"]], httpcore.ConnectionPool]
    """The pool of a scheme."""
    wire: Wire
    gate: HostGate
    settings: FetchSettings


class Download:
    """The attempts at one song."""

    def __init__(self, target: Target, part: Part, means: Means, clock: Clock) -> None:
        self._target, self._part, self._means, self._clock = target, part, means, clock
        self._host = target.host

    def attempt(self) -> None:
        """Get what is missing, from the first redirect on.

        Raises:
            Unheard: for good.
            Passing: perhaps not next time; what has come is kept if the server can go on from there.
            OutputError: the file can't be written.
            FetcherClosed: all is over.
        """
        target: Target | None = self._target
        for _ in range(MAX_REDIRECTS + 1):
            assert target is not None  # noqa: S101
            self._host = target.host
            with ExitStack() as stack:
                with self._clock.stopped():
                    stack.enter_context(self._means.gate.slot(target.host))
                stack.enter_context(self._means.wire.timed(self._clock))
                target = self._ask(target)
            if target is None:
                return
        raise Unheard("http_error", f"more than {MAX_REDIRECTS} redirects")

    def _ask(self, target: Target) -> Target | None:
        """Send one request; returns where it redirects to, or None when the body is whole."""
        limits = self._means.settings
        times = {"connect": limits.connect_seconds, "read": limits.read_seconds, "write": limits.read_seconds}
        query = "" if target.query is None else f"?{target.query}"
        url = httpcore.URL(
            scheme=target.scheme, host=target.host, port=target.port, target=(target.path + query).encode("ascii")
        )
        try:
            with self._means.pool(target.scheme).stream(
                "GET", url, headers=self._headers(target), extensions={"timeout": times}
            ) as response:
                return self._take(response, target)
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            if self._means.wire.closed.is_set():
                raise FetcherClosed from None
            self._explain(error, target)

    def _headers(self, target: Target) -> list[tuple[str, str]]:
        headers = [
            ("Host", target.authority),
            ("User-Agent", f"musicflamingo-cli/{version('musicflamingo-cli')}"),
            ("Accept", "*/*"),
            ("Accept-Encoding", "identity"),
        ]
        if target.user is not None:
            pair = f"{target.user}:{target.password or ''}".encode("utf-8", "replace")
            headers.append(("Authorization", f"Basic {base64.b64encode(pair).decode('ascii')}"))
        if self._part.length and self._part.validator:
            headers += [("Range", f"bytes={self._part.length}-"), ("If-Range", self._part.validator)]
        return headers

    def _take(self, response: httpcore.Response, target: Target) -> Target | None:
        headers: dict[str, str] = {}
        for raw_name, value in response.headers:
            name, said = raw_name.decode("latin-1").lower(), value.decode("latin-1")
            # A list may come in several lines (RFC 9110, 5.3).
            headers[name] = f"{headers[name]},{said}" if name in headers and name in LISTS else said
        status, part = response.status, self._part
        if status in REDIRECTS and "location" in headers:
            location = headers["location"].encode("latin-1").decode("utf-8", "replace")
            _read_away(response, headers)
            return redirected(target, location)
        if status not in WELL:
            _read_away(response, headers)
        self._check_status(status, headers, target)
        resumed = status == 206
        if resumed:
            self._check_resumed(headers)
        else:
            part.restart()
            # Where it comes in chunks, these count, and the length does not (RFC 9112, 6.3).
            length = "" if "transfer-encoding" in headers else headers.get("content-length", "")
            part.total = int(length) if length.isascii() and length.isdigit() else None
            part.validator = resume_validator(headers)
        self._check_promise(headers)
        for chunk in response.iter_stream():
            part.write(chunk)
            if part.length > self._means.settings.max_bytes:
                raise Unheard("too_large", f"more than {self._means.settings.max_bytes} bytes")
            if len(part.head) == HEAD_BYTES and part.length - len(chunk) < HEAD_BYTES:
                check_head(bytes(part.head))
        if part.total is not None and part.length != part.total:
            self._explain(httpcore.RemoteProtocolError(), target)
        if part.length < HEAD_BYTES and part.length:
            check_head(bytes(part.head))
        return None

    def _check_status(self, status: int, headers: dict[str, str], target: Target) -> None:
        said = f"{target.authority} answered {status}{_phrase(status)}"
        if status in PASSING or status >= 500:
            wait = retry_after(headers.get("retry-after", ""))
            raise Passing("http_unavailable", said, wait)
        if status == 416 and self._part.length:
            self._part.restart()
            raise Passing("network", f"{said} to a request for the rest of the song")
        if status == 206 and not (self._part.length and self._part.validator):
            raise Passing("network", f"{said} to a request for the whole song")
        if status not in WELL:
            raise Unheard("http_error", said)

    def _check_resumed(self, headers: dict[str, str]) -> None:
        """See to it that the rest of the same version comes. Raises `Passing` and starts afresh if not."""
        part = self._part
        match = _RANGE.fullmatch(headers.get("content-range", "").strip())
        fits = match is not None and int(match[1]) == part.length and int(match[2]) >= part.length
        if match is not None and fits and match[3] != "*":
            fits = int(match[3]) == int(match[2]) + 1 and part.total in (None, int(match[3]))
        now = resume_validator(headers)  # A 206 may leave a date out (RFC 9110, 15.3.7), and some leave out the ETag.
        same_kind = now is not None and part.validator is not None and (now[0] == '"') == (part.validator[0] == '"')
        if not fits or (same_kind and now != part.validator):
            part.restart()
            raise Passing("network", "the server sent another part of the song than was asked for")
        if match is not None and match[3] != "*":
            part.total = int(match[3])

    def _check_promise(self, headers: dict[str, str]) -> None:
        """Refuse by its headers what need not be read."""
        codings = headers.get("content-encoding", "").lower().split(",")
        if not PLAIN.issuperset(coding.strip() for coding in codings):
            raise Unheard("http_error", "the server sent it compressed, although asked not to")
        check_type(headers.get("content-type", ""))
        total, most = self._part.total, self._means.settings.max_bytes
        if total is not None and total > most:
            raise Unheard("too_large", f"{total} bytes; at most {most} are fetched")

    def _explain(self, error: Exception, target: Target) -> NoReturn:
        """Turn a trouble of the connection into ours. Never quotes what a server wrote."""
        settings, part, host = self._means.settings, self._part, target.authority
        cause = error.args[0] if error.args else None
        if self._clock.left() <= 0:
            raise Unheard("timeout", f"not fetched within {settings.total_seconds:g} s") from None
        if isinstance(error, httpcore.ConnectTimeout):
            raise Passing(
                "timeout", f"no connection to {host} within {settings.connect_seconds:g} s", reached=False
            ) from None
        if isinstance(error, httpcore.TimeoutException):
            raise Passing("timeout", f"{host} was silent for {settings.read_seconds:g} s") from None
        if isinstance(error, httpcore.LocalProtocolError):
            raise Unheard("url_refused", "this URL can't be asked for") from None
        if isinstance(cause, ssl.SSLCertVerificationError):
            said = cause.verify_message
            raise Unheard("network", f"the certificate of {host} can't be verified: {said}") from None
        if isinstance(cause, socket.gaierror) and cause.errno in _LAME:
            raise Unheard("network", f"there is no host {target.host}") from None
        if isinstance(error, httpcore.ConnectError):
            why = cause.strerror or cause.args[-1] if isinstance(cause, OSError) and cause.args else "no connection"
            raise Passing("network", f"{host} can't be reached: {why}", reached=False) from None
        of = "" if part.total is None else f" of {part.total}"
        what = f"the connection to {host} broke after {part.length}{of} bytes" if part.length else None
        raise Passing("network", what or f"{host} gave no valid answer") from None

    @property
    def host(self) -> str:
        """The host that was asked last."""
        return self._host


def _read_away(response: httpcore.Response, headers: dict[str, str]) -> None:
    """Read a short body that nobody wants, so that the connection can be used again."""
    length, until = headers.get("content-length", ""), time.monotonic() + 1.0
    if len(length) <= 4:
        with suppress(httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
            for _ in response.iter_stream():
                if not length or time.monotonic() > until:
                    break


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""
