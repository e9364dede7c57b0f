"""Figure 4 of the paper: where a policy goes under the latents of one motion, and how far that is from the motion."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rgsd import rotations
from rgsd.evaluation.frechet import features, frechet_distance, half_distance
from rgsd.evaluation.rollouts import Simulate, SkillController, clip_states, roll_out_clips
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.skills.sphere import sample_vmf


@dataclass
class MotionPaths:
    """R trajectories of T frames, as long as the motion."""

    path: Tensor
    """(R, T, 2) of the root, in the heading frame of each start, m."""
    fell: Tensor
    """(R,) bool, whether it ever fell."""
    fid: float | None
    """Frechet distance of all their frames to the motion's."""
    fid_floor: float | None
    """That between random halves of the motion."""
    mean_cosine: float
    """Of the drawn latents with the motion's own."""

    @property
    def metrics(self) -> dict[str, float | None]:
        """What can be written in JSON: `fid`, `fid_floor`, `mean_cosine`, `fall_rate`."""
        fall_rate = float(self.fell.double().mean())
        return {
            "fid": self.fid,
            "fid_floor": self.fid_floor,
            "mean_cosine": self.mean_cosine,
            "fall_rate": fall_rate,
        }


def motion_paths(
    simulate: Simulate,
    policy: SkillPolicy,
    library: MotionLibrary,
    z: Tensor,
    kappa: float,
    count: int,
    seed: int,
) -> dict[str, MotionPaths]:
    """Roll each motion out from its first frame, with the initial noise, under `count` latents around its own.

    The paper does not say how its 500 trajectories differ; here they have latents z ~ vMF(z_m, kappa).

    Args:
        simulate: makes the physics.
        policy: deterministic here.
        library: M motions.
        z: (M, d) their latents, unit length.
        kappa: concentration of the draws.
        count: R, which are also simulated together.
        seed: of latents, initial noise and thinning.

    Returns:
        The trajectories by motion.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = sample_vmf(z.cpu().repeat_interleave(count, dim=0), kappa, generator)
    drawn = drawn.to(z.device).unflatten(0, (len(z), count))

    def controller(clip: Tensor) -> SkillController:
        return SkillController(policy, drawn[clip[::count]].flatten(0, 1))

    found: dict[str, MotionPaths] = {}
    with torch.no_grad():
        for clip, rollouts in roll_out_clips(simulate, library, controller, count, count, generator):
            root, yaw = rollouts.root_pos[..., :2], rotations.yaw(rollouts.root_quat[:, :1])
            reference = features(library.body, clip_states(library, clip))
            own = features(library.body, rollouts.states).flatten(0, 1)
            found[library.names[clip]] = MotionPaths(
                rotations.seen_from(root[:, :1], yaw, root),
                rollouts.fell.any(dim=1),
                frechet_distance(own, reference, generator),
                half_distance(reference, generator),
                float((drawn[clip] * z[clip]).sum(dim=-1).mean()),
            )
    return {name: found[name] for name in library.names}
