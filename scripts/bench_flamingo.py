"""Songs an hour of the Flamingo engine by decode mode, the share of its prefill, and what a step of decoding takes.

    python scripts/bench_flamingo.py                 a random model of 100 M parameters on the CPU, one thread
    python scripts/bench_flamingo.py --size real     the true size, 8.27 B random parameters, in bfloat16 on a GPU
    python scripts/bench_flamingo.py --size tiny     a third of a million, to try the bench itself

Weights are random, so that nothing has to be downloaded; what a reply costs does not depend on what it says. Free
generation is held to exactly `--tokens` tokens, JSON to at most as many. Songs are of one length, or ragged: a sixth
shorter or longer. What matters most comes first; each line is printed and kept as it comes, and what does not fit into
`--minutes` is left out by name. On a CPU times are those of the processor, which other work on the machine does not
stretch, and one song at a time is measured too: a plain script that reads a file, templates it, and generates.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from musicflamingo_cli.engines.base import EngineSettings, OutOfMemory  # noqa: E402
from musicflamingo_cli.engines.flamingo import decoding, free_text, session  # noqa: E402
from musicflamingo_cli.engines.flamingo.checkpoint import Checkpoint  # noqa: E402
from musicflamingo_cli.engines.flamingo.engine import FlamingoEngine  # noqa: E402
from musicflamingo_cli.engines.flamingo.free_text import FreeSettings  # noqa: E402
from musicflamingo_cli.engines.flamingo.loading import Loaded, import_transformers  # noqa: E402
from musicflamingo_cli.engines.flamingo.memory import (  # noqa: E402
    PROMPT_TOKENS,
    TOKENS_PER_SECOND,
    release_memory,
    translated_errors,
)
from musicflamingo_cli.engines.flamingo.session import time_step  # noqa: E402
from musicflamingo_cli.errors import MfqError  # noqa: E402
from musicflamingo_cli.inference.batching import batches  # noqa: E402
from musicflamingo_cli.inference.prefetch import Feeder  # noqa: E402
from musicflamingo_cli.intake.audio.load import AudioPlan, load_audio  # noqa: E402
from musicflamingo_cli.intake.audio.pool import DecodePool  # noqa: E402
from musicflamingo_cli.intake.packs import load_pack  # noqa: E402
from musicflamingo_cli.records import Failure, LoadedAudio, Request  # noqa: E402

RATE = 44_100
MODES = ("json", "scores", "text")
LENGTHS = ("ragged", "equal")
SHARE = 1 / 6
"""How far ragged songs are from their mean length at most."""


class Bench:
    """What is measured, on what, and where the figures go."""

    def __init__(self, loaded: Loaded, tokens: int, minutes: float, file: Path) -> None:
        self.loaded, self.tokens, self.pack = loaded, tokens, load_pack("quality")
        self.on_cpu = loaded.device == "cpu"
        self._engines: dict[str, FlamingoEngine] = {}
        self._file, self._ends = file, time.monotonic() + 60 * minutes
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")

    def engine(self, decode: str) -> FlamingoEngine:
        """Return an engine on the model in memory."""
        if decode not in self._engines:
            settings = EngineSettings(
                self.pack,
                device=self.loaded.device,
                decode=decode,
                max_tokens=self.tokens,
                say=print,  # type: ignore[arg-type]
            )
            self._engines[decode] = FlamingoEngine(settings)
            self._engines[decode].adopt(self.loaded)
        return self._engines[decode]

    def now(self) -> float:
        """Return the time in seconds, once the device has nothing more to do."""
        import torch

        if self.on_cpu:
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def peak(self) -> float:
        """Return the most memory that was held on the device since the last call, GB; 0 on a CPU."""
        import torch

        if self.on_cpu:
            return 0.0
        held = torch.cuda.max_memory_allocated() / 1e9
        torch.cuda.reset_peak_memory_stats()
        return held

    def says(self, line: str, **figures: object) -> None:
        """Print a line, and keep its figures at once: a long bench may be cut short."""
        print(line, flush=True)
        with self._file.open("a") as file:
            file.write(json.dumps(figures) + "\n")

    def late(self, what: str) -> bool:
        """Say if there is no time for something, and that it is left out."""
        late = time.monotonic() > self._ends
        if late:
            self.says(f"{what}: left out, for the time is up", left_out=what)
        return late


def build(size: str, device: str, tokenizer_file: str | None) -> Loaded:
    """Make a random model of the size asked for, in memory."""
    import_transformers().utils.logging.set_verbosity_error()
    import torch

    from tests.engines.flamingo.tiny_checkpoint import MARKS, REAL, SMALL, Shape, build_model, build_tokenizer

    words = [load_pack("quality").template] * 20
    if tokenizer_file:
        from transformers import PreTrainedTokenizerFast

        tokenizer = PreTrainedTokenizerFast(
            tokenizer_file=tokenizer_file, eos_token="<|im_end|>", pad_token="<|pad|>", padding_side="left"
        )
        tokenizer.add_tokens(list(MARKS), special_tokens=True)
    else:
        tokenizer = build_tokenizer(words, 2000)
    torch.manual_seed(0)
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    with torch.device(device):
        shape = {"tiny": Shape(), "small": SMALL, "real": REAL}[size]
        model, processor = build_model("musicflamingo", shape, tokenizer, dtype)
    checkpoint = Checkpoint(Path(), f"random, {size}", None, "musicflamingo", 0, 1200.0)
    return Loaded(model, processor, checkpoint, str(model.device), str(dtype).partition(".")[2], "sdpa", ())


def write_songs(folder: Path, lengths: Sequence[float], music: str | None) -> list[Path]:
    """Write stereo files of some lengths, seconds: cut from real ones, repeated where they are shorter, or made."""
    sources = (
        sorted(p for p in Path(music).rglob("*") if p.suffix in (".wav", ".flac", ".mp3", ".ogg")) if music else []
    )
    paths = []
    for n, seconds in enumerate(lengths):
        if sources:
            wave, rate = soundfile.read(sources[n % len(sources)], dtype="float32", always_2d=True)
        else:
            rate, clock = RATE, np.arange(int(10 * RATE)) / RATE
            mono = sum(
                np.sin(2 * np.pi * 110 * 1.0595**n * k * clock) * np.exp(-2 * (clock % 0.5)) / k for k in range(1, 8)
            )
            wave = np.stack([mono, np.roll(mono, 300)], 1).astype(np.float32) * 0.2
        path = folder / f"{n}-{seconds:.3f}.flac"
        soundfile.write(path, np.resize(wave, (int(seconds * rate), wave.shape[1])), rate)
        paths.append(path)
    return paths


def heard_songs(paths: Sequence[Path]) -> list[LoadedAudio]:
    """Hear every file."""
    found = [load_audio(str(path), AudioPlan()) for path in paths]
    failed = [one.error for one in found if isinstance(one, Failure)]
    if failed:
        raise SystemExit(str(failed[0]))
    return [one for one in found if isinstance(one, LoadedAudio)]


def requests_for(bench: Bench, songs: Sequence[LoadedAudio], lengths: Sequence[float]) -> list[Request]:
    """Ask the pack's question of songs cut to some lengths, seconds, the longest first, as batches are made."""
    requests = []
    for n, seconds in enumerate(sorted(lengths, reverse=True)):
        song = songs[n % len(songs)]
        assert song.clip is not None
        cut = replace(song, clip=song.clip[: int(16_000 * seconds)], used_seconds=seconds)
        requests.append(Request(f"song-{n}", bench.pack.template, cut))
    return requests


