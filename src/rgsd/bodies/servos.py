"""Position servos for the hinges of a user's file: its own put in the hinges' order, or new ones from two gains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mujoco

from rgsd.bodies.body import BodyError

# what an actuator is, apart from what it drives
_FIELDS = (
    "name", "gaintype", "gainprm", "biastype", "biasprm", "dyntype", "dynprm", "ctrllimited", "ctrlrange",
    "forcelimited", "forcerange", "gear", "group", "damping", "armature", "delay", "nsample", "interp",
)  # fmt: skip
_REMEDY = "or give --gains kp,kd, which puts a servo of kp N m/rad and kd N m s/rad on each hinge"


@dataclass(frozen=True)
class Servo:
    """What a position servo is to be; what is None stays as the file has it."""

    kp: float
    """Torque by distance from the target, N m/rad."""
    kd: float
    """The whole damping of the joint, in place of the file's, N m s/rad."""
    torque: float | None = None
    """The largest torque, N m; without one, what the file's actuator could give."""
    armature: float | None = None
    """Inertia of the rotor seen at the joint, kg m2."""


def read_gains(text: str) -> dict[str, float]:
    """`kp` and `kd` out of `kp,kd`.

    Raises:
        BodyError: they are no two numbers, or no servo's.
    """
    try:
        kp, kd = (float(word) for word in text.split(","))
    except ValueError:
        raise BodyError(f"--gains {text}: expected two numbers, kp,kd, such as 40,1") from None
    if not (0 < kp < math.inf and 0 <= kd < math.inf):
        raise BodyError(f"--gains {text}: kp must be positive and kd not negative; give such as 40,1")
    return {"kp": kp, "kd": kd}


def put_servos(spec: mujoco.MjSpec, servos: Mapping[str, Servo]) -> None:
    """Give each hinge a position servo in place of whatever drives it, in the order of `servos`.

    kd goes into the joint, where it is integrated implicitly even where the torque limit is reached.
    """
    driven = {actuator.target: actuator for actuator in spec.actuators if _on_joint(actuator)}
    names = {hinge: actuator.name for hinge, actuator in driven.items()}
    limits = {hinge: _torque(actuator) for hinge, actuator in driven.items()}
    clear_actuators(spec)
    # not the file's defaults, which are of what it had, such as a motor's gear and its range of torques
    plain = mujoco.MjSpec().add_actuator()
    neutral = {field: _copied(getattr(plain, field)) for field in _FIELDS if field != "name"}
    for hinge, servo in servos.items():
        actuator = spec.add_actuator(
            name=names.get(hinge) or hinge, target=hinge, trntype=mujoco.mjtTrn.mjTRN_JOINT, **neutral
        )
        actuator.set_to_position(kp=servo.kp)
        limit = limits.get(hinge) if servo.torque is None else servo.torque
        if limit is not None:
            actuator.forcelimited, actuator.forcerange = True, [-limit, limit]
        joint = spec.joint(hinge)
        joint.damping = [servo.kd, 0, 0]  # linear; the others are of the speed's square and cube
        if servo.armature is not None:
            joint.armature = servo.armature


def sort_servos(path: Path, spec: mujoco.MjSpec, hinges: list[str]) -> None:
    """Put the file's actuators in the hinges' order.

    Raises:
        BodyError: a hinge has none or several, or something else is driven.
    """
    found: dict[str, Any] = {}
    for actuator in spec.actuators:
        target = actuator.target if _on_joint(actuator) else "no joint"
        if target not in hinges:
            raise BodyError(f"{path}: actuator '{actuator.name}' drives '{target}', which is no hinge; take it out")
        if target in found:
            raise BodyError(f"{path}: hinge '{target}' has two actuators; leave one position servo, {_REMEDY}")
        found[target] = actuator
    lacking = [hinge for hinge in hinges if hinge not in found]
    if lacking:
        raise BodyError(
            f"{path}: hinge '{lacking[0]}' has no actuator ({len(lacking)} of {len(hinges)} have none); give each one "
            f'<position joint="..." kp="..." kv="..."/>, {_REMEDY}'
        )
    if list(found) == hinges:
        return
    fields = {hinge: {field: _copied(getattr(found[hinge], field)) for field in _FIELDS} for hinge in hinges}
    clear_actuators(spec)
    for hinge in hinges:
        spec.add_actuator(target=hinge, trntype=mujoco.mjtTrn.mjTRN_JOINT, **fields[hinge])


def check_servos(path: Path, model: mujoco.MjModel) -> None:
    """One position servo a hinge, in order, whose control is a target in rad."""
    for i in range(model.nu):
        hinge = model.joint(i + 1).name
        gain, bias = model.actuator_gainprm[i], model.actuator_biasprm[i]
        is_servo = (
            model.actuator_gaintype[i] == mujoco.mjtGain.mjGAIN_FIXED
            and model.actuator_biastype[i] == mujoco.mjtBias.mjBIAS_AFFINE
            and model.actuator_dyntype[i] == mujoco.mjtDyn.mjDYN_NONE
            and gain[0] > 0
            and math.isclose(bias[1], -gain[0])
            and bias[0] == 0
            and bias[2] <= 0
            and model.actuator_gear[i, 0] == 1
        )
        if not is_servo:
            raise BodyError(
                f"{path}: actuator '{model.actuator(i).name}' of hinge '{hinge}' is no position servo without gear and "
                f"time constant (gainprm {gain[0]:g}, biasprm {bias[0]:g} {bias[1]:g} {bias[2]:g}, gear "
                f'{model.actuator_gear[i, 0]:g}); replace it by <position joint="{hinge}" kp="..." kv="..."/>, '
                f"{_REMEDY}"
            )


def _on_joint(actuator: Any) -> bool:
    return actuator.trntype == mujoco.mjtTrn.mjTRN_JOINT


def _torque(actuator: Any) -> float | None:
    """The largest torque that an actuator gives, N m, or None where the file sets no limit."""
    if actuator.forcerange[1] > 0:
        return float(actuator.forcerange[1] * abs(actuator.gear[0]))
    is_motor = actuator.biastype == mujoco.mjtBias.mjBIAS_NONE
    if is_motor and actuator.ctrlrange[1] > 0:
        return float(actuator.ctrlrange[1] * abs(actuator.gear[0] * actuator.gainprm[0]))
    return None


def clear_actuators(spec: mujoco.MjSpec) -> None:
    """Take all actuators out, and with them the controls of keyframes, which are in their order."""
    for actuator in list(spec.actuators):
        spec.delete(actuator)
    for key in spec.keys:
        key.ctrl = []


def _copied(value: Any) -> Any:
    """A field that stays when its actuator is deleted."""
    return value.copy() if hasattr(value, "copy") else value
