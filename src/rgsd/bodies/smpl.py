"""The SMPL humanoid: 24 bodies, 23 spherical joints as 69 hinges, built from the neutral skeleton.

Geoms are our own simple shapes of human proportions (about 70 kg). Only the ground is collided with:
contacts are most of a physics step, and protocol.md's fall rule needs none. `docs/results/smpl_physics.md`
holds the measurements behind timestep, solver and feet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import mujoco
import numpy as np

from rgsd.bodies.body import Body, FallRule
from rgsd.bodies.scenery import add_scenery

CONTROL_HZ = 30

# name, parent, offset from the parent in the z-up frame (x forward, y left), m: SMPL neutral, betas 0
SKELETON: tuple[tuple[str, str | None, tuple[float, float, float]], ...] = (
    ("Pelvis", None, (0.02821913, -0.00179506, -0.22333345)),
    ("L_Hip", "Pelvis", (-0.00681534, 0.06951974, -0.09140623)),
    ("L_Knee", "L_Hip", (-0.00449580, 0.03427655, -0.37519860)),
    ("L_Ankle", "L_Knee", (-0.04369333, -0.01359570, -0.39796036)),
    ("L_Toe", "L_Ankle", (0.11928840, 0.02635814, -0.05579088)),
    ("R_Hip", "Pelvis", (-0.00431982, -0.06767048, -0.09052168)),
    ("R_Knee", "R_Hip", (-0.00885003, -0.03829005, -0.38256901)),
    ("R_Ankle", "R_Knee", (-0.04231180, 0.01577377, -0.39841465)),
    ("R_Toe", "R_Ankle", (0.12334795, -0.02537175, -0.04814396)),
    ("Torso", "Pelvis", (-0.02669631, -0.00253286, 0.10896323)),
    ("Spine", "Torso", (0.00109247, 0.00548703, 0.13518043)),
    ("Chest", "Spine", (0.02542457, 0.00145700, 0.05292223)),
    ("Neck", "Chest", (-0.04285703, -0.00277839, 0.21387036)),
    ("Head", "Neck", (0.05134897, 0.00515184, 0.06496961)),
    ("L_Thorax", "Chest", (-0.03408961, 0.07884474, 0.12174930)),
    ("L_Shoulder", "L_Thorax", (-0.00886815, 0.09097693, 0.03046890)),
    ("L_Elbow", "L_Shoulder", (-0.02745644, 0.25961225, -0.01277206)),
    ("L_Wrist", "L_Elbow", (-0.00117092, 0.24923363, 0.00898603)),
    ("L_Hand", "L_Wrist", (-0.01494537, 0.08404218, -0.00816154)),
    ("R_Thorax", "Chest", (-0.03861529, -0.08175919, 0.11883283)),
    ("R_Shoulder", "R_Thorax", (-0.00914307, -0.09601238, 0.03255117)),
    ("R_Elbow", "R_Shoulder", (-0.02140098, -0.25374196, -0.01332922)),
    ("R_Wrist", "R_Elbow", (-0.00555919, -0.25529808, 0.00777229)),
    ("R_Hand", "R_Wrist", (-0.01031508, -0.08462193, -0.00611726)),
)

# kp N m/rad, kd N m s/rad, torque limit N m: the public humanoid frameworks' gains for this skeleton
_GAINS: dict[str, tuple[float, float, float]] = {
    "Hip": (800, 80, 500),
    "Knee": (800, 80, 500),
    "Ankle": (800, 80, 500),
    "Toe": (500, 50, 200),
    "Torso": (1000, 100, 500),
    "Spine": (1000, 100, 500),
    "Chest": (1000, 100, 500),
    "Neck": (500, 50, 250),
    "Head": (500, 50, 250),
    "Thorax": (500, 50, 500),
    "Shoulder": (500, 50, 500),
    "Elbow": (500, 50, 250),
    "Wrist": (300, 30, 100),
    "Hand": (300, 30, 100),
}
_ARMATURE = 0.02  # kg m^2
_DENSITY = 850.0  # kg/m^3: overlapping capsules count twice, so less than water for about 70 kg

# human range of each hinge x, y, z from the T-pose, deg, for the left side; the right mirrors x and z
_RANGES: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "Hip": ((-45, 60), (-130, 45), (-60, 60)),
    "Knee": ((-25, 25), (-10, 150), (-40, 40)),
    "Ankle": ((-40, 40), (-55, 55), (-45, 45)),
    "Toe": ((-25, 25), (-70, 40), (-25, 25)),
    "Torso": ((-40, 40), (-40, 60), (-45, 45)),
    "Spine": ((-40, 40), (-40, 60), (-45, 45)),
    "Chest": ((-40, 40), (-40, 60), (-45, 45)),
    "Neck": ((-50, 50), (-50, 60), (-60, 60)),
    "Head": ((-50, 50), (-50, 60), (-60, 60)),
    "Thorax": ((-50, 50), (-45, 45), (-50, 50)),
    "Shoulder": ((-130, 90), (-120, 120), (-130, 130)),
    "Elbow": ((-90, 90), (-120, 120), (-170, 60)),
    "Wrist": ((-90, 90), (-90, 90), (-90, 90)),
    "Hand": ((-45, 45), (-45, 45), (-45, 45)),
}
_TORQUE_MARGIN = 0.25  # rad beyond the range, so that a PD target can press against its end

# the arms of the standing pose hang: the T-pose shoulders turned down, elbows slightly bent, deg
_STANDING = {"L_Shoulder_x": -75.0, "R_Shoulder_x": 75.0, "L_Elbow_z": -15.0, "R_Elbow_z": 15.0}

_SKIN, _SHIRT, _TROUSERS, _SHOES = (
    (0.86, 0.69, 0.58, 1.0),
    (0.29, 0.47, 0.66, 1.0),
    (0.30, 0.32, 0.38, 1.0),
    (0.18, 0.18, 0.20, 1.0),
)


@dataclass(frozen=True)
class SmplPhysics:
    """What the physics of the humanoid costs and how exact it is."""

    substeps: int = 3
    """Physics steps per control step of 1/30 s."""
    iterations: int = 4
    """Most iterations of the constraint solver a step."""
    solver: Literal["newton", "cg", "pgs"] = "newton"
    """MuJoCo's constraint solver."""
    feet: Literal["points", "boxes"] = "points"
    """Contact shape of a foot: five small spheres on heel, ball and toes, or two boxes with up to eight contacts."""