def one_at_a_time(bench: Bench, path: Path) -> float:
    """Return the seconds that a plain script takes which generates exactly `tokens` tokens for a song."""
    import torch

    model, processor = bench.loaded.model, bench.loaded.processor
    began = bench.now()
    wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    clip = soxr.resample(wave.mean(1), rate, 16_000)  # as transformers reads a path, in versions that can
    content = [{"type": "audio", "audio": clip}, {"type": "text", "text": bench.pack.template}]
    batch = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=True, add_generation_prompt=True, return_dict=True
    ).to(model.device, dtype=model.dtype)
    with torch.inference_mode():
        model.generate(**batch, max_new_tokens=bench.tokens, min_new_tokens=bench.tokens, do_sample=False)
    return bench.now() - began


def measure_steps(bench: Bench, sizes: Sequence[int], seconds: float) -> None:
    """Say how long a step takes for batches of some sizes, and the capture of one."""
    import torch

    network = bench.engine("json").network
    assert network is not None
    for songs in sizes:
        if bench.late(f"a step of {songs} songs"):
            return
        try:
            with translated_errors(), torch.inference_mode():
                first, later = time_step(network, songs, PROMPT_TOKENS + int(TOKENS_PER_SECOND * seconds))
        except OutOfMemory:
            bench.says(f"a step of {songs:>3} songs: out of memory", songs=songs, step="out of memory")
            continue
        bench.says(
            f"a step of {songs:>3} songs: {1000 * later:.1f} ms, the first {first:.2f} s, {network.step}",
            songs=songs,
            step_ms=1000 * later,
            first_step_seconds=first,
            step=network.step,
        )


