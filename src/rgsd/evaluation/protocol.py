"""The evaluation protocol, version 2, from a policy to `evaluation.json` and `rollouts.npz`.

docs/protocol.md defines every number. Deterministic rollouts are the headline; the stochastic policy's row and the
reference rows (static pose, open-loop replay, tracker, untrained) have the same form and stand beside it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rgsd.atomic import write_atomically
from rgsd.errors import UsageError
from rgsd.evaluation import discovery
from rgsd.evaluation.frechet import FEATURE_SET
from rgsd.evaluation.imitation import Reference
from rgsd.evaluation.latent_search import clip_latents
from rgsd.evaluation.recording import Recording
from rgsd.evaluation.reference_rows import static_pose_row, tracker_row
from rgsd.evaluation.rollouts import (
    Controller,
    ReplayController,
    Simulate,
    SkillController,
    TrackingController,
    roll_out_clips,
)
from rgsd.evaluation.rows import RowBuilder
from rgsd.evaluation.switching import switch
from rgsd.evaluation.variations import vary
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.methods.limits import check_limits
from rgsd.motions.library import MotionLibrary
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.skills.sphere import sample_uniform

PROTOCOL_VERSION = 2
"""Version of docs/protocol.md; numbers of different versions must not be compared."""
SCHEMA_VERSION = 2
"""Version of the form of evaluation.json."""


@dataclass(frozen=True)
class EvaluationConfig:
    """How much is rolled out; the defaults are the protocol's, fewer are for a look in between."""

    rollouts_per_clip: int = 16
    """Imitation rollouts of each clip, deterministic; as many stochastic, and of each reference row."""
    num_latents: int = 500
    """Latents of the discovery rollouts, and of the search for methods that do not embed clips."""
    discovery_seconds: float | None = None
    """Length of a discovery rollout, s; None for the body's own (4 s quadruped, 10 s SMPL)."""
    variations_per_clip: int = 16
    """Latents drawn around each clip's own, for each concentration."""
    rollouts_per_switch: int = 4
    """Rollouts of each ordered pair of clips whose latents are switched; 0 leaves that out."""
    held_out_latents: int = 2500
    """Latents whose fraction that moves like a held-out gait is counted: a rare skill needs more than others."""
    num_envs: int = 256
    """Environments simulated at a time, which bounds the memory; another number draws other initial noise."""
    threads: int = 0
    """Physics threads; 0 for one a core."""
    seed: int = 0
    """Of initial noise, latents and the stochastic policy's actions."""

    def check(self, option: str) -> None:
        """Refuse an amount that measures nothing.

        Args:
            option: how the command line calls this configuration, such as --config.

        Raises:
            UsageError: a number that is too small; the message names its option.
        """
        check_limits(self, f"{option}.")

    @property
    def below_protocol(self) -> dict[str, int]:
        """The amounts of rollouts that are less than the protocol's, by name; empty for a whole evaluation."""
        whole = EvaluationConfig()
        return {name: getattr(self, name) for name in AMOUNTS if getattr(self, name) < getattr(whole, name)}


AMOUNTS = ("rollouts_per_clip", "num_latents", "variations_per_clip", "rollouts_per_switch", "held_out_latents")
"""The fields of `EvaluationConfig` that say how much is rolled out."""
QUICK = EvaluationConfig(
    rollouts_per_clip=4, num_latents=64, variations_per_clip=4, rollouts_per_switch=0, held_out_latents=64
)
"""A look between stretches of training: a fifth of the rollouts, no switching."""


