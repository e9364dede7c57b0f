"""Running moments: of observations, and of a reward's size. All processes together are one sample."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from rgsd.learning import distributed


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

    def update(self, batch: Tensor) -> None:
        """Merge the moments of a batch (n, size), in each process its own."""
        update_alike((self,), batch)

    def merge(self, seen: float, mean: Tensor, variance: Tensor) -> None:
        """Merge the moments (size,) of `seen` rows."""
        count = torch.tensor(seen, device=mean.device)
        total = self.count + count
        delta = mean - self.mean
        fraction = count / total
        moments = (1 - fraction) * self.variance + fraction * variance + fraction * (1 - fraction) * delta.square()
        self.mean.add_(fraction * delta)
        self.variance.copy_(moments)
        self.count.copy_(total)

    def forward(self, x: Tensor) -> Tensor:
        """(..., size) normalised, clipped to +-`clip` standard deviations."""
        return (x - self.mean).div_(torch.sqrt(self.variance + 1e-4)).clamp_(-self.clip, self.clip)


@torch.no_grad()
def update_alike(normalizers: Iterable[RunningNormalizer], batch: Tensor) -> None:
    """Update several, as an actor's and a critic's, with one batch (n, size), whose moments are worked out once."""
    seen, mean, variance = distributed.moments(batch)
    for normalizer in normalizers:
        normalizer.merge(seen, mean, variance)


class RunningScale:
    """The standard deviation of numbers that change slowly: a tenth new with each `update`.

    Attributes:
        value: () of what has been seen; 0 before the first update.
    """

    def __init__(self, device: torch.device) -> None:
        self.value = torch.zeros((), device=device)

    def update(self, numbers: Tensor) -> None:
        """Take further numbers (any shape), in each process its own."""
        deviation = distributed.mean_and_deviation(numbers)[1].clamp(min=1e-6)
        self.value = torch.lerp(self.value, deviation, 0.1) if self.value > 0 else deviation

    def divide(self, numbers: Tensor) -> Tensor:
        """Numbers (...) in units of the scale; as they are before the first update."""
        return numbers / self.value if self.value > 0 else numbers
