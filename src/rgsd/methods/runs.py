"""A run: what was trained on what, its folder, and how the pieces are put together."""

from __future__ import annotations

import dataclasses
import logging
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
import tyro
import yaml

from rgsd.atomic import write_atomically
from rgsd.bodies.body import Body
from rgsd.bodies.registry import is_mjcf, make_body
from rgsd.envs.skill_env import EnvConfig, SkillEnv
from rgsd.errors import UnknownName, UsageError
from rgsd.learning import distributed
from rgsd.learning.method import Method
from rgsd.learning.metrics_log import Logger, check_logger
from rgsd.learning.networks import NetworkConfig
from rgsd.learning.policy_files import DESCRIPTION
from rgsd.learning.ppo import PpoConfig
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.learning.teachers import load_teacher
from rgsd.learning.trainer import Trainer, TrainerConfig, check_identity, load_own_checkpoint, teacher_copies
from rgsd.methods.limits import check_limits
from rgsd.methods.metra import MetraConfig
from rgsd.methods.migration import migrate_config
from rgsd.methods.registry import METHODS, MethodConfig, PretrainProgress
from rgsd.methods.rgsd import RgsdConfig
from rgsd.motions.clip_sets import CLIP_SETS
from rgsd.motions.embedded import EMBEDDED, embedded
from rgsd.motions.importing import load_motions
from rgsd.motions.library import MotionLibrary
from rgsd.motions.motion import Motion
from rgsd.motions.synthesis.quadruped import synthesize_quadruped
from rgsd.physics.choice import Engine, make_physics
from rgsd.physics.trial import try_out
from rgsd.randomness import stream_seed

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
_Chosen = tyro.conf.Suppress[tyro.conf.Fixed[_T]]  # no option of its own: the other defaults depend on it