def make_smpl(physics: SmplPhysics = SmplPhysics()) -> Body:
    """Build the humanoid.

    Args:
        physics: timestep, solver and contact shape; the default is what the measurements chose.
    """
    spec = mujoco.MjSpec()
    spec.modelname = "smpl"
    spec.compiler.degree = False
    spec.option.timestep = 1.0 / (CONTROL_HZ * physics.substeps)
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.solver = getattr(mujoco.mjtSolver, f"mjSOL_{physics.solver.upper()}")
    spec.option.iterations = physics.iterations
    spec.option.ls_iterations = 10
    # one body is one island: finding that out costs more than it saves
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_ISLAND
    # a body that blows up is reset by physics/, visibly and one at a time, not silently by the engine
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    add_scenery(spec)
    parts: dict[str, mujoco.MjsBody] = {}
    offsets = {name: np.array(offset) for name, _, offset in SKELETON}
    for name, parent, offset in SKELETON:
        if parent is None:
            part = spec.worldbody.add_body(name=name, pos=[0, 0, 0.95])
            part.add_freejoint(name="root")
        else:
            part = parts[parent].add_body(name=name, pos=offset)
            _add_hinges(spec, part, name)
        parts[name] = part
        _add_geoms(part, name, offsets, physics.feet)
    model = spec.compile()
    center, scale = _action_map(model)
    return Body(
        name="smpl",
        model=model,
        substeps=physics.substeps,
        standing_qpos=_standing_qpos(model),
        action_center=center,
        action_scale=scale,
        feet=("L_Ankle", "L_Toe", "R_Ankle", "R_Toe"),
        key_bodies=("Head", "Chest", "L_Wrist", "R_Wrist", "L_Knee", "R_Knee", "L_Ankle", "R_Ankle"),
        fall_rule=FallRule(
            {name: 0.30 if name == "Head" else 0.15 for name, _, _ in SKELETON if not name.endswith(("Ankle", "Toe"))}
        ),
        tracked_threshold=0.25,
        discovery_seconds=10.0,
    )


def _kind(name: str) -> str:
    return name.split("_")[-1]


