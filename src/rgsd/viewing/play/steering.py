"""`Steering`: the latents that bodies act under, where each is going, and what chose it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rgsd.errors import UnknownName, UsageError
from rgsd.skills import sphere

GLIDE_SECONDS = 0.5
"""How long a latent takes to its goal along the great circle, s, until somebody chooses otherwise."""


class Chosen(NamedTuple):
    """What made the latents what they are, for the command that repeats them."""

    kind: str
    """clip, point, blend, sequence, random or near."""
    words: str
    """What a person reads."""
    clip: str = ""
    """The clip, of kind clip."""
    seed: int = 0
    """Of the draw, of kinds random and near."""


class Steering:
    """The latents of N bodies. The first body is the one that is led; draws move all of them.

    Attributes:
        z: (N, d) what the bodies act under now.
        goal: (N, d) where the latents are going.
        clips: directions (d,) that can be asked for by name.
        chosen: what the goal came from.
        kappa: concentration of draws around the present latent.
        glide: time that a latent takes to its goal, s; 0 for a jump.

    Args:
        clips: directions by name; may be empty.
        dim: d.
        seed: of the first draw; each later one takes the next seed.
    """

    def __init__(self, clips: Mapping[str, Tensor], dim: int, seed: int = 0) -> None:
        self.clips, self.dim = dict(clips), dim
        self.kappa, self.glide = 100.0, GLIDE_SECONDS
        self._seed = seed
        self._sequence: tuple[str, ...] = ()
        self._each = self._waited = 0.0
        self.z = self.goal = self._start = torch.zeros(1, dim)
        self._fraction = 1.0
        if self.clips:
            self.go_to_clip(next(iter(self.clips)))
        else:
            self.draw()
        self._jump()

    @property
    def count(self) -> int:
        """N."""
        return len(self.z)

    def set_count(self, count: int) -> None:
        """Lead so many bodies: several get random directions, one alone keeps the first's.

        Raises:
            UsageError: less than one.
        """
        if count < 1:
            raise UsageError(f"{count} bodies; give at least one")
        self.z = self.goal = self.goal[[0] * count]
        if count > 1:
            self.draw()
        self._jump()

    def go_to_clip(self, name: str) -> None:
        """Lead the first body to a clip's direction.

        Raises:
            UnknownName: no such clip.
        """
        self._end_sequence()
        self._lead(self._direction(name), Chosen("clip", name, clip=name))

    def go_to(self, z: Tensor) -> None:
        """Lead the first body to a latent (d,), of any length but zero."""
        self._end_sequence()
        self._lead(torch.nn.functional.normalize(z, dim=-1), Chosen("point", "a point of the sphere"))

    def next_clip(self) -> None:
        """Lead the first body to the clip after the last one, or to the first.

        Raises:
            UsageError: there are no clips.
        """
        names = list(self.clips)
        if not names:
            raise UsageError("this policy carries no clips' directions; draw random ones")
        last = self.chosen.clip
        self.go_to_clip(names[(names.index(last) + 1) % len(names)] if last in names else names[0])

    def blend(self, one: str, other: str, fraction: float) -> None:
        """Lead the first body to the great circle between two clips: `one` at fraction 0, `other` at 1."""
        self._end_sequence()
        z = sphere.slerp(self._direction(one), self._direction(other), fraction)
        self._lead(z, Chosen("blend", f"{1 - fraction:.0%} {one}, {fraction:.0%} {other}"))

    def play_sequence(self, names: Sequence[str], seconds: float) -> None:
        """Lead the first body through clips, each for some seconds, over and over.

        Raises:
            UsageError: no clips, or no time.
        """
        if not names:
            raise UsageError("a sequence needs a clip; name some, in order")
        if not seconds > 0:
            raise UsageError(f"{seconds:g} s for each clip of a sequence; give a positive time")
        directions = [self._direction(name) for name in names]
        self._sequence, self._each, self._waited = tuple(names), seconds, 0.0
        self._lead(directions[0], self._in_sequence(names[0]))

    def draw(self) -> None:
        """Uniform directions for all bodies."""
        self._end_sequence()
        seed, self.goal = self._seed, sphere.sample_uniform(self.count, self.dim, self._generator())
        self._depart(Chosen("random", f"random (seed {seed})", seed=seed))

    def draw_near(self) -> None:
        """Directions around the first body's present one, vMF(z, kappa), for all bodies."""
        near = self.z[:1]
        self._end_sequence()
        seed, around = self._seed, self._generator()
        self.goal = sphere.sample_vmf(near.expand(self.count, -1), self.kappa, around)
        self._depart(Chosen("near", f"near, kappa {self.kappa:g} (seed {seed})", seed=seed))

    def advance(self, seconds: float) -> None:
        """Let some time pass: latents move on towards their goals, a sequence goes on to its next clip."""
        if self._sequence:
            self._waited += seconds
            if self._waited >= self._each - 1e-9:
                self._waited = 0.0
                self._sequence = (*self._sequence[1:], self._sequence[0])
                self._lead(self._direction(self._sequence[0]), self._in_sequence(self._sequence[0]))
        self._fraction = 1.0 if self.glide <= 0 else min(1.0, self._fraction + seconds / self.glide)
        if self._fraction < 1:
            # a smooth start and a smooth end
            eased = (1 - math.cos(math.pi * self._fraction)) / 2
            self.z = sphere.slerp(self._start, self.goal, eased)
        else:
            self.z = self.goal

    def _lead(self, z: Tensor, chosen: Chosen) -> None:
        self.goal = torch.cat((z.unsqueeze(0), self.goal[1:]))
        self._depart(chosen)

    def _depart(self, chosen: Chosen) -> None:
        self.chosen, self._start, self._fraction = chosen, self.z, 0.0

    def _jump(self) -> None:
        self.z = self._start = self.goal
        self._fraction = 1.0

    def _end_sequence(self) -> None:
        self._sequence = ()

    def _in_sequence(self, name: str) -> Chosen:
        return Chosen("sequence", f"{name}, in a sequence", clip=name)

    def _direction(self, name: str) -> Tensor:
        if name not in self.clips:
            raise UnknownName("clip of the policy", name, self.clips)
        return self.clips[name]

    def _generator(self) -> torch.Generator:
        generator = torch.Generator().manual_seed(self._seed)
        self._seed += 1
        return generator
