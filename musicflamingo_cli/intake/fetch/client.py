"""One song from the network to a file: redirects, resuming, limits, and which troubles may pass."""

from __future__ import annotations

import base64
import os
import re
import socket
import ssl
import threading
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http.client import responses
from importlib.metadata import version
from io import FileIO

import httpcore2 as httpcore

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.fetch.ahead import Hosts
from musicflamingo_cli.intake.fetch.content import HEAD_BYTES, check_head, check_type
from musicflamingo_cli.intake.fetch.network import Clock, FetcherClosed, GuardedNetwork
from musicflamingo_cli.intake.fetch.settings import FetchSettings
from musicflamingo_cli.intake.fetch.urls import Target, redirected
from musicflamingo_cli.intake.reasons import IntakeError

MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
OK = frozenset({200, 203, 206})
TRANSIENT = frozenset({408, 421, 425, 429})
"""Beside 5xx, the answers that another attempt may change."""
IDLE_SECONDS = 30.0
"""How long a connection is kept for the next song."""

LISTS = frozenset({"content-encoding", "transfer-encoding", "accept-ranges"})
PLAIN = frozenset({"", "identity", "none", "aws-chunked"})
"""Codings of a body that compress nothing. `aws-chunked` is how an object was once uploaded to S3, not how it comes."""

_RANGE = re.compile(r"bytes +(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)
_NO_SUCH_HOST = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
_HTTP_ERRORS = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)


class TransientError(Exception):
    """A trouble that another attempt may not meet."""

    def __init__(self, reason: str, error: str, wait: float = 0.0, *, reached: bool = True) -> None:
        """Take a reason out of `REASONS`, a sentence, the seconds the server asked to wait, and if it was reached."""
        super().__init__(error)
        self.reason, self.error, self.wait, self.reached = reason, error, wait, reached


class Client:
    """The connections to all hosts, which downloads share. Thread-safe; opens nothing before the first request."""

    def __init__(self, settings: FetchSettings) -> None:
        """Raises `UsageError` for a host that is not HOST:PORT."""
        self.settings = settings
        self.network = GuardedNetwork(settings.allow_private_hosts)
        self.hosts = Hosts(max(1, settings.per_host), self.network.closed)
        self._lock = threading.Lock()
        self._pools: dict[str, httpcore.ConnectionPool] = {}

    def pool(self, scheme: str) -> httpcore.ConnectionPool:
        """The pool of a scheme. Raises `FetcherClosed`, and `UsageError` where there are no certificates to trust."""
        with self._lock:
            if self.network.closed.is_set():
                raise FetcherClosed
            if scheme not in self._pools:
                try:  # It takes some 50 ms.
                    trusted = httpcore.default_ssl_context() if scheme == "https" else None
                except OSError as error:
                    why = error.strerror or error
                    raise UsageError(
                        f"SSL_CERT_FILE, SSL_CERT_DIR: no certificates can be read there: {why}; "
                        "unset it, or name a file or folder of PEM"
                    ) from None
                self._pools[scheme] = httpcore.ConnectionPool(
                    ssl_context=trusted,
                    max_connections=None,
                    max_keepalive_connections=max(1, self.settings.parallel),
                    keepalive_expiry=IDLE_SECONDS,
                    network_backend=self.network,
                )
            return self._pools[scheme]

    def close(self) -> None:
        """Close all connections, when nobody uses them any more."""
        with self._lock:
            for pool in self._pools.values():
                pool.close()
            self._pools.clear()


