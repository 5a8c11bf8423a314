"""Songs per hour of the Flamingo engine, by decode mode, against one song at a time and against a bare prefill.

    python scripts/bench_flamingo.py                 a random model of 100 M parameters on the CPU, one thread
    python scripts/bench_flamingo.py --size real     the true size, 8.27 B random parameters, in bfloat16 on a GPU
    python scripts/bench_flamingo.py --size tiny     a third of a million, to try the bench itself

Weights are random, so that nothing has to be downloaded; what a reply costs does not depend on what it says. Free
generation is held to exactly `--tokens` tokens, JSON to at most as many. One song at a time is the way of a plain
script: read the file, template, `generate`, next. A prefill alone is the floor that no decoding can go under. On a CPU
times are those of the processor, which other work on the machine does not stretch.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from musicflamingo_cli.engines.base import EngineSettings, OutOfMemory  # noqa: E402
from musicflamingo_cli.engines.flamingo.checkpoint import Checkpoint  # noqa: E402
from musicflamingo_cli.engines.flamingo.engine import FlamingoEngine  # noqa: E402
from musicflamingo_cli.engines.flamingo.free_text import FreeSettings, generate  # noqa: E402
from musicflamingo_cli.engines.flamingo.loading import Loaded, import_transformers  # noqa: E402
from musicflamingo_cli.engines.flamingo.memory import release_memory, translated_errors  # noqa: E402
from musicflamingo_cli.engines.flamingo.session import Session  # noqa: E402
from musicflamingo_cli.errors import MfqError  # noqa: E402
from musicflamingo_cli.inference.batching import batches  # noqa: E402
from musicflamingo_cli.inference.prefetch import Feeder  # noqa: E402
from musicflamingo_cli.intake.audio.load import AudioPlan, load_audio  # noqa: E402
from musicflamingo_cli.intake.audio.pool import DecodePool  # noqa: E402
from musicflamingo_cli.intake.packs import load_pack  # noqa: E402
from musicflamingo_cli.records import Failure, LoadedAudio, Pack, Request  # noqa: E402

RATE = 44_100
MODES = ("text", "json", "scores")


@dataclass
class Bench:
    """What is measured, and on what."""

    loaded: Loaded
    pack: Pack
    tokens: int
    workers: int

    def engine(self, decode: str) -> FlamingoEngine:
        """Return an engine on the model in memory."""
        settings = EngineSettings(self.pack, device=self.loaded.device, decode=decode, max_tokens=self.tokens)  # type: ignore[arg-type]
        engine = FlamingoEngine(settings)
        engine.adopt(self.loaded)
        return engine

    def clock(self, work: Callable[[], object], repeat: int = 1) -> float:
        """Return the shortest time of `work`, seconds, the device's queue emptied."""
        times = []
        now = time.process_time if self.loaded.device == "cpu" else time.perf_counter
        for _ in range(repeat):
            self.wait()
            start = now()
            work()
            self.wait()
            times.append(now() - start)
        return min(times)

    def wait(self) -> None:
        """Wait until the device has nothing more to do."""
        import torch

        if self.loaded.device != "cpu":
            torch.cuda.synchronize()

    def peak(self) -> float | None:
        """Return the most memory that was held since the last call, bytes; None on a CPU."""
        import torch

        if self.loaded.device == "cpu":
            return None
        held = float(torch.cuda.max_memory_allocated())
        torch.cuda.reset_peak_memory_stats()
        return held


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


def write_songs(folder: Path, count: int, seconds: float, music: str | None) -> list[Path]:
    """Write stereo files of one length: cut from real ones, repeated where they are shorter, or made."""
    sources = (
        sorted(p for p in Path(music).rglob("*") if p.suffix in (".wav", ".flac", ".mp3", ".ogg")) if music else []
    )
    paths = []
    for n in range(count):
        if sources:
            wave, rate = soundfile.read(sources[n % len(sources)], dtype="float32", always_2d=True)
        else:
            rate, clock = RATE, np.arange(int(10 * RATE)) / RATE
            mono = sum(
                np.sin(2 * np.pi * 110 * 1.0595**n * k * clock) * np.exp(-2 * (clock % 0.5)) / k for k in range(1, 8)
            )
            wave = np.stack([mono, np.roll(mono, 300)], 1).astype(np.float32) * 0.2
        path = folder / f"{n}-{seconds:g}.flac"
        soundfile.write(path, np.resize(wave, (int(seconds * rate), wave.shape[1])), rate)
        paths.append(path)
    return paths


def requests_for(paths: list[Path], pack: Pack) -> list[Request]:
    """Hear every file and ask the pack's question of it."""
    requests = []
    for n, path in enumerate(paths):
        heard = load_audio(str(path), AudioPlan())
        if isinstance(heard, Failure):
            raise SystemExit(f"{path}: {heard.error}")
        requests.append(Request(f"song-{n}", pack.template, heard))
    return requests


