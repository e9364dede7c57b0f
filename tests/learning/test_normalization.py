"""Merged moments against those of all data at once."""

from __future__ import annotations

import numpy as np
import torch

from rgsd.learning.normalization import RunningNormalizer, update_alike


def test_merged_moments_are_those_of_all_data() -> None:
    generator = torch.Generator().manual_seed(0)
    parts = [
        shift + torch.randn(n, 3, generator=generator) for n, shift in ((5, 0.0), (300, 4.0), (1, -20.0), (60, 1.0))
    ]
    normalizer, twin = RunningNormalizer(3), RunningNormalizer(3)
    for part in parts:
        update_alike((normalizer, twin), part)
    everything = torch.cat(parts)
    assert float(normalizer.count) == 366
    torch.testing.assert_close(normalizer.mean, everything.mean(dim=0))
    torch.testing.assert_close(normalizer.variance, everything.var(dim=0, unbiased=False))
    assert all(torch.equal(value, twin.state_dict()[name]) for name, value in normalizer.state_dict().items())


def test_values_are_centred_scaled_and_clipped() -> None:
    normalizer = RunningNormalizer(1, clip=3.0)
    normalizer.update(torch.tensor([[1.0], [5.0]]))  # mean 3, variance 4
    x = torch.tensor([[3.0], [5.0], [-1.0], [100.0]])
    np.testing.assert_allclose(normalizer(x).flatten(), [0, 1, -2, 3], atol=1e-4)


def test_looking_does_not_change_the_moments_and_a_constant_entry_stays_finite() -> None:
    normalizer = RunningNormalizer(1)
    normalizer.update(torch.full((10, 1), 2.0))
    before = {k: v.clone() for k, v in normalizer.state_dict().items()}
    normalizer(torch.randn(50, 1))
    assert all(torch.equal(before[k], v) for k, v in normalizer.state_dict().items())
    # a deviation of 1 mm from a constant counts as a tenth: the variance has a floor of 1e-4
    np.testing.assert_allclose(normalizer(torch.tensor([[2.001]])), [[0.1]], atol=1e-3)
