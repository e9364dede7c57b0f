"""What environments draw: SplitMix64 to the bit, well distributed, the same whoever is asked together with whom."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from rgsd.randomness import Draws, env_keys, stream_seed

ALL = 2**64 - 1
SEEDS = [0, 1, 2**62 + 12345, -(2**63), -1, 1234567]


def splitmix(seed: int, count: int) -> list[int]:
    """The first numbers of the generator, in whole numbers without a width."""
    numbers = []
    for _ in range(count):
        seed = (seed + 0x9E3779B97F4A7C15) & ALL
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & ALL
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & ALL
        numbers.append(z ^ (z >> 31))
    return numbers


def unsigned(bits: Tensor) -> list[list[int]]:
    return [[number & ALL for number in row] for row in bits.tolist()]


def at(moment: int, envs: int = 4000, use: str = "noise") -> Draws:
    return Draws.at(env_keys(7, torch.arange(envs)), moment, use)


def test_bits_are_those_of_splitmix64() -> None:
    draws = Draws(torch.tensor(SEEDS))
    first, second = draws.bits(3), draws.bits(4)  # successive calls go on
    assert unsigned(torch.cat((first, second), dim=1)) == [splitmix(seed & ALL, 7) for seed in SEEDS]
    # the numbers that are published for this seed
    assert unsigned(first)[-1] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_a_environments_key_is_hashed_from_seed_and_number_then_from_moment_and_use() -> None:
    seed = stream_seed(3, "env")
    keys = env_keys(seed, torch.tensor([1, 2, 5]))  # SplitMix64's numbers 1, 2 and 5, if it is seeded with the seed
    series = splitmix(seed, 5)
    assert unsigned(keys.unsqueeze(1)) == [[series[0]], [series[1]], [series[4]]]
    use = int.from_bytes(hashlib.sha256(b"12/exploration").digest()[:8], "big") >> 1
    # a number of the generator is the hash of its state, a step of the golden ratio ahead
    inner = [splitmix((series[i] + use - 0x9E3779B97F4A7C15) & ALL, 1)[0] for i in (0, 1, 4)]
    assert unsigned(Draws.at(keys, 12, "exploration").bits(2)) == [splitmix(key, 2) for key in inner]


def test_numbers_are_made_from_the_bits() -> None:
    keys, bits = torch.tensor(SEEDS), [splitmix(seed & ALL, 1)[0] for seed in SEEDS]
    assert Draws(keys).uniform().tolist() == [(b >> 40) / 2**24 for b in bits]
    assert Draws(keys).integers(10).tolist() == [(b >> 32) * 10 >> 32 for b in bits]
    highs = torch.tensor([1, 2, 3, 10**6, 2**31 - 1, 7])
    wanted = [(b >> 32) * high >> 32 for b, high in zip(bits, highs.tolist(), strict=True)]
    assert Draws(keys).integers(highs).tolist() == wanted
    # the signed halves of 64 bits, the lower one first, over 2**31 are uniform between -1 and 1
    halves = np.array([[(half ^ 2**31) - 2**31 for half in (b & (2**32 - 1), b >> 32)] for b in bits])
    np.testing.assert_allclose(Draws(keys).normal(2), stats.norm.ppf((1 + halves / 2**31) / 2), atol=1e-5)
    assert torch.equal(Draws(keys).normal(1), Draws(keys).normal(2)[:, :1])


@pytest.mark.parametrize(
    ("draw", "mean", "deviation", "distribution"),
    [
        (lambda draws: torch.stack([draws.uniform() for _ in range(25)], dim=1), 0.5, 12**-0.5, stats.uniform.cdf),
        (lambda draws: draws.normal(25), 0.0, 1.0, stats.norm.cdf),
    ],
)
def test_numbers_are_well_distributed_and_independent(
    draw: Callable[[Draws], Tensor], mean: float, deviation: float, distribution: Callable[[Tensor], Tensor]
) -> None:
    # 4 moments, 4,000 environments, 25 numbers each: 400,000
    drawn = torch.stack([draw(at(moment)) for moment in range(4)]).double()
    assert bool(torch.isfinite(drawn).all())
    flat = drawn.flatten()
    assert float(flat.mean()) == pytest.approx(mean, abs=4 * deviation / 400_000**0.5)
    assert float(flat.std()) == pytest.approx(deviation, rel=0.005)
    assert stats.kstest(flat.numpy(), distribution).pvalue > 0.01
    # neighbours in moment, environment and place, and the same environments and moments in another use
    other = torch.stack([draw(at(moment, use="starts")) for moment in range(4)]).double()
    neighbours = [(drawn.narrow(d, 0, n - 1), drawn.narrow(d, 1, n - 1)) for d, n in enumerate(drawn.shape)]
    for ours, theirs in [*neighbours, (drawn, other)]:
        assert abs(np.corrcoef(ours.flatten(), theirs.flatten())[0, 1]) < 4 / ours.numel() ** 0.5
    # no row is drawn twice
    assert len(torch.unique(drawn.flatten(0, 1)[:, 0])) > 0.99 * 16_000


def test_whole_numbers_are_uniform_up_to_their_bound() -> None:
    drawn = at(0, 60_000).integers(6)
    assert stats.chisquare(torch.bincount(drawn, minlength=6)).pvalue > 0.01
    bounds = torch.tensor([1, 3]).repeat(30_000)
    below = at(1, 60_000).integers(bounds).view(-1, 2)
    assert below[:, 0].unique().tolist() == [0]
    assert stats.chisquare(torch.bincount(below[:, 1], minlength=3)).pvalue > 0.01


@pytest.mark.parametrize("width", [1, 12, 69])
def test_an_environment_draws_the_same_in_any_company(width: int) -> None:
    envs = torch.arange(200)
    together = Draws.at(env_keys(3, envs), 5, "noise").normal(width)
    assert together.shape == (200, width)
    for some in (envs[100:], envs[37:38], envs[::7], envs.flip(0)):
        assert torch.equal(Draws.at(env_keys(3, some), 5, "noise").normal(width), together[some])
    assert not torch.equal(Draws.at(env_keys(4, envs), 5, "noise").normal(width), together)


def test_what_lasts_is_an_environments_own_at_every_moment_and_for_every_use() -> None:
    keys = env_keys(5, torch.arange(100))
    lasting = Draws.at(keys, 3, "episodes").lasting("stream").uniform()
    assert torch.equal(Draws.at(keys, 8, "latents").lasting("stream").uniform(), lasting)
    assert torch.equal(Draws.at(keys[40:], 8, "latents").lasting("stream").uniform(), lasting[40:])
    for other in (
        Draws.at(keys, 3, "episodes").lasting("other"),
        Draws.at(keys, 3, "episodes"),
        Draws.at(keys, 0, "stream"),
    ):
        assert not torch.equal(other.uniform(), lasting)
    assert not torch.equal(Draws.at(env_keys(6, torch.arange(100)), 3, "episodes").lasting("stream").uniform(), lasting)