def one_at_a_time(bench: Bench, paths: list[Path]) -> float:
    """Return the seconds per song of a plain script that generates exactly `tokens` tokens for each."""
    import torch

    model, processor = bench.loaded.model, bench.loaded.processor

    def song(path: Path) -> None:
        wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
        clip = soxr.resample(wave.mean(1), rate, 16_000)  # as transformers reads a path, in versions that can
        content = [{"type": "audio", "audio": clip}, {"type": "text", "text": bench.pack.template}]
        batch = processor.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=True, add_generation_prompt=True, return_dict=True
        ).to(model.device, dtype=model.dtype)
        with torch.inference_mode():
            model.generate(**batch, max_new_tokens=bench.tokens, min_new_tokens=bench.tokens, do_sample=False)

    return bench.clock(lambda: [song(path) for path in paths]) / len(paths)


def measure(bench: Bench, requests: list[Request]) -> dict[str, object]:
    """Return the seconds of one batch: preparing it, the prefill alone, and each decode mode."""
    import torch

    engines = {mode: bench.engine(mode) for mode in MODES}
    prepared = engines["scores"].prepare(requests)
    preparing = bench.clock(lambda: engines["scores"].prepare(requests))
    inputs = prepared.groups[0]
    network = engines["scores"]._mode._network
    found: dict[str, object] = {"songs": len(requests), "prompt_tokens": inputs.tokens, "prepare_seconds": preparing}

    def free() -> None:
        with translated_errors(), torch.inference_mode():
            generate(network, inputs, FreeSettings(bench.tokens, ()))

    def prefill() -> None:
        with translated_errors(), torch.inference_mode():
            Session(network, inputs)

    works = {
        "prefill": prefill,
        "text": free,
        **{m: lambda m=m: engines[m].answer(prepared) for m in ("json", "scores")},
    }
    for name, work in works.items():
        bench.peak()
        try:
            found[f"{name}_seconds"] = bench.clock(work)
            found[f"{name}_peak_bytes"] = bench.peak()
        except OutOfMemory as problem:
            found[f"{name}_seconds"] = None
            found[f"{name}_error"] = str(problem)[:120]
        release_memory()
    for _ in range(2):  # these two are compared to the percent: the best of three, taken by turns
        for name in ("prefill", "scores"):
            if found[f"{name}_seconds"] is not None:
                found[f"{name}_seconds"] = min(float(found[f"{name}_seconds"]), bench.clock(works[name]))  # type: ignore[arg-type]
    return found


def flowing(bench: Bench, paths: list[Path], songs: int, items: int, decode: str) -> dict[str, float]:
    """Run files through decode workers, a preparing thread and the engine, as `mfq score` does; say who waited.

    The steady figures begin with the first batch, and are of the clock on the wall.
    """
    engine = bench.engine(decode)
    busy = [0.0]

    def requests(pool: DecodePool) -> Iterator[Request]:
        for n, heard in pool.load((n, str(paths[n % len(paths)])) for n in range(songs)):
            if isinstance(heard, LoadedAudio):
                yield Request(f"song-{n}", bench.pack.template, heard)

    start = time.perf_counter()
    first = None
    feeder: Feeder = Feeder()
    with DecodePool(bench.workers, AudioPlan(max_clip_seconds=engine.clip_seconds)) as pool:
        grouped = batches(requests(pool), items, engine.batch_seconds)
        for prepared in feeder.run(engine.prepare(batch) for batch in grouped):
            began = time.perf_counter()
            first = first or began
            engine.answer(prepared)
            bench.wait()
            busy[0] += time.perf_counter() - began
    total, steady = time.perf_counter() - start, time.perf_counter() - (first or start)
    return {
        "songs": songs,
        "seconds": total,
        "songs_per_hour": 3600 * songs / total,
        "steady_songs_per_hour": 3600 * songs / steady,
        "waiting_share": 1 - busy[0] / steady,
    }


