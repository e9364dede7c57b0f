"""A task's run: which skills, which style, its folder, and how the pieces are put together."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import torch
import tyro
import yaml
from torch import Tensor

from rgsd.atomic import write_atomically
from rgsd.envs.goal_field import FieldConfig
from rgsd.errors import UsageError
from rgsd.learning.networks import Actor, NetworkConfig
from rgsd.learning.policy_files import WEIGHTS
from rgsd.learning.ppo import PpoConfig
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.methods.limits import check_limits
from rgsd.methods.runs import from_plain, to_plain
from rgsd.motions.library import MotionLibrary
from rgsd.randomness import stream_seed
from rgsd.tasks.goal_env import GoalEnv
from rgsd.tasks.style import FREE
from rgsd.tasks.trainer import LoopConfig, RewardConfig, TaskTrainer, load_task_checkpoint, make_actor

CONFIG, LATENTS = "task.yaml", "style.json"

Starts = Literal["standing", "references"]


@dataclass(frozen=True)
class TaskConfig:
    """Everything that a task's run depends on, beside the skills."""

    run: tyro.conf.Suppress[tyro.conf.Fixed[str]] = ""
    """Folder of the skills' run."""
    style: str = FREE
    """free, sidestep or backward, or a clip or group of the run by name."""
    steps: int | None = None
    """Control steps in total after which training ends."""
    minutes: float | None = None
    """Minutes of the training loop in total after which it ends, at an iteration."""
    num_envs: int = 256
    """Environments that are stepped together."""
    seed: int = 0
    """Of everything random."""
    search_latents: int = 500
    """Uniform latents among which a style's are searched, for methods that embed no clips."""
    period: int = 5
    """Control steps that a latent is held."""
    episode_seconds: float = 60.0
    """Time limit of an episode, s."""
    margin: float = 5.0
    """How far outside the field the root may get before its episode is cut off, m: goals lie on the field, and a body
    that walks away from them for a minute learns nothing about reaching one. An evaluation cuts nothing off."""
    starts: Starts = "standing"
    """Where episodes begin: in the standing pose, or in any frame of the references, for skills that do not set off."""
    field: FieldConfig = FieldConfig()
    """The goals."""
    reward: RewardConfig = RewardConfig()
    """What a decision earns."""
    network: NetworkConfig = NetworkConfig(
        actor_hidden=(256, 128), critic_hidden=(256, 128), noise=0.3, final_noise=0.3
    )
    """Actor, critic and exploration; noise is of the latent's components, before they are brought to unit length."""
    ppo: PpoConfig = PpoConfig(gamma=0.95, learning_rate=3e-4, kl_per_action=0.02)
    """The learner; gamma is per decision."""
    loop: LoopConfig = LoopConfig()
    """The loop around it."""

    def check(self) -> None:
        """Refuse what cannot be trained, before anything is spent on it.

        Raises:
            UsageError: a number is outside its limits (`rgsd.methods.limits`), or nothing says when to end.
        """
        if self.steps is None and self.minutes is None:
            raise UsageError("--steps or --minutes must say when training ends; for a first look: --minutes 5")
        check_limits(self)

    def save(self, folder: Path) -> None:
        """Write task.yaml."""
        text = yaml.safe_dump(to_plain(self), sort_keys=False)
        write_atomically(folder / CONFIG, lambda p: p.write_text(text))

    @classmethod
    def load(cls, folder: Path) -> TaskConfig:
        """Read task.yaml of a run.

        Raises:
            UsageError: no such run, or a field that this version does not know.
        """
        path = folder / CONFIG
        if not path.exists():
            raise UsageError(f"{path}: no such file; train a task with `rgsd task train RUN --out {folder}`")
        try:
            return from_plain(cls, yaml.safe_load(path.read_text()))
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None
        except (yaml.YAMLError, AttributeError, TypeError) as error:
            raise UsageError(f"{path}: not a task's configuration ({error}); restore it or train anew") from error


class StyleLatents(NamedTuple):
    """The latents of a style's clips; none for the free style."""

    z: dict[str, Tensor]
    """By clip, (d,)."""
    source: dict[str, str]
    """By clip: training, embedding or search."""

    @property
    def stacked(self) -> Tensor | None:
        """(k, d), or None for the free style."""
        return torch.stack(list(self.z.values())) if self.z else None

    def save(self, folder: Path) -> None:
        """Write style.json: a search is not repeated when the training goes on."""
        content = {name: {"source": self.source[name], "z": z.tolist()} for name, z in self.z.items()}
        write_atomically(folder / LATENTS, lambda p: p.write_text(json.dumps(content, indent=1) + "\n"))

    @classmethod
    def load(cls, folder: Path) -> StyleLatents | None:
        """Read style.json; None if there is none.

        Raises:
            UsageError: it holds something else.
        """
        path = folder / LATENTS
        if not path.exists():
            return None
        try:
            content = json.loads(path.read_text())
            z = {name: torch.tensor(entry["z"]) for name, entry in content.items()}
            return cls(z, {name: entry["source"] for name, entry in content.items()})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"{path}: not the latents of clips ({error}); remove it to find them anew") from error


def skills_identity(run: Path) -> str:
    """SHA-256 of the policy that a run has published."""
    file = (run / "policy" if (run / "policy").is_dir() else run) / WEIGHTS
    return hashlib.sha256(file.read_bytes()).hexdigest()


def make_env(config: TaskConfig, policy: SkillPolicy, library: MotionLibrary, num_envs: int, seed: int) -> GoalEnv:
    """The field of a task's configuration, with so many environments and the references of the skills."""
    references = library if config.starts == "references" else None
    return GoalEnv(
        policy,
        config.field,
        config.period,
        config.episode_seconds,
        config.margin,
        num_envs,
        references=references,
        seed=seed,
    )


def make_task_trainer(
    config: TaskConfig, policy: SkillPolicy, library: MotionLibrary, style: Tensor | None, folder: Path
) -> TaskTrainer:
    """Everything that trains a task, at its start; `style` (k, d) are its latents, None for the free one."""
    env = make_env(config, policy, library, config.num_envs, stream_seed(config.seed, "env"))
    return TaskTrainer(
        env,
        library,
        style,
        skills_identity(Path(config.run)),
        config.reward,
        config.network,
        config.ppo,
        config.loop,
        folder,
        config.seed,
    )


def load_actor(config: TaskConfig, env: GoalEnv, folder: Path) -> Actor:
    """The trained policy of latents.

    Raises:
        UsageError: nothing has been trained yet.
        CheckpointError: it was trained over other skills.
    """
    state = load_task_checkpoint(folder, skills_identity(Path(config.run)))
    if state is None:
        raise UsageError(f"{folder / 'checkpoints'}: empty; train the task with `rgsd task train --resume {folder}`")
    actor = make_actor(env, config.network)
    actor.load_state_dict(state["actor"])
    return actor.requires_grad_(False)
