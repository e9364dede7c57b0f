"""The quadruped: a 12-actuator, 12 kg robot dog, small enough for runs of minutes on two CPU cores.

Four legs (front left, front right, rear left, rear right) of abduction, hip pitch and knee. Only the four foot
spheres, the knees and the trunk touch the ground, and nothing touches itself: contacts are most of what physics costs.
"""

from __future__ import annotations

import math

import mujoco
import numpy as np

from rgsd.bodies.body import Body, FallRule
from rgsd.bodies.scenery import add_scenery

LEGS = ("FL", "FR", "RL", "RR")
"""Prefixes of the legs' bodies and joints, in actuator order."""

STANDING_HEIGHT = 0.28
"""Height of the trunk's origin in the standing pose, m."""

# Geometry, m. The hip's abduction axes form a 0.38 x 0.10 m rectangle, the feet stand on one of 0.38 x 0.26 m.
_HIP_X, _HIP_Y = 0.19, 0.05
_HIP_OFFSET = 0.08
_THIGH = _SHANK = 0.20
_FOOT_RADIUS = 0.02
_KNEE_RADIUS = 0.022

# Masses, kg: 6.0 + 4 * (0.5 + 0.75 + 0.2 + 0.05) = 12
_TRUNK_MASS, _HIP_MASS, _THIGH_MASS, _SHANK_MASS, _FOOT_MASS = 6.0, 0.5, 0.75, 0.2, 0.05

# Joint, range in rad, action scale in rad. The scales cover 1.5 times what the gaits of `motions.synthesis` ask for.
_JOINTS = (("abduction", (-0.9, 0.9), 0.4), ("hip", (-1.0, 2.6), 0.8), ("knee", (-2.7, -0.4), 0.8))

# Gains at which the references of `motions.synthesis`, played open loop, cover their paths well (kp 120 sags by 14 mm
# under the trot, so that swinging feet drag; a kv of 6 lags behind the swing)
_KP = 160.0  # N m/rad
_KV = 4.0  # N m s/rad
_TORQUE = 35.0  # N m
_ARMATURE = 0.02  # kg m^2, the rotor seen through its gear

_TIMESTEP = 0.005  # s; four steps make a control period of 20 ms
_SUBSTEPS = 4

_SHELL, _JOINT, _LINK, _RUBBER, _ACCENT = "shell", "joint", "link", "rubber", "accent"
_COLOURS = {
    _SHELL: (0.93, 0.94, 0.95),
    _JOINT: (0.20, 0.22, 0.26),
    _LINK: (0.36, 0.39, 0.44),
    _RUBBER: (0.10, 0.10, 0.11),
    _ACCENT: (0.95, 0.48, 0.13),
}


def make_quadruped() -> Body:
    """The quadruped on its ground plane: 50 Hz control, 12 actions, standing 0.28 m high."""
    model = _spec().compile()
    pose = standing_joints()
    return Body(
        name="quadruped",
        model=model,
        substeps=_SUBSTEPS,
        standing_qpos=np.concatenate([[0.0, 0.0, STANDING_HEIGHT, 1.0, 0.0, 0.0, 0.0], pose]),
        action_center=pose,
        action_scale=np.tile([scale for _, _, scale in _JOINTS], len(LEGS)),
        feet=tuple(f"{leg}_foot" for leg in LEGS),
        key_bodies=tuple(f"{leg}_foot" for leg in LEGS),
        fall_rule=FallRule(min_height={"trunk": 0.16}, max_tilt=math.radians(60)),
        tracked_threshold=0.20,
        discovery_seconds=4.0,
    )


def standing_joints() -> np.ndarray:
    """(12,) hinge angles, rad, that put the feet right below the hips with the trunk at `STANDING_HEIGHT`."""
    # thigh and shank are equally long, so foot below hip means knee = -2 hip and 2 * 0.2 m * cos(hip) = reach
    hip = math.acos((STANDING_HEIGHT - _FOOT_RADIUS) / (_THIGH + _SHANK))
    return np.tile([0.0, hip, -2.0 * hip], len(LEGS))


def _spec() -> mujoco.MjSpec:
    spec = mujoco.MjSpec()
    spec.modelname = "quadruped"
    spec.compiler.degree = False
    spec.option.timestep = _TIMESTEP
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.solver = mujoco.mjtSolver.mjSOL_NEWTON
    # measured under random actions: a single Newton iteration doubles the falls and the peak velocities, more than
    # three change neither
    spec.option.iterations = 3
    spec.option.ls_iterations = 8
    spec.option.cone = mujoco.mjtCone.mjCONE_PYRAMIDAL
    add_scenery(spec)
    for name, rgb in _COLOURS.items():
        spec.add_material(name=name, rgba=[*rgb, 1.0], specular=0.3, shininess=0.4)
    trunk = _add_trunk(spec)
    for leg in LEGS:
        _add_leg(spec, trunk, leg)
    return spec


