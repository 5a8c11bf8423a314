"""Turns of a chat that nobody took: where the model, or the user that it imagines, seems to speak next."""

from __future__ import annotations

import re
from itertools import islice

from musicflamingo_cli.scoring.nodes import Page
from musicflamingo_cli.scoring.thinking import answer_stretches

_NEXT_TURN = re.compile(
    r"<\|(?:im_end|endoftext|eot_id|end|eos|user|im_start|start_header_id)\|>|</s>(?=\s*(?:\Z|\n|<))|<eos>"
    r"|<(?:end|start)_of_turn>"
    r"|<tool_response>|\[INST\]|\n\[user\]|\n<user>"
    r"|\n[ \t]{0,4}(?:#{1,3}[ \t]{0,2})?\**(?:Human|HUMAN|User|USER|user|Question|Prompt)\**(?:[ \t]{0,2}[:>])"
    r"|\n[ \t]{0,4}#{2,3}[ \t]{0,2}(?:Instruction|User|Human|Input|Question|Task)[ \t]*:?[ \t]*\n"
    r"|\n[ \t]{0,4}#{2,3}[ \t]{0,2}Instruction[ \t]*:|\n(?:user"
    r"|human|User|Human)\n"
)
"""Where a model that does not stop goes on with the next turn of a conversation that nobody had."""
_OTHERS_TURN = re.compile(
    r"<\|(?:im_start|start_header_id)\|>\s{0,4}user\b|<start_of_turn>\s{0,4}user\b|<\|user\|>|\[INST\]"
    r"|\n[ \t]{0,4}(?:#{1,3}[ \t]{0,2})?\**(?:Human|HUMAN|User|USER|user)\**[ \t]{0,2}:"
)
"""Where the user of a chat seems to speak."""
_OTHERS_HINTS = ("user", "human", "[inst]")
_OWN_TURN = re.compile(
    r"<\|(?:im_start|start_header_id)\|>\s{0,4}assistant\b(?:<\|end_header_id\|>)?|<start_of_turn>\s{0,4}model\b"
    r"|<\|assistant\|>|\[/INST\]|\n[ \t]{0,4}(?:#{1,3}[ \t]{0,2})?\**(?:Assistant|ASSISTANT|assistant|AI|Model|Answer)"
    r"\**[ \t]{0,2}:"
)
"""Where the model speaks again."""
_NEXT_QUESTION = re.compile(r"\n[ \t]{0,4}Q:")
_QUESTION = re.compile(r"(?:\A|\n)[ \t]{0,4}[QA]:")


def next_turns(page: Page) -> list[re.Match[str]]:
    """Where a turn that nobody took may begin: not in the thinking, nor at a question that the reply answers."""
    turns = list(islice(_NEXT_TURN.finditer(page.folded), 4))
    question = _NEXT_QUESTION.search(page.folded)
    if question and not _QUESTION.search(page.folded, 0, question.start()):
        turns.append(question)
    if not turns:
        return turns
    first = first_of_answer(page)
    return [turn for turn in turns if turn.start() >= first]


def without_others_turns(page: Page) -> Page:
    """The page with blanks where the user of a chat seems to speak: it says nothing for the model."""
    lowered = page.folded.lower()
    if not any(word in lowered for word in _OTHERS_HINTS):
        return page
    spans: list[tuple[int, int]] = []
    for turn in islice(_OTHERS_TURN.finditer(page.folded), 16):
        answer = _OWN_TURN.search(page.folded, turn.end())
        spans.append((turn.start(), answer.end() if answer else len(page.folded)))
    text, folded = page.text, page.folded
    for start, end in spans:
        blank = " " * (end - start - 1) + "\n"
        text, folded = text[:start] + blank + text[end:], folded[:start] + blank + folded[end:]
    return Page(text, folded, page.stopped) if spans else page


def first_of_answer(page: Page) -> int:
    """Where the part of a reply begins that may hold the answer, behind the thinking."""
    stretches = answer_stretches(page.folded)
    best = max((s.rank for s in stretches), default=0)
    return min((s.start for s in stretches if s.rank == best), default=0)
