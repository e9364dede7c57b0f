"""`robot.toml` beside `robot.xml`: what MJCF does not say of a robot, stated instead of derived.

```toml
control_hz = 50
feet = ["left_ankle_roll_link", "right_ankle_roll_link"]
key_bodies = ["left_ankle_roll_link", "right_ankle_roll_link", "left_wrist_yaw_link", "right_wrist_yaw_link"]

[fall]
max_tilt = 60                     # degrees
min_height = { pelvis = 0.4 }     # m

[standing]                        # takes the place of the keyframe `home`
height = 0.76                     # of the root, m
joints = { ".*_knee_joint" = 0.67 }   # rad; those that no pattern matches are at 0

[action]
scale = { ".*" = 0.5 }            # rad a unit of action, about the standing angle

[physics]
timestep = 0.005                  # s
integrator = "implicitfast"
self_collision = false

[gains.".*_knee_joint"]           # one position servo a hinge, in place of the file's actuators
kp = 99                           # N m/rad
kd = 6.3                          # N m s/rad: the joint's whole damping, in place of the file's
torque = 139                      # N m; if left out, what the file's actuator could give
armature = 0.025                  # kg m2, in place of the joint's; if left out, as in the file
```

All of it may be left out. Joints are named by patterns, regular expressions for whole names; of several that match the
last counts, of gains the last that states the field. `--gains kp,kd` counts as one more `[gains.".*"]` at the end.
"""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from rgsd.bodies.body import Body, BodyError, FallRule
from rgsd.bodies.servos import Servo
from rgsd.errors import nearest

_TABLES: dict[str, dict[str, type | tuple[type, ...]]] = {
    "": {"control_hz": (int, float), "feet": list, "key_bodies": list},
    "fall": {"max_tilt": (int, float), "min_height": dict},
    "standing": {"height": (int, float), "joints": dict},
    "action": {"scale": dict},
    "physics": {"timestep": (int, float), "integrator": str, "self_collision": bool},
    "gains": {"kp": (int, float), "kd": (int, float), "torque": (int, float), "armature": (int, float)},
}
_MAY_BE_ZERO = {"kd", "armature"}  # fields of gains: a hinge may be undamped, a rotor without mass
_INTEGRATORS = {"implicitfast", "implicit", "euler"}
_WHOLE = 0.01  # of a period, by which a control period may miss a whole number of timesteps


