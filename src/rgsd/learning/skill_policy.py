"""`SkillPolicy`: what training leaves behind and others use, as a pair `policy.safetensors` + `policy.json`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.registry import make_body
from rgsd.envs.observation import ObservationLayout, observe
from rgsd.envs.skill_env import Clock
from rgsd.errors import UnknownName
from rgsd.learning.checkpoint import write_atomically
from rgsd.learning.networks import Actor, NetworkConfig
from rgsd.motions.library import resample
from rgsd.motions.motion import Motion
from rgsd.skills import sphere
from rgsd.skills.contrastive import embed_frames
from rgsd.skills.encoder import Encoder, EncoderConfig

SCHEMA_VERSION = 1


class PolicyError(ValueError):
    """A policy file that cannot be used; the message names the file, the field, the value and the remedy."""


class SkillPolicy:
    """One latent-conditioned policy pi(a | s, z) with the encoder that names its skills.

    Attributes:
        body: what it moves.
        latent_dim: d.
        clip_latents: z_m (d,) of every clip that it was trained on; empty for methods without an embedding.
        clock: which optional last observation entry it expects.
        condition: "latent", or "reference" for a tracker that is shown the next reference frame instead.
        condition_moments: (2, d) mean and scale of those frames in training; None for a policy of latents.
        method: the method's name.
    """

    def __init__(
        self,
        body: Body,
        actor: Actor,
        latent_dim: int,
        method: str,
        encoder: Encoder | None = None,
        clip_latents: dict[str, Tensor] | None = None,
        clock: Clock = "none",
        condition: str = "latent",
        condition_moments: Tensor | None = None,
    ) -> None:
        self.body, self.actor, self.latent_dim, self.method = body, actor, latent_dim, method
        self.encoder, self.clip_latents = encoder, clip_latents or {}
        self.clock: Clock = clock
        self.condition, self.condition_moments = condition, condition_moments

    @torch.no_grad()
    def act(
        self,
        observation: Tensor,
        z: Tensor,
        clock: Tensor | None = None,
        deterministic: bool = True,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Actions (N, A) in units of the body's action map, target = center + scale * action.

        Args:
            observation: (N, D) of `rgsd.envs.observation.observe`.
            z: (N, d) or (d,) unit latents.
            clock: (N,) s, for a policy trained with one (`self.clock`); ignored otherwise.
            deterministic: the mean action, or a draw with the training's exploration noise.
            generator: of that draw.
        """
        if self.clock != "none":
            seconds = observation.new_zeros(len(observation)) if clock is None else clock
            observation = torch.cat((observation, seconds.unsqueeze(1)), dim=1)
        mean = self.actor(observation, z.expand(len(observation), -1))
        if deterministic:
            return mean
        return mean + self.actor.std * torch.randn(mean.shape, generator=generator, device=mean.device)

    def embed(self, motion: Motion | Tensor) -> Tensor:
        """z_m (d,) of a motion, or of its observations (T, D): the normalised mean of mu over the frames.

        Raises:
            PolicyError: the method has no encoder.
        """
        if self.encoder is None:
            raise PolicyError(f"a {self.method} policy has no encoder; search latents with `rgsd evaluate` instead")
        if isinstance(motion, Motion):
            motion.check(f"motion '{motion.name}'", self.body)
            clip = resample(self.body, motion, self.body.control_hz)
            motion = observe(forward_kinematics(self.body, clip.qpos, clip.qvel))
        return embed_frames(self.encoder, motion)

    @torch.no_grad()
    def encode(self, observation: Tensor) -> Tensor | None:
        """mu (N, d) of observations (N, D) by the frozen encoder, or None for a method without one."""
        return None if self.encoder is None else self.encoder(observation)

    def sample_z(
        self,
        count: int,
        near: Tensor | str | None = None,
        kappa: float | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Latents (count, d): uniform on the sphere, or vMF(near, kappa) around a direction or a clip's name.

        Raises:
            PolicyError: an unknown clip, or `near` without `kappa`.
        """
        generator = generator or torch.default_generator
        if near is None:
            return sphere.sample_uniform(count, self.latent_dim, generator)
        if isinstance(near, str):
            if near not in self.clip_latents:
                raise PolicyError(f"no clip '{near}'; the policy knows {', '.join(self.clip_latents) or 'none'}")
            near = self.clip_latents[near]
        if kappa is None:
            raise PolicyError("sampling near a direction needs kappa, the concentration; try 20, 100 or 1000")
        near = torch.nn.functional.normalize(near, dim=-1)
        return sphere.sample_vmf(near.expand(count, -1), kappa, generator)

    def save(self, folder: Path) -> None:
        """Write policy.safetensors and policy.json (no date, no pickle) into a folder."""
        tensors = {f"actor.{k}": v for k, v in self.actor.state_dict().items()}
        if self.encoder is not None:
            tensors |= {f"encoder.{k}": v for k, v in self.encoder.state_dict().items()}
        if self.clip_latents:
            tensors["clip_latents"] = torch.stack(list(self.clip_latents.values()))
        if self.condition_moments is not None:
            tensors["condition_moments"] = self.condition_moments
        description: dict[str, Any] = {
            "schema": SCHEMA_VERSION,
            "method": self.method,
            "body": self.body.name,
            "joint_names": list(self.body.joint_names),
            "latent_dim": self.latent_dim,
            "clock": self.clock,
            "condition": self.condition,
            "network": dataclasses.asdict(self.actor.config),
            "encoder": None if self.encoder is None else dataclasses.asdict(self.encoder.config),
            "clips": list(self.clip_latents),
        }
        contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        write_atomically(folder / "policy.safetensors", lambda p: save_file(contiguous, p))
        text = json.dumps(description, indent=2) + "\n"
        write_atomically(folder / "policy.json", lambda p: p.write_text(text))

    @classmethod
    def load(cls, folder: Path, body: Body | None = None) -> Self:
        """Read a published policy.

        Args:
            folder: holds policy.json and policy.safetensors; a run's folder will do.
            body: the body, for one that is not built in.

        Raises:
            PolicyError: files missing, of another schema, or of another body; or the body is needed.
        """
        folder = folder / "policy" if (folder / "policy" / "policy.json").exists() else folder
        described = folder / "policy.json"
        if not described.exists():
            raise PolicyError(f"{described}: no such file; give a run's folder, or train one with `rgsd train rgsd`")
        try:
            description: dict[str, Any] = json.loads(described.read_text())
            schema = description["schema"]
        except (ValueError, KeyError, TypeError) as error:
            raise PolicyError(f"{described}: not a policy's description ({error}); restore it or train anew") from error
        if schema != SCHEMA_VERSION:
            raise PolicyError(f"{described}: schema is {schema}, this rgsd reads {SCHEMA_VERSION}; train anew")
        try:
            body = body or make_body(description["body"])
        except UnknownName as error:
            raise PolicyError(
                f"{described}: body '{error.name}' is not built in; pass it, with load_mjcf of rgsd.bodies.mjcf: "
                "SkillPolicy.load(path, body=load_mjcf(file)), or rgsd.load(path, body=...)"
            ) from None
        if tuple(description["joint_names"]) != body.joint_names:
            raise PolicyError(f"{described}: joint_names are those of '{description['body']}', not of '{body.name}'")
        weights = folder / "policy.safetensors"
        try:
            tensors = load_file(weights)
        except (OSError, SafetensorError) as error:
            raise PolicyError(f"{weights}: not readable ({error}); copy it anew beside {described.name}") from error
        layout = ObservationLayout(body)
        network = NetworkConfig(**_with_tuples(description["network"]))
        size = layout.size + (description["clock"] != "none")
        actor = Actor(size, description["latent_dim"], torch.tensor(body.action_scale), network)
        encoder = None
        if description["encoder"] is not None:
            encoder = Encoder(EncoderConfig(**_with_tuples(description["encoder"])), layout)
            encoder.load_state_dict(_part(tensors, "encoder."))
        actor.load_state_dict(_part(tensors, "actor."))
        latents = dict(zip(description["clips"], tensors.get("clip_latents", torch.empty(0)), strict=True))
        return cls(
            body,
            actor.requires_grad_(False),
            description["latent_dim"],
            description["method"],
            encoder.requires_grad_(False) if encoder else None,
            latents,
            description["clock"],
            description["condition"],
            tensors.get("condition_moments"),
        )


def _with_tuples(settings: dict[str, Any]) -> dict[str, Any]:
    """JSON's lists as the tuples that configurations hold."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
