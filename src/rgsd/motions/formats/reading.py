"""What a user knows of a source that its file does not say, or says wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rgsd.motions.skeleton_map import SkeletonMap

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
"""Metres of each unit."""


@dataclass(frozen=True)
class Reading:
    """How to take the files of an import; the defaults are each format's own conventions."""

    up: Literal["y", "z"] | None = None
    """The axis that points up; None for the format's: y in BVH and DeepMimic's txt, z in all others."""
    unit: Literal["m", "cm", "mm"] = "m"
    """Of positions in npz, csv and txt; a BVH's follows from its bones."""
    rate: float | None = None
    """Frames a second of the source, in place of what its file says."""
    skeleton: SkeletonMap | None = None
    """Which joint of a BVH moves which SMPL body; if None, a named map or a proposal."""

    @property
    def metres(self) -> float:
        """Metres of a unit of position."""
        return UNITS[self.unit]


def nominal_rate(rate: float) -> float:
    """The whole number that a rate is a rounding of (1/0.0333333, 120.00004577636719), or itself, 1/s."""
    return float(round(rate)) if abs(rate - round(rate)) < 1e-3 * rate else rate
