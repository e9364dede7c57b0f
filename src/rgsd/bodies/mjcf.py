"""`load_mjcf`: a file of a user's own as a body. What MJCF cannot say of a body is derived from the model here.

| fact | derived from |
|---|---|
| name | the file's stem |
| standing pose | the keyframe `home`, else the first one, else the pose in which the file is written |
| control period | the whole number of timesteps that comes nearest to 1/50 s |
| action map | [-1, 1] onto each actuator's ctrlrange, else its joint's range, else 1 rad about the standing angle |
| feet | the last bodies of limbs that can touch the ground, low within 5 cm of the lowest point when standing |
| key bodies | bodies without children, feet first, at most 8 |
| fall rule | the root below half of its standing height, or tilted by more than 60 degrees |
| tracked threshold | 0.7 of the standing height, which is the quadruped's fraction, at most the humanoid's 0.25 m |
| ground, light, sky | the file's own if it has a ground plane; else those of `scenery` in their place |

A `robot.toml` beside the file may state most of it instead (`robot_file`).
"""

from __future__ import annotations

import math
from pathlib import Path

import mujoco
import numpy as np

from rgsd.bodies.body import Body, BodyError, FallRule
from rgsd.bodies.robot_file import RobotFile
from rgsd.bodies.scenery import GROUND, add_scenery
from rgsd.bodies.servos import check_servos, put_servos, read_gains, sort_servos

_CONTROL_PERIOD = 0.02  # s
_MARGIN = 0.05  # m of height within which a body stands on the ground
_MOST_KEY_BODIES = 8  # as many as the Frechet features have room for
_MAX_TILT = math.radians(60)
_FREE = mujoco.mjtJoint.mjJNT_FREE
_OUT_OF_SIGHT = 1e3  # m, beyond which no distance is looked for


def load_mjcf(path: Path, gains: str = "") -> Body:
    """Read a robot: a free root joint, then hinges, each with one position actuator, in whatever order.

    Args:
        path: the file.
        gains: `kp,kd` of servos on all hinges in place of the file's actuators, as a last `[gains.".*"]` in robot.toml
            would state them; if empty, what it states, else the file's own.

    Raises:
        BodyError: no such file, not MJCF, or a model that cannot be a body; the message names the file, the element
            and the remedy.
    """
    stated = RobotFile(path)
    spec, model, ground = _compile(path, stated)
    _check_tree(path, model)
    _check_ground(path, model, ground)
    hinges = [model.joint(i).name for i in range(1, model.njnt)]
    if servos := stated.servos(hinges, read_gains(gains) if gains else {}):
        put_servos(spec, servos)
    else:
        sort_servos(path, spec, hinges)
    model = _compiled(path, spec)
    check_servos(path, model)
    standing, lowest = _standing_pose(path, model, ground)
    feet, ends = _feet(model, lowest)
    keys = sorted(ends, key=lambda i: ends[i] not in feet)[:_MOST_KEY_BODIES]
    center, scale = _action_map(model, standing)
    height = float(standing[2])
    derived = Body(
        name=path.stem,
        model=model,
        substeps=max(1, round(_CONTROL_PERIOD / model.opt.timestep)),
        standing_qpos=standing,
        action_center=center,
        action_scale=scale,
        feet=tuple(model.body(i).name for i in feet),
        key_bodies=tuple(model.body(i).name for i in keys),
        fall_rule=FallRule({model.body(1).name: 0.5 * height}, _MAX_TILT),
        tracked_threshold=min(0.25, 0.7 * height),
        discovery_seconds=4.0,
    )
    return stated.state(derived)


def standing_height(path: Path) -> float:
    """Height of the root in the standing pose, m, whatever drives the hinges.

    Raises:
        BodyError: as for `load_mjcf`.
    """
    _, model, ground = _compile(path, RobotFile(path))
    _check_tree(path, model)
    return float(_standing_pose(path, model, ground)[0][2])


