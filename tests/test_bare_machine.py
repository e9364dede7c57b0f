"""What `benchmarks/bare_machine.py` carries to a machine and back: pieces that are whole or absent, runs, packages."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import ZipFile

import pytest
import safetensors.torch
import torch

from rgsd.learning.checkpoint import save_checkpoint
from rgsd.learning.trainer import TEACHERS
from rgsd.methods.runs import RunConfig

COMPILER = "warp/bin/warp-clang.so"


@pytest.fixture(scope="module")
def machine() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
        yield importlib.import_module("bare_machine")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of five iterations, as far as its files are concerned."""
    folder = tmp_path / "run"
    RunConfig().save(folder)
    (folder / "metrics.jsonl").write_text('{"iteration": 5}\n')
    (folder / TEACHERS / "0").mkdir(parents=True)
    (folder / TEACHERS / "0" / "policy.json").write_text("a tracker")
    write(folder, 5)
    return folder


def write(run: Path, iteration: int) -> None:
    """A checkpoint, and after it the policy, as in training."""
    actor, moments = {"w": torch.full((300,), float(iteration)), "n": torch.tensor(7)}, {0: torch.ones(300)}
    state = {"iteration": iteration, "actor": actor, "ppo": moments}
    save_checkpoint(run / "checkpoints", iteration, state)
    (run / "policy").mkdir(exist_ok=True)
    tensors = {f"actor.{name}": value for name, value in actor.items()} | {"encoder.w": torch.zeros(2)}
    safetensors.torch.save_file(tensors, run / "policy" / "policy.safetensors")
    (run / "policy" / "policy.json").write_text("a policy")


def load(run: Path, iteration: int) -> dict[str, Any]:
    return torch.load(run / "checkpoints" / f"checkpoint_{iteration:08d}.pt", weights_only=True)


def test_files_go_into_pieces_and_come_back(machine: ModuleType, tmp_path: Path) -> None:
    content, pieces, to = bytes(range(256)) * 40, tmp_path / "pieces", tmp_path / "to"
    (tmp_path / "file").write_bytes(content)
    machine.write_pieces(pieces, "v1", {"a": tmp_path / "file"}, 4096, mode="w")
    # 512 bytes before the file, its 10,240, zeros to a multiple of 10,240: 20,480 in all
    names = [f"v1.{number}-of-5" for number in range(1, 6)]
    assert sorted(piece.name for piece in pieces.iterdir()) == names
    assert machine.read_pieces(pieces, to)
    assert (to / "a").read_bytes() == content
    (tmp_path / "file").write_bytes(b"short")
    machine.write_pieces(pieces, "v2", {"a": tmp_path / "file"}, 10_240, mode="w")
    assert [piece.name for piece in pieces.iterdir()] == ["v2.1-of-1"]
    machine.read_pieces(pieces, to)
    assert (to / "a").read_bytes() == b"short"