class RobotFile:
    """What a robot's toml states; an empty one where there is none."""

    def __init__(self, robot: Path) -> None:
        self.path = robot.with_suffix(".toml")
        self.content: dict[str, Any] = {}
        if self.path.is_file():
            try:
                self.content = tomllib.loads(self.path.read_text(encoding="utf-8-sig"))
            except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
                raise BodyError(f"{self.path}: not TOML ({error}); correct it") from None
            self._check()

    def _check(self) -> None:
        """Refuse what is no field of a robot's, or not of its type."""
        top = {key: value for key, value in self.content.items() if key not in _TABLES}
        tables = [
            ("", top),
            *((name, self.content.get(name, {})) for name in ("fall", "standing", "action", "physics")),
        ]
        gains = self.content.get("gains", {})
        if not isinstance(gains, dict):
            raise BodyError(f'{self.path}: gains: expected tables, such as [gains.".*_joint"]')
        tables += [(f"gains.{pattern}", table) for pattern, table in gains.items()]
        for name, table in tables:
            fields = _TABLES[name.partition(".")[0]]
            if not isinstance(table, dict):
                raise BodyError(f"{self.path}: {name}: expected a table, [{name}]")
            for key, value in table.items():
                if key not in fields:
                    known = [*fields, *(_TABLES if not name else [])]
                    hint = " or ".join(nearest(key, [word for word in known if word]) or fields)
                    raise BodyError(f"{self.path}: {name}: '{key}' is no field of it; write {hint}")
                if not isinstance(value, fields[key]) or (isinstance(value, bool) and fields[key] is not bool):
                    raise BodyError(
                        f"{self.path}: {name}: {key} is {value!r}, which is not of its kind; see docs/bodies.md"
                    )
                numbers = value.values() if isinstance(value, dict) else [value] if key != "integrator" else []
                if any(isinstance(x, float | int) and not math.isfinite(x) for x in numbers):
                    raise BodyError(f"{self.path}: {name}: {key} is not finite; mend it")

    def amend(self, spec: mujoco.MjSpec) -> None:
        """Put into a model what is stated of its physics and standing pose.

        Raises:
            BodyError: a pattern that matches no hinge, or values out of range.
        """
        physics = self.content.get("physics", {})
        spec.option.timestep = self._positive("physics", physics, "timestep", spec.option.timestep)
        if "integrator" in physics:
            if physics["integrator"] not in _INTEGRATORS:
                known = ", ".join(sorted(_INTEGRATORS))
                raise BodyError(f"{self.path}: physics: integrator is '{physics['integrator']}'; write one of {known}")
            spec.option.integrator = getattr(mujoco.mjtIntegrator, f"mjINT_{physics['integrator'].upper()}")
        if not physics.get("self_collision", True):
            for geom in spec.geoms:
                if geom.parent.name != "world" and (geom.contype or geom.conaffinity):
                    geom.contype, geom.conaffinity = 0, 1
        if "standing" in self.content:
            self._stand(spec)

    def servos(self, hinges: list[str], given: Mapping[str, float]) -> dict[str, Servo]:
        """The servo of each hinge, in their order; of several patterns that match, the last that states a field counts.

        Args:
            hinges: of the model.
            given: `kp` and `kd` of the command line, as if a last [gains.".*"] stated them; empty if there are none.

        Returns:
            Empty where neither states gains: then the file's own actuators stay.

        Raises:
            BodyError: a hinge without kp or kd, a pattern that matches none, or values out of range.
        """
        tables = self.content.get("gains", {})
        if not tables and not given:
            return {}
        stated: dict[str, dict[str, float]] = {hinge: {} for hinge in hinges}
        for pattern, table in tables.items():
            for hinge in self._matched("gains", {pattern: table}, hinges):
                stated[hinge] |= table
        return {hinge: self._servo(hinge, {**fields, **given}) for hinge, fields in stated.items()}

    def _servo(self, hinge: str, fields: Mapping[str, float]) -> Servo:
        lacking = [field for field in ("kp", "kd") if field not in fields]
        if lacking:
            raise BodyError(
                f"{self.path}: gains: hinge '{hinge}' has no {lacking[0]}; state it in a table whose pattern matches, "
                'such as a first [gains.".*"], or give --gains kp,kd'
            )
        for field, value in fields.items():
            if value < 0 or (value == 0 and field not in _MAY_BE_ZERO):
                least = "0 or more" if field in _MAY_BE_ZERO else "above 0"
                raise BodyError(
                    f"{self.path}: gains: {field} of hinge '{hinge}' is {value:g}, expected {least}; correct it"
                )
        return Servo(**fields)

    def _stand(self, spec: mujoco.MjSpec) -> None:
        standing = self.content["standing"]
        for key in [key for key in spec.keys if key.name == "home"]:
            spec.delete(key)
        model = spec.compile()
        qpos = np.zeros(model.nq)
        qpos[2:4] = self._positive("standing", standing, "height", float(model.qpos0[2])), 1.0
        hinges = [model.joint(j).name for j in range(1, model.njnt)]
        for name, angle in self._matched("standing.joints", standing.get("joints", {}), hinges).items():
            qpos[model.joint(name).qposadr[0]] = float(angle)
        spec.add_key(name="home", qpos=qpos)

    def state(self, body: Body) -> Body:
        """The body with what is stated of it in place of what was derived.

        Raises:
            BodyError: a part, joint or rate that the body cannot have.
        """
        content, stated = self.content, dict[str, Any]()
        for field in ("feet", "key_bodies"):
            if field in content:
                stated[field] = tuple(map(str, content[field]))
                if not stated[field]:
                    raise BodyError(f"{self.path}: {field} is empty; name a body, or leave it out")
        fall = content.get("fall", {})
        if fall:
            tilt = math.radians(fall["max_tilt"]) if "max_tilt" in fall else body.fall_rule.max_tilt
            stated["fall_rule"] = FallRule(dict(fall.get("min_height", body.fall_rule.min_height)), tilt)
        if "control_hz" in content:
            period = 1 / self._positive("", content, "control_hz", None) / body.model.opt.timestep
            if abs(period - round(period)) > _WHOLE * period or round(period) < 1:
                raise BodyError(
                    f"{self.path}: control_hz is {content['control_hz']:g}, a period of {period:.3g} timesteps of "
                    f"{body.model.opt.timestep:g} s; choose a whole number of them"
                )
            stated["substeps"] = round(period)
        if "action" in content:
            scales = self._matched("action.scale", content["action"].get("scale", {}), list(body.joint_names))
            center, scale = body.action_center.copy(), body.action_scale.copy()
            for name, value in scales.items():
                index = body.joint_names.index(name)
                center[index], scale[index] = body.standing_qpos[7 + index], float(value)
            stated |= {"action_center": center, "action_scale": scale}
        try:
            return dataclasses.replace(body, **stated)
        except BodyError as error:
            raise BodyError(f"{self.path}: {error}") from None

    def _matched(self, where: str, patterns: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
        """The last matching pattern's value of each name that one matches."""
        found: dict[str, Any] = {}
        for pattern, value in patterns.items():
            try:
                matching = [name for name in names if re.fullmatch(pattern, name)]
            except re.error as error:
                raise BodyError(f"{self.path}: {where}: '{pattern}' is no pattern ({error}); correct it") from None
            if not matching:
                hint = " or ".join(nearest(pattern, names)) or ", ".join(names)
                raise BodyError(f"{self.path}: {where}: '{pattern}' matches no hinge; there are {hint}")
            found |= dict.fromkeys(matching, value)
        return found

    def _positive(self, where: str, table: Mapping[str, Any], key: str, default: float | None) -> float:
        value = table.get(key, default)
        if value is None:
            raise BodyError(f"{self.path}: {where}: {key} is lacking; add it")
        if value <= 0:
            raise BodyError(f"{self.path}: {where}: {key} is {value:g}, expected above 0; correct it")
        return float(value)
