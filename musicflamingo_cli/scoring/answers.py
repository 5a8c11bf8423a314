"""One reply in, one answer out: what the model stated, field by field, and nothing that it did not."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from musicflamingo_cli.records import Answer, Field, FieldAnswer
from musicflamingo_cli.scoring.degenerate import is_empty, is_gibberish, loops, loops_to_its_end
from musicflamingo_cli.scoring.folding import fold
from musicflamingo_cli.scoring.found import Found, without_lone_ones, without_prompt, without_zeros_of_template
from musicflamingo_cli.scoring.keys import FieldIndex, index_of
from musicflamingo_cli.scoring.nodes import Page, is_strict
from musicflamingo_cli.scoring.reading import ReplyReader

_ENTITY = re.compile(
    r"&(?:quot|nbsp|#34|#x22|#x27|lcub|#123|apos|#39|colon|#58);|(?<=\d)&(?:[a-z]{2,8}|#\d{1,6}|#x[\da-f]{1,5});"
    r"|&(?:[a-z]{2,8}|#\d{1,6}|#x[\da-f]{1,5});(?=\d)",
    re.IGNORECASE,
)
"""Entities that JSON is written with, and any that touches a digit: `0&#46;82`."""
_PART_OF_ENTITY = re.compile(r"&#?\w{0,8}\Z")
_FENCED = re.compile(r"\s*```[ \t]{0,4}\w{0,16}\s+(\{.*\})\s*```\s*", re.DOTALL)
_STRING = re.compile(
    r"(?:`{3,8}[ \t]{0,4}\w{0,16}\s)?\s{0,16}(\"(?:\\[nrt]|\s){0,8}\{.*\")\s{0,16}(?:`{3,8})?", re.DOTALL
)
_LOOP = re.compile(r"(?<=[.!?\n])\s{0,3}(\S{1,12}[\s,;]{1,3})\1{15,}\S{0,12}\s{0,3}\Z")
"""One token repeated behind the end of a sentence, up to the end of the text."""
_LONG = 400
"""Characters from which a complete reply is looked through for loops as well."""


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

    - The final answer counts. What follows the end of thinking (`</think>`, `<answer>`) counts, what is inside never,
      nor what stands in a fence marked `thinking` or behind a damaged tag (`<thnk>`), nor a next turn that nobody took;
      then an object over prose (which never fills its gaps), one that answers over other JSON, a complete one over a
      broken one, a fenced one over a bare one that is no revision, the last over earlier ones. Not the answer:
      what is called weights, confidence, example, another song and the like, templates (`...`, `<genre>`), the prompt
      repeated.
    - JSON is read as it is, and repaired where it is broken: quotes, commas, braces, comments, escapes, Python and
      JavaScript leftovers, entities, a missing end. Keys match in any case and spelling of their words (`Production
      Quality (0-1)`), with or without `score`; no other key does.
    - What follows a line such as `Let me start again.` counts over what precedes it; a user's turn is nobody's.
    - Prose states a score behind a label, in a cell or a heading, or in a sentence whose words before the name only
      lead up to it. Two statements that differ leave null, unless words between them say that the later one counts.
    - A number is `0.85`, `.9`, `0,85`, `85%`, `8/10`, `8 out of 10`, or such a number before a remark or words that go
      on from a score. It is null where anything else follows (a noun that it may count, another number, a sign, a
      question mark), where later words correct it or take it back, where the words before it speak of something else,
      and on a scale that can't be mapped exactly, also one stated for all scores, or shown by a bare 1 beside 6 and 8;
      NaN, booleans, null and words are no numbers. Nothing is clamped: a bare number out of the field's range is null
      with `out_of_range`.
    - A number that touches the end of the text counts only if the model stopped by itself; any character after it
      completes it, but for the beginning of what may turn it into something else: `0.8 (voc`, `0.7 -`, `1, ou`.

    Args:
        text: The reply, whole. Nothing is stripped from it first.
        fields: What is asked; `measure` fields are not.
        prompt: The rendered prompt, so that its echo is known.
        finish_reason: `stop` if the model ended the text, `length` if the token cap did; None (unknown) is read
            like `length`.
        assume_scale: A person's word for the scale of all bare scores of the run: 10 turns 8 into 0.8, marked
            `rescaled`. Above 0.

    Returns:
        Per field a value with how it was obtained (`json`, `repaired`, `prose`, or `rescaled` where a unit or a stated
        scale turned the written number into the value), or null with a reason: `missing`, `cut_off`, `out_of_range`,
        `not_a_number`, `ambiguous`, `unclear_scale`, `placeholder`. The status is `ok` if every asked field has a
        value, `failed` if none has. The answer's reason is `loop_detected` (also beside a complete answer),
        `token_cap`, `empty`, `gibberish`, `no_answer`, or that of the first field without a value whose reason is not
        `missing`.
    """
    if assume_scale is not None and not (math.isfinite(assume_scale) and assume_scale > 0):
        raise ValueError(f"assume_scale is {assume_scale!r}; it must be a number above 0")
    index = index_of(tuple(f for f in fields if f.kind != "measure"))
    stopped = finish_reason == "stop"
    if is_empty(text):
        return _failed(index, "empty")
    repairs: tuple[str, ...] = ()
    is_plain_json = text.lstrip(" \t\r\n\ufeff").startswith("{") and text.rstrip().endswith("}")
    bare = (
        fenced.group(1) if (fenced := _FENCED.fullmatch(text)) else text.strip(" \t\r\n\ufeff") if is_plain_json else ""
    )
    if "&" in text and _ENTITY.search(text) and not (bare and is_strict(bare)):
        cut = text if stopped else _PART_OF_ENTITY.sub("", text)
        text, repairs = html.unescape(cut), ("html_entities",)
    if (inner := _unstrung(text)) is not None:
        text, repairs = inner + "\n", (*repairs, "escaped_quotes")
    if stopped:
        text += "\n"
    page = Page(text, fold(text), stopped)
    said = text if stopped else _LOOP.sub("\n", text)
    outcome = ReplyReader(Page(said, fold(said), stopped) if said != text else page, index, prompt, assume_scale).read()
    without_prompt(outcome, prompt)
    without_zeros_of_template(outcome, index.scored, page.folded)
    without_lone_ones(outcome, frozenset(f.name for f in index.fields if f.kind == "score" and f.high == 1))
    return _verdict(index, outcome, repairs, page, finish_reason)


