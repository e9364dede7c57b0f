"""Which word a number gets: magnitudes, directions and names of parts, the same for a humanoid and a quadruped.

Lengths count in standing heights H of the root, speeds in sqrt(g H), as a walker's gait does (Froude): so a pace is a
pace for a body of any size. All thresholds are ours.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

GRAVITY = 9.81
"""m/s^2."""

HEIGHT_STEPS = (0.6, 0.88, 1.1)
"""Of the root's height, in H."""
HEIGHTS = ("lying close to the ground", "crouching low", "standing at full height", "raised above full height")

TILT_STEPS = (10.0, 30.0, 70.0)
"""Of the angle between the root's z axis and the vertical, degrees."""
TILTS = (
    "upright",
    *(
        f"{manner} {side}"
        for side in ("forward", "left", "backward", "right")
        for manner in ("leaning slightly", "leaning far", "tipped over")
    ),
)

TRAVEL_STEPS = (0.07, 0.25, 0.6)
"""Of the root's speed over the ground, in sqrt(g H): 0.2, 0.8 and 1.8 m/s for a human."""
TRAVELS = (
    "staying in place",
    *(
        f"moving {pace}{side}"
        for side in (
            "forward",
            "forward and left",
            "left",
            "backward and left",
            "backward",
            "backward and right",
            "right",
            "forward and right",
        )
        for pace in ("slowly ", "", "very fast ")
    ),
)

CLIMB_STEPS = (-0.12, 0.12)
"""Of the root's vertical speed, in sqrt(g H)."""
CLIMBS = ("sinking", "staying level", "rising")

TURN_STEPS = (-1.2, -0.3, 0.3, 1.2)
"""Of the root's turn rate about the vertical, rad/s."""
TURNS = ("quickly turning right", "turning right", "not turning", "turning left", "quickly turning left")

PLACE_STEPS = (0.12, 0.35)
"""Of a part's distance from where it is when the body stands, in H."""
PLACES = (
    "in its resting place",
    *(f"{much} {side}" for side in ("forward", "back", "left", "right", "up", "down") for much in ("a little", "far")),
)

SWING_STEPS = (0.12, 0.5)
"""Of a part's speed relative to the root, in sqrt(g H)."""
SWINGS = (
    "still",
    *(
        f"{pace}swinging {side}"
        for side in ("forward", "backward", "left", "right", "upward", "downward")
        for pace in ("", "quickly ")
    ),
)

_ABBREVIATIONS = {
    "l": "left",
    "r": "right",
    "fl": "front left",
    "fr": "front right",
    "rl": "rear left",
    "rr": "rear right",
    "bl": "rear left",
    "br": "rear right",
    "hl": "hind left",
    "hr": "hind right",
    "lf": "left front",
    "rf": "right front",
    "lh": "left hind",
    "rh": "right hind",
}
"""What files call the sides of limbs."""


def spoken(name: str) -> str:
    """The name of a body part in words: `FL_foot` is "front left foot", `L_Knee` and `leftKnee` are "left knee"."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    words = [word.lower() for word in re.split(r"[^A-Za-z0-9]+", apart) if word]
    return " ".join(_ABBREVIATIONS.get(word, word) for word in words)


def step(numbers: Tensor, steps: tuple[float, ...]) -> Tensor:
    """Which of the magnitudes between `steps` each number (...) has: long, 0 below the first."""
    return torch.bucketize(numbers.contiguous(), numbers.new_tensor(steps), right=True)


def compass(vectors: Tensor, sides: int, size: Tensor, sizes: int) -> Tensor:
    """Numbers of words for directions on the ground: 0 where the size is 0, else by side, then by size.

    Args:
        vectors: (..., 2), x ahead and y left.
        sides: how many directions are told apart, counterclockwise from straight ahead.
        size: (...) long, from 0.
        sizes: the largest size.

    Returns:
        (...) long, from 0 to sides * sizes.
    """
    angle = torch.atan2(vectors[..., 1], vectors[..., 0])
    side = torch.round(angle * sides / (2 * torch.pi)).long() % sides
    return torch.where(size > 0, _number(side, size, sizes), 0)


def axis(vectors: Tensor, size: Tensor, sizes: int) -> Tensor:
    """Numbers of words for directions in space, by the largest component: forward, back, left, right, up, down.

    Args:
        vectors: (..., 3), x ahead, y left, z up.
        size: (...) long, from 0.
        sizes: the largest size.

    Returns:
        (...) long, from 0 to 6 * sizes.
    """
    main = vectors.abs().argmax(dim=-1, keepdim=True)
    side = (2 * main + (vectors.gather(-1, main) < 0)).squeeze(-1)
    return torch.where(size > 0, _number(side, size, sizes), 0)


def _number(side: Tensor, size: Tensor, sizes: int) -> Tensor:
    """The place in the lists above: after the word for size 0, side by side, sizes 1, 2, ... within each."""
    return side * sizes + size
