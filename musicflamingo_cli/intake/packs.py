"""Packs: a folder with `pack.toml` (what is asked for) and `prompt.md` (in which words)."""

from __future__ import annotations

import hashlib
import json
import math
import re
import tomllib
from pathlib import Path

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.measures import MEASURE_NAMES
from musicflamingo_cli.records import Field, Pack

PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""A place in a prompt for a manifest column. Braces around anything else are ordinary text."""
FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
KINDS = ("score", "text", "number", "measure")
PACK_KEYS = {"name", "version", "score_order", "pair", "fields"}
FIELD_KEYS = {"name", "kind", "meaning", "low", "high", "weight", "measure"}


def builtin_folder() -> Path:
    """Return where the packs of the house are: inside an installed wheel, or at the top of a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "prompts"
    return inside if inside.is_dir() else package.parent / "prompts"


def pack_names() -> list[str]:
    """Return the names of the packs of the house, sorted."""
    return sorted(path.parent.name for path in builtin_folder().glob("*/pack.toml"))


def load_pack(name: str) -> Pack:
    """Load a pack by name, or from a folder of the user's own (anything with a slash, or an existing folder).

    Raises `UsageError`, naming the file and the key, if it can't be used.
    """
    folder = Path(name) if "/" in name or name not in pack_names() else builtin_folder() / name
    if not (folder / "pack.toml").is_file():
        raise UsageError(f"no pack '{name}' (packs: {', '.join(pack_names())}; or a folder that holds pack.toml)")
    where = folder / "pack.toml"
    try:
        table = tomllib.loads(where.read_text("utf-8"))
    except (OSError, ValueError) as problem:
        raise UsageError(f"{where}: {problem}") from None
    try:
        template = (folder / "prompt.md").read_text("utf-8").strip()
        system_file = folder / "system.md"
        system = system_file.read_text("utf-8").strip() if system_file.is_file() else None
    except (OSError, ValueError) as problem:
        raise UsageError(f"{folder}: {problem}") from None
    if not template:
        raise UsageError(f"{folder / 'prompt.md'} is empty")
    _known(table, PACK_KEYS, str(where))
    rows = table.get("fields")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise UsageError(f"{where}: it needs at least one [[fields]] table")
    fields = tuple(_field(row, f"{where}, field {place}") for place, row in enumerate(rows, 1))
    names = [field.name for field in fields]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise UsageError(f"{where}: field '{twice[0]}' stands there twice")
    if any(f.kind == "score" for f in fields) and not any(f.weight > 0 for f in fields):
        raise UsageError(f"{where}: no field has a weight, so there would be no overall score")
    columns = tuple(dict.fromkeys(PLACE.findall(template) + PLACE.findall(system or "")))
    title = str(table.get("name") or folder.resolve().name)
    order = table.get("score_order", "independent")
    if order not in ("independent", "sequence"):
        raise UsageError(f"{where}: score_order = {order!r}; it is independent or sequence")
    pair = table.get("pair", False)
    if pair is True and (columns or sum(f.kind == "score" for f in fields) != 1):
        raise UsageError(f"{where}: a pack for pairs has one score, of which is better, and no places for columns")
    if not isinstance(pair, bool):
        raise UsageError(f"{where}: pair = {pair!r}; it is true or false")
    return Pack(title, str(table.get("version", "0")), fields, template, system, columns, order, pair)


def pack_hash(pack: Pack) -> str:
    """Return 16 hexadecimal digits over what can change a reply: the words, and each field's name, kind and range.

    Weights and meanings are left out: changing them needs no new reply.
    """
    asked = [[f.name, f.kind, f.low, f.high] for f in pack.asked]
    body = json.dumps([pack.template, pack.system, asked], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def _field(row: dict[str, object], where: str) -> Field:
    _known(row, FIELD_KEYS, where)
    name, kind = row.get("name"), row.get("kind")
    if not isinstance(name, str) or not FIELD_NAME.fullmatch(name):
        raise UsageError(f"{where}: name = {name!r}; a name is a letter, then letters, digits and _, all lower case")
    if kind not in KINDS:
        raise UsageError(f"{where} ({name}): kind = {kind!r} (kinds: {', '.join(KINDS)})")
    low, high = _number(row, "low", where), _number(row, "high", where)
    weight = _number(row, "weight", where) or 0.0
    if kind == "score" and (low is None or high is None or low >= high):
        raise UsageError(f"{where} ({name}): a score needs low and high, low below high")
    if weight < 0 or (weight and kind != "score"):
        raise UsageError(f"{where} ({name}): weight = {weight}; only scores carry a weight, and none below 0")
    measure = row.get("measure")
    if kind == "measure" and measure not in MEASURE_NAMES:
        raise UsageError(f"{where} ({name}): measure = {measure!r} (measures: {', '.join(MEASURE_NAMES)})")
    return Field(
        name=name,
        kind=kind,  # type: ignore[arg-type]  # one of KINDS, checked above
        meaning=str(row.get("meaning", "")),
        low=low,
        high=high,
        weight=weight,
        measure=str(measure) if kind == "measure" else None,
    )


def _number(row: dict[str, object], key: str, where: str) -> float | None:
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UsageError(f"{where}: {key} = {value!r} is no number")
    return float(value)


def _known(table: dict[str, object], keys: set[str], where: str) -> None:
    unknown = sorted(set(table) - keys)
    if unknown:
        raise UsageError(f"{where}: unknown key '{unknown[0]}' (keys: {', '.join(sorted(keys))})")
