"""Our PPO held against rsl_rl's on the same `SkillEnv`: learning curves and steps a second of both.

    pip install --no-deps rsl-rl-lib tensordict GitPython gitdb smmap      (and what an import then asks for)
    python benchmarks/ppo_vs_rsl_rl.py --minutes 10 --out runs/ppo_vs_rsl_rl

The quadruped tracks its gaits with the tracker's reward. Both learners have the same networks, discount, epochs,
minibatches and fixed exploration noise, and mean actions that begin near zero; the actor sees the observation and the
next reference frame, the critic also the privileged view. Ours bootstraps time limits with the value of the state that
was reached, rsl_rl with that of the state before; rsl_rl's rewards carry the factor 1 - gamma that ours applies inside.
They are trained in turn, a slice each, so that a machine that slows down slows both; curves are of the mean reward of
the rollouts that were learned from, which both collect with the same noise.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import tyro
from matplotlib.figure import Figure
from rsl_rl.algorithms import PPO
from torch import Tensor

from rgsd.bodies.registry import make_body
from rgsd.envs.rsl_rl import SkillVecEnv
from rgsd.envs.skill_env import SkillEnv, Starts, StepResult
from rgsd.learning.method import Progress
from rgsd.learning.networks import NetworkConfig
from rgsd.learning.rollout import Rollout
from rgsd.learning.warm_start import WarmStartConfig
from rgsd.methods.presets import make_preset
from rgsd.methods.runs import RunConfig, load_library, make_trainer
from rgsd.methods.tracker import Tracker, TrackerConfig

_SLICE = 5  # iterations of one learner before it is the other's turn


@dataclass
class Curve:
    """One learner's progress."""

    iterate: Callable[[], float]
    """One iteration; returns the mean reward a step."""
    seconds: float = 0.0
    """Of its own iterations."""
    samples: int = 0
    """Environment steps."""
    points: list[dict[str, float]] = field(default_factory=list)
    """Samples, seconds and mean reward after each iteration."""

    def advance(self, samples: int) -> None:
        """One iteration of `samples` environment steps."""
        begun = time.perf_counter()
        reward = self.iterate()
        self.seconds += time.perf_counter() - begun
        self.samples += samples
        self.points.append({"samples": self.samples, "seconds": self.seconds, "reward": reward})


def tracking_env(env: SkillEnv, tracker: Tracker, reward_scale: float) -> SkillVecEnv:
    """A `SkillEnv` with the tracker's episodes, reward and view of the reference's next frame, for rsl_rl."""

    def begin(ids: Tensor) -> Starts:
        episodes = tracker.begin_episodes(env.draws("episodes", ids))
        return Starts(episodes.clip, episodes.frame, episodes.imitation)

    def next_frame() -> Tensor:
        frame, _ = tracker.maybe_resample(
            Progress(env.clip, env.frame, env.elapsed, env.state.qpos, env.clip, env.imitation)
        )
        return math.sqrt(tracker.latent_dim) * frame  # the factor that our actor applies to its latents

    def reward(result: StepResult, clip: Tensor, imitation: Tensor) -> Tensor:
        # the tracker's reward reads these fields of a rollout; here it has one step
        one = {
            "next_observation": result.final_observation,
            "clip": clip,
            "frame": result.final_frame,
            "imitation": imitation,
            "root_error": result.tracking.root,
            "heading_error": result.tracking.heading.abs(),
        }
        rows = dict.fromkeys(Rollout.__dataclass_fields__, torch.zeros(env.num_envs)) | one
        return reward_scale * tracker.rewards(Rollout(**{name: row.unsqueeze(0) for name, row in rows.items()}))[0]

    env.set_starts(begin)
    return SkillVecEnv(env, reward, next_frame)


class RslRlLearner:
    """rsl_rl's PPO and the loop of its runner, without that one's logging."""

    def __init__(self, env: SkillVecEnv, config: RunConfig) -> None:
        self.env, self.horizon = env, config.trainer.horizon
        self._reward_scale = 1 - config.ppo.gamma
        torch.manual_seed(config.seed)
        self.algorithm = PPO.construct_algorithm(
            env.get_observations(), env, _rsl_rl_config(config, env), str(env.device)
        )
        self._start_as_ours(config.network)
        self.algorithm.train_mode()

    def iterate(self) -> float:
        """Collect, learn; returns the mean reward a step, on the tracker's scale."""
        algorithm, env, rewards = self.algorithm, self.env, []
        observations = env.get_observations()
        with torch.inference_mode():
            for _ in range(self.horizon):
                observations, reward, done, extras = env.step(algorithm.act(observations))
                algorithm.process_env_step(observations, reward, done.float(), extras)
                rewards.append(reward)
            algorithm.compute_returns(observations)
        algorithm.update()
        return float(torch.stack(rewards).mean()) / self._reward_scale

    @torch.no_grad()
    def _start_as_ours(self, network: NetworkConfig) -> None:
        """A last layer near zero, and the same noise in rad for every joint."""
        actor = self.algorithm.actor
        torch.nn.init.orthogonal_(actor.mlp[-1].weight, 0.01)
        torch.nn.init.zeros_(actor.mlp[-1].bias)
        scale = torch.tensor(self.env.env.body.action_scale, dtype=torch.float32)
        actor.distribution.log_std_param.copy_(torch.log(network.noise / scale))


