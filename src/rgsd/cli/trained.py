"""A trained run as evaluating, filming and looking at it need it: configuration, reference motions, policy.

For filming and playing a published policy does as well: it has no motions with it.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

from rgsd import pretrained
from rgsd.cli.motions import own_motions
from rgsd.errors import UsageError
from rgsd.learning.policy_files import DESCRIPTION
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
    body = config.make_body()
    return TrainedRun(config, load_library(config, body), SkillPolicy.load(run, body))


class Skills(NamedTuple):
    """What `load_skills` gives."""

    policy: SkillPolicy
    """What acts."""
    library: MotionLibrary | None
    """Its reference motions, if it has some with it."""


def load_skills(source: str, motions: str | None = None) -> Skills:
    """Load a policy from a run's folder, a policy's own folder, or by the name it is published under.

    Args:
        source: the folder or the name.
        motions: where its motions lie, for a run if they have moved; a published policy has none with it.

    Raises:
        UsageError: no such run or policy.
        PolicyError: a policy that cannot be used.
        MotionError: its motions are not where they were, or do not fit.
    """
    folder = Path(source)
    if (folder / "config.yaml").exists():
        _, library, policy = load_trained(folder, motions)
    else:
        if not (folder / DESCRIPTION).exists():
            names = pretrained.published()
            if source not in names:
                raise UsageError(f"{source}: neither a run's folder nor a published policy: {', '.join(names)}")
            folder = names[source]
        policy = SkillPolicy.load(folder)
        library = None if motions is None else MotionLibrary(policy.body, own_motions(Path(motions)))
    return Skills(policy, library)
