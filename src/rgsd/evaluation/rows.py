"""Rows of the imitation table: the measures of every clip, of each group and of the mean, with 95 % intervals.

A row is `{clips: {name: {...}}, groups: {name: {...}}, mean: {...}}`; policies and reference rows alike make one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rgsd.evaluation import frechet
from rgsd.evaluation.imitation import Encode, Reference, alignment
from rgsd.evaluation.intervals import student
from rgsd.evaluation.rollouts import Rollouts
from rgsd.motions.library import MotionLibrary

POOLED = ("fid", "fid_ci", "fid_null")
"""Measures of a set of frames: pooled over the clips of a group and over all, never averaged."""


@dataclass
class RowBuilder:
    """Collects clips one by one and makes the row of them all."""

    library: MotionLibrary
    """The clips."""
    references: Sequence[Reference]
    """The same clips as the measures need them."""
    clips: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What has been collected."""
    _frames: dict[str, tuple[frechet.Moments, Tensor]] = field(default_factory=dict)  # own, and the reference's

    def add(self, clip: int, rollouts: Rollouts, encode: Encode | None = None, z: Tensor | None = None) -> None:
        """Measure and add the rollouts (R, T) of a clip.

        Args:
            clip: its number.
            rollouts: to its end.
            encode: the frozen encoder; with z (R, d) it gives the alignment, null without.
            z: latents that the rollouts should express.
        """
        reference = self.references[clip]
        values = reference.measure(rollouts)
        values["alignment"] = torch.full_like(values["skill"], torch.nan)
        if encode is not None and z is not None:
            values["alignment"] = alignment(encode, rollouts.states, z)
        row: dict[str, Any] = {}
        for key, value in values.items():
            row[key], row[f"{key}_ci"] = student(value)
        body = self.library.body
        own = frechet.Moments.of(frechet.features(body, rollouts.states))
        self._frames[reference.name] = (own, frechet.features(body, reference.states))
        beside = {key: None if math.isnan(value) else value for key, value in reference.own_metrics().items()}
        self.clips[reference.name] = row | self._pooled([reference.name]) | beside

    def row(self) -> dict[str, Any]:
        """The row, once every clip is added: clips, then the mean over each group's, then the mean over groups."""
        clips = {name: self.clips[name] for name in self.library.names}
        groups = {}
        for group, members in self.library.groups.items():
            names = [self.library.names[m] for m in members]
            groups[group] = average([clips[n] for n in names]) | self._pooled(names)
        mean = average(list(groups.values())) | self._pooled(self.library.names)
        return {"clips": clips, "groups": groups, "mean": mean}

    def _pooled(self, names: Sequence[str]) -> dict[str, Any]:
        own, reference = zip(*(self._frames[name] for name in names), strict=True)
        return frechet.measure(own, torch.cat(reference))


def average(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means of the plain numbers of rows, nulls left out; intervals follow from those of the rows.

    The rows are fixed and their noises independent: half-widths add in squares.
    """
    result: dict[str, Any] = {}
    for key, first in rows[0].items():
        if key in POOLED or key.endswith("_ci") or not isinstance(first, int | float | None):
            continue
        kept = [row for row in rows if row[key] is not None]
        mean = result[key] = float(np.mean([row[key] for row in kept])) if kept else None
        if f"{key}_ci" in rows[0]:
            intervals = [row[f"{key}_ci"] for row in kept]
            result[f"{key}_ci"] = None
            if mean is not None and all(intervals):
                half = float(np.linalg.norm([(high - low) / 2 for low, high in intervals])) / len(kept)
                result[f"{key}_ci"] = [mean - half, mean + half]
    return result
