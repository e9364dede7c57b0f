"""What `benchmarks/gpu.py` keeps in files: a run in pieces, and a published policy with its card."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from rgsd import pretrained
from rgsd.methods.runs import RunConfig


@pytest.fixture(scope="module")
def gpu() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gpu", Path(__file__).parents[1] / "benchmarks" / "gpu.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of one iteration, as far as its files are concerned."""
    folder = tmp_path / "run"
    RunConfig(steps=1).save(folder)
    for name in ("policy/policy.json", "checkpoints/checkpoint_00000001.pt", "evaluation/evaluation.json"):
        (folder / name).parent.mkdir()
        (folder / name).write_text(json.dumps({"mean": {"fid": 1.25, "fid_ci": 0.5}}))
    (folder / "metrics.jsonl").write_text(json.dumps({"samples": 12_288, "seconds": 60.0}) + "\n")
    return folder


def test_a_run_goes_into_pieces_and_comes_back(
    gpu: ModuleType, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "_PART", 64)  # bytes; an archive has at least 20 blocks of 512, so 160 pieces or more
    parts = tmp_path / "parts"
    gpu._split(run, parts)
    many = {file.name for file in parts.iterdir()}
    assert len(many) >= 160
    gpu._join(parts, tmp_path / "again")
    for name in ("config.yaml", "metrics.jsonl", "policy/policy.json", "checkpoints/checkpoint_00000001.pt"):
        assert (tmp_path / "again" / name).read_bytes() == (run / name).read_bytes()
    # a piece that the last writing was interrupted at, and fewer pieces than there were
    (parts / "new.tar.9999").touch()
    monkeypatch.setattr(gpu, "_PART", 8192)
    gpu._split(run, parts)
    assert {file.name for file in parts.iterdir()} < many


def test_an_interrupt_leaves_the_old_pieces(
    gpu: ModuleType, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, write = tmp_path / "parts", Path.write_bytes
    gpu._split(run, parts)
    before = (run / "metrics.jsonl").read_text()
    (run / "metrics.jsonl").write_text("later")
    monkeypatch.setattr(gpu, "_PART", 8192)

    def interrupted(file: Path, content: bytes) -> int:
        if file.name.endswith("1"):
            raise KeyboardInterrupt
        return write(file, content)

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        gpu._split(run, parts)
    gpu._join(parts, tmp_path / "again")
    assert (tmp_path / "again" / "metrics.jsonl").read_text() == before


def test_a_card_that_is_there_is_kept(
    gpu: ModuleType, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = tmp_path / "published" / "walker" / "README.md"
    gpu.publish(run, "walker", tmp_path / "published")
    assert "12,288 samples in 1 minutes" in card.read_text()
    assert "| fid | 1.25 |" in card.read_text()
    card.write_text("It limps.")
    capsys.readouterr()
    gpu.publish(run, "walker", tmp_path / "published")
    assert card.read_text() == "It limps."
    assert "README.md is kept as it was" in capsys.readouterr().out


def test_policies_are_published_where_the_demo_looks(gpu: ModuleType) -> None:
    (place,) = gpu.publish.__defaults__
    assert (place / "__init__.py").read_text() == Path(pretrained.__file__).read_text()
