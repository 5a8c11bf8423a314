"""One reply in, one answer out: what the model stated, field by field, and nothing that it did not."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Literal

import orjson

from musicflamingo_cli.records import Answer, Field, FieldAnswer
from musicflamingo_cli.scoring.reply.degenerate import is_empty, is_gibberish, loops, loops_to_its_end
from musicflamingo_cli.scoring.reply.labelled_lines import read_lines
from musicflamingo_cli.scoring.reply.names import Names, names_of
from musicflamingo_cli.scoring.reply.numbers import Reading
from musicflamingo_cli.scoring.reply.parts import decoded, parts_of, without_prompt
from musicflamingo_cli.scoring.reply.select import candidates, choose, read_fields
from musicflamingo_cli.scoring.reply.tolerant_json import Tree

WORDS_AROUND = "words_around"
"""Among the repairs: more than a fence, a heading or one short line ending in a colon stands outside the answer."""
_ALONE = re.compile(r"\ufeff?\s*(?:```(?:json)?\s*```\s*)?")
"""What is left of a reply that is one object, perhaps fenced, without it."""
_PLAIN = re.compile(r"(?!.*\b(?:user|human)\s?:)(?:[^<>\[\]{}\"'“”‘’|\\&~◁]|\b['’]\b)*+", re.IGNORECASE | re.DOTALL)
"""Words around an object that can neither be thinking nor JSON, nor a key that was torn off it."""
_FIRST = re.compile(r"(?!string|text|str|number|float)[^\W_]", re.IGNORECASE)
"""How a text begins that is neither empty nor what a template has in its place."""
_SHORT_LINE = 80
_LONG = 400
"""Characters from which a complete reply is looked through for loops as well."""
_LONG_TEXT = 160
_NO_WORDS = re.compile(
    r"\s*+(?:(?:<\|[^<>|]{0,40}\|>|</?[\w ]{1,40}/?>|(?:`{3,}+|~{3,}+)[\w+#.-]*+)\s*+)*+"
    r"(?:#.*|(\*\*|__)[^*_]*\1:?|json)?\s*",
    re.IGNORECASE,
)
"""A line of tokens, tags and fences, or a heading."""
_WORD = re.compile(r"\w")
_MISSING = FieldAnswer(reason="missing")


def parse_reply(
    text: str,
    fields: Sequence[Field],
    prompt: str = "",
    finish_reason: str | None = None,
    *,
    assume_scale: float | None = None,
) -> Answer:
    """Read what a reply states of the asked fields; invent nothing, and never raise on a model's text.

    The contract:

    - What is JSON, or was meant to be, is read, and each repair is named. What stands behind its label on a line of its
      own, or in a cell, is read. Nothing else: no sentences, in no language.
    - The answer is what follows the thinking; an object over lines; the object that states most of the asked fields, a
      complete one over a broken one, a fenced over a bare one, the last over earlier ones. An object counts at the top
      or under a closed list of names (`scores`, `ratings`, `result` ...), under no other. Templates and the prompt's
      own text are no answer. Statements beside one another that differ are `ambiguous`.
    - A number is `0.85`, `.9`, `0,85`, `85%`, `8/10` or `8 out of 10`, and nothing else beside it. It is null where the
      end of the text, or damage, may have changed it. Nothing is clamped, no scale is guessed: a bare 1 or 0 counts
      only beside a proper fraction, or where nothing else stands in the reply that may speak of a scale.
    - Nothing around an answer is judged by its words; that there are some is said (`words_around` in the repairs).

    Args:
        text: The reply, whole. Nothing is stripped from it first.
        fields: What is asked; `measure` fields are not.
        prompt: The rendered prompt, so that its echo is known.
        finish_reason: `stop` if the model ended the text, `length` if the token cap did; None (unknown) is read
            like `length`.
        assume_scale: A person's word for the scale of all bare scores of the run: 10 turns 8 into 0.8, marked
            `rescaled`. Above 0.

    Returns:
        Per field a value with how it was obtained (`json`, `repaired`, `labelled`, or `rescaled` where a unit or a
        stated scale turned the written number into the value), or null with a reason: `missing`, `cut_off`,
        `out_of_range`, `not_a_number`, `ambiguous`, `unclear_scale`, `placeholder`. The status is `ok` if every asked
        field has a value, `failed` if none has. The answer's reason is `loop_detected` (also beside a complete
        answer), `token_cap`, `empty`, `gibberish`, `no_answer`, or that of the first field without a value whose
        reason is not `missing`.
    """
    if assume_scale is not None and not (math.isfinite(assume_scale) and assume_scale > 0):
        raise ValueError(f"assume_scale is {assume_scale!r}; it must be a number above 0")
    names = names_of(fields)
    if assume_scale is None and (strict := _strict(text, names, prompt)) is not None:
        answers, outside = strict
        if not outside:
            return Answer(answers, "ok")
        return _verdict(outside, names, answers, (WORDS_AROUND,) * _words_around(outside), True, finish_reason)
    if is_empty(text):
        return Answer({f.name: _MISSING for f in names.fields}, "failed", "empty")
    found, repairs, is_complete = _tolerant(text, names, prompt, finish_reason == "stop", assume_scale)
    return _verdict(text, names, found, repairs, is_complete, finish_reason)


def _strict(text: str, names: Names, prompt: str) -> tuple[dict[str, FieldAnswer], str] | None:
    """The answers of a reply with one strict object that has just the asked keys, all in range; and what is around it.

    None for all others: where signs of thinking, tags, further JSON or a torn key stand around the object, or where the
    prompt may have been echoed.
    """
    start, end = text.find("{"), text.rfind("}") + 1
    if start < 0 or "{" in prompt:
        return None
    outside = text[:start] + text[end:]
    is_alone = not outside or _ALONE.fullmatch(outside) is not None
    if not is_alone and (_PLAIN.fullmatch(outside) is None or text[end : end + 1].strip("` \n")):
        return None
    try:
        said = orjson.loads(text[start:end])
    except orjson.JSONDecodeError:
        return None
    if len(said) != len(names.fields):
        return None
    answers: dict[str, FieldAnswer] = {}
    has_fraction = is_alone
    made = FieldAnswer._make  # half the time of calling the class, which is most of the time here
    for name, is_text, low, high in names.ranges:
        value = said.get(name)
        if is_text:
            if type(value) is not str or not _FIRST.match(value) or len(value) > _LONG_TEXT:
                return None
            answers[name] = made((value, "json", None, None, None, None, None))
        elif (type(value) is float or type(value) is int) and low <= value <= high:
            has_fraction = has_fraction or 0 < value < 1
            number = value + 0.0  # no negative nought
            answers[name] = made((number, "json", None, number, None, None, None))
        else:
            return None
    if not has_fraction or (not is_alone and prompt and prompt.strip()[:48] in text):
        return None
    return answers, "" if is_alone else text[:start] + "\n" + text[end:]


def _tolerant(
    text: str, names: Names, prompt: str, is_stopped: bool, assume: float | None
) -> tuple[dict[str, FieldAnswer], tuple[str, ...], bool]:
    """What a reply states, the repairs that it took, and whether the answer is complete."""
    parts = parts_of(text)
    said, decodings = decoded(parts.said)
    if is_stopped or not parts.reaches_end:
        said += "\n"
    said = without_prompt(said, prompt)
    trees, objects = candidates(said, names)
    chosen = choose(objects, names, prompt)
    repairs = dict.fromkeys((*decodings, *chosen.repairs) if chosen else decodings)
    found: dict[str, FieldAnswer] = {}
    if chosen is not None:
        outside = _outside(said, chosen.trees)
        stated = read_fields(chosen, names, bool(repairs), assume)
        more = chosen.has_others or "comments" in repairs or _WORD.search(outside) is not None
        found = _settled(stated, "repaired" if repairs else "json", more)
        if names.wanted & stated.keys() or not chosen.is_complete:
            if _words_around(outside + "\n" + parts.beside):
                repairs[WORDS_AROUND] = None
            return found, tuple(repairs), chosen.is_complete
    beside = _outside(said, [tree for tree in trees if tree.root.closed])
    lines = read_lines(beside, names, prompt, said.endswith(beside[-1:]) and not said.endswith("\n"), assume)
    rest = "\n".join(line for number, line in enumerate(beside.split("\n")) if number not in lines.used)
    labelled = _settled(lines.found, "labelled", lines.has_more or _WORD.search(rest) is not None)
    if _words_around(rest + "\n" + parts.beside):
        repairs[WORDS_AROUND] = None
    return labelled | {name: one for name, one in found.items() if one.value is not None}, tuple(repairs), False


def _settled(stated: Mapping[str, Reading | FieldAnswer], obtained: str, more: bool) -> dict[str, FieldAnswer]:
    """Turn readings into answers; bare ones and noughts only where their scale is known.

    Args:
        stated: By field name.
        obtained: How the values were obtained.
        more: Whether anything else stands in the reply that may speak of a scale.
    """
    bare = [one for one in stated.values() if isinstance(one, Reading) and one.written is not None and not one.rescaled]
    has_fraction = any(one.value is not None and 0 < one.value < 1 for one in bare)
    is_unclear = not has_fraction and (more or any(one.reason == "out_of_range" for one in bare))
    found: dict[str, FieldAnswer] = {}
    for name, one in stated.items():
        if isinstance(one, FieldAnswer):
            found[name] = one
        elif one.value is None or (one.whole and is_unclear):
            found[name] = FieldAnswer(None, None, one.reason or "unclear_scale", one.written)
        else:
            found[name] = FieldAnswer(one.value, "rescaled" if one.rescaled else obtained, None, one.written)
    return found


def _outside(text: str, trees: Sequence[Tree]) -> str:
    """A text without some of its objects."""
    kept, at = [], 0
    for tree in sorted(trees, key=lambda tree: tree.start):
        kept.append(text[at : tree.start])
        at = tree.end
    return "\n".join([*kept, text[at:]])


def _words_around(outside: str) -> bool:
    """Whether more than fences, headings and one short line ending in a colon is said outside the answer."""
    said = ""
    for line in outside.split("\n"):
        if _WORD.search(line) and not _NO_WORDS.fullmatch(line):
            if said:
                return True
            said = line.strip()
    return said != "" and (len(said) > _SHORT_LINE or not said.rstrip("*_ ").endswith((":", "：")))


def _verdict(
    text: str,
    names: Names,
    found: Mapping[str, FieldAnswer],
    repairs: tuple[str, ...],
    is_complete: bool,
    finish_reason: str | None,
) -> Answer:
    fields = {field.name: found.get(field.name, _MISSING) for field in names.fields}
    missing = [one for one in fields.values() if one.value is None]
    status: Literal["ok", "partial", "failed"] = "partial" if missing else "ok"
    if len(missing) == len(fields):
        status, repairs = "failed", ()
    reason: str | None = None
    is_loop = (missing or finish_reason == "length" or len(text) > _LONG) and loops(text, finish_reason == "stop")
    if is_loop or any(isinstance(one.value, str) and loops_to_its_end(one.value) for one in fields.values()):
        reason = "loop_detected"
    elif missing and finish_reason == "length" and not is_complete:
        reason = "token_cap"
    elif status == "failed" and is_gibberish(text):
        reason = "gibberish"
    elif missing:
        known = (one.reason for one in missing if one.reason != "missing")
        reason = next(known, None) or ("no_answer" if status == "failed" else "missing")
    return Answer(fields, status, reason, repairs)
