"""What a GPU replays, run on a CPU: each step the same work, few launches around it, and the same answers.

On a CPU attention reads no more than the tokens that there are; here it reads whole rows, as it does on a GPU, and the
step is "captured" by a stand-in that does the work again.
"""

import gc
import weakref
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from musicflamingo_cli.engines.base import OutOfMemory
from musicflamingo_cli.engines.flamingo import cuda_graph, kv_cache, model, session
from musicflamingo_cli.engines.flamingo.cuda_graph import CaptureFailed, capture
from musicflamingo_cli.engines.flamingo.free_text import FreeSettings, generate
from musicflamingo_cli.records import Field, Pack
from tests.engines.flamingo.conftest import request_for, same, sound

WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "_to_copy", "item"}
"""Operations that wait for a device or copy to it."""
SHORT = Pack(
    "short",
    "1",
    (Field("mood", "text"), Field("rating", "score", low=0.0, high=1.0, weight=1.0), Field("bpm", "number")),
    "Rate it.",
)


def replaying(one, monkeypatch, captured=lambda work: work):
    """Have an engine work as on a GPU; `captured` makes the replay out of a step."""
    one.network.fixed = one.network.replays = True
    monkeypatch.setattr(session, "capture", lambda work, device: captured(work))
    return one


def decoded(one, prepared, tokens):
    """Decode a batch once: JSON as it comes, text of so many tokens."""
    import torch

    if one._settings.decode == "json":
        one.answer(prepared)
    else:
        with torch.inference_mode():
            generate(one.network, prepared.groups[0], FreeSettings(tokens, ()))


def ragged(count, seed, longest=9.0):
    chance = np.random.default_rng(seed)
    words = ("Rate this song.", "Listen to all of it, then rate its melody, rhythm and mix.", "Score it:")
    return [
        request_for(sound(s, 1000 * seed + n), words[n % 3] * int(chance.integers(1, 4)), f"s{n}")
        for n, s in enumerate(chance.uniform(0.5, longest, count))
    ]


