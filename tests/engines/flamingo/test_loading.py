"""Each thing that can be missing gives one error that says what to do, before any song is touched."""

import io
import json
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from musicflamingo_cli.engines.base import EngineSettings
from musicflamingo_cli.engines.flamingo import checkpoint as where
from musicflamingo_cli.engines.flamingo import loading
from musicflamingo_cli.engines.flamingo.engine import FlamingoEngine
from musicflamingo_cli.errors import EngineError, UsageError
from musicflamingo_cli.intake.packs import load_pack


def settings(**changes):
    return EngineSettings(**{"pack": load_pack("quality"), **changes})


@pytest.fixture
def copied(checkpoints, tmp_path):
    return shutil.copytree(checkpoints["musicflamingo"], tmp_path / "model")


def test_without_a_gpu_the_default_model_is_refused_at_once_with_ways_out():
    with pytest.raises(EngineError) as caught:
        FlamingoEngine(settings()).load()
    message = str(caught.value)
    assert caught.value.exit_code == 3
    for word in ("no GPU", "--device cpu", "--engine signal", "mfq doctor", "nvidia/music-flamingo-2601-hf"):
        assert word in message


def test_a_large_folder_without_a_gpu_is_refused_and_a_small_one_runs_on_the_cpu(checkpoints):
    folder = str(checkpoints["musicflamingo"])
    assert loading.choose_device(settings(model=folder), folder, 2_000_000) == "cpu"
    with pytest.raises(EngineError, match="no GPU"):
        loading.choose_device(settings(model=folder), folder, 16_500_000_000)
    assert loading.choose_device(settings(model=folder, device="cpu"), folder, 16_500_000_000) == "cpu"


def test_a_gpu_that_is_asked_for_and_absent_is_an_error_not_a_fallback(checkpoints):
    with pytest.raises(EngineError, match="no GPU"):
        FlamingoEngine(settings(model=str(checkpoints["musicflamingo"]), device="cuda:1")).load()


def test_not_downloaded_and_offline(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EngineError, match="hf download nvidia/music-flamingo-2601-hf --revision abc") as caught:
        FlamingoEngine(settings(device="cpu", revision="abc")).load()
    assert "downloads are off" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("GatedRepoError", "hf auth login"),
        ("RepositoryNotFoundError", "check the name"),
        ("RevisionNotFoundError", "--revision"),
        ("ConnectError", "--engine signal"),
        ("OSError", "free disk space"),
    ],
)
def test_what_the_hub_may_answer(monkeypatch, kind, advice):
    problem = type(kind, (Exception,), {})

    def download(model, revision=None, local_files_only=False, allow_patterns=None):
        if local_files_only:
            raise OSError("not in the cache")
        assert allow_patterns == ["*.json", "*.safetensors", "*.txt", "*.jinja"]
        raise problem("401 Client Error\nmore")

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    with pytest.raises(EngineError, match="can't be downloaded") as caught:
        where.find("nvidia/music-flamingo-2601-hf", None)
    assert advice in str(caught.value)
    assert kind in str(caught.value)


def test_a_snapshot_on_disk_needs_no_network(monkeypatch, checkpoints):
    def download(model, revision=None, local_files_only=False, allow_patterns=None):
        assert local_files_only
        return str(checkpoints["musicflamingo"])

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    found = where.find("someone/tiny", "abc")
    assert (found.name, found.commit, found.model_type) == ("someone/tiny", "musicflamingo", "musicflamingo")


@pytest.mark.parametrize("missing", ["model.safetensors", "tokenizer.json", "config.json", "processor_config.json"])
def test_a_folder_that_is_not_whole_says_what_is_missing(copied, missing):
    (copied / missing).unlink()
    with pytest.raises(EngineError, match=missing.replace(".", r"\.")):
        FlamingoEngine(settings(model=str(copied), device="cpu")).load()


def test_a_shard_that_is_missing_is_named(copied):
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (copied / "model.safetensors.index.json").write_text(json.dumps(index))
    (copied / "model-00001-of-00002.safetensors").write_bytes(b"x")
    with pytest.raises(EngineError, match="model-00002-of-00002"):
        where.find(str(copied), None)


def test_a_snapshot_that_is_there_in_part_says_what_is_missing(monkeypatch, copied):
    (copied / "tokenizer.json").unlink()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *words, **more: str(copied))
    with pytest.raises(EngineError, match=r"tokenizer\.json is missing"):
        where.find("someone/tiny", None)


