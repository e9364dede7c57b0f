"""`SkillSession`: what one plays with under `rgsd play RUN`: bodies whose latents one leads by hand."""

from __future__ import annotations

import shlex

import torch
from torch import Tensor

from rgsd.bodies.state import BodyState
from rgsd.evaluation.rollouts import standing
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.viewing.play.acting import Acting
from rgsd.viewing.play.ghost import Ghost
from rgsd.viewing.play.sphere_map import SphereMap
from rgsd.viewing.play.steering import Steering

STANDING, FIRST_FRAME = "standing", "first frame of the clip"
"""Where bodies can begin."""


class SkillSession(Acting):
    """Bodies under latents that a person leads.

    Attributes:
        steering: the latents.
        map: the sphere in three dimensions.
        start: `STANDING` or `FIRST_FRAME`; without a clip's first frame they stand in any case.

    Args:
        policy: what moves the bodies.
        source: how a command line names the policy.
        library: its references; without them no ghost is shown.
        seed: of the first random latents.
    """

    def __init__(self, policy: SkillPolicy, source: str, library: MotionLibrary | None = None, seed: int = 0) -> None:
        super().__init__(policy, MujocoCpu(policy.body, 1), Ghost(library))
        self.source, self.start = source, STANDING
        self.steering = Steering(policy.clip_latents, policy.latent_dim, seed)
        self.map = SphereMap(policy.clip_latents, policy.latent_dim)
        self._library = library
        self._followed, self._since = self.steering.chosen, 0
        self.reset()

    def set_count(self, count: int) -> None:
        """Show so many bodies; all begin anew."""
        self.steering.set_count(count)
        self.physics = MujocoCpu(self.body, count)
        self.reset()

    def advance(self) -> None:
        self.steering.advance(self.body.control_dt)
        if self.steering.chosen is not self._followed:
            self._follow()
        super().advance()

    def command(self) -> str:
        """The command line that films what is chosen now, for as long as it has been held, at least one second.

        A blend, a sequence and a draw near a latent are filmed as the latent that they have come to.
        """
        held = (self.steps - self._since) * self.body.control_dt
        chosen, seconds = self.steering.chosen, f"{max(held, 1.0):.1f}"
        words = ["rgsd", "record", self.source]
        if chosen.kind == "clip" and self.start == FIRST_FRAME and self._library is not None:
            words += ["--clips", chosen.clip]
        elif chosen.kind == "random" and self.start == STANDING:
            words += ["--random", str(self.steering.count), "--seed", str(chosen.seed)]
        else:
            words += ["--z", *(f"{x:.4f}" for x in self.steering.goal[0].tolist())]
        return shlex.join([*words, "--seconds", seconds])

    def _latents(self) -> Tensor:
        return self.steering.z

    def _begin(self, ids: Tensor) -> None:
        first = self._first_frame(self.steering.chosen.clip) if self.start == FIRST_FRAME else None
        qpos, qvel = first or _pose(standing(self.body, 1, torch.device("cpu")))
        self.physics.reset(ids, qpos.expand(len(ids), -1), qvel.expand(len(ids), -1))
        if bool((ids == 0).any()):
            self._follow()

    def _first_frame(self, clip: str) -> tuple[Tensor, Tensor] | None:
        """qpos (1, nq) and qvel (1, nv), on the spot and looking along x."""
        if self._library is not None and clip in self._library.names:
            number = torch.tensor([self._library.index(clip)])
            qpos, qvel = _pose(self._library.state(number, torch.zeros_like(number)))
        elif clip in self.policy.clip_starts:
            sizes = [self.body.model.nq, self.body.model.nv]
            qpos, qvel = self.policy.clip_starts[clip].unsqueeze(0).split(sizes, dim=1)
        else:
            return None
        qpos = qpos.clone()
        qpos[:, :2] = 0.0
        return qpos, qvel

    def _follow(self) -> None:
        """The ghost sets out beside the first body, on the clip that was chosen; on none, if none was."""
        self._followed, self._since = self.steering.chosen, self.steps
        if self._followed.clip:
            self.ghost.begin(self._followed.clip, self.state.qpos[0])
        else:
            self.ghost.end()


def _pose(state: BodyState) -> tuple[Tensor, Tensor]:
    return state.qpos, state.qvel