def _unstrung(text: str) -> str | None:
    """What a reply says that is one JSON string, perhaps fenced, with an object in it; None if it is none."""
    whole = _STRING.fullmatch(text.strip(" \t\r\n\ufeff"))
    if whole is None:
        return None
    try:
        inner = json.loads(whole.group(1), strict=False)
    except ValueError:
        return None
    return inner if isinstance(inner, str) else None


def _failed(index: FieldIndex, reason: str) -> Answer:
    return Answer({f.name: FieldAnswer(reason="missing") for f in index.fields}, "failed", reason)


def _verdict(
    index: FieldIndex, found: Found, repairs: tuple[str, ...], page: Page, finish_reason: str | None
) -> Answer:
    fields = {f.name: found.fields.get(f.name, FieldAnswer(reason="missing")) for f in index.fields}
    if repairs:
        fields = {n: replace(one, obtained="repaired") if one.obtained == "json" else one for n, one in fields.items()}
    missing = [one for one in fields.values() if one.value is None]
    if len(missing) < len(fields):
        repairs = (*repairs, *found.repairs)
    status: Literal["ok", "partial", "failed"] = "failed" if len(missing) == len(fields) else "partial"
    reason: str | None = None
    is_loop = (missing or finish_reason == "length" or len(page.text) > _LONG) and loops(page.text, page.stopped)
    if is_loop or any(isinstance(one.value, str) and loops_to_its_end(one.value) for one in fields.values()):
        reason = "loop_detected"
    elif missing and finish_reason == "length" and not found.complete:
        reason = "token_cap"
    elif missing and status == "failed" and is_gibberish(page.text):
        reason = "gibberish"
    elif missing:
        known = (one.reason for one in missing if one.reason != "missing")
        reason = next(known, None) or ("no_answer" if status == "failed" else "missing")
    return Answer(fields, status if missing else "ok", reason, repairs)
