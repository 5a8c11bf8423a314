"""What the cache holds of one song, and the bytes of its file.

The file begins with the song's id and carries a checksum of its body, so that a torn, altered or foreign one is never
taken for an answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from typing import Any

import orjson

from musicflamingo_cli.measures import Measures
from musicflamingo_cli.records import (
    Distribution,
    Failure,
    Fingerprint,
    LoadedAudio,
    LoadedPair,
    PairFailure,
    Reply,
)

ENTRY_FORMAT = 1
BODY = b',"body":'
MEASURES = frozenset(f.name for f in fields(Measures))


@dataclass(frozen=True, slots=True)
class Entry:
    """What the cache holds of one song."""

    song_id: str
    prompt_hash: str
    """SHA-256 of the rendered prompt that the replies answer."""
    heard: LoadedAudio | None = None
    """The audio that the replies are about (its clip is never kept)."""
    replies: tuple[Reply, ...] = ()
    """Usually one; empty while nothing was answered."""
    failure: Failure | None = None
    """Why the latest try gave no answer; None if it gave one."""
    failed_file: tuple[str, int, int] | None = None
    """(path, size, mtime_ns) of the file that failed, where there was one."""
    failed_under: str = ""
    """Fingerprint of the settings that it failed under (`IntakeSettings.remembered_under`); empty in older entries."""
    run: str = ""
    """Which run answered, or failed, last."""
    measures_version: str = ""
    """Version of the code that took `heard.measures`."""
    due: bool = False
    """Whether another reply is still to be asked for, since the one that is kept could not be read."""


def encode_entry(entry: Entry) -> bytes:
    """Return an entry as the bytes of its file."""
    body = {
        "format": ENTRY_FORMAT,
        "prompt_hash": entry.prompt_hash,
        "heard": replace(entry.heard, clip=None) if entry.heard else None,
        "replies": entry.replies,
        "failure": entry.failure,
        "failed_file": entry.failed_file,
        "failed_under": entry.failed_under,
        "run": entry.run,
        "measures_version": entry.measures_version,
        "due": entry.due,
    }
    head, inside = _json(entry.song_id), _json(body)
    return b'{"song_id":%s,"sha256":"%s"%s%s}\n' % (head, _checksum(head, inside), BODY, inside)


def decode_entry(raw: bytes, song_id: str) -> Entry | None:
    """Return the entry that a file's bytes hold, or None if they are torn, altered, another song's or unknown."""
    try:
        whole = orjson.loads(raw)
        inside = raw[raw.index(BODY) + len(BODY) : raw.rindex(b"}")]
        head = orjson.dumps(song_id)
        if whole["song_id"] != song_id or whole["sha256"].encode() != _checksum(head, inside):
            return None
        body = whole["body"]
        if body["format"] != ENTRY_FORMAT:
            return None
        failed_file = body["failed_file"]
        return Entry(
            song_id=song_id,
            prompt_hash=body["prompt_hash"],
            heard=_heard(body["heard"]),
            replies=tuple(_reply(reply) for reply in body["replies"]),
            failure=_failure(body["failure"]),
            failed_file=tuple(failed_file) if failed_file else None,
            failed_under=body.get("failed_under", ""),
            run=body["run"],
            measures_version=body["measures_version"],
            due=body.get("due", False),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _checksum(head: bytes, inside: bytes) -> bytes:
    return hashlib.sha256(head + b"\n" + inside).hexdigest().encode()


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # a lone surrogate in it, most likely
        return orjson.dumps(encodable(value))


def encodable(value: Any) -> Any:
    """Return JSON data with lone surrogates written out as `\\ud8ab`-like text, since UTF-8 can't hold them."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {encodable(k): encodable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [encodable(v) for v in value]
    return value


def _heard(body: Mapping[str, Any] | None) -> LoadedAudio | None:
    if body is None:
        return None
    measures = body["measures"]
    if not measures.keys() <= MEASURES:
        measures = {k: v for k, v in measures.items() if k in MEASURES}
    fingerprint = Fingerprint(**body["fingerprint"])
    known = {**body, "fingerprint": fingerprint, "measures": Measures(**measures), "flags": tuple(body["flags"])}
    if "parts" not in body:
        return LoadedAudio(**known)
    return LoadedPair(**{**known, "parts": tuple(map(_heard, body["parts"]))})


def _failure(body: Mapping[str, Any] | None) -> Failure | None:
    if body is None:
        return None
    return PairFailure(**body) if "part" in body else Failure(**body)


def _reply(body: Mapping[str, Any]) -> Reply:
    scores = {
        name: Distribution(tuple(d.pop("values")), tuple(d.pop("probabilities")), **d)
        for name, d in body["scores"].items()
    }
    return Reply(**{**body, "scores": scores})
