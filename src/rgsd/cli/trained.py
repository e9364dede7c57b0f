"""A trained run as evaluating, filming and looking at it need it: configuration, reference motions, policy."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

from rgsd.bodies.registry import make_body
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.methods.runs import RunConfig, load_library
from rgsd.motions.library import MotionLibrary


class TrainedRun(NamedTuple):
    """What `load_trained` gives."""

    config: RunConfig
    """What was asked of the training."""
    library: MotionLibrary
    """Its reference motions and, with them, the body."""
    policy: SkillPolicy
    """What came out."""


def load_trained(run: Path, motions: str | None = None) -> TrainedRun:
    """Load a run from its folder.

    Args:
        run: a run's folder.
        motions: where the run's motions lie now, if they have moved.

    Raises:
        UsageError: no such run.
        PolicyError: no policy in it, or one that cannot be used.
        MotionError: its motions are not where they were, or do not fit.
    """
    config = RunConfig.load(run)
    if motions is not None:
        config = dataclasses.replace(config, motions=motions)
    body = make_body(config.body)
    return TrainedRun(config, load_library(config, body), SkillPolicy.load(run, body))
