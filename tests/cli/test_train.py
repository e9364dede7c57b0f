"""What `rgsd train` makes of a GPU whose memory runs out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from rgsd.cli import train
from rgsd.errors import UsageError
from rgsd.methods.runs import RunConfig


def test_when_the_gpu_is_full_fewer_copies_are_proposed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of")

    monkeypatch.setattr(train, "make_trainer", full)
    with pytest.raises(
        UsageError, match=r"--num-envs 4096: .*\(CUDA out of memory\); try half as many, --num-envs 2048"
    ):
        train.run_training(RunConfig(num_envs=4096, steps=1), tmp_path / "run")
    assert not (tmp_path / "run").exists()
