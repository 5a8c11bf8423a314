"""The three ways to decode, each behind the same two methods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from musicflamingo_cli.engines.base import EngineSettings
from musicflamingo_cli.engines.flamingo.constrained import Grammar
from musicflamingo_cli.engines.flamingo.decoding import NumberReader, Said, decode_plan, decode_scores, score_trees
from musicflamingo_cli.engines.flamingo.free_text import FreeSettings, generate, has_loop
from musicflamingo_cli.engines.flamingo.reply_plan import plan_reply
from musicflamingo_cli.engines.flamingo.score_grid import grid
from musicflamingo_cli.engines.flamingo.vocabulary import Vocabulary
from musicflamingo_cli.errors import EngineError, UsageError
from musicflamingo_cli.records import Failure, Field, Reply

if TYPE_CHECKING:
    from musicflamingo_cli.engines.flamingo.inputs import Inputs
    from musicflamingo_cli.engines.flamingo.model import Network

BROKEN = Failure("engine", "not_finite", "the model's output for this song is not finite")


class Mode(Protocol):
    """One way to decode a batch."""

    def decode(self, inputs: Inputs, counts: Counter[str]) -> list[Said]:
        """Decode the songs of a batch, in order; things worth telling are counted."""
        ...

    def reply(self, said: Said, prompt_tokens: int, seconds: float) -> Reply | Failure:
        """Turn what was said into a reply."""
        ...


class TextMode:
    """Free greedy generation; replies that looped or hit the cap are asked once more, with anti-repeat settings."""

    def __init__(self, network: Network, vocabulary: Vocabulary, max_tokens: int, careful: bool = False) -> None:
        self._network, self._vocabulary = network, vocabulary
        self._settings = FreeSettings(max_tokens, vocabulary.end_ids, careful)

    def decode(self, inputs: Inputs, counts: Counter[str]) -> list[Said]:
        """See `Mode`. Counts `rerun` for each song that was asked again."""
        said = generate(self._network, inputs, self._settings)
        again = [n for n, one in enumerate(said) if not one.broken and (not one.finished or has_loop(one.tokens))]
        if again and not self._settings.careful:
            seconds = generate(self._network, inputs.rows_of(again), replace(self._settings, careful=True))
            for n, one in zip(again, seconds, strict=True):
                said[n] = min((said[n], one), key=_badness)
            counts["rerun"] += len(again)  # not before: a batch that did not fit is asked again in parts
        return said

    def reply(self, said: Said, prompt_tokens: int, seconds: float) -> Reply | Failure:
        """See `Mode`."""
        if said.broken:
            return BROKEN
        count = len(said.tokens) + said.finished
        text = self._vocabulary.decode(said.tokens)
        return Reply(text, "stop" if said.finished else "length", prompt_tokens, count, seconds)


class PlannedMode:
    """JSON of the pack's schema, or its scores one after the other."""

    def __init__(self, network: Network, vocabulary: Vocabulary, fields: Sequence[Field], max_tokens: int) -> None:
        self._network, self._vocabulary = network, vocabulary
        self._grammar = Grammar(vocabulary, plan_reply(fields, vocabulary.encode, max_tokens))
        self._reader = NumberReader(network, vocabulary)

    def decode(self, inputs: Inputs, counts: Counter[str]) -> list[Said]:
        """See `Mode`."""
        return decode_plan(self._network, inputs, self._grammar, self._reader)

    def reply(self, said: Said, prompt_tokens: int, seconds: float) -> Reply | Failure:
        """See `Mode`."""
        if said.broken:
            return BROKEN
        text = self._vocabulary.decode(said.tokens)
        return Reply(text, "stop", prompt_tokens, len(said.tokens), seconds, said.scores)


class ScoresMode:
    """Every score on its own, from token probabilities; nothing is generated."""

    def __init__(self, network: Network, vocabulary: Vocabulary, fields: Sequence[Field]) -> None:
        self._network, self._fields = network, tuple(fields)
        self._reader = NumberReader(network, vocabulary)
        self._trees = score_trees(fields, {field.name: grid(field) for field in fields}, vocabulary)

    def decode(self, inputs: Inputs, counts: Counter[str]) -> list[Said]:
        """See `Mode`."""
        return decode_scores(self._network, inputs, self._fields, self._reader, self._trees)

    def reply(self, said: Said, prompt_tokens: int, seconds: float) -> Reply | Failure:
        """See `Mode`. The text states the written values; no token of it was generated."""
        if said.broken:
            return BROKEN
        return Reply(said.text or "", "stop", prompt_tokens, 0, seconds, said.scores)


def build_mode(network: Network, tokenizer: Any, settings: EngineSettings, fields: Sequence[Field]) -> Mode:
    """Build the mode that the settings ask for. Raises `UsageError` or `EngineError` if this checkpoint can't do it."""
    vocabulary = Vocabulary(tokenizer, network.text_config.vocab_size, _end_ids(network, tokenizer))
    if settings.decode == "text":
        return TextMode(network, vocabulary, settings.max_tokens)
    if settings.decode == "scores" and settings.score_order == "independent":
        return ScoresMode(network, vocabulary, fields)
    enough = settings.max_tokens if settings.decode == "json" else 1 << 20
    return PlannedMode(network, vocabulary, fields, enough)


def build_second_mode(network: Network, tokenizer: Any, settings: EngineSettings, fields: Sequence[Field]) -> Mode:
    """Build the mode for replies of free text that could not be read: the pack's schema, or text without repetition."""
    held = replace(settings, decode="json")
    try:
        return build_mode(network, tokenizer, held, fields)
    except (UsageError, EngineError):  # a range that no grid has, or too few tokens for the schema
        vocabulary = Vocabulary(tokenizer, network.text_config.vocab_size, _end_ids(network, tokenizer))
        return TextMode(network, vocabulary, settings.max_tokens, careful=True)


def _end_ids(network: Network, tokenizer: Any) -> tuple[int, ...]:
    stated = network.model.generation_config.eos_token_id
    ids = stated if isinstance(stated, list) else [stated]
    return tuple(dict.fromkeys(int(i) for i in (*ids, tokenizer.eos_token_id) if i is not None))


def _badness(said: Said) -> tuple[bool, bool, bool]:
    return said.broken, has_loop(said.tokens), not said.finished
