"""Randomness of a run, all of it from the run's one seed.

What the learner draws (weights, shuffling) comes from generators, one for each use. What an environment sees
(its starts, its latents, its noise) is instead a function of the seed, the environment's number among those of all
processes, the moment and the use: it is the same whichever process steps the environment, and whoever else is stepped
there.
"""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor

# the constants of SplitMix64 (Steele, Lea and Flood 2014) as the signed numbers that torch has
_GAMMA, _FIRST, _SECOND = (c - 2**64 for c in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def stream_seed(seed: int, use: str) -> int:
    """The seed of one use of randomness, such as "exploration": independent of all other uses, the same everywhere."""
    digest = hashlib.sha256(f"{seed}/{use}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1  # what torch.Generator.manual_seed takes: 63 bits


def env_keys(seed: int, envs: Tensor) -> Tensor:
    """The keys (n,) of the environments with the numbers (n,), long: from them come all random numbers that they
    see."""
    return _mix(envs * _GAMMA + seed)


class Draws:
    """The random numbers of n environments at one moment, for one use: successive calls give successive numbers.

    Environment i is given the numbers of SplitMix64 seeded with key i, computed for all environments at once, without a
    state on the device and without waiting for it.

    Args:
        keys: (n,) long.
        envs: (n,) long, the environments' own keys, for `lasting`; `keys` if they are that.
    """

    def __init__(self, keys: Tensor, envs: Tensor | None = None) -> None:
        self._keys, self._taken = keys, 0
        self._envs = keys if envs is None else envs

    @classmethod
    def at(cls, envs: Tensor, moment: int, use: str) -> Draws:
        """Those of the environments with `env_keys` (n,) at a moment, a count of steps, for a use such as
        "exploration"."""
        return cls(_mix(envs + stream_seed(moment, use)), envs)

    def lasting(self, use: str) -> Draws:
        """Those of the same environments for another use, the same at every moment."""
        return Draws(_mix(self._envs + stream_seed(0, f"lasting {use}")), self._envs)

    def __len__(self) -> int:
        """n."""
        return len(self._keys)

    def bits(self, width: int) -> Tensor:
        """(n, width) long, uniform over all 64-bit integers."""
        places = torch.arange(self._taken + 1, self._taken + width + 1, device=self._keys.device)
        self._taken += width
        return _mix(self._keys.unsqueeze(1) + places * _GAMMA)

    def uniform(self) -> Tensor:
        """(n,) float32, uniform in [0, 1)."""
        return _shifted(self.bits(1).squeeze(1), 40).float() * 2.0**-24

    def integers(self, high: int | Tensor) -> Tensor:
        """(n,) long, uniform over 0, ..., high - 1; one `high` below 2**31 for all, or (n,)."""
        return (_shifted(self.bits(1).squeeze(1), 32) * high) >> 32  # Lemire 2019: no division, a bias of high / 2**32

    def normal(self, width: int) -> Tensor:
        """(n, width) float32, standard normal by the inverse of its distribution; none is beyond 5.5."""
        halves = self.bits((width + 1) // 2).view(torch.int32)[:, :width]  # two numbers from each 64 bits
        most = 1.0 - 2.0**-24
        return halves.float().mul_(2.0**-31).clamp_(-most, most).erfinv_().mul_(math.sqrt(2.0))


def _mix(numbers: Tensor) -> Tensor:
    """The finaliser of SplitMix64, a bijection of 64-bit integers that leaves no trace of their order."""
    mixed = (numbers ^ _shifted(numbers, 30)).mul_(_FIRST)  # torch's products wrap around as they should
    mixed ^= _shifted(mixed, 27)
    mixed *= _SECOND
    mixed ^= _shifted(mixed, 31)
    return mixed


def _shifted(numbers: Tensor, places: int) -> Tensor:
    """To the right, with zeros from the left, where torch would shift in the sign."""
    return (numbers >> places).bitwise_and_(2 ** (64 - places) - 1)
