"""Tiny checkpoints, songs of noise, and engines that run on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from musicflamingo_cli.engines.base import EngineSettings
from musicflamingo_cli.engines.flamingo.engine import FlamingoEngine
from musicflamingo_cli.engines.flamingo.loading import Loaded, load
from musicflamingo_cli.intake.packs import load_pack
from musicflamingo_cli.records import Fingerprint, LoadedAudio, Reply, Request

RATE = 16_000


def sound(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """Return a tone that swells, with noise, float32 at 16 kHz."""
    chance = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    tone = np.sin(2 * np.pi * 110 * 2 ** (chance.integers(0, 36) / 12) * time) * (0.6 + 0.4 * np.sin(time * (1 + seed)))
    return (0.3 * tone + 0.05 * chance.standard_normal(len(time))).astype(np.float32)


def request_for(clip: NDArray[np.float32] | None, prompt: str = "Rate this song.", name: str = "a") -> Request:
    """Return a request as the runner would build it."""
    seconds = 0.0 if clip is None else len(clip) / RATE
    heard = LoadedAudio(Fingerprint("/a.wav", 1, 1, "0" * 64), seconds, RATE, 1, used_seconds=seconds, clip=clip)
    return Request(name, prompt, heard)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint of each class."""
    from musicflamingo_cli.engines.flamingo.loading import import_transformers
    from tests.engines.flamingo.tiny_checkpoint import build_checkpoint

    import_transformers()
    return {
        kind: build_checkpoint(tmp_path_factory.mktemp("models") / kind, kind, seed)
        for seed, kind in enumerate(("musicflamingo", "audioflamingo3"))
    }


@pytest.fixture(scope="session")
def models(checkpoints: dict[str, Path]) -> dict[str, Loaded]:
    """Each of them in memory; tests leave the weights as they are."""
    settings = EngineSettings(load_pack("quality"), device="cpu")
    return {kind: load(settings, str(folder)) for kind, folder in checkpoints.items()}


EngineMaker = Callable[..., FlamingoEngine]


@pytest.fixture
def engine(checkpoints: dict[str, Path], models: dict[str, Loaded]) -> Iterator[EngineMaker]:
    """Build an engine on a tiny checkpoint: `engine("json", kind="audioflamingo3", max_tokens=200)`."""
    made: list[FlamingoEngine] = []

    def make(decode: str, kind: str = "musicflamingo", **changes: object) -> FlamingoEngine:
        pack = changes.pop("pack", None) or load_pack("quality")
        settings = EngineSettings(pack, str(checkpoints[kind]), device="cpu", decode=decode, max_tokens=220)
        one = FlamingoEngine(replace(settings, **changes))
        if changes.keys() & {"dtype", "attention"}:
            one.load()
        else:
            one.adopt(models[kind])
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


def same(one: object, other: object) -> None:
    """Hold one reply to another: the text to the letter, the probabilities to what rounding in float32 moves."""
    assert isinstance(one, Reply)
    assert isinstance(other, Reply)
    assert (one.text, one.finish_reason, one.generated_tokens) == (
        other.text,
        other.finish_reason,
        other.generated_tokens,
    )
    assert list(one.scores) == list(other.scores)
    for name, spread in one.scores.items():
        assert spread.written == other.scores[name].written
        np.testing.assert_allclose(spread.probabilities, other.scores[name].probabilities, rtol=2e-3, atol=1e-18)
