"""A trained run as evaluating, filming and looking at it need it: configuration, reference motions, policy.

For all but training a published policy does as well: it has no motions with it.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

import torch

from rgsd import pretrained
from rgsd.bodies.registry import make_body
from rgsd.errors import UsageError
from rgsd.learning.checkpoint import load_latest_checkpoint
from rgsd.learning.policy_files import DESCRIPTION
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.learning.trainer import changed_parts, checkpoint_folder
from rgsd.methods.runs import RunConfig, load_library, motions_folder
from rgsd.motions.importing import load_motions
from rgsd.motions.library import MotionLibrary

_SAME_FRAME = 0.05  # m and rad by which two imports of one motion may differ in its first frame


class TrainedRun(NamedTuple):
    """What `load_trained` gives."""

    config: RunConfig
    """What was asked of the training."""
    library: MotionLibrary
    """Its reference motions and, with them, the body."""
    policy: SkillPolicy
    """What came out."""


def load_trained(run: Path, motions: str | None = None, body: str | None = None) -> TrainedRun:
    """Load a run from its folder.

    Args:
        run: a run's folder.
        motions: where the run's motions lie now, if they have moved.
        body: where its body's MJCF file lies now, if that has moved.

    Raises:
        UsageError: no such run, or motions that are not those of its checkpoint.
        PolicyError: no policy in it, or one that cannot be used, or not of this body.
        MotionError: its motions are not where they were, or do not fit.
    """
    config = moved(RunConfig.load(run), motions, body)
    what = config.make_body()
    policy = SkillPolicy.load(run, what)
    library = load_library(config, what)
    if motions is not None:
        if set(policy.clips) <= set(library.names) and policy.clips:
            library = library.select(policy.clips)  # in another folder they may come in another order
        checkpoint = load_latest_checkpoint(checkpoint_folder(run))
        if checkpoint is not None and changed_parts(checkpoint, library):
            raise UsageError(
                f"--motions {motions}: other motions than {run} was trained on, by the digest in its checkpoint; "
                "give the folder that training took them from"
            )
    return TrainedRun(config, library, policy)


def moved(config: RunConfig, motions: str | None, body: str | None) -> RunConfig:
    """A run's configuration with the present places of its motions and its body's file, if they have moved."""
    if motions is not None:
        config = dataclasses.replace(config, motions=motions)
    if body is not None:
        config = dataclasses.replace(config, body=body)
    return config


class Skills(NamedTuple):
    """What `load_skills` gives."""

    policy: SkillPolicy
    """What acts."""
    library: MotionLibrary | None
    """Its reference motions, if it has some with it."""


def find_skills(source: str) -> Path:
    """The folder of a run or a policy: itself, or by the name that the policy is published under.

    Raises:
        UsageError: no such run or policy.
    """
    folder, names = Path(source), pretrained.published()
    if (folder / "config.yaml").exists() or (folder / DESCRIPTION).exists():
        return folder
    if source not in names:
        raise UsageError(f"{source}: neither a run's folder nor a published policy: {', '.join(names)}")
    return names[source]


def load_skills(source: str, motions: str | None = None, body: str | None = None) -> Skills:
    """Load a policy from a run's folder, a policy's own folder, or by the name it is published under.

    Args:
        source: the folder or the name.
        motions: where its motions lie, for a run if they have moved; a published policy has none with it.
        body: where its body's MJCF file lies, for a run if that has moved.

    Raises:
        UsageError: no such run or policy, or motions that are not its own.
        PolicyError: a policy that cannot be used, or not of this body.
        MotionError: its motions are not where they were, or do not fit.
    """
    folder = find_skills(source)
    if (folder / "config.yaml").exists():
        _, library, policy = load_trained(folder, motions, body)
        return Skills(policy, library)
    policy = SkillPolicy.load(folder, None if body is None else make_body(body))
    if motions is None:
        return Skills(policy, None)
    folder = motions_folder(motions, policy.body)
    return Skills(policy, MotionLibrary(policy.body, load_motions(folder, policy.body)))


def own_references(policy: SkillPolicy, library: MotionLibrary, motions: str) -> MotionLibrary:
    """Those of some motions that a policy was trained on, which is what it is evaluated on.

    Args:
        policy: says which clips those are and, if it is not an old one, how they begin.
        library: the motions.
        motions: where they come from, for the messages.

    Raises:
        UsageError: one is not among them, or is another one of that name.
    """
    if not policy.clips:
        return library
    missing = [name for name in policy.clips if name not in library.names]
    if missing:
        raise UsageError(f"--motions {motions}: lacks {', '.join(missing)}, which the policy was trained on")
    own = library.select(policy.clips)
    for clip, (name, start) in enumerate(policy.clip_starts.items()):
        first = own.state(torch.tensor([clip]), torch.tensor([0])).qpos[0]
        if float((first - start[: len(first)]).abs().max()) > _SAME_FRAME:
            raise UsageError(
                f"--motions {motions}: '{name}' begins otherwise than the motion of that name that the policy was "
                "trained on; give those that it was trained on"
            )
    return own
