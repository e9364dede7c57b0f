"""The reference rows that need no policy here: the static pose, and the tracker of another run's evaluation.

Open-loop replay and the untrained policy are rolled out like the policy itself (`protocol.evaluate`).
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from rgsd import rotations
from rgsd.envs.termination import fallen
from rgsd.errors import UsageError
from rgsd.evaluation.imitation import Reference
from rgsd.evaluation.rollouts import Rollouts
from rgsd.evaluation.rows import RowBuilder, average
from rgsd.motions.library import MotionLibrary


def static_pose(reference: Reference) -> Rollouts:
    """One rollout (1, T) of the best constant pose, standing where and facing as the clip begins; no physics."""
    first = reference.states[:1]
    upright = rotations.heading(first.body_quat[:, 0]).unsqueeze(1)
    pose = first.body_pos[:, :1] + rotations.rotate(upright, reference.static_pose)
    still = dataclasses.replace(
        first,
        body_pos=pose,
        qvel=torch.zeros_like(first.qvel),
        body_linvel=torch.zeros_like(first.body_linvel),
        body_angvel=torch.zeros_like(first.body_angvel),
    )
    frames = len(reference.local)
    targets = first.qpos[:, 7:].unsqueeze(1).expand(-1, frames - 1, -1)
    fell = fallen(reference.body, still).unsqueeze(1).expand(-1, frames)
    return Rollouts(still[[0] * frames][None], targets, fell, torch.zeros_like(fell))


def static_pose_row(library: MotionLibrary, references: Sequence[Reference]) -> dict[str, Any]:
    """The row of the constant poses with the least Cartesian error; alignment null, intervals null."""
    builder = RowBuilder(library, references)
    for clip, reference in enumerate(references):
        builder.add(clip, static_pose(reference))
    return builder.row()


def tracker_row(path: Path, library: MotionLibrary, references: Sequence[Reference], protocol: int) -> dict[str, Any]:
    """The row of a tracking policy's own evaluation, for the clips of a library.

    Group and mean are averaged anew over those clips, without the pooled metrics (fid), whose frames are not there.

    Args:
        path: the run's `evaluation.json`.
        library: the clips to take.
        references: the same clips; the tracker's must be as far from a static pose.
        protocol: version that the file must have.

    Raises:
        UsageError: not such a file, another protocol version, a clip that it lacks, or another one of the same name.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        remedy = "give the folder of a tracker's run that was evaluated"
        raise UsageError(f"tracker {path}: not a readable evaluation ({error}); {remedy}") from None
    if content.get("protocol") != protocol:
        found = content.get("protocol")
        raise UsageError(f"tracker {path}: protocol is {found}, expected {protocol}; evaluate the tracker again")
    if content.get("method") != "tracker" or content.get("body") != library.body.name:
        found = f"a {content.get('method')} run of body '{content.get('body')}'"
        raise UsageError(f"tracker {path}: is of {found}; give a tracker of body '{library.body.name}'")
    missing = [name for name in library.names if name not in content["clips"]]
    if missing:
        raise UsageError(f"tracker {path}: lacks clip '{missing[0]}'; train the tracker on the same clips")
    for name, reference in zip(library.names, references, strict=True):
        error, found = 100 * reference.static_pose_error, content["clips"][name].get("static_pose_error_cm")
        if found is not None and not math.isclose(error, found, rel_tol=1e-3):
            raise UsageError(
                f"tracker {path}: motion '{name}' is not the same (its best static pose is off by {found:.4g} cm, "
                f"here by {error:.4g}); evaluate the tracker on these motions"
            )
    own = ("group", "latent_source", "z")  # what only the evaluated policy's row has
    clips = {n: {k: v for k, v in content["clips"][n].items() if k not in own} for n in library.names}
    groups = {g: average([clips[library.names[m]] for m in members]) for g, members in library.groups.items()}
    return {"clips": clips, "groups": groups, "mean": average(list(groups.values()))}
