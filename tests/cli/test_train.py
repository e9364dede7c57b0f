"""What `rgsd train` makes of a GPU whose memory runs out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from rgsd.cli import train
from rgsd.errors import UsageError
from rgsd.learning import distributed
from rgsd.methods.runs import RunConfig


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("Failed to allocate 2147483648 bytes on device 'cuda:0'"),  # Warp's
    ],
)
def test_when_the_gpu_is_full_a_run_with_fewer_copies_is_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    said = _said_about(error, 4096, tmp_path, monkeypatch)
    assert said.startswith(f"--num-envs 4096: the memory does not suffice ({str(error).split('.')[0]}); ")
    assert said.endswith("a run keeps its number of copies, train a new one with fewer, such as --num-envs 2048")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("copies", "remedy"),
    [(20, "such as --num-envs 8"), (4, "and has one a process")],  # half of 20 is 10, and 8 are shared out evenly
)
def test_the_copies_that_are_proposed_can_be_shared_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copies: int, remedy: str
) -> None:
    monkeypatch.setattr(distributed, "size", lambda: 4)
    said = _said_about(torch.cuda.OutOfMemoryError("CUDA out of memory."), copies, tmp_path, monkeypatch)
    assert said.endswith(remedy)


def test_other_errors_stay_what_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fails_with(RuntimeError("shapes"), monkeypatch)
    with pytest.raises(RuntimeError, match=r"^shapes$"):
        train.run_training(RunConfig(steps=1), tmp_path / "run")


def _said_about(error: RuntimeError, copies: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    _fails_with(error, monkeypatch)
    with pytest.raises(UsageError) as caught:
        train.run_training(RunConfig(num_envs=copies, steps=1), folder / "run")
    return str(caught.value)


def _fails_with(error: RuntimeError, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(train, "make_trainer", full)
