"""What an object speaks of: this song, a part of it, one of several things, or the input of a tool."""

from __future__ import annotations

import re
from collections.abc import Callable

from musicflamingo_cli.scoring.keys import FieldIndex, is_other_name, read_key
from musicflamingo_cli.scoring.nodes import Obj, words_of
from musicflamingo_cli.scoring.parents import NUMBERED, Standing, is_song_part, standing_of

NAMES = ("name", "dimension", "metric", "criterion", "category", "field", "key", "aspect", "label", "attribute")
"""Keys under which an object says what it is about."""
_TELLING = frozenset((*NAMES, "item", "instrument", "song", "track", "title")) - {"key"}
_CALLED = ("name", "tool", "toolname", "function", "action")
_PART_KEYS = frozenset(("section", "sectionname", "part", "segment"))
_TIME_KEYS = frozenset(("time", "timestamp", "timerange", "interval", "start", "end", "starttime", "endtime"))
_PLACE = re.compile(
    r"\W*\d{1,2}:\d\d(?:\W{1,4}(?:to\s)?\d{1,2}:\d\d)?\W*|\W*\d{1,4}(?:\.\d+)?\s?(?:s|secs?|seconds?)\W*"
)
"""A place in a song: `1:00`, `0:30 - 1:00`, `45 s`; no date and no metre."""
_WHOLE_SONG = re.compile(
    r"\b(?:full|whole|entire|all|overall|complete|none|null|scores?|ratings?|evaluation|final)\b", re.IGNORECASE
)
_ARGUMENTS = ("arguments", "args", "parameters", "input", "toolinput", "actioninput")


def standings(obj: Obj, index: FieldIndex) -> Callable[[str, object], Standing]:
    """How the names in one object are to be taken, given what stands beside them."""
    is_series = sum(key[-1:].isdigit() and NUMBERED.fullmatch(key) is not None for key, _ in obj.pairs) > 1
    is_divided = any(isinstance(v, Obj) and is_song_part(key) and not index.match(key) for key, v in obj.pairs)

    def standing_in(key: str, value: object) -> Standing:
        if is_series and NUMBERED.fullmatch(key):
            return "unknown"
        standing = standing_of(key)
        return "other" if is_divided and standing == "unknown" and isinstance(value, Obj) else standing

    return standing_in


def calls_other(pairs: list[tuple[str, object]]) -> bool:
    """Whether an object is the call of a tool that takes something else than scores: `set_weights`."""
    keys = {read_key(key).joined: value for key, value in pairs}
    called = next((value for key in _CALLED if isinstance(value := keys.get(key), str)), None)
    return called is not None and any(key in keys for key in _ARGUMENTS) and is_other_name(called)


def is_of_part(pairs: list[tuple[str, object]], index: FieldIndex) -> bool:
    """Whether an object speaks of one part of the song: `"section": "intro"`, `"time": "1:00"`."""
    for key, value in pairs[:64]:
        joined, said = read_key(key).joined, words_of(value)
        if index.match(key) is not None or not said.strip():
            continue
        if joined in _PART_KEYS and not _WHOLE_SONG.search(said):
            return True
        if joined in _TIME_KEYS and _PLACE.fullmatch(said):
            return True
    return False


def is_named(pairs: list[tuple[str, object]], index: FieldIndex) -> bool:
    """Whether an object says what it is about, and that is no field: of several such objects none is the answer."""
    for key, value in pairs[:8]:
        if read_key(key).joined in _TELLING and index.match(key) is None and words_of(value).strip():
            return not index.known(words_of(value)) and standing_of(words_of(value)) != "answer"
    return False
