"""A cache belongs to weights, not to the folder or the branch under which they are found."""

import shutil

import pytest
from safetensors.torch import load_file, save_file

from musicflamingo_cli.engines.base import EngineSettings
from musicflamingo_cli.engines.flamingo import FlamingoEngine
from musicflamingo_cli.engines.weights import commit_on_disk, folder_digest
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.packs import load_pack
from tests.engines.tiny_checkpoint import build_checkpoint

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