def _add_hinges(spec: mujoco.MjSpec, part: mujoco.MjsBody, name: str) -> None:
    kp, kd, limit = _GAINS[_kind(name)]
    for axis, letter in enumerate("xyz"):
        joint = f"{name}_{letter}"
        # kd is damping of the joint, not of the actuator: it is integrated implicitly even where the torque
        # limit is reached, and a clamped actuator with damping inside chatters until it blows up
        part.add_joint(
            name=joint, type=mujoco.mjtJoint.mjJNT_HINGE, axis=np.eye(3)[axis], armature=_ARMATURE, damping=[kd, 0, 0]
        )
        actuator = spec.add_actuator(name=joint, target=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        actuator.set_to_position(kp=kp)
        actuator.forcerange = [-limit, limit]
        actuator.forcelimited = mujoco.mjtLimited.mjLIMITED_TRUE


def _add_geoms(part: mujoco.MjsBody, name: str, offsets: dict[str, np.ndarray], feet: str) -> None:
    """One or a few primitive shapes, in the body's frame."""
    kind, side = _kind(name), 1.0 if name.startswith("L_") else -1.0
    prefix = name[:2]

    def capsule(start: object, end: object, radius: float, rgba: object, density: float = _DENSITY) -> None:
        part.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            fromto=[*np.asarray(start, dtype=float), *np.asarray(end, dtype=float)],
            size=[radius, 0, 0],
            rgba=rgba,
            density=density,
            **_GROUND_ONLY,
        )

    if kind in ("Ankle", "Toe"):
        _add_foot(part, kind, side, feet)
    elif kind == "Pelvis":
        capsule((-0.01, -0.07, -0.01), (-0.01, 0.07, -0.01), 0.105, _TROUSERS)
    elif kind == "Torso":
        capsule((0.0, -0.06, 0.03), (0.0, 0.06, 0.03), 0.095, _SHIRT)
    elif kind == "Spine":
        capsule((0.0, -0.065, 0.02), (0.0, 0.065, 0.02), 0.10, _SHIRT)
    elif kind == "Chest":
        capsule((-0.02, -0.08, 0.08), (-0.02, 0.08, 0.08), 0.11, _SHIRT)
    elif kind == "Neck":
        capsule((0, 0, 0), offsets["Head"], 0.05, _SKIN)
    elif kind == "Head":
        capsule((0.01, 0, 0.04), (0.01, 0, 0.085), 0.09, _SKIN)
    else:
        child = {
            "Hip": "Knee", "Knee": "Ankle", "Thorax": "Shoulder",
            "Shoulder": "Elbow", "Elbow": "Wrist", "Wrist": "Hand",
        }  # fmt: skip
        radius = {"Hip": 0.075, "Knee": 0.055, "Thorax": 0.055, "Shoulder": 0.047, "Elbow": 0.04, "Wrist": 0.035}
        rgba = {"Hip": _TROUSERS, "Knee": _TROUSERS, "Thorax": _SHIRT, "Shoulder": _SHIRT}.get(kind, _SKIN)
        if kind == "Hand":
            capsule((0, 0, 0), (0, 0.07 * side, 0), 0.03, _SKIN)
        else:
            capsule((0, 0, 0), offsets[prefix + child[kind]], radius[kind], rgba)


# contype 0, conaffinity 1 meets only the ground (contype 1): no self-collision
_GROUND_ONLY = {"contype": 0, "conaffinity": 1, "condim": 3}
_HEEL_AND_BALL = ((-0.04, 0.03), (-0.04, -0.03), (0.105, 0.035), (0.105, -0.035))  # x, y of the contact spheres, m
_TOES = ((0.055, 0.0),)
_SOLE = -0.072  # height of the sole below the ankle, m
_TOE_SOLE = -0.017  # height of the sole below the toe joint, m


def _add_foot(part: mujoco.MjsBody, kind: str, side: float, feet: str) -> None:
    """The foot is seen as boxes; what touches is either those or five small spheres."""
    box, sphere = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_SPHERE
    touching = _GROUND_ONLY if feet == "boxes" else {"contype": 0, "conaffinity": 0}
    if kind == "Ankle":
        low, high = np.array([-0.055, -0.045, _SOLE]), np.array([0.125, 0.045, 0.005])
        part.add_geom(type=box, pos=(low + high) / 2, size=(high - low) / 2, rgba=_SHOES, density=_DENSITY, **touching)
        points, radius = _HEEL_AND_BALL, 0.02
        height = _SOLE + radius
    else:
        low, high = np.array([0.0, -0.045, _TOE_SOLE]), np.array([0.075, 0.045, 0.018])
        part.add_geom(type=box, pos=(low + high) / 2, size=(high - low) / 2, rgba=_SHOES, density=_DENSITY, **touching)
        points, radius = _TOES, 0.015
        height = _TOE_SOLE + radius
    if feet == "points":
        for x, y in points:
            part.add_geom(type=sphere, pos=[x, side * y, height], size=[radius, 0, 0], mass=0, group=3, **_GROUND_ONLY)


def _action_map(model: mujoco.MjModel) -> tuple[np.ndarray, np.ndarray]:
    """Centre and half-width of each hinge's target range, rad; the right side mirrors x and z."""
    low, high = [], []
    for index in range(1, model.njnt):
        name, letter = model.joint(index).name.rsplit("_", 1)
        bounds = _RANGES[_kind(name)]["xyz".index(letter)]
        if name.startswith("R_") and letter != "y":
            bounds = (-bounds[1], -bounds[0])
        low.append(np.radians(bounds[0]) - _TORQUE_MARGIN)
        high.append(np.radians(bounds[1]) + _TORQUE_MARGIN)
    return (np.array(low) + np.array(high)) / 2, (np.array(high) - np.array(low)) / 2


def _standing_qpos(model: mujoco.MjModel) -> np.ndarray:
    """Upright with hanging arms, soles on the ground."""
    qpos = np.zeros(model.nq)
    qpos[2], qpos[3] = 0.8715 - _SOLE, 1.0  # the right leg is 7 mm longer than the left
    for joint, degrees in _STANDING.items():
        qpos[model.joint(joint).qposadr[0]] = np.radians(degrees)
    return qpos