class Download:
    """One song on its way into a file: what has come of it so far, and the attempts at the rest."""

    def __init__(self, client: Client, target: Target, file: FileIO, clock: Clock) -> None:
        self._client, self._target, self._file, self._clock = client, target, file, clock
        self.length = 0
        """Bytes that have come."""
        self._total: int | None = None
        """What it will be, where the server said so."""
        self._validator: str | None = None
        """The ETag or date by which the server knows this version again; None where it can't be resumed."""

    def attempt(self) -> None:
        """Get what is missing, from the first redirect on.

        Raises:
            IntakeError: for good.
            TransientError: perhaps not next time; what has come is kept if the server can go on from there.
            OSError: the file can't be written.
            FetcherClosed: all is over.
        """
        self._client.network.song.clock = self._clock
        target: Target | None = self._target
        for _ in range(MAX_REDIRECTS + 1):
            assert target is not None  # noqa: S101
            with self._client.hosts.slot(target.host, self._clock):
                target = self._request(target)
            if target is None:
                return
        raise IntakeError("http_error", f"more than {MAX_REDIRECTS} redirects")

    def _request(self, target: Target) -> Target | None:
        """Send one request; returns where it redirects to, or None when the body is whole."""
        limits = self._client.settings
        times = {"connect": limits.connect_seconds, "read": limits.read_seconds, "write": limits.read_seconds}
        headers = [
            ("Host", target.authority),
            ("User-Agent", f"musicflamingo-cli/{version('musicflamingo-cli')}"),
            ("Accept", "*/*"),
            ("Accept-Encoding", "identity"),
        ]
        if target.user is not None:
            pair = f"{target.user}:{target.password or ''}".encode("utf-8", "replace")
            headers.append(("Authorization", f"Basic {base64.b64encode(pair).decode('ascii')}"))
        if self.length and self._validator:
            headers += [("Range", f"bytes={self.length}-"), ("If-Range", self._validator)]
        query = "" if target.query is None else f"?{target.query}"
        url = httpcore.URL(
            scheme=target.scheme, host=target.host, port=target.port, target=(target.path + query).encode("ascii")
        )
        try:
            with self._client.pool(target.scheme).stream(
                "GET", url, headers=headers, extensions={"timeout": times}
            ) as response:
                return self._receive(response, target)
        except _HTTP_ERRORS as error:
            if self._client.network.closed.is_set():
                raise FetcherClosed from None
            raise self._explained(error, target) from None

    def _receive(self, response: httpcore.Response, target: Target) -> Target | None:
        headers: dict[str, str] = {}
        for raw_name, value in response.headers:
            name, said = raw_name.decode("latin-1").lower(), value.decode("latin-1")
            # A list may come in several lines (RFC 9110, 5.3).
            headers[name] = f"{headers[name]},{said}" if name in headers and name in LISTS else said
        if response.status in REDIRECTS and "location" in headers:
            _read_away(response, headers)
            return redirected(target, headers["location"].encode("latin-1").decode("utf-8", "replace"))
        if response.status not in OK:
            _read_away(response, headers)
        self._check_status(response.status, headers, target)
        if response.status == 206:
            self._check_resumed(headers)
        else:
            self._restart()
            # Where it comes in chunks, these count, and the length does not (RFC 9112, 6.3).
            length = "" if "transfer-encoding" in headers else headers.get("content-length", "")
            self._total = int(length) if length.isascii() and length.isdigit() else None
            self._validator = _resume_validator(headers)
        self._check_promise(headers)
        for chunk in response.iter_stream():
            self._write(chunk)
        if self._total is not None and self.length != self._total:
            raise httpcore.RemoteProtocolError
        if 0 < self.length < HEAD_BYTES:
            check_head(os.pread(self._file.fileno(), HEAD_BYTES, 0))
        return None

    def _restart(self) -> None:
        """Forget what has come."""
        self._file.seek(0)
        self._file.truncate()
        self.length, self._total, self._validator = 0, None, None

    def _write(self, chunk: bytes) -> None:
        """Append, within the size limit, as long as it may be audio."""
        before = self.length
        self.length += len(chunk)
        if self.length > self._client.settings.max_bytes:
            raise IntakeError("too_large", f"more than {self._client.settings.max_bytes} bytes")
        view = memoryview(chunk)
        while view:
            view = view[self._file.write(view) :]
        if before < HEAD_BYTES <= self.length:
            check_head(os.pread(self._file.fileno(), HEAD_BYTES, 0))

    def _check_status(self, status: int, headers: dict[str, str], target: Target) -> None:
        said = f"{target.authority} answered {status} {responses.get(status, '')}".rstrip()
        if status in TRANSIENT or status >= 500:
            wait = _retry_after(headers.get("retry-after", "").strip())
            if wait:
                self._client.hosts.pause(target.host, wait)
            raise TransientError("http_unavailable", said, wait)
        if status == 416 and self.length:
            self._restart()
            raise TransientError("network", f"{said} to a request for the rest of the song")
        if status == 206 and not (self.length and self._validator):
            raise TransientError("network", f"{said} to a request for the whole song")
        if status not in OK:
            raise IntakeError("http_error", said)

    def _check_resumed(self, headers: dict[str, str]) -> None:
        """See to it that the rest of the same version comes. Raises `TransientError` and starts afresh if not."""
        match = _RANGE.fullmatch(headers.get("content-range", "").strip())
        fits = match is not None and int(match[1]) == self.length and int(match[2]) >= self.length
        if match is not None and fits and match[3] != "*":
            fits = int(match[3]) == int(match[2]) + 1 and self._total in (None, int(match[3]))
        now, then = _resume_validator(headers), self._validator
        # A 206 may leave a date out (RFC 9110, 15.3.7), and some leave out the ETag.
        same_kind = now is not None and then is not None and (now[0] == '"') == (then[0] == '"')
        if not fits or (same_kind and now != then):
            self._restart()
            raise TransientError("network", "the server sent another part of the song than was asked for")
        if match is not None and match[3] != "*":
            self._total = int(match[3])

    def _check_promise(self, headers: dict[str, str]) -> None:
        """Refuse by its headers what need not be read."""
        codings = headers.get("content-encoding", "").lower().split(",")
        if not PLAIN.issuperset(coding.strip() for coding in codings):
            raise IntakeError("http_error", "the server sent it compressed, although asked not to")
        check_type(headers.get("content-type", ""))
        most = self._client.settings.max_bytes
        if self._total is not None and self._total > most:
            raise IntakeError("too_large", f"{self._total} bytes; at most {most} are fetched")

    def _explained(self, error: Exception, target: Target) -> IntakeError | TransientError:
        """What a trouble of the connection means. Never quotes what a server wrote."""
        settings, host = self._client.settings, target.authority
        cause = error.args[0] if error.args else None
        if self._clock.left() <= 0:
            return IntakeError("timeout", f"not fetched within {settings.total_seconds:g} s")
        if isinstance(error, httpcore.ConnectTimeout):
            said = f"no connection to {host} within {settings.connect_seconds:g} s"
            return TransientError("timeout", said, reached=False)
        if isinstance(error, httpcore.TimeoutException):
            return TransientError("timeout", f"{host} was silent for {settings.read_seconds:g} s")
        if isinstance(error, httpcore.LocalProtocolError):
            return IntakeError("url_refused", "this URL can't be asked for")
        if isinstance(cause, ssl.SSLCertVerificationError):
            return IntakeError("network", f"the certificate of {host} can't be verified: {cause.verify_message}")
        if isinstance(cause, socket.gaierror) and cause.errno in _NO_SUCH_HOST:
            return IntakeError("network", f"there is no host {target.host}")
        if isinstance(error, httpcore.ConnectError):
            why = cause.strerror or cause.args[-1] if isinstance(cause, OSError) and cause.args else "no connection"
            return TransientError("network", f"{host} can't be reached: {why}", reached=False)
        if not self.length:
            return TransientError("network", f"{host} gave no valid answer")
        of = "" if self._total is None else f" of {self._total}"
        return TransientError("network", f"the connection to {host} broke after {self.length}{of} bytes")


def _read_away(response: httpcore.Response, headers: dict[str, str]) -> None:
    """Read a short body that nobody wants, so that the connection can be used again."""
    length, until = headers.get("content-length", ""), time.monotonic() + 1.0
    if len(length) <= 4:
        with suppress(*_HTTP_ERRORS):
            for _ in response.iter_stream():
                if not length or time.monotonic() > until:
                    break


def _resume_validator(headers: dict[str, str]) -> str | None:
    """What If-Range takes (RFC 9110, 13.1.5): a strong ETag, or the date of the last change."""
    if headers.get("accept-ranges", "").strip().lower() == "none":
        return None
    tag = headers.get("etag", "").strip()
    if re.fullmatch(r'"[\x21\x23-\x7e]*"', tag):
        return tag
    date = headers.get("last-modified", "").strip()
    return date if re.fullmatch(r"[A-Za-z0-9 ,:]{20,40}", date) else None


def _retry_after(text: str) -> float:
    """Seconds that a Retry-After header asks for, in either of its forms; 0 for none."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