def tape():
    """Return a mode that notes every operation, and its list: name, all arguments, where tensors from outside lie."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class Tape(TorchDispatchMode):
        def __init__(self):
            super().__init__()
            self.calls, self._made, self._outside = [], set(), set()

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            noted = [self._noted(one) for one in (*args, *(kwargs or {}).values())]
            made = func(*args, **(kwargs or {}))
            for one in made if isinstance(made, (list, tuple)) else [made]:
                if isinstance(one, torch.Tensor):
                    self._made |= {one.untyped_storage().data_ptr()} - self._outside
            self.calls.append((func, func.name(), str(noted)))
            return made

        def _noted(self, one):
            if isinstance(one, (list, tuple)):
                return [self._noted(part) for part in one]
            if not isinstance(one, torch.Tensor):
                return one
            home = one.untyped_storage().data_ptr()
            if home in self._made:
                return tuple(one.shape), one.stride()
            self._outside.add(home)
            return tuple(one.shape), one.stride(), one.data_ptr()

    return Tape()


@pytest.mark.parametrize("decode", ["json", "text"])
def test_every_step_of_a_batch_is_the_same_work_at_the_same_addresses(engine, decode, monkeypatch):
    steps = []

    def noting(work):
        captures = len({number for number, _ in steps})

        def replay():
            with tape() as noted:
                work()
            steps.append((captures, tuple(call[1:] for call in noted.calls)))

        return replay

    one = replaying(engine(decode), monkeypatch, noting)
    decoded(one, one.prepare(ragged(3, 1)), 340)
    assert len(steps) > 60
    captures = {number for number, _ in steps}
    assert len(captures) == (2 if decode == "text" else 1)  # the text moves once, to longer rows
    assert len(set(steps)) == len(captures)
    names = {name.split("::")[1].split(".")[0] for _, calls in set(steps) for name, _ in calls}
    assert "scatter_" in names
    assert not names & WAITS


@pytest.mark.parametrize("decode", ["json", "text"])
def test_a_step_needs_few_operations_around_its_replay(engine, decode, monkeypatch):
    """Views launch nothing."""
    counts, muted = [0], [False]
    outer = tape()

    def counting(self, func, types, args=(), kwargs=None):
        returns = func._schema.returns
        view = bool(returns and returns[0].alias_info and not returns[0].alias_info.is_write)
        counts[-1] += not (muted[0] or view)
        return func(*args, **(kwargs or {}))

    monkeypatch.setattr(type(outer), "__torch_dispatch__", counting)

    def quiet(work):
        def replay():
            muted[0] = True
            work()
            muted[0] = False
            counts.append(0)

        return replay

    one = replaying(engine(decode), monkeypatch, quiet)
    prepared = one.prepare(ragged(3, 2))
    with outer:
        decoded(one, prepared, 40)
    between = counts[1:-1]
    assert len(between) > 30
    assert 3 <= max(between) <= 30


@pytest.mark.parametrize(
    ("decode", "tokens"), [("json", 220), ("json", 400), ("text", 60), ("text", 600), ("scores", 9)]
)
def test_a_decode_of_any_length_shows_attention_few_shapes(engine, decode, tokens, monkeypatch):
    """cuDNN, where it is asked, builds a plan for each."""
    shown, plain = set(), model.packed_attention

    def noted(module, query, key, value, attention_mask, **others):
        shown.add(tuple((tuple(t.shape), t.stride()) for t in (query, key, value, attention_mask)))
        return plain(module, query, key, value, attention_mask, **others)

    monkeypatch.setattr(model, "packed_attention", noted)
    one = replaying(engine(decode, max_tokens=tokens), monkeypatch)
    one.reply(ragged(2, 3, 3.0))
    assert 1 <= len(shown) <= 8


def test_the_mask_of_a_step_is_made_in_one_call_before_anything_waits_for_the_step(engine, monkeypatch):
    events = []
    one = replaying(engine("json", pack=SHORT, max_tokens=60), monkeypatch)
    grammar, network = one._mode._grammar, one.network
    masks, feed, logits = grammar.executor, session.Session.feed, network.logits
    monkeypatch.setattr(session.Session, "feed", lambda *a: events.append("step") or feed(*a))
    monkeypatch.setattr(network, "logits", lambda *a: events.append("choice") or logits(*a))
    counted = SimpleNamespace(
        unsafe_compute_mask_ptr=lambda *a: events.append("mask") or masks.unsafe_compute_mask_ptr(*a)
    )
    monkeypatch.setattr(grammar, "executor", counted)
    one.reply(ragged(5, 4))
    assert events.count("mask") == events.count("choice") > 10
    for before, event, after in zip(events, events[1:], events[2:], strict=False):
        if event == "mask":
            assert (before, after) == ("step", "choice")


@pytest.mark.parametrize("kind", ["musicflamingo", "audioflamingo3"])
@pytest.mark.parametrize("decode", ["text", "json", "scores"])
def test_a_batch_that_is_replayed_answers_as_its_songs_do_alone(engine, kind, decode, monkeypatch):
    """34 songs in each of six ways, in batches of 17; rows grow, and leave when their reply ends."""
    monkeypatch.setattr(kv_cache, "SPARE", 8)
    monkeypatch.setattr(kv_cache, "BLOCK", 8)
    monkeypatch.setattr(model, "LONE_TOKENS", 200)
    plain = model.Network.logits

    def ending(self, hidden):
        """End a reply where its next token is one of every eleven."""
        logits = plain(self, hidden)
        best, chosen = logits.max(-1)
        logits[:, one._mode._vocabulary.end_ids[0]] += (chosen % 11 == 0) * (best - logits.amin(-1) + 1)
        return logits

    one = engine(decode, kind, pack=SHORT, max_tokens=60 if decode == "json" else 24)
    monkeypatch.setattr(model.Network, "logits", ending)
    songs = ragged(34, 5)
    alone = [one.reply([song])[0] for song in songs]
    captures = []
    replaying(one, monkeypatch, lambda work: captures.append(1) or work)
    together = [reply for start in (0, 17) for reply in one.reply(songs[start : start + 17])]
    for reply, expected in zip(together, alone, strict=True):
        same(reply, expected)
    assert len(captures) > 2 or decode == "scores"
    if decode == "text":
        assert {reply.finish_reason for reply in alone} == {"stop", "length"}


def test_prompts_of_unlike_length_go_without_a_mask(engine, monkeypatch):
    monkeypatch.setattr(model, "LONE_TOKENS", 100)
    one = engine("scores")
    masks, sizes = [], []
    layer = one._loaded.model.model.language_model.layers[0].self_attn
    plain = layer.forward

    def noted(*, hidden_states, attention_mask, **others):
        masks.append(attention_mask)
        sizes.append(len(hidden_states))
        return plain(hidden_states=hidden_states, attention_mask=attention_mask, **others)

    monkeypatch.setattr(layer, "forward", noted)
    one.reply([request_for(sound(s), name=f"s{s}") for s in (9, 9, 4)])
    assert sizes == [2, 1, 3]  # the last one is the tree
    assert [mask is None for mask in masks] == [True, True, False]


@pytest.mark.parametrize("decode", ["json", "text"])
def test_where_a_step_cannot_be_captured_it_runs_as_it_is_and_that_is_said(engine, decode, monkeypatch):
    tries = []

    def failing(work):
        tries.append(1)
        raise CaptureFailed("operation not permitted")

    one = engine(decode, pack=SHORT, max_tokens=60)
    songs = ragged(4, 6)
    plain = one.reply(songs)
    assert (one.network.step, one.provenance["step"]) == ("eager", "eager")
    said = []
    one._settings = replace(one._settings, say=said.append)
    replaying(one, monkeypatch, failing)
    assert one.network.step == "graph"
    for _ in range(2):
        for reply, expected in zip(one.reply(songs), plain, strict=True):
            same(reply, expected)
    assert len(tries) == 1
    assert one.provenance["step"] == "eager"
    assert said == list(one.notes)
    assert ["operation not permitted" in note for note in said] == [True]


def test_memory_that_runs_out_in_a_capture_is_the_batch_s(engine, monkeypatch):
    import torch

    def full(work):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    one = replaying(engine("json", pack=SHORT, max_tokens=60), monkeypatch, full)
    with pytest.raises(OutOfMemory, match="out of memory"):
        one.reply(ragged(2, 7))
    assert one.network.replays


@pytest.mark.parametrize("decode", ["json", "text", "scores"])
@pytest.mark.parametrize("tries_a_capture", [False, True])
def test_a_batch_leaves_the_device_as_it_ends_not_with_python_s_garbage(engine, decode, tries_a_capture, monkeypatch):
    """Keys and values of gigabytes: the next batch would not find room."""
    held, plain = [], session.Session.__init__

    def noted(self, *arguments):
        plain(self, *arguments)
        held.extend([weakref.ref(self), weakref.ref(self.cache)])

    def failing(work):
        raise CaptureFailed("not here")

    monkeypatch.setattr(session.Session, "__init__", noted)
    one = engine(decode, pack=SHORT, max_tokens=60)
    if tries_a_capture:
        replaying(one, monkeypatch, failing)
    songs = ragged(2, 8, 3.0)
    one.reply(songs)  # what torch makes on its first call is behind us
    held.clear()
    gc.disable()
    try:
        one.reply(songs)
        assert held
        assert all(one() is None for one in held)
    finally:
        gc.enable()


class Cuda:
    """What `capture` asks of torch.cuda, noted in order."""

    def __init__(self, problem=None, end=None):
        self.events, self._problem, self._end = [], problem, end

    class Stream:
        def wait_stream(self, other):
            pass

    CUDAGraph = type("CUDAGraph", (), {"replay": lambda self: "replayed"})
    graph_pool_handle = staticmethod(lambda: (0, 7))
    device = stream = staticmethod(lambda one: nullcontext())

    def current_stream(self):
        return self.Stream()

    def synchronize(self):
        self.events.append("synchronize")

    @contextmanager
    def graph(self, graph, pool, stream, capture_error_mode):
        self.events.append(capture_error_mode)
        try:
            yield
        finally:
            if self._end:
                raise self._end
            self.events.append("ended")

    def end_allocation(self, device, pool):
        assert (device, pool) == (0, (0, 7))
        if "ended" in self.events:
            raise RuntimeError("not currently recording to mempool_id")
        self.events.append("allocator left")

    def release(self, device, pool):
        assert (device, pool) == (0, (0, 7))
        self.events.append("released")

    def work(self):
        self.events.append("work")
        if self._problem and self.events.count("work") > cuda_graph.WARM_UPS:
            raise self._problem


def captured(cuda, monkeypatch):
    import torch

    monkeypatch.setattr(cuda_graph, "side_stream", lambda device: cuda.Stream())
    for name in ("CUDAGraph", "device", "stream", "current_stream", "synchronize", "graph", "graph_pool_handle"):
        monkeypatch.setattr(torch.cuda, name, getattr(cuda, name))
    monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", cuda.end_allocation, raising=False)
    monkeypatch.setattr(torch._C, "_cuda_releasePool", cuda.release, raising=False)
    return capture(cuda.work, torch.device("cuda:0"))


def test_a_capture_warms_up_and_leaves_other_threads_alone(monkeypatch):
    cuda = Cuda()
    assert captured(cuda, monkeypatch)() == "replayed"
    assert cuda.events == ["work", "work", "thread_local", "work", "ended"]


@pytest.mark.parametrize("end", [None, RuntimeError("operation failed due to a previous error during capture")])
def test_a_capture_that_goes_wrong_is_told_from_memory_that_runs_out(end, monkeypatch):
    import torch

    cuda = Cuda(RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore"), end)
    with pytest.raises(CaptureFailed, match=r"^RuntimeError: "):
        captured(cuda, monkeypatch)
    left = ["allocator left", "released"] if end else ["ended"]
    assert cuda.events[3:] == ["work", *left, "synchronize"]
    with pytest.raises(torch.OutOfMemoryError):
        captured(Cuda(torch.OutOfMemoryError("CUDA out of memory"), end), monkeypatch)


def test_a_device_that_is_lost_in_a_capture_is_not_gone_on_with(monkeypatch):
    cuda = Cuda(RuntimeError("CUDA error: an illegal memory access was encountered"))

    def lost():
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    cuda.synchronize = lost
    with pytest.raises(RuntimeError, match="illegal memory"):
        captured(cuda, monkeypatch)