def evaluate(
    policy: SkillPolicy,
    library: MotionLibrary,
    config: EvaluationConfig | None = None,
    *,
    run: str = "",
    weights_sha256: str = "",
    folder: Path | None = None,
    untrained: SkillPolicy | None = None,
    tracker: Path | None = None,
    held_out: MotionLibrary | None = None,
    simulate: Simulate | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Measure a policy by the whole protocol.

    Libraries and physics share one device.

    Args:
        policy: what is evaluated.
        library: the clips that it should imitate.
        config: how much is rolled out.
        run: name of the run, for the file.
        weights_sha256: of the policy's weights, for the file: it tells what was evaluated from what was trained since.
        folder: where `evaluation.json` and `rollouts.npz` go; nothing is written if None.
        untrained: the same policy before training, for its row (under the evaluated policy's latents) and its fraction
            of gaits; null if None.
        tracker: `evaluation.json` of a tracking policy on the same clips; null if None.
        held_out: gaits that the policy never saw, whose fraction among random latents is counted.
        simulate: makes the physics; C MuJoCo on CPU threads if None.
        progress: called with a word on each stage as it begins.

    Returns:
        The content of `evaluation.json`, plain numbers and None.

    Raises:
        UsageError: policy and library belong to different bodies, the tracker's file does not fit, or the configuration
            asks for nothing.
    """
    config, tell = config or EvaluationConfig(), progress or (lambda _: None)
    config.check("--config")
    body = library.body
    if policy.body.name != body.name:
        raise UsageError(f"the policy moves body '{policy.body.name}', the motions are of '{body.name}'; choose others")
    simulate = simulate or (lambda count: MujocoCpu(body, count, config.threads))
    references = [Reference.of(library, clip) for clip in range(len(library))]
    # early, that a file which does not fit costs no rollouts
    tracker_content = None if tracker is None else tracker_row(tracker, library, references, PROTOCOL_VERSION)
    recording, seed = Recording(library), config.seed

    with torch.no_grad():
        tell("latents")
        z, sources = _latents(simulate, policy, library, config)

        def row(controller: Callable[[Tensor], Controller], deterministic: bool | None = None) -> dict[str, Any]:
            """One row; those of the evaluated policy itself say whether it is deterministic, and are recorded."""
            builder = RowBuilder(library, references)
            start_noise, count = torch.Generator().manual_seed(seed + 8), config.rollouts_per_clip
            for clip, rollouts in roll_out_clips(simulate, library, controller, count, config.num_envs, start_noise):
                builder.add(clip, rollouts, policy.encode, z[clip].expand(count, -1))
                if deterministic is not None:
                    recording.add_clip(clip, rollouts, deterministic)
            return builder.row()

        tell("deterministic rollouts")
        headline = row(_controller(policy, library, z), deterministic=True)
        for motion, latent, source in zip(library.motions, z, sources, strict=True):
            shown = None if source == "reference" else latent.tolist()
            headline["clips"][motion.name] |= {"group": motion.group, "latent_source": source, "z": shown}
        tell("stochastic rollouts")
        noise = torch.Generator(library.device).manual_seed(seed + 2)
        stochastic = row(_controller(policy, library, z, noise), deterministic=False)
        tell("reference rows")
        reference_rows = {
            "static_pose": static_pose_row(library, references),
            "open_loop_replay": row(lambda clip: ReplayController(library)),
            "tracker": tracker_content,
            "untrained": None if untrained is None else row(_controller(untrained, library, z)),
        }
        discovered = None
        if policy.condition == "latent":
            tell("discovery")
            discovered = _discovery(simulate, policy, library, config, untrained, held_out, recording)
            tell("variations and switching")
            per_clip, per_pair = config.variations_per_clip, config.rollouts_per_switch
            discovered["variations"] = vary(simulate, policy, library, z, per_clip, config.num_envs, seed + 5)
            discovered["switching"] = None
            if per_pair:
                discovered["switching"] = switch(simulate, policy, library, z, per_pair, config.num_envs, seed + 6)

    result = {
        "schema": SCHEMA_VERSION,
        "protocol": PROTOCOL_VERSION,
        "run": run,
        "weights_sha256": weights_sha256,
        "method": policy.method,
        "body": body.name,
        "feature_set": FEATURE_SET,
        "rollouts_per_clip": config.rollouts_per_clip,
        "below_protocol": config.below_protocol,
        "performed_by": sorted({motion.performer for motion in library.motions if motion.performer}),
        "seed": seed,
        **headline,
        "stochastic": stochastic,
        "discovery": discovered,
        "reference_rows": reference_rows,
    }
    if folder is not None:
        recording.save(folder / "rollouts.npz")
        write_atomically(folder / "evaluation.json", lambda path: _write_json(path, result))
    return result


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(_nulled(content), indent=1, allow_nan=False) + "\n")


def _nulled(value: Any) -> Any:
    """The content with null for what is not finite: one undefined metric must not cost the whole evaluation."""
    if isinstance(value, dict):
        return {key: _nulled(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_nulled(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _controller(
    policy: SkillPolicy, library: MotionLibrary, z: Tensor, noise: torch.Generator | None = None
) -> Callable[[Tensor], Controller]:
    """What makes a policy's controllers for clips (N,): it holds z_m, or is shown the reference if it is a tracker."""
    if policy.condition == "reference":
        return lambda clip: TrackingController(policy, library, noise)
    return lambda clip: SkillController(policy, z[clip], noise)


def _latents(
    simulate: Simulate, policy: SkillPolicy, library: MotionLibrary, config: EvaluationConfig
) -> tuple[Tensor, list[str]]:
    """z_m (M, d) and its source, clip by clip; zeros for a tracker, which has none."""
    if policy.condition == "reference":
        return torch.zeros(len(library), policy.latent_dim, device=library.device), ["reference"] * len(library)
    return clip_latents(simulate, policy, library, config.num_latents, config.num_envs, config.seed + 1)


def _discovery(
    simulate: Simulate,
    policy: SkillPolicy,
    library: MotionLibrary,
    config: EvaluationConfig,
    untrained: SkillPolicy | None,
    held_out: MotionLibrary | None,
    recording: Recording,
) -> dict[str, Any]:
    """The measures of the discovery rollouts, with the fractions of held-out gaits (of the untrained policy, too)."""
    seconds, seed = config.discovery_seconds or library.body.discovery_seconds, config.seed

    def discover(who: SkillPolicy, count: int, seed: int) -> discovery.Discovery:
        latents = sample_uniform(count, policy.latent_dim, torch.Generator().manual_seed(seed)).to(library.device)
        return discovery.discover(simulate, who, latents, seconds, config.num_envs, seed + 1)

    found = discover(policy, config.num_latents, seed + 3)
    recording.add_discovery(found)
    result = discovery.measure(found, library)
    result["held_out_latents"] = None if held_out is None else config.held_out_latents
    for key, who in (("held_out", policy), ("untrained_held_out", untrained)):
        fractions = None, None
        if who is not None and held_out is not None:
            fractions = discovery.gait_fractions(discover(who, config.held_out_latents, seed + 9), held_out)
        result[key], result[f"{key}_ci"] = fractions
    return result
