"""One reply in the making: what is forced next, what may be chosen, what has been said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from musicflamingo_cli.engines.flamingo.reply_plan import Free, Number, ReplyPlan, allowance
from musicflamingo_cli.engines.flamingo.vocabulary import Vocabulary
from musicflamingo_cli.errors import EngineError
from musicflamingo_cli.extras import install_command

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Grammar:
    """The compiled grammars of a plan's free parts, over one tokenizer."""

    def __init__(self, vocabulary: Vocabulary, plan: ReplyPlan) -> None:
        try:
            import llguidance
            import llguidance.hf
        except (ImportError, OSError) as problem:
            raise EngineError(
                f"this way of decoding needs llguidance ({problem}): {install_command('flamingo')}; "
                "or use --decode text"
            ) from None

        self.vocabulary = vocabulary
        self.plan = plan
        table = llguidance.hf.from_tokenizer(vocabulary.tokenizer, n_vocab=vocabulary.size)
        self.executor = llguidance.LLExecutor()
        self._matchers: dict[int, Any] = {}
        self._closers: dict[str, NDArray[np.int32]] = {}
        for index, part in enumerate(plan.parts):
            if isinstance(part, Free):
                matcher = llguidance.LLMatcher(table, llguidance.LLMatcher.grammar_from_regex(part.grammar))
                if matcher.is_error():
                    raise RuntimeError(f"field '{part.name}': {matcher.get_error()}")
                self._matchers[index] = matcher
                self._closers[part.closer] = vocabulary.starting(part.closer)

    def matcher(self, part: int) -> Any:
        """Return a fresh matcher of a free part."""
        return self._matchers[part].deep_copy()

    def closer(self, part: Free) -> NDArray[np.int32]:
        """Return the bit mask of the tokens that end a free value."""
        return self._closers[part.closer]


class Guide:
    """The state of one song's reply. It chooses nothing; it says what may be chosen and takes what was."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._plan = grammar.plan
        self._part = -1
        self.matcher: Any = None
        """Of a free part."""
        self._spent_before = 0
        self._spent = 0
        self.said: list[int] = list(self._plan.opening)
        """Every token of the reply so far."""
        self.waiting: list[int] = []
        """Those at its end that were not fed to the model yet."""
        self._next_part()

    @property
    def part(self) -> Free | Number | None:
        """The part that is being said, None when all is."""
        return self._plan.parts[self._part] if self._part < len(self._plan.parts) else None

    def take(self, at_once: int | None = None) -> list[int]:
        """Return the tokens to feed, once; `at_once` of them at most."""
        chunk, self.waiting = self.waiting[:at_once], self.waiting[at_once:] if at_once else []
        return chunk

    @property
    def spent(self) -> bool:
        """Whether the value has used up its tokens, so that it must end now."""
        return self._spent >= allowance(self._plan, self._part, self._spent_before)

    def narrow(self, bits: NDArray[np.int32]) -> None:
        """Narrow the grammar's bit mask in place to what ends the value.

        In the middle of a UTF-8 character only that character's own bytes may come first.
        """
        part = self.part
        if not isinstance(part, Free):
            return
        vocabulary = self._grammar.vocabulary
        for wanted in (self._grammar.closer(part), vocabulary.continuing):
            both = bits & wanted
            if both.any():
                bits[:] = both
                return

    def choose(self, token: int) -> None:
        """Take a token of a free part, and all that its grammar forces after it."""
        part = self.part
        if not isinstance(part, Free) or not self.matcher.consume_token(token):
            raise RuntimeError(f"token {token} is not allowed here: {self.matcher and self.matcher.get_error()}")
        self._spent += 1
        self._say([token])
        forced = self.matcher.compute_ff_tokens()
        if forced:
            self.matcher.consume_tokens(forced)
            self._say(forced)
        if self.matcher.is_accepting():
            self._spent_before += self._spent
            self._next_part()

    def state(self, tokens: Sequence[int]) -> None:
        """Take the tokens of a number, and all that is forced after it."""
        part = self.part
        if not isinstance(part, Number):
            raise RuntimeError("there is no number here")
        self._say([*tokens, *part.after])
        self._next_part()

    def _say(self, tokens: Sequence[int]) -> None:
        self.said.extend(tokens)
        self.waiting.extend(tokens)

    def _next_part(self) -> None:
        self._part += 1
        self._spent = 0
        self.matcher = self._grammar.matcher(self._part) if isinstance(self.part, Free) else None
