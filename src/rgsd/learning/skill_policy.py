"""`SkillPolicy`: what training leaves behind and others use, as a pair `policy.safetensors` + `policy.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.registry import make_body
from rgsd.envs.observation import ObservationLayout, observe
from rgsd.envs.reference_frames import Lag
from rgsd.envs.skill_env import Clock
from rgsd.errors import UnknownName
from rgsd.learning.networks import Actor
from rgsd.learning.policy_files import (
    DESCRIPTION,
    WEIGHTS,
    Condition,
    PolicyDescription,
    PolicyError,
    read_policy,
    to_bytes,
    write_policy,
)
from rgsd.motions.library import resample
from rgsd.motions.motion import Motion
from rgsd.skills import sphere
from rgsd.skills.contrastive import embed_frames
from rgsd.skills.encoder import Encoder


class SkillPolicy:
    """One latent-conditioned policy pi(a | s, z) with the encoder that names its skills.

    Attributes:
        body: what it moves.
        latent_dim: d.
        clips: names of the clips that it was trained on; empty where a method knows none.
        clip_latents: z_m (d,) of each of them; empty for methods without an embedding.
        clip_starts: first frame (nq + nv,) of each of them, qpos and qvel: where its skill can begin without the clip;
            empty for methods without an embedding, and in policies that older versions saved.
        clock: which optional last observation entry it expects.
        lag: whether its observations hold `rgsd.envs.reference_frames.Lag` behind those of `observe`.
        condition: "latent", or "reference" for a tracker that is shown the next reference frame instead.
        condition_moments: (2, d) mean and scale of those frames in training; None for a policy of latents.
        method: the method's name.
    """

    def __init__(
        self,
        *,
        body: Body,
        actor: Actor,
        latent_dim: int,
        method: str,
        encoder: Encoder | None = None,
        clip_latents: dict[str, Tensor] | None = None,
        clock: Clock = "none",
        lag: bool = False,
        condition: Condition = "latent",
        condition_moments: Tensor | None = None,
        clips: tuple[str, ...] = (),
        clip_starts: dict[str, Tensor] | None = None,
    ) -> None:
        self.body, self.actor, self.latent_dim, self.method = body, actor, latent_dim, method
        self.encoder, self.clip_latents = encoder, clip_latents or {}
        self.clips, self.clip_starts = tuple(self.clip_latents) or clips, clip_starts or {}
        self.clock: Clock = clock
        self.lag = lag
        self.condition: Condition = condition
        self.condition_moments = condition_moments

    @torch.no_grad()
    def act(
        self,
        observation: Tensor,
        z: Tensor,
        clock: Tensor | None = None,
        deterministic: bool = True,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Actions (..., A) in [-1, 1], in units of the body's action map: target = center + scale * action.

        Args:
            observation: (N, D) of `rgsd.envs.observation.observe`, or (D,) for one action (A,); with the lag behind it
                where the policy is shown one (`self.lag`).
            z: (N, d) unit latents, or (d,) for all observations.
            clock: (N,) or () s, for a policy trained with one (`self.clock`); ignored otherwise.
            deterministic: the mean action, or a draw with the training's exploration noise; clipped to [-1, 1]
                either way, as `SkillEnv` clips it.
            generator: of that draw.
        """
        if self.clock != "none":
            seconds = observation.new_zeros(observation.shape[:-1]) if clock is None else clock
            observation = torch.cat((observation, seconds.unsqueeze(-1)), dim=-1)
        action = self.actor(observation, z.expand(*observation.shape[:-1], -1))
        if not deterministic:
            action = action + self.actor.std * torch.randn(action.shape, generator=generator, device=action.device)
        return action.clamp(-1.0, 1.0)

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
        n: int,
        near: Tensor | str | None = None,
        kappa: float | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Latents (n, d): uniform on the sphere, or vMF(near, kappa) around a direction or a clip's name.

        Raises:
            PolicyError: an unknown clip, or `near` without `kappa`.
        """
        generator = generator or torch.default_generator
        if near is None:
            return sphere.sample_uniform(n, self.latent_dim, generator)
        if isinstance(near, str):
            if near not in self.clip_latents:
                raise PolicyError(f"no clip '{near}'; the policy knows {', '.join(self.clip_latents) or 'none'}")
            near = self.clip_latents[near]
        if kappa is None:
            raise PolicyError("sampling near a direction needs kappa, the concentration; try 20, 100 or 1000")
        near = torch.nn.functional.normalize(near, dim=-1)
        return sphere.sample_vmf(near.expand(n, -1), kappa, generator)

    @property
    def digest(self) -> str:
        """SHA-256 of its policy.safetensors."""
        return to_bytes(self._tensors())[1]

    def save(self, folder: Path) -> None:
        """Write policy.safetensors and policy.json into a folder."""
        weights, digest = to_bytes(self._tensors())
        description = PolicyDescription(
            method=self.method,
            body=self.body.name,
            physics_sha256=self.body.physics_digest,
            joint_names=self.body.joint_names,
            latent_dim=self.latent_dim,
            observation_sha256=ObservationLayout(self.body).digest,
            clock=self.clock,
            lag=self.lag,
            condition=self.condition,
            network=self.actor.config,
            encoder=None if self.encoder is None else self.encoder.config,
            clips=self.clips,
            weights_sha256=digest,
        )
        write_policy(folder, description, weights)

    def _tensors(self) -> dict[str, Tensor]:
        """What policy.safetensors holds."""
        tensors = {f"actor.{k}": v for k, v in self.actor.state_dict().items()}
        if self.encoder is not None:
            tensors |= {f"encoder.{k}": v for k, v in self.encoder.state_dict().items()}
        if self.clip_latents:
            tensors["clip_latents"] = torch.stack(list(self.clip_latents.values()))
        if self.clip_starts:
            tensors["clip_starts"] = torch.stack([self.clip_starts[name] for name in self.clips])
        if self.condition_moments is not None:
            tensors["condition_moments"] = self.condition_moments
        return tensors

    @classmethod
    def load(cls, folder: Path, body: Body | None = None) -> Self:
        """Read a published policy.

        Args:
            folder: holds policy.json and policy.safetensors; a run's folder will do.
            body: the body, for one that is not built in.

        Raises:
            PolicyError: files missing, damaged, not of one save, or of another schema; a body that is another, that
                moves otherwise than the one that was trained, or that must be given.
        """
        folder = folder / "policy" if (folder / "policy" / DESCRIPTION).exists() else folder
        description, tensors = read_policy(folder)
        body = _body_of(description, folder / DESCRIPTION, body)
        layout = ObservationLayout(body)
        if description.observation_sha256 not in (None, layout.digest):
            raise PolicyError(
                f"{folder / DESCRIPTION}: observation_sha256 is {description.observation_sha256}, this rgsd observes "
                f"{layout.digest}: what a policy is shown has changed; use the rgsd that trained it, or train anew"
            )
        size = layout.size + description.lag * Lag.size_of(body.num_bodies) + (description.clock != "none")
        encoder = None
        try:
            actor = Actor(size, description.latent_dim, torch.tensor(body.action_scale), description.network)
            actor.load_state_dict(_part(tensors, "actor."))
            if description.encoder is not None:
                encoder = Encoder(description.encoder, layout).requires_grad_(False)
                encoder.load_state_dict(_part(tensors, "encoder."))
            latents, starts = (
                dict(zip(description.clips, tensors[key], strict=True)) if key in tensors else None
                for key in ("clip_latents", "clip_starts")
            )
        except (RuntimeError, ValueError) as error:
            raise PolicyError(
                f"{folder / DESCRIPTION}: latent_dim, clock, network, encoder or clips do not fit what {WEIGHTS} holds "
                f"({' '.join(str(error).split())}); restore the file that training wrote, or train anew"
            ) from error
        return cls(
            body=body,
            actor=actor.requires_grad_(False),
            latent_dim=description.latent_dim,
            method=description.method,
            encoder=encoder,
            clip_latents=latents,
            clock=description.clock,
            lag=description.lag,
            condition=description.condition,
            condition_moments=tensors.get("condition_moments"),
            clips=description.clips,
            clip_starts=starts,
        )


def _body_of(description: PolicyDescription, file: Path, body: Body | None) -> Body:
    """The body that a policy was trained on: the given one, or the built-in one.

    Raises:
        PolicyError: it is not that body, or not built in.
    """
    try:
        body = body or make_body(description.body)
    except UnknownName as error:
        raise PolicyError(
            f"{file}: body '{error.name}' is not built in; pass it, with load_mjcf of rgsd.bodies.mjcf: "
            "SkillPolicy.load(path, body=load_mjcf(file)), or rgsd.load(path, body=...)"
        ) from None
    if description.joint_names != body.joint_names:
        raise PolicyError(f"{file}: joint_names are those of '{description.body}', not of '{body.name}'")
    if description.physics_sha256 != body.physics_digest:
        raise PolicyError(
            f"{file}: physics_sha256 is {description.physics_sha256}, that of body '{body.name}' is "
            f"{body.physics_digest}: its masses, shapes, gains, rates or action map have changed since training; "
            "use the file or the version of rgsd that it was trained with, or train anew"
        )
    return body


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
