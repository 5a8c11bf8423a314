"""`mfq doctor`: would `mfq score` work here, and what to do if not."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from musicflamingo_cli.commands import options

SOUNDS = ("wav", "flac", "ogg", "mp3", "aiff")
"""Formats that soundfile writes, for a try at reading them."""
CODED = {"m4a": ("ipod", "aac"), "opus": ("ogg", "libopus"), "webm": ("webm", "libopus")}
"""Suffix -> container and codec, as PyAV names them."""


def doctor(  # noqa: PLR0913 - a command's options
    engine: Annotated[options.EngineName, typer.Option(help="The engine to look at.")] = "flamingo",
    model: options.Model = None,
    revision: options.Revision = None,
    prompt: options.Prompt = None,
    decode: options.Decode = "json",
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    attention: options.Attention = "auto",
    parity: Annotated[
        int, typer.Option(min=0, metavar="N", help="Answer N test sounds alone and in a batch, and compare.")
    ] = 0,
) -> int:
    """Check versions, GPU, memory, checkpoint, a test reply and audio formats. Exit code 0: a run would work, 3: no.

    Examples:
        mfq doctor --engine signal
        mfq doctor --dtype bfloat16 --parity 4
    """
    from musicflamingo_cli import console
    from musicflamingo_cli.engines.base import EngineSettings
    from musicflamingo_cli.engines.registry import engine_class
    from musicflamingo_cli.intake.packs import load_pack

    pack = load_pack(prompt or engine_class(engine).default_pack)
    settings = EngineSettings(
        pack=pack,
        model=model,
        revision=revision,
        device=device,
        dtype=dtype,
        decode=decode,
        attention=attention,
    )
    works = True
    for name, ok, says in _points(engine, settings, parity):
        console.data(f"{'ok  ' if ok else '--  ' if ok is None else 'FAIL'}  {name:12}  {console.safe(says)}")
        works = works and ok is not False
    console.data(f"\nmfq score --engine {engine} {'would work' if works else 'would not work'} here")
    return 0 if works else 3


def _points(engine: str, settings: Any, parity: int) -> Iterator[tuple[str, bool | None, str]]:
    from concurrent.futures import ThreadPoolExecutor

    from musicflamingo_cli.extras import install_command

    yield "mfq", True, _versions()
    with ThreadPoolExecutor(1) as pool:  # A signal's exception would come up in a callback of the libraries.
        readable = pool.submit(lambda: list(_formats())).result()
    broken = [name for name, problem in readable if problem]
    read = ", ".join(name for name, problem in readable if not problem)
    if "wav" in broken:
        yield "audio", False, f"{readable[0][1]}: {install_command('signal')}"
    else:
        yield "audio", True, f"reads {read}" + (f"; not {', '.join(broken)}" if broken else "")
    if engine == "flamingo":
        from musicflamingo_cli.engines.flamingo.doctor import check_engine

        yield from ((check.name, check.ok, check.says) for check in check_engine(settings, parity))


def _versions() -> str:
    import importlib.metadata

    names = ("musicflamingo-cli", "pyarrow", "numpy", "soundfile", "soxr", "av", "scipy")
    found = []
    for name in names:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)


def _formats() -> Iterator[tuple[str, str | None]]:
    """Write a second of sound in each format and hear it again; yield (format, None or what went wrong)."""
    import tempfile

    from musicflamingo_cli.intake.audio.load import AudioPlan, load_audio
    from musicflamingo_cli.records import Failure

    with tempfile.TemporaryDirectory(prefix="mfq-doctor-") as folder:
        for name in (*SOUNDS, *CODED):
            try:
                path = Path(folder) / f"test.{name}"
                path.write_bytes(_sound(name))
                heard = load_audio(str(path), AudioPlan())
                yield name, heard.error if isinstance(heard, Failure) else None
            except Exception as problem:
                yield name, f"{type(problem).__name__}: {problem}"


def _sound(name: str) -> bytes:
    import numpy as np

    tone = (0.2 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype(np.float32)
    held = io.BytesIO()
    if name in SOUNDS:
        import soundfile

        soundfile.write(held, tone, 48_000, format=name.upper())
        return held.getvalue()
    import av

    container, codec = CODED[name]
    with av.open(held, "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
        frame.sample_rate = 48_000
        for packet in (*stream.encode(frame), *stream.encode(None)):
            out.mux(packet)
    return held.getvalue()
