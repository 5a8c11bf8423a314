"""The table of engines."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from musicflamingo_cli.engines.base import Engine, EngineSettings
from musicflamingo_cli.errors import UsageError

ENGINES = {
    "fake": "musicflamingo_cli.engines.fake:FakeEngine",
    "flamingo": "musicflamingo_cli.engines.flamingo.engine:FlamingoEngine",
    "signal": "musicflamingo_cli.engines.signal:SignalEngine",
}
"""Name on the command line -> module:class. A module is imported only when its engine is chosen."""


def engine_class(name: str) -> type[Engine]:
    """Return the class of an engine. Raises `UsageError` for an unknown name."""
    if name not in ENGINES:
        raise UsageError(f"no engine '{name}' (engines: {', '.join(sorted(ENGINES))})")
    module, _, attribute = ENGINES[name].partition(":")
    return cast("type[Engine]", getattr(import_module(module), attribute))


def build_engine(name: str, settings: EngineSettings) -> Engine:
    """Build an engine from its settings; nothing heavy is loaded yet."""
    return engine_class(name)(settings)