def _add_trunk(spec: mujoco.MjSpec) -> mujoco.MjsBody:
    trunk = spec.worldbody.add_body(name="trunk", pos=[0, 0, STANDING_HEIGHT])
    trunk.add_freejoint(name="root")
    trunk.add_geom(
        name="trunk",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[0.19, 0.075, 0.05],
        mass=_TRUNK_MASS,
        material=_SHELL,
        contype=0,
        conaffinity=1,
    )
    box, capsule = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CAPSULE
    _decorate(trunk, box, _JOINT, size=[0.15, 0.055, 0.012], pos=[0, 0, 0.052])  # deck
    _decorate(trunk, box, _ACCENT, size=[0.11, 0.0765, 0.006], pos=[0, 0, 0.02])  # stripe along the flanks
    _decorate(trunk, box, _JOINT, size=[0.045, 0.055, 0.038], pos=[0.225, 0, 0.018])  # head
    _decorate(trunk, capsule, _ACCENT, size=[0.008, 0, 0], fromto=[0.268, -0.035, 0.03, 0.268, 0.035, 0.03])  # eyes
    return trunk


def _add_leg(spec: mujoco.MjSpec, trunk: mujoco.MjsBody, leg: str) -> None:
    front = 1.0 if leg[0] == "F" else -1.0
    left = 1.0 if leg[1] == "L" else -1.0
    capsule, cylinder = mujoco.mjtGeom.mjGEOM_CAPSULE, mujoco.mjtGeom.mjGEOM_CYLINDER

    hip = trunk.add_body(name=f"{leg}_hip", pos=[front * _HIP_X, left * _HIP_Y, 0])
    _add_joint(spec, hip, leg, 0, axis=[1, 0, 0])
    _weigh(hip, cylinder, _JOINT, _HIP_MASS, size=[0.042, 0, 0], fromto=[0, left * 0.03, 0, 0, left * 0.07, 0])
    _decorate(hip, cylinder, _JOINT, size=[0.034, 0, 0], fromto=[-0.045, 0, 0, 0.045, 0, 0])

    thigh = hip.add_body(name=f"{leg}_thigh", pos=[0, left * _HIP_OFFSET, 0])
    _add_joint(spec, thigh, leg, 1, axis=[0, 1, 0])
    _weigh(thigh, capsule, _SHELL, _THIGH_MASS, size=[0.024, 0, 0], fromto=[0, 0, 0, 0, 0, -0.8 * _THIGH])
    _decorate(thigh, cylinder, _ACCENT, size=[0.036, 0, 0], fromto=[0, left * -0.02, 0, 0, left * 0.026, 0])
    _decorate(thigh, capsule, _SHELL, size=[0.018, 0, 0], fromto=[0, 0, -0.8 * _THIGH, 0, 0, -_THIGH])

    shank = thigh.add_body(name=f"{leg}_shank", pos=[0, 0, -_THIGH])
    _add_joint(spec, shank, leg, 2, axis=[0, 1, 0])
    _weigh(shank, capsule, _LINK, _SHANK_MASS, size=[0.013, 0, 0], fromto=[0, 0, 0, 0, 0, -_SHANK])
    _add_ball(shank, f"{leg}_knee", _JOINT, 0.0, _KNEE_RADIUS)

    foot = shank.add_body(name=f"{leg}_foot", pos=[0, 0, -_SHANK])
    _add_ball(foot, f"{leg}_foot", _RUBBER, _FOOT_MASS, _FOOT_RADIUS)


def _add_joint(spec: mujoco.MjSpec, body: mujoco.MjsBody, leg: str, index: int, axis: list[float]) -> None:
    """A hinge and its position actuator, both named `<leg>_<joint>`."""
    joint, limits, _ = _JOINTS[index]
    name = f"{leg}_{joint}"
    body.add_joint(
        name=name, type=mujoco.mjtJoint.mjJNT_HINGE, axis=axis, range=limits, limited=True, armature=_ARMATURE
    )
    actuator = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    actuator.set_to_position(kp=_KP, kv=_KV)
    actuator.forcelimited = True
    actuator.forcerange = [-_TORQUE, _TORQUE]


def _add_ball(body: mujoco.MjsBody, name: str, material: str, mass: float, radius: float) -> None:
    """A sphere at the body's origin that touches the ground alone: a single contact point."""
    sphere = mujoco.mjtGeom.mjGEOM_SPHERE
    body.add_geom(name=name, type=sphere, size=[radius, 0, 0], mass=mass, material=material, contype=0, conaffinity=1)


def _weigh(body: mujoco.MjsBody, kind: mujoco.mjtGeom, material: str, mass: float, **shape: list[float]) -> None:
    """A visible geom that carries a body's mass and touches nothing."""
    body.add_geom(type=kind, material=material, mass=mass, contype=0, conaffinity=0, **shape)


def _decorate(body: mujoco.MjsBody, kind: mujoco.mjtGeom, material: str, **shape: list[float]) -> None:
    """A geom without mass that is only seen."""
    body.add_geom(type=kind, material=material, mass=0, contype=0, conaffinity=0, group=2, **shape)
