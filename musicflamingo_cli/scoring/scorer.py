"""From a cache entry to what became of the song."""

from __future__ import annotations

from dataclasses import replace

from musicflamingo_cli.cache import Entry
from musicflamingo_cli.records import Answer, Failure, Outcome, Pack, Reply, Rules, Song
from musicflamingo_cli.scoring.aggregate import aggregate
from musicflamingo_cli.scoring.answers import parse_reply

NOT_CACHED = Failure("intake", "not_cached", "the cache holds no reply for this song under these settings", True)
PROMPT_CHANGED = Failure("intake", "not_cached", "the cached reply answers another prompt", True)


def read_reply(reply: Reply, prompt: str, pack: Pack, rules: Rules) -> Answer:
    """Read one raw reply."""
    answer = parse_reply(reply.text, pack.asked, prompt, reply.finish_reason, assume_scale=rules.assume_scale)
    if not reply.measured:
        return answer
    fields = {n: replace(one, obtained="measured" if one.obtained else None) for n, one in answer.fields.items()}
    return replace(answer, fields=fields)


def outcome(song: Song, entry: Entry | None, prompts: tuple[str, str], pack: Pack, rules: Rules) -> Outcome:
    """Say what became of a song. `prompts` is its rendered prompt and that prompt's hash.

    A recorded failure counts over replies: it is the later news about the same song.
    """
    prompt, digest = prompts
    if entry is None:
        return Outcome(song, failure=NOT_CACHED)
    if entry.failure is not None:
        return Outcome(song, heard=None if entry.replies else entry.heard, failure=entry.failure)
    if entry.prompt_hash != digest:
        return Outcome(song, failure=PROMPT_CHANGED)
    if not entry.replies:
        return Outcome(song, heard=entry.heard, failure=NOT_CACHED)
    reply = entry.replies[-1]
    answer = read_reply(reply, prompt, pack, rules)
    score = aggregate(answer, pack.fields, rules.weights, rules.min_coverage)
    return Outcome(song, entry.heard, reply, answer, score)