@dataclass(frozen=True)
class RunConfig:
    """Everything that a run depends on."""

    method: _Chosen[str] = "rgsd"
    """A name of `rgsd.methods.registry.METHODS`."""
    body: _Chosen[str] = "quadruped"
    """quadruped, smpl, or the path of an MJCF file."""
    gains: str = ""
    """kp,kd of servos in place of the actuators of an MJCF file, N m/rad and N m s/rad; empty for those of its
    robot.toml, else the file's own."""
    preset: _Chosen[str] = dataclasses.field(default="", compare=False)
    """What the other settings began as, for who reads of the run; empty in those that did not record it."""
    motions: str = "synthetic"
    """A file or folder of motions in any readable format; `synthetic`, the quadruped's planned gaits; or `embedded`,
    what comes with rgsd for smpl: ACCAD's clips as a tracker performs them in simulation."""
    clip_set: str = "auto"
    """A named set of clips to take from `motions`, such as accad20; `all`; or `auto`, a set held whole, else all."""
    clips: tuple[str, ...] = ()
    """Names of the clips to use; all if none."""
    steps: int | None = None
    """Environment steps in total after which training ends."""
    minutes: float | None = None
    """Minutes of the training loop in total after which it ends, at an iteration."""
    num_envs: int = 512
    """Environments that are stepped together, in all processes of a run."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where networks and learning are; cuda takes one GPU a process."""
    physics: Engine = "cpu"
    """What steps the body: cpu, C MuJoCo on the CPU's cores, whatever the device; warp, MuJoCo Warp on the device."""
    seed: int = 0
    """Of everything random."""
    logger: Logger = dataclasses.field(default="tensorboard", compare=False)
    """What draws the metrics beside metrics.jsonl: tensorboard, wandb (Weights & Biases, rgsd's extra wandb), none."""
    env: EnvConfig = EnvConfig()
    """Environment: how episodes start and when they end."""
    network: NetworkConfig = NetworkConfig()
    """Networks: actor, critic and exploration."""
    ppo: PpoConfig = PpoConfig()
    """Learner: PPO."""
    trainer: TrainerConfig = TrainerConfig()
    """Loop: what an iteration is, and what every step earns."""
    settings: MethodConfig = RgsdConfig()
    """Method."""

    def check(self) -> None:
        """Refuse what cannot be trained, before anything is spent on it.

        Raises:
            UsageError: a number is outside its limits (`rgsd.methods.limits`), an option is not the method's, or the
                logger is not installed; the message names it.
        """
        check_limits(self)
        check_logger(self.logger)
        if self.env.lag and self.method != "tracker":
            raise UsageError(f"--env.lag: a policy of {self.method} has no reference to be behind of; leave it out")

    def with_absolute_paths(self) -> RunConfig:
        """The same with absolute paths of its motions and teachers: a run must find them wherever it is resumed."""
        config, warm_start = self, self.trainer.warm_start
        if self.motions not in ("", "synthetic", EMBEDDED):
            config = dataclasses.replace(config, motions=str(Path(self.motions).resolve()))
        teachers = tuple(str(Path(teacher).resolve()) for teacher in warm_start.teachers)
        warm_start = dataclasses.replace(warm_start, teachers=teachers)
        return dataclasses.replace(config, trainer=dataclasses.replace(self.trainer, warm_start=warm_start))

    def make_body(self) -> Body:
        """What moves.

        Raises:
            UnknownName: no such body.
            BodyError: its file cannot be one.
        """
        return make_body(self.body, self.gains)

    def save(self, folder: Path) -> None:
        """Write config.yaml."""
        text = yaml.safe_dump(to_plain(self), sort_keys=False)
        write_atomically(folder / "config.yaml", lambda p: p.write_text(text))

    @classmethod
    def load(cls, folder: Path) -> RunConfig:
        """Read config.yaml of a run.

        Raises:
            UsageError: no such run, a field that this version does not know, or a setting that it has no more.
        """
        path = folder / "config.yaml"
        if not path.exists():
            remedy = (
                "it is a task's, so look at it with `rgsd task evaluate`"
                if (folder / "task.yaml").exists()
                else (f"train one with `rgsd train rgsd --out {folder}`")
            )
            raise UsageError(f"{path}: no such file, so {folder} is no run of skills; {remedy}")
        try:
            content = migrate_config(yaml.safe_load(path.read_text()))
            settings = METHODS[content["method"]].settings
            return from_plain(cls, content | {"settings": from_plain(settings, content["settings"])})
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None
        except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
            raise UsageError(f"{path}: not a run's configuration ({error}); restore it or train anew") from error


def check_method(name: str) -> str:
    """The name, if there is such a method.

    Raises:
        UnknownName: there is none; the message lists the nearest.
    """
    if name not in METHODS:
        raise UnknownName("method", name, METHODS)
    return name


def load_library(config: RunConfig, body: Body, device: torch.device | str = "cpu") -> MotionLibrary:
    """The reference motions that a run's configuration names, on a device.

    Raises:
        MotionError: none, or one that does not fit.
        UsageError: `synthetic` for a body that has no planned gaits, or `embedded` for one that comes without motions.
    """
    if config.motions == "synthetic":
        if body.name != "quadruped":
            raise UsageError(
                f"--motions synthetic: gaits are planned for the quadruped, not for '{body.name}'; give a folder"
            )
        motions = synthesize_quadruped(body)
    elif not config.motions:
        such = "those that `rgsd motions import` writes"
        raise UsageError(f"--motions must name a file or folder of motions of '{body.name}', such as {such}")
    else:
        motions = _load_clip_set(motions_folder(config.motions, body), body, config.clip_set)
    library = MotionLibrary(body, motions, device)
    return library.select(config.clips) if config.clips else library


def motions_folder(motions: str, body: Body) -> Path:
    """Where motions that were asked for lie: a path as it is, or the body's embedded ones.

    Raises:
        UsageError: `embedded` for a body that comes without motions.
    """
    return embedded(body.name) if motions == EMBEDDED else Path(motions)


