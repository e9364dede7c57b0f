"""`Body`: what moves. A MuJoCo model with the facts that learning and measuring need to know of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import mujoco
import numpy as np

# what of a model decides how it moves; looks, and orientations of inertia (arbitrary where two moments are equal),
# are left out
_OPTIONS = ("timestep", "gravity", "integrator", "solver", "iterations", "tolerance", "cone", "impratio")
_PARTS = (
    "body_parentid", "body_pos", "body_quat", "body_ipos", "body_mass", "body_inertia",
    "jnt_pos", "jnt_axis", "jnt_limited", "jnt_range", "jnt_stiffness",
    "dof_armature", "dof_damping", "dof_frictionloss",
    "actuator_gainprm", "actuator_biasprm", "actuator_ctrllimited", "actuator_ctrlrange",
    "actuator_forcelimited", "actuator_forcerange",
)  # fmt: skip
_SHAPES = (
    "geom_bodyid", "geom_type", "geom_size", "geom_pos", "geom_quat", "geom_friction", "geom_solref", "geom_solimp",
    "geom_condim", "geom_contype", "geom_conaffinity",
)  # fmt: skip


class BodyError(ValueError):
    """A model that cannot be a body; the message names the part and the remedy."""


@dataclass(frozen=True)
class FallRule:
    """When a body counts as fallen: by height and tilt alone, whatever contacts are simulated."""

    min_height: dict[str, float]
    """Lowest world height of the named bodies' frames, m; below it the body has fallen."""
    max_tilt: float | None = None
    """Largest angle between the root's z axis and the vertical, rad; None for any."""


@dataclass(frozen=True)
class FeatureScales:
    """Floors of physical size for normalised features: a deviation this small is noise, not information."""

    height: float = 0.05
    """Root height, m."""
    position: float = 0.05
    """Heading-local body positions, m."""
    rotation: float = 0.12
    """Components of the 6-D rotation feature, dimensionless (near rad for small angles)."""
    linear_velocity: float = 0.35
    """Heading-local linear velocities, m/s."""
    angular_velocity: float = 1.2
    """Heading-local angular velocities, rad/s."""


@dataclass(frozen=True)
class Body:
    """A floating-base body: one free root joint, then hinges, each driven by one position actuator.

    The model's bodies are counted without the world, root first, in MuJoCo's depth-first order, and its
    hinges in actuator order, so that `qpos = (root xyz, root wxyz, hinges)` and
    `qvel = (root linear in the world frame, root angular in the root's frame, hinges)`.
    """

    name: str
    """The word that command lines and files know the body by."""
    model: mujoco.MjModel = field(repr=False)
    """The compiled MJCF model, ground plane included."""
    substeps: int
    """Physics steps a control step; the control period is `substeps * model.opt.timestep`."""
    standing_qpos: np.ndarray = field(repr=False)
    """(nq,) the standing pose, root at the origin of the ground plane."""
    action_center: np.ndarray = field(repr=False)
    """(num_actions,) PD target of action 0, rad."""
    action_scale: np.ndarray = field(repr=False)
    """(num_actions,) rad of PD target per unit of action: target = center + scale * action."""
    feet: tuple[str, ...]
    """Bodies that are meant to touch the ground."""
    key_bodies: tuple[str, ...]
    """Bodies whose positions and velocities enter the Frechet features (protocol.md, set v1)."""
    fall_rule: FallRule
    """When an episode ends for having fallen."""
    feature_scales: FeatureScales = FeatureScales()
    """Floors of the encoder's feature normalisation."""
    tracked_threshold: float = 0.25
    """Worst-body world distance within which a frame counts as tracked, m (protocol.md)."""
    discovery_seconds: float = 10.0
    """Length of a discovery rollout in an evaluation, s (protocol.md)."""

    def __post_init__(self) -> None:
        m = self.model
        if m.njnt == 0 or m.jnt_type[0] != mujoco.mjtJoint.mjJNT_FREE:
            raise BodyError(f"body '{self.name}': the first joint must be a free root joint")
        if np.any(m.jnt_type[1:] != mujoco.mjtJoint.mjJNT_HINGE):
            raise BodyError(f"body '{self.name}': every joint but the root must be a hinge")
        if m.nu != m.njnt - 1 or np.any(m.actuator_trnid[:, 0] != np.arange(1, m.njnt)):
            raise BodyError(
                f"body '{self.name}': needs one position actuator per hinge, in the hinges' order; "
                f"found {m.nu} actuators for {m.njnt - 1} hinges"
            )
        for given in (*self.feet, *self.key_bodies, *self.fall_rule.min_height):
            if given not in self.body_names:
                raise BodyError(f"body '{self.name}' has no part '{given}'; it has {', '.join(self.body_names)}")

    @cached_property
    def body_names(self) -> tuple[str, ...]:
        """Names of the moving bodies, root first."""
        return tuple(self.model.body(i).name for i in range(1, self.model.nbody))

    @cached_property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the hinges, in the order of qpos[7:] and of the actions."""
        return tuple(self.model.joint(i).name for i in range(1, self.model.njnt))

    @property
    def num_bodies(self) -> int:
        """Number of moving bodies."""
        return self.model.nbody - 1

    @property
    def num_actions(self) -> int:
        """Number of actuators."""
        return self.model.nu

    @property
    def control_dt(self) -> float:
        """Control period, s."""
        return self.substeps * self.model.opt.timestep

    @property
    def control_hz(self) -> float:
        """Control rate, 1/s."""
        return 1.0 / self.control_dt

    @cached_property
    def physics_digest(self) -> str:
        """SHA-256 of what decides how the body moves under an action; policies are worth something on it alone.

        Numbers count to six digits, so that the rounding of another machine's compiler changes nothing.
        """
        touching = (self.model.geom_contype | self.model.geom_conaffinity) > 0
        facts = [
            *(getattr(self.model.opt, name) for name in _OPTIONS),
            *(getattr(self.model, name) for name in _PARTS),
            *(getattr(self.model, name)[touching] for name in _SHAPES),
            *(self.substeps, self.action_center, self.action_scale),
        ]
        numbers = [np.asarray(fact, dtype=float).ravel() for fact in facts]
        lines = [" ".join(f"{x:.6g}" if abs(x) > 1e-9 else "0" for x in row) for row in numbers]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def body_ids(self, names: tuple[str, ...]) -> list[int]:
        """Indices of named bodies among the moving bodies (root is 0)."""
        return [self.body_names.index(name) for name in names]
