"""The objects of a text: where each begins and ends, and which of them stood in another one that damage took away.

Behind an object that broke off only one that begins a line anew is read.
"""

from __future__ import annotations

import re

from musicflamingo_cli.scoring.reply.json_tokens import COMMENT, KEY_AHEAD, QUOTED, SPACE
from musicflamingo_cli.scoring.reply.tolerant_json import Node, ObjectReader, Tree, begins_anew

_BEGIN = re.compile(r"\{|\[(?=\s*+\{)")
_MAX_TREES = 10_000
"""Only a loop has so many; its last part is read all the same."""
_LAST_PART = 32_768
_TORN = re.compile(r"[\"'“”][^\w\n\"'“”]{0,8}$")
"""The end of a key right before a bracket."""
_GOES_ON = re.compile(
    rf"(?:{SPACE}|{COMMENT})*+(?:(?P<list>\])|,(?:{SPACE}|{COMMENT})*+{KEY_AHEAD}|[^\w{{\[\"]{{0,8}}{QUOTED}\s{{0,8}}:)"
    rf"|[ \t]{{0,64}}[0-9\"':]|[^{{}}]*+\}}"
)
"""What stands behind an object that stood in another one, or that lost a brace within."""


def read_trees(text: str) -> list[Tree]:
    """Every object of a text that stands at its top, and every list of objects, in order.

    What is parted by a comma alone becomes one list. An object behind a key that something tore off (`"weights"* {`),
    or with a closing brace too many behind it, stood in another one, or lost a brace itself: it is left out.
    """
    trees: list[Tree] = []
    pos = count = 0
    broken: ObjectReader | None = None
    while begin := _BEGIN.search(text, pos):
        start, count = begin.start(), count + 1
        if broken is not None and not begins_anew(text, start, broken.indent):
            line = text.find("\n", start)
            pos = line if line >= 0 else len(text)
            continue
        reader = ObjectReader(text, start)
        tree, before = reader.read(), text[pos:start]
        pos = tree.end if count < _MAX_TREES else max(tree.end, len(text) - _LAST_PART)
        is_torn = before.lstrip()[:1] == "," or _TORN.search(before[-80:].rstrip(" \t")) is not None
        if tree.root.closed and (behind := _GOES_ON.match(text, tree.end)):
            is_torn = is_torn or behind["list"] is None or not before.rstrip().endswith("[")
        if not tree.root.closed:  # labelled lines below a stray brace are no object either
            is_torn = is_torn or broken is not None or {"unquoted_keys", "missing_comma"}.issubset(tree.repairs)
            broken = reader
        if tree.root.members and trees and before.strip() == "," and trees[-1].root.closed:
            merged = Node(True, [("", trees[-1].root), ("", tree.root)], tree.root.closed)
            trees[-1] = Tree(merged, trees[-1].start, tree.end, trees[-1].repairs + tree.repairs)
        elif tree.root.members and not is_torn:
            trees.append(tree)
    return trees
