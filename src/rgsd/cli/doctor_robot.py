"""`rgsd doctor robot.xml`: what was derived of a robot, what looks wrong with it, and whether it stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mujoco
import numpy as np

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.mjcf import load_mjcf
from rgsd.bodies.robot_file import RobotFile
from rgsd.cli.checks import Check
from rgsd.motions.retarget import sole_points
from rgsd.physics.trial import CURES, hold_standing

_OFF_GROUND = 0.01  # m, by which standing soles may miss the ground
_LIGHT, _HEAVY = 0.5, 500.0  # kg, beyond which a robot's units are in doubt


def check_robot(path: Path, gains: str = "") -> list[Check]:
    """All that is known of a robot's file, as lines of the doctor's report.

    Args:
        path: the file.
        gains: `kp,kd` of servos, as for `load_mjcf`.

    Raises:
        BodyError: it cannot be a body at all.
    """
    body, stated = load_mjcf(path, gains), RobotFile(path).content
    fields = {*stated, "gains"} if gains else set(stated)
    return [*_derived(body, fields), *_doubts(path, body), _stands(body)]


def _derived(body: Body, stated: set[str]) -> Iterator[Check]:
    """What a training would take it for; what robot.toml states is marked."""

    def line(name: str, found: str, field: str = "") -> Check:
        return Check(name, found + (" (stated)" if field in stated else ""), good=True)

    m, rule = body.model, body.fall_rule
    yield line("robot", f"{body.num_bodies} bodies, {body.num_actions} hinges, {m.body_mass.sum():.1f} kg")
    yield line("standing", f"root at {body.standing_qpos[2]:.3f} m", "standing")
    yield line("control", f"{body.control_hz:.4g} Hz, {body.substeps} steps of {m.opt.timestep:g} s", "control_hz")
    yield line("feet", ", ".join(body.feet), "feet")
    yield line("key bodies", ", ".join(body.key_bodies), "key_bodies")
    heights = ", ".join(f"{name} below {height:.2f} m" for name, height in rule.min_height.items())
    tilt = "" if rule.max_tilt is None else f", tilt above {np.degrees(rule.max_tilt):.0f} deg"
    yield line("fallen", heights + tilt, "fall")
    yield line("gains", f"kp {_span(m.actuator_gainprm[:, 0])} N m/rad, torque {_torques(m)}", "gains")
    yield line("action", f"{_span(body.action_scale)} rad a unit", "action")


def _doubts(path: Path, body: Body) -> Iterator[Check]:
    """What is allowed and usually a slip."""
    m, toml = body.model, path.with_suffix(".toml").name
    mass = float(m.body_mass.sum())
    if not _LIGHT < mass < _HEAVY:
        yield _doubt("mass", f"{mass:.3g} kg", "give inertials in kg, or geoms a density")
    state = forward_kinematics(body, body.standing_qpos[None], np.zeros((1, m.nv)))
    low = float(sole_points(body, state)[..., 2].min())
    if abs(low) > _OFF_GROUND:
        height = body.standing_qpos[2] - low
        yield _doubt("soles", f"{low:+.3f} m above the ground", f"in {toml}: [standing] height = {height:.3f}")
    reach = np.abs(body.standing_qpos[7:] - body.action_center) > body.action_scale
    if reach.any():
        names = ", ".join(np.array(body.joint_names)[reach])
        yield _doubt("reach", f"standing is out of reach of {names}", f"in {toml}: [action] scale")
    far = np.abs(body.standing_qpos[7:] - body.action_center) > 0.5 * body.action_scale
    if (far & ~reach).any():
        names = ", ".join(np.array(body.joint_names)[far & ~reach])
        yield _doubt("centre", f"action 0 is far from standing at {names}", f"in {toml}: [action] scale")
    loose = [name for name, limited in zip(body.joint_names, m.jnt_limited[1:], strict=True) if not limited]
    if loose:
        yield _doubt("ranges", f"none at {', '.join(loose)}", "give the joints a range")
    bare = [name for name, armature in zip(body.joint_names, m.dof_armature[6:], strict=True) if armature == 0]
    if bare:
        yield _doubt("armature", f"0 at {len(bare)} hinges", f"in {toml}: armature of [gains], the rotors' inertia")
    unlimited = int((m.actuator_forcelimited == 0).sum())
    if unlimited:
        yield _doubt("torque", f"no limit at {unlimited} hinges", f"in {toml}: torque of [gains]")
    touching = _touching(body)
    if touching:
        yield _doubt("overlap", f"standing, {touching} touch", f"in {toml}: [physics] self_collision = false")


def _doubt(name: str, found: str, remedy: str) -> Check:
    return Check(name, found, good=False, needed=False, remedy=remedy)


def _touching(body: Body) -> str:
    """Pairs of the robot's own bodies that touch when it stands, the first three."""
    m, data = body.model, mujoco.MjData(body.model)
    data.qpos[:] = body.standing_qpos
    mujoco.mj_forward(m, data)
    pairs = {tuple(sorted(int(m.geom_bodyid[geom]) for geom in contact.geom)) for contact in data.contact}
    own = [f"{m.body(a).name} and {m.body(b).name}" for a, b in sorted(pairs) if a > 0]
    return ", ".join(own[:3])


def _stands(body: Body) -> Check:
    """Whether it holds itself; a biped need not, but nothing may blow up."""
    held = hold_standing(body)
    if held.outcome == "stood":
        return Check("held", f"stands for {held.seconds:.3g} s, its root {100 * held.sunk:.1f} cm lower", good=True)
    if held.outcome == "fell":
        said = f"falls after {held.seconds:.2f} s ({held.part}); a biped may, a quadruped should not"
        return Check("held", said, good=False, needed=False, remedy="higher kp, or another standing pose")
    return Check("held", f"blows up after {held.seconds:.2f} s at {held.part}", good=False, remedy=CURES)


def _span(values: np.ndarray) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:.3g}" if np.isclose(low, high) else f"{low:.3g} to {high:.3g}"


def _torques(model: mujoco.MjModel) -> str:
    limited = model.actuator_forcelimited.astype(bool)
    return f"{_span(model.actuator_forcerange[limited, 1])} N m" if limited.any() else "without limit"