def _compile(path: Path, stated: RobotFile) -> tuple[mujoco.MjSpec, mujoco.MjModel, int]:
    """The file with what is stated beside it, the model that it makes, and which of its geoms is the ground."""
    if not path.is_file():
        raise BodyError(f"{path}: no such file; give the path of an MJCF file, or a built-in body by its name")
    try:
        spec = mujoco.MjSpec.from_file(str(path))
        stated.amend(spec)
        # a body that blows up is reset by physics/, visibly and one at a time, not silently by the engine
        spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
        model = spec.compile()
        ground = _level_plane(model)
        if ground is None:
            skies = [texture for texture in spec.textures if texture.type == mujoco.mjtTexture.mjTEXTURE_SKYBOX]
            for doubled in (*spec.lights, *skies):
                spec.delete(doubled)
            add_scenery(spec)
            model = spec.compile()
            ground = model.geom(GROUND).id
    except BodyError:
        raise
    except ValueError as error:
        raise BodyError(f"{path}: MuJoCo cannot read it ({' '.join(str(error).split())}); correct the file") from None
    return spec, model, ground


def _compiled(path: Path, spec: mujoco.MjSpec) -> mujoco.MjModel:
    try:
        return spec.compile()
    except ValueError as error:
        said = " ".join(str(error).split())
        raise BodyError(f"{path}: MuJoCo cannot read it with servos in the hinges' order ({said})") from None


def _level_plane(model: mujoco.MjModel) -> int | None:
    """The first plane of the world that faces up."""
    planes = np.flatnonzero((model.geom_bodyid == 0) & (model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE))
    return next((int(geom) for geom in planes if _uprightness(model.geom_quat[geom]) > 1 - 1e-6), None)


def _uprightness(quat: np.ndarray) -> float:
    """Cosine of the angle between the z axis of a frame, wxyz, and the vertical."""
    up = np.zeros(3)
    mujoco.mju_rotVecQuat(up, np.array([0.0, 0.0, 1.0]), quat)
    return float(up[2])


def _check_tree(path: Path, model: mujoco.MjModel) -> None:
    """One tree of named bodies on a free root joint, moved by named hinges."""
    if model.njnt == 0 or model.jnt_type[0] != _FREE or model.jnt_bodyid[0] != 1:
        first = model.body(1).name if model.nbody > 1 else ""
        free = [model.body(model.jnt_bodyid[i]).name for i in np.flatnonzero(model.jnt_type == _FREE)]
        if free:
            raise BodyError(f"{path}: body '{first}', the first, is no part of the robot '{free[0]}'; take it out")
        raise BodyError(f"{path}: body '{first}', the first, has no free joint; put <freejoint/> into it")
    for i in range(1, model.nbody):
        if not model.body(i).name:
            raise BodyError(f"{path}: body {i}, in '{model.body(model.body_parentid[i]).name}', has no name; add one")
        if model.body_rootid[i] != 1:
            raise BodyError(f"{path}: body '{model.body(i).name}' is no part of '{model.body(1).name}'; take it out")
    for i in range(1, model.njnt):
        name, owner = model.joint(i).name, model.body(model.jnt_bodyid[i]).name
        if model.jnt_type[i] != mujoco.mjtJoint.mjJNT_HINGE:
            kind = mujoco.mjtJoint(int(model.jnt_type[i])).name.removeprefix("mjJNT_").lower()
            raise BodyError(f"{path}: joint '{name}' of body '{owner}' is a {kind} joint; make it hinges, or remove it")
        if not name:
            raise BodyError(f"{path}: a hinge of body '{owner}' has no name; motions know joints by name, so add one")
    if model.njnt == 1:
        raise BodyError(f"{path}: body '{model.body(1).name}' and its parts have no hinge; add joints with actuators")


def _check_ground(path: Path, model: mujoco.MjModel, ground: int) -> None:
    """The ground lies at height 0, and something can stand on it."""
    if model.geom_pos[ground, 2] != 0:
        raise BodyError(f"{path}: the ground plane lies at height {model.geom_pos[ground, 2]:g} m; move it to 0")
    if not len(_touching(model, ground)):
        raise BodyError(f'{path}: no geom can touch the ground; give the geoms of the feet conaffinity="1"')