def test_a_tokenizer_without_padding_is_refused_before_any_song(copied):
    (copied / "tokenizer_config.json").unlink()
    with pytest.raises(EngineError, match="padding token"):
        FlamingoEngine(settings(model=str(copied), device="cpu")).load()


def test_code_that_a_checkpoint_brings_along_is_neither_run_nor_asked_about(copied, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\ny\ny\n"))  # a manifest on stdin may well begin so
    for name, kind in (("config", "AutoConfig"), ("processor_config", "AutoProcessor")):
        held = json.loads((copied / f"{name}.json").read_text())
        held["auto_map"] = {kind: "brought.Brought"}
        if name == "processor_config":
            held["processor_class"] = "BroughtProcessor"
        (copied / f"{name}.json").write_text(json.dumps(held))
    (copied / "brought.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Brought: pass\n")
    with pytest.raises(EngineError):
        FlamingoEngine(settings(model=str(copied), device="cpu")).load()
    assert not (tmp_path / "ran").exists()
    assert sys.stdin.read() == "y\ny\ny\n"


def test_an_empty_model_is_not_the_default_one():
    with pytest.raises(UsageError, match="--model is empty"):
        FlamingoEngine(settings(model=""))


def test_weights_that_are_damaged(copied):
    (copied / "model.safetensors").write_bytes(b"no weights at all")
    with pytest.raises(EngineError, match="model"):
        FlamingoEngine(settings(model=str(copied), device="cpu")).load()


def rewritten(folder, change):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    change(weights, next(name for name in weights if name.endswith("lm_head.weight")))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def halved(folder):
    raw = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(raw[: len(raw) // 2])


def untemplated(folder):
    for file in folder.glob("*.jinja"):
        file.unlink()
    for name in ("processor_config.json", "tokenizer_config.json"):
        settings = json.loads((folder / name).read_text())
        settings.pop("chat_template", None)
        (folder / name).write_text(json.dumps(settings))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: rewritten(f, lambda w, head: w.pop(head)), r"lack 1 of the model's weights \(lm_head.weight"),
        (lambda f: rewritten(f, lambda w, head: w.update({head: w[head][:9].clone()})), "lack 1 of .*lm_head.weight"),
        (halved, "fetch it again"),
        (lambda f: (f / "model.safetensors").write_bytes(b""), "fetch it again"),
        (
            lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
            r"pickled weights only \(pytorch_model.bin",
        ),
        (untemplated, "chat_template.jinja"),
    ],
    ids=["a weight lacks", "a weight of another shape", "half a file", "an empty file", "pickles", "no template"],
)
def test_weights_that_are_not_whole_never_answer_a_song(copied, damage, words):
    """transformers fills what is missing with random numbers: every score would be made up."""
    damage(copied)
    with pytest.raises(EngineError, match=words) as caught:
        FlamingoEngine(settings(model=str(copied), device="cpu")).load()
    assert "--engine signal" in str(caught.value)
    assert "mfq doctor" in str(caught.value)


def test_without_llguidance_json_says_what_to_install(monkeypatch, checkpoints):
    monkeypatch.setitem(sys.modules, "llguidance", None)
    folder = str(checkpoints["musicflamingo"])
    with pytest.raises(EngineError, match=r"llguidance.* install .*\[flamingo\].*--decode text"):
        FlamingoEngine(settings(model=folder, device="cpu")).load()
    FlamingoEngine(settings(model=folder, device="cpu", decode="scores")).load()