def _load_clip_set(path: Path, body: Body, clip_set: str) -> list[Motion]:
    """The motions of a folder, or of the named set in it."""
    if clip_set not in ("auto", "all"):
        return load_motions(path, body, clip_set)
    motions = load_motions(path, body)
    found = {motion.name: motion for motion in motions}
    for name, clips in CLIP_SETS.items() if clip_set == "auto" else ():
        if all(clip.name in found for clip in clips):
            others = sorted(found.keys() - {clip.name for clip in clips})
            if others:
                shown = ", ".join(others[:3]) + (", ..." if others[3:] else "")
                _log.warning("%s: %s alone is taken; --clip-set all takes the others too (%s)", path, name, shown)
            return [found[clip.name] for clip in clips]
    return motions


def make_method(
    config: RunConfig, library: MotionLibrary, folder: Path, progress: PretrainProgress | None = None
) -> Method:
    """A run's method as its latest checkpoint left it, or at its start, pretraining included.

    Raises:
        CheckpointError: the checkpoint is damaged, or of other motions or physics.
    """
    settings, saved = config.settings, load_own_checkpoint(folder)
    if saved is not None and isinstance(settings, RgsdConfig | MetraConfig):
        settings = dataclasses.replace(settings, contrastive=dataclasses.replace(settings.contrastive, steps=0))
    method = METHODS[check_method(config.method)].build(library, settings, config.seed, progress)
    if saved is not None:
        check_identity(saved, library, folder)
        method.load_state_dict(saved["method"])
    return method


def make_trainer(
    config: RunConfig,
    folder: Path,
    progress: PretrainProgress | None = None,
    device: torch.device | None = None,
) -> Trainer:
    """Everything that trains a run, at its start; only the method is that of a checkpoint, if there is one.

    Args:
        config: the run.
        folder: its folder.
        progress: called with (step, loss) of the pretraining.
        device: of the learner; the one that the configuration names if not given.

    Raises:
        UsageError: the motions, the device or the number of environments do not fit.
        CheckpointError: a checkpoint that this run cannot go on from.
        PolicyError: a teacher of the warm start is not there, or cannot teach this body or any of these clips.
    """
    device = device or distributed.own_device(config.device)
    num_envs = distributed.own_count(config.num_envs, "--num-envs")
    library = load_library(config, config.make_body(), device)
    if is_mjcf(config.body):
        try_out(library)
    teachers = _teachers(config, library, folder)
    method = make_method(config, library, folder, progress)  # the trainer asks it for the clips' latents
    physics = make_physics(config.physics, library.body, num_envs, device, distributed.own_threads())
    seed, first = stream_seed(config.seed, "env"), distributed.rank() * num_envs
    env = SkillEnv(library, config.env, physics=physics, seed=seed, first_env=first)
    parts = config.network, config.ppo, config.trainer
    return Trainer(env, method, config.method, *parts, folder, config.seed, teachers)


def _teachers(config: RunConfig, library: MotionLibrary, folder: Path) -> list[SkillPolicy]:
    """The policies that a run clones: its own copies once there are some."""
    folders = config.trainer.warm_start.teachers
    return [
        load_teacher(copy if (copy / DESCRIPTION).exists() else Path(given), library)
        for given, copy in zip(folders, teacher_copies(folder, len(folders)), strict=True)
    ]


def to_plain(value: Any) -> Any:
    """Dataclasses and tuples as dicts and lists, for YAML."""
    if dataclasses.is_dataclass(value):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return [to_plain(v) for v in value] if isinstance(value, tuple) else value


def from_plain(cls: Any, content: dict[str, Any]) -> Any:
    """A dataclass from a dict; nested dataclasses and tuples are restored.

    Raises:
        UsageError: a field that it does not have.
    """
    hints = typing.get_type_hints(cls)
    arguments = {}
    for name, value in content.items():
        if name not in hints:
            raise UsageError(f"{UnknownName('field', name, hints)}; it was written by another version of rgsd")
        hint = hints[name]
        if dataclasses.is_dataclass(hint) and isinstance(value, dict):
            value = from_plain(hint, value)
        elif isinstance(value, list):
            value = tuple(value)
        arguments[name] = value
    return cls(**arguments)