def _touching(model: mujoco.MjModel, ground: int) -> np.ndarray:
    """The geoms that can touch the ground: what is only seen cannot, and pairs may name others."""
    kind, affinity = model.geom_contype, model.geom_conaffinity
    meets = ((kind & affinity[ground]) | (affinity & kind[ground])) != 0
    for first, second in zip(model.pair_geom1, model.pair_geom2, strict=True):
        meets[[g for g in (first, second) if ground in (first, second)]] = True
    return np.flatnonzero(meets & (model.geom_bodyid > 0))


def _standing_pose(path: Path, model: mujoco.MjModel, ground: int) -> tuple[np.ndarray, dict[int, float]]:
    """The standing pose (nq,) above the ground's origin, and the lowest point of each body that has geoms, m."""
    names = [model.key(i).name for i in range(model.nkey)]
    key = names.index("home") if "home" in names else 0
    source = f"keyframe '{names[key]}'" if names else "the pose of the file, which has no keyframe 'home',"
    qpos = model.key_qpos[key].copy() if names else model.qpos0.copy()
    qpos[:2] = 0.0
    root = model.body(1).name
    if qpos[2] <= 0:
        raise BodyError(f"{path}: {source} has root '{root}' at height {qpos[2]:g} m; raise it to stand on height 0")
    if _uprightness(qpos[3:7]) < math.cos(_MAX_TILT):
        raise BodyError(f"{path}: {source} tilts the z axis of root '{root}' by more than 60 degrees; let it point up")
    lowest = _lowest_points(model, ground, qpos)
    deepest = min(lowest, key=lowest.__getitem__)
    if lowest[deepest] < -_MARGIN:
        raise BodyError(
            f"{path}: {source} has body '{model.body(deepest).name}' {-lowest[deepest]:.2f} m below the ground; "
            "add a keyframe 'home' in which the robot stands on height 0"
        )
    return qpos, lowest


def _feet(model: mujoco.MjModel, lowest: dict[int, float]) -> tuple[list[int], dict[int, int]]:
    """The feet, and the last body of each limb with the nearest one, itself or above it, that can touch the ground.

    Files often end a leg in an empty body that only marks a place.
    """
    ends: dict[int, int] = {}
    for leaf in (i for i in range(1, model.nbody) if i not in model.body_parentid):
        solid = leaf
        while solid not in lowest and solid > 1:
            solid = int(model.body_parentid[solid])
        ends[leaf] = solid
    near = min(lowest.values()) + _MARGIN
    feet = sorted({solid for solid in ends.values() if lowest.get(solid, math.inf) <= near})
    return feet or [min(lowest, key=lowest.__getitem__)], ends


def _lowest_points(model: mujoco.MjModel, ground: int, qpos: np.ndarray) -> dict[int, float]:
    """Height of the lowest point of every moving body that can touch the ground, by body id, m."""
    data = mujoco.MjData(model)
    data.qpos[:] = qpos
    mujoco.mj_forward(model, data)
    lowest: dict[int, float] = {}
    for geom in _touching(model, ground):
        owner = int(model.geom_bodyid[geom])
        height = mujoco.mj_geomDistance(model, data, ground, int(geom), _OUT_OF_SIGHT, None)
        lowest[owner] = min(height, lowest.get(owner, math.inf))
    return lowest


def _action_map(model: mujoco.MjModel, standing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and half-width (num_actions,) of each hinge's range of targets, rad."""
    bounds = standing[7:, None] + np.array([-1.0, 1.0])
    in_joint, in_actuator = model.jnt_limited[1:].astype(bool), model.actuator_ctrllimited.astype(bool)
    bounds[in_joint] = model.jnt_range[1:][in_joint]
    bounds[in_actuator] = model.actuator_ctrlrange[in_actuator]
    return bounds.mean(axis=1), (bounds[:, 1] - bounds[:, 0]) / 2