def test_more_than_nine_pieces_come_back_in_order(machine: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(os.urandom(9000))
    pieces = machine.write_pieces(tmp_path / "pieces", "v", {"a": tmp_path / "file"}, 800, mode="w")
    assert len(pieces) == 26  # 512 + 9,216 + 1,024 bytes, zeros to 20,480
    assert machine.read_pieces(tmp_path / "pieces", tmp_path / "to")
    assert (tmp_path / "to" / "a").read_bytes() == (tmp_path / "file").read_bytes()


def test_an_interrupt_leaves_the_pieces_before(
    machine: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("before")
    machine.write_pieces(tmp_path / "pieces", "v1", {"a": tmp_path / "file"}, 4096, mode="w")
    (tmp_path / "file").write_text("after")
    replace, done = Path.replace, []

    def interrupted(file: Path, to: Path) -> Path:
        done.append(to)
        if len(done) == 3:
            raise KeyboardInterrupt
        return replace(file, to)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        machine.write_pieces(tmp_path / "pieces", "v2", {"a": tmp_path / "file"}, 4096, mode="w")  # 10,240 bytes
    assert (tmp_path / "pieces" / "v2.2-of-3").exists()
    assert machine.read_pieces(tmp_path / "pieces", tmp_path / "to")
    assert (tmp_path / "to" / "a").read_text() == "before"


def test_a_run_comes_back_whole(machine: ModuleType, run: Path, tmp_path: Path) -> None:
    again = tmp_path / "elsewhere" / "again"
    machine.keep(run, tmp_path / "parts")
    machine.main(["join", "--run", str(again), "--parts", str(tmp_path / "parts")])
    after = load(again, 5)
    assert torch.equal(after["actor"]["w"], torch.full((300,), 5.0))
    assert int(after["actor"]["n"]) == 7
    assert after["actor"].keys() == {"w", "n"}
    assert torch.equal(after["ppo"][0], torch.ones(300))
    for name in ("config.yaml", "metrics.jsonl", "policy/policy.json", "policy/policy.safetensors"):
        assert (again / name).read_bytes() == (run / name).read_bytes()
    assert (again / TEACHERS / "0" / "policy.json").read_text() == "a tracker"
    assert machine.latest_checkpoint(again) == again / "checkpoints" / "checkpoint_00000005.pt"
    with pytest.raises(SystemExit, match="there is a run already"):
        machine.join(again, tmp_path / "parts")


def test_a_run_is_kept_anew_with_each_checkpoint_and_its_policy(machine: ModuleType, run: Path, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    machine.keep(run, parts)
    (piece,) = parts.iterdir()
    assert piece.name == "checkpoint_00000005.1-of-1"
    written = piece.stat().st_mtime_ns
    machine.keep(run, parts)
    assert piece.stat().st_mtime_ns == written  # it is there already
    policy = run / "policy" / "policy.json"
    write(run, 6)
    os.utime(policy, ns=(0, 0))  # the policy is still the one before
    machine.keep(run, parts)
    assert [piece.name for piece in parts.iterdir()] == ["checkpoint_00000005.1-of-1"]
    policy.touch()
    machine.keep(run, parts)
    assert [piece.name for piece in parts.iterdir()] == ["checkpoint_00000006.1-of-1"]


def test_a_run_that_lacks_a_piece_is_not_joined(
    machine: ModuleType, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_PART", 1000)
    machine.keep(run, tmp_path / "parts")
    next(iter((tmp_path / "parts").iterdir())).unlink()
    with pytest.raises(SystemExit, match="not all of its files"):
        machine.join(tmp_path / "again", tmp_path / "parts")
    assert not (tmp_path / "again").exists()


def make_wheel(folder: Path, name: str, version: str, files: dict[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for file, content in (files | {f"{info}/RECORD": record.encode()}).items():
            wheel.writestr(file, content)


def test_packages_are_laid_out_in_loads_and_installed_there(
    machine: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    index, root, loads, site = (tmp_path / name for name in ("index", "root", "loads", "site"))
    noise = os.urandom(1_200_000)
    code = {"warp/__init__.py": b"import shared.two\nfrom warp import clang\n", "warp/clang.py": b"", COMPILER: b"no"}
    make_wheel(index, "tinywarp", "1.0", code | {"warp/noise": noise})
    make_wheel(index, "tinywarp", "2.0", {"warp/__init__.py": b"raise RuntimeError('not the version that is pinned')"})
    make_wheel(index, "tinyone", "1.0", {"shared/one.py": b"", "shared/zeros": bytes(200_000)})
    make_wheel(index, "tinytwo", "1.0", {"shared/two.py": b"import shared.one\n"})
    root.mkdir()
    (root / "constraints.txt").write_text("tinywarp==1.0\n")
    (root / "pyproject.toml").write_text(
        "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n"
        "[project]\nname = 'tinyown'\nversion = '3.0'\n[tool.setuptools]\npy-modules = []\n"
    )
    monkeypatch.setattr(machine, "_ROOT", root)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    packages = ["tinywarp", "tinyone", "tinytwo"]
    machine.main(["wheels", "--out", str(loads), "--load-mib", "1", "--small", "--packages", *packages])
    # what is random stays 1.14 MiB, what is zero vanishes
    assert sorted(load.name for load in loads.iterdir()) == ["packages.1-of-2", "packages.2-of-2"]
    assert (loads / "packages.1-of-2").stat().st_size == 2**20
    assert 1_200_000 - 2**20 < (loads / "packages.2-of-2").stat().st_size < 1_220_000 - 2**20

    machine.install([loads / "packages.2-of-2"], site, ["warp"])
    assert "the others are awaited" in capfd.readouterr().out
    assert not site.exists()
    machine.install([loads / "packages.1-of-2"], site, ["warp"])
    assert f"export PYTHONPATH=src:{site}" in capfd.readouterr().out
    assert (site / "warp" / "noise").read_bytes() == noise
    assert not (site / COMPILER).exists()
    record = (site / "tinywarp-1.0.dist-info" / "RECORD").read_text()
    assert "warp/clang.py" in record
    assert COMPILER not in record
    assert (site / "tinyown-3.0.dist-info").is_dir()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["index", "loads", "root", "site"]
    with pytest.raises(subprocess.CalledProcessError):
        machine.install(sorted(loads.iterdir()), site, ["nowhere"])


def test_nothing_but_python_is_needed_before_the_packages_are_there(machine: ModuleType) -> None:
    words = [sys.executable, "-S", "-I", machine.__file__, "--help"]  # without what is installed here
    assert "join --run RUN" in subprocess.run(words, check=True, capture_output=True, text=True).stdout