def test_another_kind_of_model_is_named(copied):
    (copied / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(EngineError, match="model_type 'llama'"):
        FlamingoEngine(settings(model=str(copied), device="cpu")).load()


def test_a_folder_that_is_none():
    with pytest.raises(UsageError, match=r"no folder '\./nowhere'"):
        FlamingoEngine(settings(model="./nowhere", device="cpu")).load()


def test_a_transformers_that_is_too_old(monkeypatch, checkpoints):
    import transformers

    monkeypatch.setattr(transformers, "__version__", "5.9.0")
    with pytest.raises(EngineError, match=r"transformers 5\.9\.0 is too old for this engine; 5\.10 or later"):
        FlamingoEngine(settings(model=str(checkpoints["musicflamingo"]), device="cpu")).load()


def test_packages_that_are_not_installed(monkeypatch, checkpoints):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(EngineError, match=r"transformers is not installed: .* install .*\[flamingo\]"):
        FlamingoEngine(settings(model=str(checkpoints["musicflamingo"]), device="cpu")).load()


def test_memory_that_runs_out_while_loading(monkeypatch, checkpoints):
    import torch
    import transformers

    def full(*arguments, **named):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(transformers.MusicFlamingoForConditionalGeneration, "from_pretrained", full)
    with pytest.raises(EngineError, match="does not fit"):
        FlamingoEngine(settings(model=str(checkpoints["musicflamingo"]), device="cpu")).load()


@pytest.mark.parametrize("attention", ["sdpa", "eager", "flash_attention_2"])
def test_every_attention_answers_and_what_was_used_is_said(engine, attention):
    from tests.engines.flamingo.conftest import request_for, sound

    one = engine("json", attention=attention)
    used = "eager" if attention == "eager" else "sdpa"
    assert one.provenance["attention"] == used
    assert (one.notes != ()) is (attention == "flash_attention_2")
    replies = one.reply([request_for(sound(3)), request_for(sound(5), "Rate the rhythm of it.")])
    plain = engine("json").reply([request_for(sound(3)), request_for(sound(5), "Rate the rhythm of it.")])
    assert [reply.text for reply in replies] == [reply.text for reply in plain]


def test_a_gpu_without_bfloat16_gets_float16_and_a_line(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation=True: False)
    assert loading.choose_dtype("auto", "cuda:0") == ("float16", "this GPU has no bfloat16; float16 is used")
    assert loading.choose_dtype("auto", "cpu") == ("float32", None)
    assert loading.choose_dtype("fp16", "cuda:0") == ("float16", None)


def test_the_devices_of_a_box(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("torch.cuda.current_device", lambda: 0)
    assert loading.choose_device(settings(), "nvidia/x") == "cuda:0"
    assert loading.choose_device(settings(device="cuda:1"), "nvidia/x") == "cuda:1"
    with pytest.raises(EngineError, match="cuda:0 to cuda:1"):
        loading.choose_device(settings(device="cuda:2"), "nvidia/x")


def test_a_gpu_that_is_too_small_is_refused_before_loading(monkeypatch):
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (8e9, 12e9))
    checkpoint = SimpleNamespace(name="nvidia/x", weight_bytes=16_500_000_000)
    with pytest.raises(EngineError, match=r"16\.5 GB, 8\.0 of 12\.0 GB are free"):
        loading._check_room(checkpoint, "cuda:0", "bfloat16")


def test_the_cap_is_known_without_loading(checkpoints):
    assert where.cap_seconds("nvidia/music-flamingo-hf") == 600
    assert where.cap_seconds("nvidia/music-flamingo-think-2601-hf") == 1200
    assert where.cap_seconds(str(checkpoints["audioflamingo3"])) == 600
    assert where.cap_seconds("./nowhere") == 1200


QUICKLY = """
import sys
from musicflamingo_cli.cli import main
code = main(sys.argv[1:])
print(code, *{"torch", "transformers", "scipy", "pandas"} & set(sys.modules))
"""


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--model", "./nowhere"], 2, "no folder './nowhere'"),
        (["--model", "~/nowhere"], 2, "no folder '~/nowhere'"),
        (["--max-tokens", "60"], 2, "--max-tokens 60: a reply of this pack takes at least"),
        (["--device", "gpu"], 2, "--device gpu: it is auto, cpu, cuda or cuda:N"),
        (["--dtype", "int8"], 2, "--dtype int8: it is"),
        (["--attention", "flash"], 2, "--attention flash: it is"),
        (["--model", "../musicflamingo/tokenizer.json"], 2, "no folder"),
        (["--revision", "main"], 2, "a folder holds one revision"),
        (["--model", "."], 3, "config.json"),
    ],
)
def test_mistakes_that_settings_show_are_refused_before_anything_heavy(bench, checkpoints, words, code, says):
    bench.songs(1)
    given = [
        "score",
        str(bench.manifest),
        "--no-cache",
        "-o",
        str(bench.table),
        "--model",
        str(checkpoints["musicflamingo"]),
    ]
    run = subprocess.run(
        [sys.executable, "-c", QUICKLY, *given, *words], capture_output=True, text=True, check=False, cwd=bench.folder
    )
    assert (run.stdout, says in run.stderr) == (f"{code}\n", True), run.stderr
