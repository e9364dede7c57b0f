"""States in words: what a describer is, and the one that follows rules. Nothing here is learned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.envs.observation import ObservationLayout, observe
from rgsd.language import words


class Descriptions(NamedTuple):
    """n states in words: of each as many short texts, one on each of its facts, in the same order."""

    texts: Sequence[str]
    """All that is said of any of them."""
    said: Tensor
    """(n, facts) long, which texts are said of each state."""


class Describer(Protocol):
    """Puts states into words. States that look alike should get the same words: each new text has to be encoded."""

    def describe(self, observation: Tensor) -> Descriptions:
        """The descriptions of n states, from observations (n, D or more)."""
        ...

    def metrics(self) -> dict[str, float]:
        """Metrics to log."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What it has to remember to say the same again."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        ...


class RuleDescriber:
    """Facts of an observation, a phrase for each: the root's height, tilt, travel, climb and turn; of each key body its
    place, relative to where it is when the body stands, and its swing, relative to the root.

    Directions are those of the heading frame. All magnitudes are words, so there are finitely many phrases: 50 and 26
    for each key body. A phrase holds one fact alone, because a sentence encoder barely hears a single word change in a
    long sentence (docs/lgsd.md).

    Args:
        body: what is observed; its key bodies are the parts that are spoken of.
    """

    def __init__(self, body: Body) -> None:
        root = body.body_names[0]
        parts = tuple(name for name in body.key_bodies if name != root)
        layout = ObservationLayout(body)
        self._length = float(body.standing_qpos[2])
        self._speed = math.sqrt(words.GRAVITY * self._length)
        self._upright = layout.indices(("rotation",), (root,))[3:]  # R ez
        self._velocity = layout.indices(("linear_velocity",), (root,))
        self._turning = layout.indices(("angular_velocity",), (root,))[2]
        # an observation lists bodies in the body's order, whatever that of the key bodies
        names = [words.spoken(name) for name in body.body_names if name in parts]
        self._parts = len(names)
        self._places = layout.indices(("position",), parts)
        self._swings = layout.indices(("linear_velocity",), parts)
        standing = forward_kinematics(body, body.standing_qpos[None], np.zeros((1, body.model.nv)))
        self._rest = observe(standing)[0, self._places]
        kinds = [
            *(words.HEIGHTS, words.TILTS, words.TRAVELS, words.CLIMBS, words.TURNS),
            *([f"{name} {place}" for place in words.PLACES] for name in names),
            *([f"{name} {swing}" for swing in words.SWINGS] for name in names),
        ]
        self._phrases = [phrase for kind in kinds for phrase in kind]
        self._first = torch.tensor([0, *accumulate(map(len, kinds))][:-1])  # of each kind, among the phrases

    def describe(self, observation: Tensor) -> Descriptions:
        """The descriptions of n states, from observations (n, D or more)."""
        up, velocity = observation[:, self._upright], observation[:, self._velocity] / self._speed
        height = words.step(observation[:, 0] / self._length, words.HEIGHT_STEPS)
        tilt = torch.rad2deg(torch.atan2(up[:, :2].norm(dim=1), up[:, 2]))
        lean = words.compass(up[:, :2], 4, words.step(tilt, words.TILT_STEPS), len(words.TILT_STEPS))
        pace = words.step(velocity[:, :2].norm(dim=1), words.TRAVEL_STEPS)
        travel = words.compass(velocity[:, :2], 8, pace, len(words.TRAVEL_STEPS))
        climb = words.step(velocity[:, 2], words.CLIMB_STEPS)
        turn = words.step(observation[:, self._turning], words.TURN_STEPS)
        parts = (self._parts, 3)
        away = (observation[:, self._places] - self._rest.to(observation.device)).unflatten(1, parts) / self._length
        swing = observation[:, self._swings].unflatten(1, parts) / self._speed - velocity.unsqueeze(1)
        place = words.axis(away, words.step(away.norm(dim=-1), words.PLACE_STEPS), len(words.PLACE_STEPS))
        moves = words.axis(swing, words.step(swing.norm(dim=-1), words.SWING_STEPS), len(words.SWING_STEPS))
        facts = torch.cat((torch.stack((height, lean, travel, climb, turn), dim=1), place, moves), dim=1)
        return Descriptions(self._phrases, facts + self._first.to(facts.device))

    def metrics(self) -> dict[str, float]:
        """None."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Nothing: the rules are the same tomorrow."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to do."""
