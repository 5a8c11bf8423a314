"""A cache belongs to weights, not to the folder or the branch under which they are found."""

import json
import os
import shutil
import time

import pytest
from safetensors.torch import load_file, save_file

from musicflamingo_cli.engines.base import EngineSettings
from musicflamingo_cli.engines.flamingo import digests, weights
from musicflamingo_cli.engines.flamingo.engine import FlamingoEngine
from musicflamingo_cli.engines.flamingo.weights import commit_on_disk, folder_digest
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.packs import load_pack
from tests.engines.flamingo.tiny_checkpoint import build_checkpoint

OLD, NEW = "a" * 40, "b" * 40


def identity(model, **changes):
    return FlamingoEngine(EngineSettings(load_pack("quality"), str(model), device="cpu", **changes)).identity()


@pytest.fixture
def copied(checkpoints, tmp_path):
    return shutil.copytree(checkpoints["musicflamingo"], tmp_path / "model")


@pytest.mark.parametrize("name", ["embed_tokens", "lm_head"])
def test_one_tensor_trained_further_is_another_model(copied, name):
    before = identity(copied)
    weights = load_file(copied / "model.safetensors")
    key = next(key for key in weights if name in key)
    weights[key] = weights[key] * 1.01
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    assert identity(copied) != before


@pytest.mark.parametrize("share", [0.01, 0.37, 0.5, 0.83, 0.999])
def test_one_bit_anywhere_in_the_weights_is_another_model(copied, share):
    before, path = identity(copied), copied / "model.safetensors"
    head = 8 + int.from_bytes(path.read_bytes()[:8], "little")
    _flip(path, head + int((path.stat().st_size - head) * share))
    assert identity(copied) != before


def _flip(path, place):
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _unsampled(path):
    """Return a place in the middle of the largest tensor that the former digest does not read."""
    raw = path.read_bytes()
    head = 8 + int.from_bytes(raw[:8], "little")
    tensors = json.loads(raw[8:head])
    start, end = max((t["data_offsets"] for n, t in tensors.items() if n != "__metadata__"), key=lambda t: t[1] - t[0])
    assert end - start > 8 * 1024
    return head + start + (end - start) // 4


def _settle():
    """What was written just now may change again under the same time stamp, and is not remembered."""
    time.sleep(0.05)


@pytest.fixture
def read(monkeypatch):
    """Return the names of the files whose digest is taken."""
    names, real = [], digests._Progress.digest
    monkeypatch.setattr(digests._Progress, "digest", lambda self, path: names.append(path.name) or real(self, path))
    return names


def test_weights_are_read_once_until_they_change(copied, read):
    said = []
    _settle()
    before = identity(copied, say=said.append)
    assert identity(copied, say=said.append) == before
    assert read == ["model.safetensors"] and len(said) == 1 and "reading the weights of model" in said[0]
    _flip(copied / "model.safetensors", _unsampled(copied / "model.safetensors"))
    assert identity(copied) != before
    assert len(read) == 2


@pytest.mark.parametrize("mode", [0o620, 0o602])
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_others_could_have_written_is_not_believed(copied, read, mode, what):
    _settle()
    identity(copied)
    memory = digests.memory_file()
    (memory if what == "file" else memory.parent).chmod(mode | (0o100 if what == "folder" else 0))
    identity(copied)
    assert len(read) == 2


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"a": 1}', b'{"a": [1, 2, 3, 4, 5]}', b"\xff"])
def test_a_damaged_memory_is_forgotten(copied, read, raw):
    _settle()
    before = identity(copied)
    digests.memory_file().write_bytes(raw)
    assert identity(copied) == before
    assert len(read) == 2


