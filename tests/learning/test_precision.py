"""bfloat16: what is rounded and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rgsd.cli.doctor import check_bfloat16
from rgsd.learning.precision import Linear, has_fast_bfloat16, use_bfloat16_gradients


def gradients(layer: Linear, x: torch.Tensor, weights: torch.Tensor) -> list[torch.Tensor]:
    layer.zero_grad()
    x = x.clone().requires_grad_(True)
    (layer(x) * weights).sum().backward()
    assert x.grad is not None
    return [x.grad, *(p.grad.clone() for p in layer.parameters() if p.grad is not None)]


def test_values_are_exact_and_gradients_within_a_part_in_256() -> None:
    torch.manual_seed(0)
    layer, x, weights = Linear(40, 30), torch.randn(7, 5, 40), torch.randn(7, 5, 30)
    before, exact = layer(x), gradients(layer, x, weights)
    use_bfloat16_gradients(torch.nn.Sequential(layer))
    assert torch.equal(layer(x), before)
    rounded = gradients(layer, x, weights)
    for fine, coarse in zip(exact, rounded, strict=True):
        assert coarse.dtype == torch.float32
        assert (fine - coarse).norm() < fine.norm() / 256
    assert not torch.equal(exact[1], rounded[1])
    torch.testing.assert_close(exact[2], rounded[2])  # the bias's is a sum, not a product


def test_what_the_cpu_says_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    for flags, fast in (("flags : fma avx512f avx512_bf16", True), ("flags : amx_bf16", True), ("flags : avx2", False)):
        monkeypatch.setattr(Path, "read_text", lambda _, flags=flags: flags)
        assert has_fast_bfloat16() is fast
        found = check_bfloat16().found  # as `rgsd doctor` tells it
        assert found.startswith(flags.split()[-1] if fast else "no instructions for it")

    def missing(_: Path) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert not has_fast_bfloat16()
