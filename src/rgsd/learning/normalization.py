"""Running moments of observations."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RunningNormalizer(nn.Module):
    """Centres and scales by the mean and standard deviation of all that `update` has seen (Chan's merge).

    The moments change only in `update`, which the learner calls between iterations: within one, the
    actions collected and the actions evaluated are those of the same function.
    """

    mean: Tensor
    variance: Tensor
    count: Tensor

    def __init__(self, size: int, clip: float = 10.0) -> None:
        super().__init__()
        self.clip = clip
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("variance", torch.ones(size))
        self.register_buffer("count", torch.zeros(()))

    @torch.no_grad()
    def update(self, batch: Tensor) -> None:
        """Merge the moments of a batch (n, size)."""
        count = torch.tensor(float(len(batch)), device=batch.device)
        mean, variance = batch.mean(dim=0), batch.var(dim=0, unbiased=False)
        total = self.count + count
        delta = mean - self.mean
        share = count / total
        moments = (1 - share) * self.variance + share * variance + share * (1 - share) * delta.square()
        self.mean.add_(share * delta)
        self.variance.copy_(moments)
        self.count.copy_(total)

    def forward(self, x: Tensor) -> Tensor:
        """(..., size) normalised, clipped to +-`clip` standard deviations."""
        return ((x - self.mean) / torch.sqrt(self.variance + 1e-4)).clamp(-self.clip, self.clip)
