"""What rounding does to a policy: TF32 and bfloat16 beside float32, told in the learner's own unit.

    python benchmarks/precision.py

Published policies act for two seconds from where their motions begin; on all states that they meet, mean actions are
computed once more with the operands of every matrix product rounded to TF32 or bfloat16 (sums stay in float32, as on a
GPU). The KL divergence from the exact policy (float64), under the noise that it was trained with, stands beside the one
that an update of PPO is to make: rounding that is not far below it drowns the update.
"""

from __future__ import annotations

from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn

from rgsd import pretrained
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.envs.observation import observe
from rgsd.evaluation.rollouts import SkillController, roll_out, standing, with_noise
from rgsd.learning.networks import Actor, gaussian_kl
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.methods.presets import make_preset
from rgsd.physics.mujoco_cpu import MujocoCpu

_SECONDS, _NUM_ENVS = 2.0, 32
_DROPPED = {"TF32": 13, "bfloat16": 16}  # of float32's 23 bits of mantissa


def rounded(x: Tensor, bits: int) -> Tensor:
    """Float32 numbers to the nearest with so many bits fewer."""
    whole = x.contiguous().view(torch.int32)
    return ((whole + (1 << (bits - 1))) & ~((1 << bits) - 1)).view(torch.float32)


def mean_action(actor: Actor, observation: Tensor, z: Tensor, bits: int) -> Tensor:
    """Mean actions with operands rounded by so many bits; not at all for 0."""
    x = torch.cat((actor.normalizer(observation), actor.latent_scale * z), dim=-1)
    for layer in actor.network:
        if isinstance(layer, nn.Linear) and bits:
            x = nn.functional.linear(rounded(x, bits), rounded(layer.weight, bits), layer.bias)
        else:
            x = layer(x)
    return x


@torch.no_grad()
def states_met(policy: SkillPolicy) -> tuple[Tensor, Tensor]:
    """Observations (n, D) and latents (n, d) of the policy's own rollouts under the directions of its motions."""
    body, names = policy.body, list(policy.clip_latents)
    which = torch.arange(_NUM_ENVS) % len(names)
    z = torch.stack(list(policy.clip_latents.values()))[which]
    start = standing(body, _NUM_ENVS, z.device)
    if policy.clip_starts:
        first = torch.stack(list(policy.clip_starts.values())).double()[which].split([body.model.nq, body.model.nv], 1)
        start = forward_kinematics(body, first[0].numpy(), first[1].numpy())
    begin = with_noise(start, torch.Generator().manual_seed(0))
    frames, nobody = round(_SECONDS * body.control_hz) + 1, torch.zeros(_NUM_ENVS, dtype=torch.long)
    found = roll_out(partial(MujocoCpu, body), body, SkillController(policy, z), begin, frames, nobody)
    up = ~found.fell
    return observe(found.states[up]).float(), z.repeat_interleave(up.sum(dim=1), dim=0)


@torch.no_grad()
def main() -> None:
    """Print a row for each published policy."""
    print("| policy | wanted an update, nats | float32 | TF32 | bfloat16 |\n|---|---|---|---|---|")
    for body, folder in pretrained.published().items():
        policy, preset = SkillPolicy.load(folder), make_preset("cpu", "rgsd", body)
        observation, z = states_met(policy)
        # the deviation is a buffer of training; a published policy holds that of its last step
        std = policy.actor.std.double()
        exact = mean_action(deepcopy(policy.actor).double(), observation.double(), z.double(), 0)
        shown = [folder.name, f"{preset.ppo.kl_per_action * len(std):.3f}"]
        for bits in (0, *_DROPPED.values()):
            off = mean_action(policy.actor, observation, z, bits).double()
            shown.append(f"{float(gaussian_kl(exact, std, off, std).mean()):.2g}")
        print(f"| {' | '.join(shown)} |")


if __name__ == "__main__":
    main()
