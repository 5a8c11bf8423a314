"""Replies that a slow parser would choke on, by the size that is wanted; `scripts/bench_parser.py` times them."""

from __future__ import annotations

ANSWER = '\n{"production_quality": 0.8}\n'
_UNITS = (
    *(
        '"',
        "[",
        "{",
        '{"',
        "\\",
        "-",
        " ",
        "1",
        "*",
        "a:",
        '"a", ',
        "<b ",
        "&quot;",
        "0.8 ",
        '{"a":',
        "<think>",
        "</think>",
    ),
    *(
        "```json\n",
        "production_quality: ",
        '"production_quality": ',
        '{"genre": "x"} ',
        "| production_quality | 0.8 |\n",
    ),
    *("</think>", "{ ", "{, ", "{/*", "{# \n", "<production_quality>0.8</production_quality>"),
    *("0.8 for production quality ", "made up. ", "分数", "Final: 0.2. ", "scale 0 to "),
)
_STARTS = {"bare": "", "in a string": '{"mood": "', "in a value": '{"production_quality": '}
_BRACKETS = ("[{", "{[", "{(", "{{'", "[:{", "{,[", '"production_quality":{[', "{'{\"", '{["production_quality":')
_LEFTOVERS = ("#\n", "//\n", "/**/", "; ", "0.8 ", "]", "}")
_AROUND = {
    "comments": ('{"production_quality": 0.8, ', "#\n", ""),
    "objects cut off": ("", '{"a":1,', ANSWER),
    "keys cut off": ("", '{"a"', ANSWER),
    "braces and angles": ("", "{<", ANSWER),
    "small objects": ("", "{a:1}", ANSWER),
    "lines in a string": ('{"mood": "', "\n", ANSWER),
    "headings": ("production quality: 0.8\n", ":\n", ""),
    "number lines": ("production quality: 0.8\n", "0.8\n", ""),
    "objects in a list": ('{"mood": [', '{"a":1},', "]}"),
    "names": ("", "production quality: 0.8. ", ""),
    "texts opened": ("", '{"genre": "', ""),
    "objects opened": ("", '{"a":', ANSWER),
    "strings opened": ("", '{"a":"', ANSWER),
    "scores opened": ("", '{"scores":', ANSWER),
    "nested answers": ("", '{"a":{"production_quality":0.8,', ""),
    "restarts": ("", "Let me start again.\n", ANSWER),
    "turns": ("", "\nUser: hi\nAssistant: no", ANSWER),
    "lines of one shape": ("", "- Production Quality: 0.8 – clean\n", ""),
}
CASES: dict[str, tuple[str, str, str]] = {
    **{f"{unit!r} {where}": (start, unit, "") for unit in _UNITS for where, start in _STARTS.items()},
    **{f"{unit!r} brackets": ("", unit, "") for unit in _BRACKETS},
    **{f"{unit!r} leftovers": ('{"production_quality": 1', unit, "") for unit in _LEFTOVERS},
    **_AROUND,
}
"""Name -> what begins the text, what is repeated in it, what ends it."""


def hostile(case: str, size: int) -> str:
    """The text of a case with about `size` characters."""
    before, unit, after = CASES[case]
    return before + (unit * (size // len(unit) + 1))[:size] + after