def measure_batch(bench: Bench, requests: list[Request], mode: str, what: str, alone: float | None) -> None:
    """Say what one batch takes in one mode: songs an hour, its prefill's share, and memory."""
    import torch

    engine = bench.engine(mode)
    began = bench.now()
    prepared = engine.prepare(requests)
    # one thread does both on a CPU; a GPU's log-mel runs ahead of it
    preparing = bench.now() - began
    plain, spent = session.prefill, [0.0]

    def timed(*arguments: Any) -> Any:
        start = bench.now()
        made = plain(*arguments)
        spent[0] += bench.now() - start
        return made

    bench.peak()
    began = bench.now()
    decoding.prefill = free_text.prefill = timed  # type: ignore[attr-defined]
    try:
        with translated_errors(), torch.inference_mode():
            if mode == "text":
                free_text.generate(engine.network, prepared.groups[0], FreeSettings(bench.tokens, ()))  # type: ignore[arg-type]
            else:
                engine.answer(prepared)
    except OutOfMemory as problem:
        bench.says(f"{what}: out of memory", what=what, error=str(problem)[:120])
        return
    finally:
        decoding.prefill = free_text.prefill = plain  # type: ignore[attr-defined]
    decode = bench.now() - began
    whole = decode + (preparing if bench.on_cpu else 0.0)
    pace = 3600 * len(requests) / whole
    against = "" if alone is None else f", {alone * len(requests) / whole:.2f} x one at a time"
    memory = bench.peak()
    bench.says(
        f"{what}: {pace:>7,.0f} songs/h, prefill {spent[0] / decode:.0%}"
        + against
        + (f", {memory:.1f} GB at most" if memory else ""),
        what=what,
        songs=len(requests),
        songs_per_hour=pace,
        decode_seconds=decode,
        prefill_seconds=spent[0],
        prepare_seconds=preparing,
        peak_gb=memory,
        one_at_a_time_seconds=alone,
        tokens=prepared.groups[0].tokens,
        **{name: engine.provenance[name] for name in ("step", "dtype", "attention")},
    )
    release_memory()


def measure_flow(bench: Bench, paths: list[Path], songs: int, items: int, decode: str, workers: int) -> None:
    """Run files through decode workers, a preparing thread and the engine, as `mfq score` does; say who waited.

    The figures begin with the first batch, and are of the clock on the wall.
    """
    engine = bench.engine(decode)
    busy, first = 0.0, None

    def requests(pool: DecodePool) -> Iterator[Request]:
        for n, heard in pool.load((n, str(paths[n % len(paths)])) for n in range(songs)):
            if isinstance(heard, LoadedAudio):
                yield Request(f"song-{n}", bench.pack.template, heard)

    feeder: Feeder = Feeder()
    with DecodePool(workers, AudioPlan(max_clip_seconds=engine.clip_seconds)) as pool:
        grouped = batches(requests(pool), items, engine.batch_seconds)
        for prepared in feeder.run(engine.prepare(batch) for batch in grouped):
            began = time.perf_counter()
            first = first or began
            engine.answer(prepared)
            bench.now()
            busy += time.perf_counter() - began
    steady = time.perf_counter() - (first or 0.0)
    bench.says(
        f"{decode} over {songs} files: {3600 * songs / steady:,.0f} songs/h, the engine waited {1 - busy / steady:.1%}",
        flow=decode,
        songs=songs,
        songs_per_hour=3600 * songs / steady,
        waiting_share=1 - busy / steady,
    )