def test_what_was_paid_under_the_former_digest_is_not_paid_again(bench, copied, monkeypatch):
    """Until the weights change where that digest did not look."""
    words = ("--model", copied, "--device", "cpu", "--decode", "scores", "--min-number-mass", 0)
    bench.songs(1)
    with monkeypatch.context() as before:
        before.setattr(weights, "folder_digest", lambda folder, say: weights.sampled_digest(folder))
        assert bench.score(*words, engine="flamingo") == 0
    (old,) = bench.result()
    for offline in ((), ("--offline",), ("--revision", old["revision"]), ("--revision", folder_digest(copied))):
        bench.stderr()
        assert bench.score(*words, *offline, engine="flamingo") == 0
        said = bench.stderr()
        assert "1 from the cache" in said and "going on in" in said
        assert bench.result()[0]["revision"] == old["revision"]
    _flip(copied / "model.safetensors", _unsampled(copied / "model.safetensors"))
    assert weights.sampled_digest(copied) == old["revision"]
    assert bench.score(*words, engine="flamingo") == 0
    assert "1 answered now" in bench.stderr()
    assert bench.result()[0]["revision"] == folder_digest(copied)
    assert bench.score(*words, "--offline", engine="flamingo") == 0


@pytest.mark.parametrize("name", ["chat_template.jinja", "tokenizer.json", "generation_config.json"])
def test_so_is_another_template_or_tokenizer(copied, name):
    before = identity(copied)
    (copied / name).write_text((copied / name).read_text() + " ")
    assert identity(copied) != before


def test_where_a_folder_lies_and_how_it_is_named_changes_nothing(copied, tmp_path, monkeypatch):
    before = identity(copied)
    moved = shutil.copytree(copied, tmp_path / "elsewhere" / "model")
    (moved / "README.md").write_text("notes")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(copied)
    assert [identity(name) for name in (moved, "./model", f"{copied}/", "./link")] == [before] * 4


def test_a_folder_that_is_not_here_is_meant_by_its_revision(copied, tmp_path):
    held = identity(copied)
    assert identity(tmp_path / "gone" / "model", revision=held["revision"]) == held
    with pytest.raises(UsageError, match=str(held["revision"])):
        identity(copied, revision="main")


@pytest.mark.parametrize("raw", [b"", b"\xff" * 40, b"\x02\0\0\0\0\0\0\0[]", b'\x05\0\0\0\0\0\0\0{"a":'])
def test_weights_that_are_none_have_no_digest(tmp_path, raw):
    (tmp_path / "model.safetensors").write_bytes(raw)
    assert folder_digest(tmp_path) is None


def test_spellings_of_a_dtype_are_one():
    assert identity("a/b", dtype="bf16") == identity("a/b", dtype="bfloat16") != identity("a/b", dtype="auto")


@pytest.fixture
def hub(checkpoints, tmp_path, monkeypatch):
    """A hub's cache with two commits; `main` is the older."""
    root = tmp_path / "hub" / "models--someone--tiny"
    shutil.copytree(checkpoints["musicflamingo"], root / "snapshots" / OLD)
    build_checkpoint(root / "snapshots" / NEW, seed=9)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(OLD)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))

    def download(model, revision=None, local_files_only=False, allow_patterns=None):
        return str(root / "snapshots" / (revision or commit_on_disk(model, None)))

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    return root


def test_a_branch_that_moved_is_not_mixed_into_the_replies_of_before(bench, hub, capsys):
    model = ("--model", "someone/tiny", "--device", "cpu", "--decode", "scores", "--min-number-mass", 0)

    def table(*words):
        assert bench.score(*model, *words, engine="flamingo") == 0
        return {row["song_id"]: row["overall_quality_score"] for row in bench.result()}, capsys.readouterr().err

    bench.songs(2)
    table("--limit", 1)
    (hub / "refs" / "main").write_text(NEW)
    went_on, said = table()
    assert f"going on with commit {OLD}" in said
    assert f"--revision {NEW}" in said
    assert table("--revision", OLD)[0] == went_on
    assert table("--revision", NEW)[0] != went_on