def main(minutes: float = 1.0, num_envs: int = 1024, seed: int = 0, out: Path = Path("runs/ppo_vs_rsl_rl")) -> None:
    """Train both and write curves.json and curves.png.

    Args:
        minutes: of training, both together.
        num_envs: environments for each learner.
        seed: of everything random.
        out: folder for the results.
    """
    base = make_preset("cpu", "tracker", "quadruped")
    config = replace(
        base,
        num_envs=num_envs,
        seed=seed,
        network=replace(base.network, learn_noise=False, final_noise=base.network.noise),
        # the tracker's reward alone: rsl_rl is paid nothing for being alive
        trainer=replace(base.trainer, warm_start=WarmStartConfig(iterations=0), alive_reward=0.0),
    )
    library = load_library(config, make_body(config.body))
    tracker = Tracker(library, TrackerConfig())
    env = tracking_env(SkillEnv(library, config.env, num_envs, seed=seed), tracker, 1 - config.ppo.gamma)
    theirs = RslRlLearner(env, config)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        ours = make_trainer(config, Path(scratch))
        curves = {"rgsd": Curve(lambda: ours.iterate()["Train/mean_reward"]), "rsl_rl": Curve(theirs.iterate)}
        while sum(curve.seconds for curve in curves.values()) < 60 * minutes:
            for curve in curves.values():
                for _ in range(_SLICE):
                    curve.advance(num_envs * config.trainer.horizon)
    (out / "curves.json").write_text(json.dumps({name: curve.points for name, curve in curves.items()}))
    _plot(curves, out / "curves.png")
    print("| learner | steps | steps/s | mean reward at the end |\n|---|---|---|---|")
    for name, curve in curves.items():
        last = curve.points[-_SLICE:]
        reward = sum(point["reward"] for point in last) / len(last)
        print(f"| {name} | {curve.samples:,} | {curve.samples / curve.seconds:,.0f} | {reward:.3f} |")
    print(f"\ncurves.json and curves.png are in {out}")


def _rsl_rl_config(config: RunConfig, env: SkillVecEnv) -> dict[str, Any]:
    """Our settings in rsl_rl's words."""
    ppo, network = config.ppo, config.network
    noise = {"class_name": "GaussianDistribution", "std_type": "log", "learn_std": False}
    return {
        "num_steps_per_env": config.trainer.horizon,
        "multi_gpu": None,
        "obs_groups": {"actor": ["policy"], "critic": ["policy", "privileged"]},
        "actor": _rsl_rl_model(network.actor_hidden) | {"distribution_cfg": noise},
        "critic": _rsl_rl_model(network.critic_hidden),
        "algorithm": {
            "class_name": "PPO",
            "num_learning_epochs": ppo.epochs,
            "num_mini_batches": ppo.minibatches,
            "clip_param": ppo.clip,
            "gamma": ppo.gamma,
            "lam": ppo.gae_lambda,
            "value_loss_coef": ppo.value_weight,
            "entropy_coef": ppo.entropy_bonus,
            "learning_rate": ppo.learning_rate,
            "max_grad_norm": ppo.max_gradient_norm,
            "desired_kl": ppo.kl_per_action * env.num_actions,
            "rnd_cfg": None,
            "symmetry_cfg": None,
        },
    }


def _rsl_rl_model(hidden: tuple[int, ...]) -> dict[str, Any]:
    return {"class_name": "MLPModel", "hidden_dims": list(hidden), "activation": "elu", "obs_normalization": True}


def _plot(curves: dict[str, Curve], path: Path) -> None:
    figure = Figure(figsize=(10, 4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for panel, axis, label in zip(panels, ("samples", "seconds"), ("environment steps", "seconds"), strict=True):
        for name, curve in curves.items():
            panel.plot([p[axis] for p in curve.points], [p["reward"] for p in curve.points], label=name)
        panel.set(xlabel=label)
        panel.grid(alpha=0.3)
    panels[0].set(ylabel="mean reward a step")
    panels[0].legend()
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    tyro.cli(main)
