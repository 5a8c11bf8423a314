"""Microseconds a reply for the parser and for json_repair and orjson in the same run, and time against size.

Run: python scripts/bench_parser.py [--largest MEGABYTES]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson
from json_repair import repair_json

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.reply.parse import parse_reply

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.scoring.reply.hostile import CASES, hostile

TEXTS = ("genre", "tempo", "key", "instruments", "production_style", "mood")
SCORES = {
    "content_usefulness": 0.72,
    "production_quality": 0.86,
    "content_enjoyment": 0.79,
    "production_complexity": 0.61,
    "overall_recommendation_score": 0.77,
}
FIELDS = (*(Field(n, "text") for n in TEXTS), *(Field(n, "score", low=0.0, high=1.0, weight=0.2) for n in SCORES))
ANSWER = {
    "genre": "Dream pop with a shoegaze edge",
    "tempo": "around 96 BPM",
    "key": "E minor",
    "instruments": "guitar, synth pad, drums, female voice",
    "production_style": "hazy, long reverb, soft tape saturation",
    "mood": "wistful, then hopeful",
    **SCORES,
}
PLAIN = json.dumps(ANSWER, indent=2)
LINES = "\n".join(f"**{name.replace('_', ' ').title()}:** {value}" for name, value in ANSWER.items()) + "\n"
REPLIES: dict[str, tuple[str, float]] = {
    "strict JSON": (PLAIN, 3.0),
    "one fence": (f"```json\n{PLAIN}\n```", 1.0),
    "fenced, in prose": (f"Here is my assessment:\n\n```json\n{PLAIN}\n```\n\nThe voice is lovely.", 6.0),
    "single quotes": (str(ANSWER), 0.5),
    "truncated": (PLAIN[: PLAIN.index("0.61")], 2.5),
    "inner quotes": (PLAIN.replace("Dream pop", 'Dream pop, "shoegaze lite",'), 2.5),
    "labelled lines": (LINES, 1.5),
}
"""Name -> reply, and how many times json_repair's time on the same reply it may take (which reads no fields)."""
GROWING: dict[str, Callable[[int], str]] = {
    "one long string": lambda size: '{"mood": "' + "slow and low, " * (size // 14) + '", "production_quality": 0.8}',
    "many objects": lambda size: (PLAIN + "\n") * (size // len(PLAIN)),
    "labelled lines": lambda size: (LINES + "\n") * (size // len(LINES)),
    'only {"': lambda size: '{"' * (size // 2),
    "only [": lambda size: "[" * size,
    "only digits": lambda size: '{"production_quality": ' + "1" * size,
    "only backslashes": lambda size: "\\" * size,
}


def microseconds(call: Callable[[], object], least_seconds: float = 0.3) -> float:
    """The best of three rounds, processor time a call."""
    begun, count = time.process_time(), 0
    while time.process_time() - begun < least_seconds / 3:
        call()
        count += 1
    rounds = []
    for _ in range(3):
        begun = time.process_time()
        for _ in range(count):
            call()
        rounds.append((time.process_time() - begun) / count * 1e6)
    return min(rounds)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--largest", type=float, default=4.0, help="megabytes of the largest text (default: 4)")
    largest = options.parse_args().largest
    prompt_file = Path(__file__).parents[1] / "prompts" / "quality" / "prompt.md"
    prompt = prompt_file.read_text(encoding="utf-8") if prompt_file.is_file() else ""
    print(f"{'reply':20}{'bytes':>7}{'parse_reply':>13}{'json_repair':>13}{'orjson':>9}{'ratio':>8}{'goal':>7}   us")
    for name, (text, goal) in REPLIES.items():
        ours = microseconds(lambda text=text: parse_reply(text, FIELDS, prompt, "stop"))  # type: ignore[misc]
        theirs = microseconds(lambda text=text: repair_json(text, return_objects=True))  # type: ignore[misc]
        least = microseconds(lambda: orjson.loads(PLAIN))
        ratio = ours / theirs
        missed = "" if ratio <= goal else "  missed"
        print(f"{name:20}{len(text):>7}{ours:>13.1f}{theirs:>13.1f}{least:>9.1f}{ratio:>8.2f}{goal:>7g}{missed}")
    sizes = [largest / 8, largest / 4, largest / 2, largest]
    print(f"\n{'seconds by size':26}" + "".join(f"{size:>9g} MB" for size in sizes) + "   last / one before")
    for name, make in GROWING.items():
        seconds = []
        for size in sizes:
            text = make(int(size * 1e6))
            begun = time.process_time()
            parse_reply(text, FIELDS, prompt, "length")
            seconds.append(time.process_time() - begun)
        print(f"{name:26}" + "".join(f"{s:>12.3f}" for s in seconds) + f"{seconds[-1] / max(seconds[-2], 1e-9):>12.2f}")
    time_hostile_texts(prompt)


def time_hostile_texts(prompt: str) -> None:
    """The slowest of the tests' hostile texts at half a megabyte and at twice that."""
    timed = []
    for case in CASES:
        seconds = []
        for size in (500_000, 1_000_000):
            begun = time.process_time()
            parse_reply(hostile(case, size), FIELDS, prompt, "length")
            seconds.append(time.process_time() - begun)
        timed.append((seconds[1], seconds[1] / max(seconds[0], 1e-9), case))
    timed.sort(reverse=True)
    print(f"\nthe slowest of {len(timed)} hostile texts{'1 MB':>10}{'/ 0.5 MB':>10}")
    for large, ratio, case in timed[:8]:
        print(f"{case:36}{large:>7.3f} s{ratio:>8.2f}")
    steepest = max((one for one in timed if one[0] > 0.05), key=lambda one: one[1])
    print(f"steepest: {steepest[2]}, {steepest[1]:.2f} times the time for twice the text")


if __name__ == "__main__":
    main()
