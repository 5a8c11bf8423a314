"""What fetching is told, and what it hands over."""

from __future__ import annotations

from dataclasses import dataclass, field

from musicflamingo_cli.intake.fetch.urls import UrlKey

MANNERS = {"manners": True}
"""Marks a field that changes when or how fast songs come, never whether one comes: no failure depends on it."""


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """Limits and manners of fetching; nothing here changes what is heard."""

    connect_seconds: float = 10.0
    """Time for one connection: name, address and TLS."""
    read_seconds: float = 30.0
    """Silence of a server that is waited for."""
    total_seconds: float = 600.0
    """Time that one song may take, all attempts and their pauses together; queueing for a busy host doesn't count."""
    max_bytes: int = 1 << 30
    """Size that one song may have, bytes."""
    retries: int = 4
    """Attempts after the first that may be in vain."""
    per_host: int = field(default=4, metadata=MANNERS)
    """Requests to one host at a time."""
    parallel: int = field(default=8, metadata=MANNERS)
    """Songs that are fetched at a time."""
    allow_private_hosts: tuple[str, ...] = ()
    """Hosts that may have a private address, each as `HOST:PORT`."""
    store_dir: str | None = None
    """Folder in which fetched audio is kept; None for none."""
    store_bytes: int | None = field(default=None, metadata=MANNERS)
    """Size that folder may have, bytes; None for no limit."""
    url_key: UrlKey = "path"
    """What of a URL tells one song from another."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """Audio that lies on this machine."""

    url: str
    """As it may be shown: no user, password, query or fragment. A local path as it was given."""
    path: str
    """Where the audio is."""
    temporary: bool
    """True if whoever is done with it removes it; the fetcher removes what is left when it closes."""