def main() -> None:
    """Measure, print, and write the figures as they come."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("tiny", "small", "real"), default="small")
    parser.add_argument("--device", help="cpu or cuda; by default what the size calls for")
    parser.add_argument("--seconds", help="mean lengths of the songs, comma-separated (small: 30,180; real: 180)")
    parser.add_argument("--batch", help="songs in a batch, comma-separated (small: 4; real: 64,128,32,8)")
    parser.add_argument("--tokens", type=int, default=300, help="tokens of a free reply")
    parser.add_argument("--flow", type=int, help="songs of the run through files, workers and engine (real: 192)")
    parser.add_argument("--workers", type=int, default=12, help="decode processes of that run")
    parser.add_argument("--minutes", type=float, help="what is not begun by then is left out (real: 7)")
    parser.add_argument("--music", help="folder of real songs; made ones otherwise")
    parser.add_argument("--tokenizer", help="tokenizer.json of Qwen2.5, for its true vocabulary")
    parser.add_argument("--out", default=str(ROOT / "data" / "bench"), help="folder of the figures")
    asked = parser.parse_args()
    real = asked.size == "real"
    device = asked.device or ("cuda" if real else "cpu")
    import torch

    if device == "cpu":
        torch.set_num_threads(1)
    file = Path(asked.out) / f"flamingo-{asked.size}-{device}.jsonl"
    bench = Bench(
        build(asked.size, device, asked.tokenizer), asked.tokens, asked.minutes or (7.0 if real else 1e9), file
    )
    name = "CPU, 1 thread" if device == "cpu" else torch.cuda.get_device_name()
    parameters = sum(p.numel() for p in bench.loaded.model.parameters())
    bench.says(
        f"{parameters / 1e6:,.0f} M parameters, {bench.loaded.dtype}, {name}, torch {torch.__version__}",
        device=name,
        machine=platform.machine(),
        torch=torch.__version__,
        transformers=import_transformers().__version__,
        parameters=parameters,
        reply_tokens=asked.tokens,
        taken_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    sizes = [int(n) for n in (asked.batch or ("64,128,32,8" if real else "4")).split(",")]
    chance = np.random.default_rng(0)
    for seconds in [float(s) for s in (asked.seconds or ("180" if real else "30,180")).split(",")]:
        measure_steps(bench, [*sizes, 1], seconds)
        with tempfile.TemporaryDirectory(prefix="mfq-bench-") as folder:
            files, longest = min(16, max(sizes)), seconds * (1 + SHARE)
            paths = write_songs(Path(folder), np.linspace(seconds * (1 - SHARE), longest, files), asked.music)
            songs = heard_songs(write_songs(Path(folder), [longest] * files, asked.music))
            alone = one_at_a_time(bench, write_songs(Path(folder), [seconds], asked.music)[0]) if bench.on_cpu else None
            measure_batch(bench, requests_for(bench, songs, [seconds]), "scores", "one song, to warm up", None)
            for count, kind, mode in product(sizes, LENGTHS, MODES):
                what = f"{mode:>6}, {count:>3} songs of {seconds:g} s, {kind:>6}"
                lengths = seconds * (1 + chance.uniform(-SHARE, SHARE, count) * (kind == "ragged"))
                if not bench.late(what):
                    measure_batch(bench, requests_for(bench, songs, lengths), mode, what, alone)
            flow = asked.flow if asked.flow is not None else (192 if real else 0)
            for decode in ("json", "scores") if flow else ():
                if not bench.late(f"{decode} over {flow} files"):
                    measure_flow(bench, paths, flow, max(sizes), decode, asked.workers)
    print(f"\n{file}")


if __name__ == "__main__":
    try:
        main()
    except MfqError as problem:
        raise SystemExit(str(problem)) from None
