"""An engine without a model, for testing pipelines: instant replies, and misbehaviour on order.

A reply depends only on the audio's fingerprint and the rendered prompt. Two environment variables steer it:

`MFQ_FAKE_SCRIPT` names a JSON file ``{"default": {...}, "<song id>": {...}}``. A song's entry is laid over the default;
every key is optional:

- ``reply`` (text, or JSON to be said as such): say this instead;
- ``second_reply`` (the same): say this when asked again, because the first reply could not be read;
- ``delay_seconds`` (number): take so long; a batch takes the sum of its songs' delays;
- ``garbage`` (true): reply with text that holds no answer, whatever ``reply`` says;
- ``out_of_memory_above`` (integer): a batch of more songs than this does not fit (0: not even the song alone);
- ``hang`` (true): never answer;
- ``crash`` (true): the process dies by SIGSEGV;
- ``strengths`` (object): of a pair of songs, prefer the one whose id has the greater number here;
- ``position_bias`` (number): so much stronger the first song of a pair seems.

`MFQ_FAKE_LOG` names a file; a line ``{"song_id": ...}`` is appended to it for each song answered.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from musicflamingo_cli.engines.base import Engine, EngineSettings, OutOfMemory
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.records import Failure, Field, Reply, Request

FAKE_VERSION = "1"
SCRIPT_KEYS: dict[str, type | tuple[type, ...]] = {
    "reply": (str, dict, list),
    "second_reply": (str, dict, list),
    "delay_seconds": (int, float),
    "garbage": bool,
    "out_of_memory_above": int,
    "hang": bool,
    "crash": bool,
    "strengths": dict,
    "position_bias": (int, float),
}
"""Key of a rule -> the type of its value."""
GARBAGE = "zxq zxq ((( zxq \x00 ]]] zxq"
WORDS = ("ambient", "baroque", "calm", "dense", "electric", "folk", "gentle", "heavy")


class FakeEngine(Engine):
    """Scripted replies. See the module's text for what it can be told."""

    name = "fake"
    default_pack = "quality"
    needs_clip = True
    batch_items = 8
    second_try = "sentence"

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings)
        self._script: dict[str, dict[str, object]] = {}

    def identity(self) -> Mapping[str, object]:
        """See `Engine.identity`. The script is left out, so that a test can change it between two runs."""
        return {"engine": self.name, "version": FAKE_VERSION, "model": None, "revision": None, "decode": "text"}

    def load(self) -> None:
        """Read the script. Raises `UsageError` if it is not as described."""
        path = os.environ.get("MFQ_FAKE_SCRIPT")
        if not path:
            return
        try:
            script = json.loads(Path(path).read_text("utf-8"))
        except (OSError, ValueError) as problem:
            raise UsageError(f"MFQ_FAKE_SCRIPT={path}: {problem}") from None
        if not isinstance(script, dict) or not all(isinstance(rule, dict) for rule in script.values()):
            raise UsageError(f"MFQ_FAKE_SCRIPT={path}: it must be an object of objects")
        unknown = sorted({key for rule in script.values() for key in rule} - set(SCRIPT_KEYS))
        if unknown:
            raise UsageError(f"MFQ_FAKE_SCRIPT={path}: unknown key {unknown[0]!r} (keys: {sorted(SCRIPT_KEYS)})")
        for song_id, rule in script.items():
            for key, value in rule.items():
                if value is not None and not isinstance(value, SCRIPT_KEYS[key]):
                    raise UsageError(f"MFQ_FAKE_SCRIPT={path}: {song_id!r}: {key} = {value!r} is of the wrong type")
        self._script = {i: {k: v for k, v in rule.items() if v is not None} for i, rule in script.items()}

    def reply(self, requests: Sequence[Request]) -> list[Reply | Failure]:
        """Answer, after whatever the script says comes first."""
        rules = [{**self._script.get("default", {}), **self._script.get(r.song_id, {})} for r in requests]
        for rule in rules:
            limit = rule.get("out_of_memory_above")
            if isinstance(limit, int) and len(requests) > limit:
                raise OutOfMemory(f"a batch of {len(requests)} songs, {limit} fit")
        if any(rule.get("crash") for rule in rules):
            os.kill(os.getpid(), signal.SIGSEGV)
        while any(rule.get("hang") for rule in rules):
            time.sleep(0.1)
        delays = [_seconds(rule) for rule in rules]
        time.sleep(sum(delays))
        texts = [self._say(request, rule) for request, rule in zip(requests, rules, strict=True)]
        _log(requests)
        return [
            Reply(text=text, prompt_tokens=len(r.prompt.split()), generated_tokens=len(text.split()), seconds=delay)
            for text, r, delay in zip(texts, requests, delays, strict=True)
        ]

    def _say(self, request: Request, rule: Mapping[str, object]) -> str:
        key = "second_reply" if request.second_try and "second_reply" in rule else "reply"
        if rule.get("garbage") and key == "reply":
            return GARBAGE
        if key in rule:
            reply = rule[key]
            return reply if isinstance(reply, str) else json.dumps(reply)
        strengths, bias = rule.get("strengths"), rule.get("position_bias", 0)
        if len(request.heard.parts) == 2 and isinstance(strengths, dict) and isinstance(bias, int | float):
            first, second = (strengths[song_id] for song_id in json.loads(request.song_id))
            better, ahead = next(f for f in self.asked if f.kind == "score"), second - first - bias
            low, high = better.low or 0.0, better.high or 0.0
            return json.dumps({better.name: high if ahead > 0 else low if ahead < 0 else (low + high) / 2})
        seed = hashlib.sha256(f"{request.heard.fingerprint.sha256}\n{request.prompt}".encode()).digest()
        return json.dumps({f.name: _value(f, seed) for f in self.asked})


def _seconds(rule: Mapping[str, object]) -> float:
    delay = rule.get("delay_seconds", 0)
    return float(delay) if isinstance(delay, int | float) else 0.0


def _value(field: Field, seed: bytes) -> float | str:
    digest = hashlib.sha256(seed + field.name.encode()).digest()
    if field.kind == "text":
        return f"{WORDS[digest[0] % 8]} {WORDS[digest[1] % 8]}"
    low, high = field.low or 0.0, 1.0 if field.high is None else field.high
    return round(low + (high - low) * int.from_bytes(digest[:2], "big") / 65535, 2)


def _log(requests: Sequence[Request]) -> None:
    path = os.environ.get("MFQ_FAKE_LOG")
    if path:
        lines = b"".join(orjson.dumps({"song_id": r.song_id}) + b"\n" for r in requests)
        with Path(path).open("ab", buffering=0) as log:
            log.write(lines)
