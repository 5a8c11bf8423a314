"""From a cache entry to what became of the song."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from musicflamingo_cli.cache_entry import Entry
from musicflamingo_cli.records import CLAIMS, Answer, Failure, Field, FieldAnswer, Outcome, Reply, Rules, Song
from musicflamingo_cli.scoring.aggregate import aggregate
from musicflamingo_cli.scoring.distributions import with_distributions
from musicflamingo_cli.scoring.reply.parse import WORDS_AROUND, parse_reply
from musicflamingo_cli.scoring.reply.parts import final_words, thinking_of
from musicflamingo_cli.scoring.tempo_key import key_of, tempo_bpm
from musicflamingo_cli.urls import has_scheme

ASKED_AGAIN = "asked_again"
"""Among the repairs: the first reply could not be read, and another was asked for."""
NOT_CACHED = Failure("intake", "not_cached", "the cache holds no reply for this song under these settings", True)
OTHER_AUDIO = Failure("intake", "not_cached", "the cached reply is about audio of another name", True)
PROMPT_CHANGED = Failure("intake", "not_cached", "the cached reply answers another prompt", True)


def read_reply(reply: Reply, prompt: str, asked: Sequence[Field], rules: Rules) -> Answer:
    """Read one raw reply, for the fields that were asked."""
    # what was measured, or held to a schema, has its scale from there
    scale = None if reply.measured or reply.scores else rules.assume_scale
    answer = parse_reply(reply.text, asked, prompt, reply.finish_reason, assume_scale=scale)
    if rules.words_around == "null" and WORDS_AROUND in answer.repairs:
        fields = {name: FieldAnswer(reason=WORDS_AROUND) for name in answer.fields}
        answer = replace(answer, fields=fields, status="failed", reason=WORDS_AROUND)
    if reply.scores:
        mass, source = rules.min_number_mass, rules.score_from
        answer = with_distributions(answer, reply.scores, asked, min_number_mass=mass, score_from=source)
    if rules.words:
        answer = _with_words(answer, reply, asked)
    if claims := _claims(answer, asked):
        answer = replace(answer, claims=claims)
    if not reply.measured:
        return answer
    fields = {n: one._replace(obtained="measured" if one.obtained else None) for n, one in answer.fields.items()}
    return replace(answer, fields=fields)


def has_scores(prompt: str, reply: Reply, asked: Sequence[Field], rules: Rules) -> bool:
    """Whether any asked score can be read out of a reply; true where none is asked."""
    scores = [field.name for field in asked if field.kind == "score"]
    if not scores:
        return True
    answer = read_reply(reply, prompt, asked, rules)
    return any(answer.fields[name].value is not None for name in scores)


def _claims(answer: Answer, asked: Sequence[Field]) -> dict[str, float | str]:
    """Take plain values out of the texts on tempo and key, for fields that are not asked themselves."""
    names = {field.name for field in asked}
    claims: dict[str, float | str] = {}
    for name in CLAIMS.keys() & {field.name for field in asked if field.kind == "text"}:
        text = answer.fields[name].value
        if isinstance(text, str) and name == "tempo":
            bpm = tempo_bpm(text)
            claims |= {} if bpm is None else {"tempo_bpm": bpm}
        elif isinstance(text, str):
            key = key_of(text)
            claims |= {} if key is None else {"key_tonic": key[0], "key_mode": key[1]}
    return {name: value for name, value in claims.items() if name not in names}


def _with_words(answer: Answer, reply: Reply, asked: Sequence[Field]) -> Answer:
    """Keep the text whole. Where a pack asks for one text and nothing else, the text is that field's answer."""
    words, thinking = final_words(reply.text), thinking_of(reply.text)
    answer = replace(answer, words=words, thinking=thinking)
    if len(asked) != 1 or asked[0].kind != "text" or not words or answer.reason in ("gibberish", "empty"):
        return answer
    one = answer.fields.get(asked[0].name)
    if one is not None and one.obtained in ("json", "repaired"):
        return replace(answer, words=str(one.value))
    whole = reply.finish_reason != "length"
    reason = answer.reason if answer.reason == "loop_detected" else (None if whole else "token_cap")
    fields = {asked[0].name: FieldAnswer(words, "labelled")}
    return replace(answer, fields=fields, status="ok" if reason is None else "partial", reason=reason)


def outcome(song: Song, entry: Entry | None, prompts: tuple[str, str], asked: Sequence[Field], rules: Rules) -> Outcome:
    """Say what became of a song. `prompts` is its rendered prompt and that prompt's hash; `asked` what it asks for.

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
    known = zip(song.parts, entry.heard.parts if entry.heard else (), strict=False)
    if any(_is_other_file(one.path, part.fingerprint.path) for one, part in known):
        return Outcome(song, failure=OTHER_AUDIO)
    reply, answer = entry.replies[-1], read_reply(entry.replies[-1], prompt, asked, rules)
    if len(entry.replies) > 1:
        first = read_reply(entry.replies[0], prompt, asked, rules)
        if answer.status == "failed" and first.status != "failed":
            reply, answer = entry.replies[0], first
        answer = replace(answer, repairs=(*answer.repairs, ASKED_AGAIN))
    score = aggregate(answer, asked, rules.weights, rules.min_coverage)
    return Outcome(song, entry.heard, reply, answer, score)


def _is_other_file(path: str, heard: str) -> bool:
    """True if a local file has another name than what was heard: folders differ between machines, names do not.

    Blanks and quotes around a name don't count: whether they are part of it, only the machine with the files can tell.
    """
    here, there = (name.rpartition("/")[2].strip().strip('"') for name in (path, heard))
    return here != there and not (has_scheme(path) or has_scheme(heard))
