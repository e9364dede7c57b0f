"""What somebody without rgsd must know to run an exported policy: plain data, for ONNX metadata and JSON alike."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from rgsd.envs.observation import KINDS, ObservationLayout
from rgsd.errors import UsageError
from rgsd.learning.skill_policy import SkillPolicy

FORMAT = "rgsd-policy-1"
"""Version of this description; another one if a key changes its meaning."""

_UNITS = dict(zip(KINDS, ("m", "m", "1", "m/s", "rad/s"), strict=True))
_MEANINGS = {
    "height": "world height of the root's origin",
    "position": "origin of each named body relative to the root's, 3 numbers a body",
    "rotation": "x axis, then z axis of each named body's frame, 6 numbers a body",
    "linear_velocity": "velocity of the origin of each named body, 3 numbers a body",
    "angular_velocity": "angular velocity of each named body, 3 numbers a body",
}
_CLOCKS = {"elapsed": "seconds since the start", "clip_time": "seconds since the first frame of the clip"}


def describe(policy: SkillPolicy) -> dict[str, Any]:
    """A policy of latents, but for its networks.

    Raises:
        UsageError: a tracker, whose input is no latent.
    """
    if policy.condition != "latent":
        raise UsageError(
            f"a {policy.method} policy is shown reference frames, not a latent, and cannot be exported; "
            "export a policy of skills, such as one of `rgsd train rgsd`"
        )
    body = policy.body
    return {
        "format": FORMAT,
        "method": policy.method,
        "policy_sha256": policy.digest,
        "body": body.name,
        "physics_sha256": body.physics_digest,
        "body_names": list(body.body_names),
        "joint_names": list(body.joint_names),
        "control_hz": body.control_hz,
        "physics_steps_per_control": body.substeps,
        "observation": _layout(policy),
        "observation_frame": "heading frame of the root: z up, turned about the vertical by the yaw of its x axis",
        "latent_dim": policy.latent_dim,
        "z": "a unit vector of latent_dim numbers, the skill",
        "action": "in [-1, 1], one a joint; PD target in rad = action_center + action_scale * action",
        "action_center": body.action_center.tolist(),
        "action_scale": body.action_scale.tolist(),
        "standing_qpos": body.standing_qpos.tolist(),
        "fall_below": dict(body.fall_rule.min_height),
        "fall_tilt": body.fall_rule.max_tilt,
        "clip_latents": {name: z.tolist() for name, z in policy.clip_latents.items()},
        "clip_starts": {name: state.tolist() for name, state in policy.clip_starts.items()},
    }


def _layout(policy: SkillPolicy) -> list[dict[str, Any]]:
    """The observation in order: runs of entries of one kind, from `start` up to `stop`."""
    parts, start = [], 0
    for kind, run in groupby(ObservationLayout(policy.body).entries, key=lambda entry: entry[0]):
        owners = [name for _, name in run]
        parts.append(
            {
                "kind": kind,
                "start": start,
                "stop": start + len(owners),
                "unit": _UNITS[kind],
                "bodies": list(dict.fromkeys(owners)),
                "meaning": _MEANINGS[kind],
            }
        )
        start += len(owners)
    if policy.clock != "none":
        meaning = _CLOCKS[policy.clock]
        parts.append(
            {"kind": "clock", "start": start, "stop": start + 1, "unit": "s", "bodies": [], "meaning": meaning}
        )
    return parts
