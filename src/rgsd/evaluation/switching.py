"""Changing the latent in mid-motion: how often the body falls in the two seconds after."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rgsd.bodies.state import BodyState
from rgsd.evaluation.intervals import wilson
from rgsd.evaluation.rollouts import Simulate, SkillController, chunks, roll_out, with_noise
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary

SECONDS_BEFORE = 1.0
"""Time under the first latent, s; less for a clip that is shorter."""
SECONDS_AFTER = 2.0
"""Time under the second latent in which a fall counts, s (protocol.md)."""


class SwitchingController(SkillController):
    """Holds latent z (N, d) for `switch` (N,) control steps, then `after` (N, d)."""

    def __init__(self, policy: SkillPolicy, z: Tensor, after: Tensor, switch: Tensor) -> None:
        super().__init__(policy, z)
        self._before, self._after, self._switch = z, after, switch

    def act(self, state: BodyState, step: int) -> Tensor:
        self.z = torch.where((step >= self._switch).unsqueeze(1), self._after, self._before)
        return super().act(state, step)


def switch(
    simulate: Simulate, policy: SkillPolicy, library: MotionLibrary, z: Tensor, per_pair: int, num_envs: int, seed: int
) -> dict[str, Any]:
    """Falls after a change from each clip's latent to each other's, the deterministic policy starting on the first.

    Args:
        simulate: makes the physics.
        policy: deterministic here.
        library: M clips.
        z: (M, d) their latents.
        per_pair: rollouts of each pair.
        num_envs: environments at a time.
        seed: of the initial noise.

    Returns:
        `clips` (M names); `per_pair`; `falls` (M x M lists, row before, column after): fraction of rollouts, among
        those still up at the change, that are down at some frame of the two seconds after it, null where none was up;
        `mean` over all pairs of different clips of which some were; `falls_ci` and `mean_ci`, its trials those of all
        these pairs; `up`, the fraction of the rollouts of pairs of different clips that were up at the change: what has
        fallen before says nothing of changes, and a mean over few pairs little; `up_ci`.
    """
    generator = torch.Generator().manual_seed(seed)
    count, hz = len(library), library.body.control_hz
    pair = torch.arange(count * count, device=z.device).repeat_interleave(per_pair)
    before, after = pair // count, pair % count
    change = (library.lengths - 1).clamp(max=round(SECONDS_BEFORE * hz))[before]
    window = round(SECONDS_AFTER * hz)
    up, down = [], []
    for part in chunks(len(pair), num_envs):
        clip = before[part]
        start = with_noise(library.state(clip, torch.zeros_like(clip)), generator)
        controller = SwitchingController(policy, z[clip], z[after[part]], change[part])
        frames = int(change[part].max()) + window + 1
        fell = roll_out(simulate, library.body, controller, start, frames, clip).fell
        time = torch.arange(frames, device=z.device)
        turn = change[part].unsqueeze(1)
        up.append(~(fell & (time <= turn)).any(dim=1))
        down.append((fell & (time > turn) & (time <= turn + window)).any(dim=1))
    standing = torch.cat(up).view(count, count, per_pair)
    falls = (torch.cat(down).view_as(standing) & standing).sum(dim=-1).double().cpu()
    trials = standing.sum(dim=-1).cpu()
    fraction = [[None if v != v else v for v in row] for row in (falls / trials).tolist()]
    different = ~torch.eye(count, dtype=torch.bool)
    others = different & (trials > 0)
    mean = float((falls / trials)[others].mean()) if others.any() else None
    tried = int(different.sum()) * per_pair
    still_up = int(trials[different].sum()) / tried if tried else None
    return {
        "clips": list(library.names),
        "per_pair": per_pair,
        "falls": fraction,
        "falls_ci": [
            [wilson(v, n) for v, n in zip(*row, strict=True)] for row in zip(fraction, trials.tolist(), strict=True)
        ],
        "mean": mean,
        "mean_ci": wilson(mean, int(trials[others].sum())),
        "up": still_up,
        "up_ci": wilson(still_up, tried),
    }