def report(found: dict[str, object], baseline: float, seconds: float) -> None:
    """Print one batch's figures."""
    songs, preparing = int(found["songs"]), float(found["prepare_seconds"])  # type: ignore[arg-type]
    floor = found["prefill_seconds"]
    print(
        f"\n{songs} songs of {seconds:g} s, {found['prompt_tokens']} tokens; log-mel {preparing / songs:.2f} s a song"
    )
    print(f"  {'':14}{'songs/min':>10}{'songs/h':>9}{'x one at a time':>17}{'x prefill':>11}{'peak GB':>9}")
    print(f"  {'one at a time':14}{60 / baseline:>10.2f}{3600 / baseline:>9.0f}{1:>17.2f}")
    for name in ("prefill", *MODES):
        spent = found[f"{name}_seconds"]
        if spent is None:
            print(f"  {name:14} out of memory")
            continue
        # one thread does both on a CPU; a GPU's log-mel runs ahead of it
        whole = float(spent) + (preparing if found["device"] == "cpu" else 0.0)  # type: ignore[arg-type]
        peak = found.get(f"{name}_peak_bytes")
        ratio = f"{float(spent) / float(floor):>11.3f}" if floor else ""  # type: ignore[arg-type]
        pace = f"{60 * songs / whole:>10.2f}{3600 * songs / whole:>9.0f}{baseline * songs / whole:>17.2f}"
        memory = f"{float(peak) / 1e9:>9.1f}" if peak else ""  # type: ignore[arg-type]
        print(f"  {name:14}{pace}{ratio}{memory}")


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("tiny", "small", "real"), default="small")
    parser.add_argument("--device", help="cpu or cuda; by default what the size calls for")
    parser.add_argument("--seconds", help="lengths of the songs, comma-separated (small: 30,180; real: 180)")
    parser.add_argument("--batch", help="songs in a batch, comma-separated (small: 4 and 2; real: 8,16,32,64)")
    parser.add_argument("--tokens", type=int, default=300, help="tokens of a free reply")
    parser.add_argument("--alone", type=int, help="songs for the one-at-a-time baseline (small: 1; real: 3)")
    parser.add_argument("--flow", type=int, help="songs of the run through files, workers and engine (real: 192)")
    parser.add_argument("--workers", type=int, default=12, help="decode processes of that run")
    parser.add_argument("--music", help="folder of real songs; made ones otherwise")
    parser.add_argument("--tokenizer", help="tokenizer.json of Qwen2.5, for its true vocabulary")
    parser.add_argument("--out", default=str(ROOT / "data" / "bench"), help="folder of the JSON")
    asked = parser.parse_args()
    real = asked.size == "real"
    device = asked.device or ("cuda" if real else "cpu")
    import torch

    if device == "cpu":
        torch.set_num_threads(1)
    lengths = [float(s) for s in (asked.seconds or ("180" if real else "30,180")).split(",")]
    bench = Bench(build(asked.size, device, asked.tokenizer), load_pack("quality"), asked.tokens, asked.workers)
    name = "CPU, 1 thread" if device == "cpu" else torch.cuda.get_device_name()
    parameters = sum(p.numel() for p in bench.loaded.model.parameters())
    print(f"{parameters / 1e6:,.0f} M parameters, {bench.loaded.dtype}, {name}, torch {torch.__version__}")
    results: dict[str, object] = {
        "device": name,
        "machine": platform.machine(),
        "torch": torch.__version__,
        "transformers": import_transformers().__version__,
        "parameters": parameters,
        "dtype": bench.loaded.dtype,
        "attention": bench.loaded.attention,
        "prefill_tokens": bench.engine("scores")._mode._network.prefill_tokens,  # type: ignore[union-attr]
        "reply_tokens": asked.tokens,
        "taken_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    runs: list[dict[str, object]] = []
    results["runs"] = runs
    where = Path(asked.out)
    where.mkdir(parents=True, exist_ok=True)
    file = where / f"flamingo-{asked.size}-{device}.json"

    def keep(run: dict[str, object]) -> None:
        """Keep a figure at once: a long bench may be cut short."""
        runs.append(run)
        file.write_text(json.dumps(results, indent=1) + "\n")

    with tempfile.TemporaryDirectory(prefix="mfq-bench-") as folder:
        for seconds in lengths:
            sizes = asked.batch or ("8,16,32,64" if real else "4" if seconds <= 60 else "2")
            counts = [int(n) for n in sizes.split(",")]
            paths = write_songs(Path(folder), min(16, max(counts)), seconds, asked.music)
            if real:
                one_at_a_time(bench, paths[:1])
            baseline = one_at_a_time(bench, paths[: asked.alone or (3 if real else 1)])
            heard = requests_for(paths, bench.pack)
            for count in counts:
                found = measure(bench, [heard[n % len(heard)] for n in range(count)])
                found |= {"audio_seconds": seconds, "one_at_a_time_seconds": baseline, "device": device}
                report(found, baseline, seconds)
                keep(found)
            songs = asked.flow if asked.flow is not None else (192 if real else 0)
            for decode in ("scores", "json") if songs else ():
                flow = flowing(bench, paths, songs, max(counts), decode)
                print(
                    f"\n{decode} over {songs} files: {flow['steady_songs_per_hour']:.0f} songs/h, the engine waited",
                    end=" ",
                )
                print(f"{flow['waiting_share']:.1%} of the time")
                keep({"flow": decode, "audio_seconds": seconds, **flow})
    print(f"\n{file}")


if __name__ == "__main__":
    try:
        main()
    except MfqError as problem:
        raise SystemExit(str(problem)) from None
