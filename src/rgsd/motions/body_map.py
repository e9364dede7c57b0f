"""Which body of a robot follows which of the humanoid or the quadruped: a map, its file, and a proposal.

```toml
source = "smpl"

[bodies]
pelvis = { from = "Pelvis", position = 20, rotation = 2 }
left_ankle_roll_link = { from = "L_Ankle", position = 40, rotation = 2 }
FL_calf = { from = "FL_foot", position = 40, rotation = 0, at = [0, 0, -0.213] }   # a point of the body, m
```

Weights are of an error of 1 m and of 1 rad; 0 leaves a place or a turn to the others.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

from rgsd.bodies.body import Body
from rgsd.errors import nearest
from rgsd.motions.motion import MotionError

# of a robot's parts, by what they follow: position, rotation
_WEIGHTS: dict[str, tuple[float, float]] = {
    "root": (20.0, 2.0), "trunk": (0.0, 2.0), "thigh": (0.0, 0.5), "shin": (4.0, 0.5), "foot": (40.0, 2.0),
    "upper arm": (0.0, 0.5), "forearm": (4.0, 0.5), "hand": (8.0, 0.2), "ball": (40.0, 0.0),
}  # fmt: skip
_LEG = ("thigh", "shin", re.compile("(?i)knee|shin|shank|calf|lower_?leg"))
_ARM = ("upper arm", "forearm", re.compile("(?i)elbow|forearm|lower_?arm"))
_ORIGIN = (0.0, 0.0, 0.0)
_HIGH = 0.3  # of the standing height: a foot whose joint lies higher is a whole shin
_ASIDE = 0.02  # m from the middle beyond which a part is a side's


Point = tuple[float, float, float]


@dataclass(frozen=True)
class Follow:
    """What a robot's body follows, and how closely."""

    source: str
    """The source's body."""
    position: float
    """Weight of an error of 1 m."""
    rotation: float
    """Weight of an error of 1 rad."""
    at: Point = (0.0, 0.0, 0.0)
    """The point of the robot's body that has the place, in its frame, m."""


@dataclass(frozen=True)
class BodyMap:
    """A robot's bodies and what they follow."""

    source: str
    """Name of the body whose motions are followed: smpl or quadruped."""
    bodies: dict[str, Follow]
    """Follow of each of the robot's bodies; the root must be among them."""

    def toml(self) -> str:
        """The map as the text of its file."""
        lines = []
        for name, follow in self.bodies.items():
            at = f", at = [{', '.join(f'{x:.4g}' for x in follow.at)}]" if any(follow.at) else ""
            weights = f"position = {follow.position:g}, rotation = {follow.rotation:g}"
            lines.append(f'{name} = {{ from = "{follow.source}", {weights}{at} }}')
        return "\n".join([f'source = "{self.source}"', "", "[bodies]", *lines, ""])

    def check(self, where: str, source: Body, target: Body) -> None:
        """Raise `MotionError` unless all its bodies exist and the robot's root is among them."""
        if self.source != source.name:
            raise MotionError(
                f"{where}: source is '{self.source}', the motions are of '{source.name}'; take another map"
            )
        for names, body in ((self.bodies, target), ([follow.source for follow in self.bodies.values()], source)):
            for name in names:
                if name not in body.body_names:
                    hint = " or ".join(nearest(name, body.body_names)) or ", ".join(body.body_names)
                    raise MotionError(f"{where}: body '{body.name}' has no part '{name}'; write {hint}")
        if target.body_names[0] not in self.bodies:
            raise MotionError(f"{where}: bodies: the root '{target.body_names[0]}' is lacking; add what it follows")


def load_body_map(path: Path) -> BodyMap:
    """Read a map.

    Raises:
        MotionError: no TOML, or lines that are no map's.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        bodies = {
            name: Follow(
                str(line["from"]),
                float(line.get("position", 0)),
                float(line.get("rotation", 0)),
                _point(line.get("at")),
            )
            for name, line in content["bodies"].items()
        }
        return BodyMap(str(content["source"]), bodies)
    except (
        OSError,
        UnicodeDecodeError,
        tomllib.TOMLDecodeError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
    ) as fault:
        raise MotionError(
            f"{path}: not a map of bodies ({type(fault).__name__}: {fault}); `rgsd motions map robot.xml` makes one"
        ) from None


def _point(given: list[float] | None) -> Point:
    x, y, z = _ORIGIN if given is None else given
    return float(x), float(y), float(z)


def propose_body_map(source: Body, target: Body) -> BodyMap:
    """A map by where the parts of both are when they stand: legs end in feet, arms in the other ends at the sides.

    Raises:
        MotionError: the two have not the same number of legs.
    """
    theirs, ours = _parts(source), _parts(target)
    legs = [part for part in ours if part.endswith("foot")]
    if {part for part in theirs if part.endswith("foot")} != set(legs):
        raise MotionError(
            f"body '{target.name}' has {len(legs)} feet ({', '.join(target.feet)}), '{source.name}' has "
            f"{len(source.feet)}; state its feet in {target.name}.toml, or give a map of bodies"
        )
    bodies = {
        name: Follow(theirs[part][0], *_WEIGHTS["ball" if part in legs and len(legs) > 2 else part.split("/")[-1]], at)
        for part, (name, at) in ours.items()
        if part in theirs
    }
    return BodyMap(source.name, bodies)


def _parts(body: Body) -> dict[str, tuple[str, Point]]:
    """Bodies and points of them by what they are, such as `left/shin` or `front left/foot`."""
    model, places = body.model, standing_places(body)
    feet = [model.body(name).id for name in body.feet]
    feet = [i for i in feet if not set(_path(model, i)[:-1]) & set(feet)]  # not the toes of a foot
    several = len(feet) > 2
    found: dict[str, tuple[str, Point]] = {"root": (body.body_names[0], _ORIGIN)}
    for foot in feet:
        point = _sole(body, foot, places)
        leg = _limb(model, places, _path(model, foot)[1:], places[foot] + point, _LEG)
        side = _side(places[foot], several)
        found |= {f"{side}/{part}": (model.body(i).name, _ORIGIN) for part, i in leg.items()}
        found[f"{side}/foot"] = (model.body(foot).name, (float(point[0]), float(point[1]), float(point[2])))
    if several:
        return found
    leg_bodies = {i for foot in feet for i in _path(model, foot)} | {i for foot in feet for i in _below(model, foot)}
    ends = [i for i in range(1, model.nbody) if i not in model.body_parentid and i not in leg_bodies]
    hands = [_farthest([i for i in ends if _side(places[i], several) == side], places) for side in ("left", "right")]
    if all(hands):
        trunk = max(set(_path(model, hands[0])) & set(_path(model, hands[1])))
        if trunk != 1:
            found["trunk"] = (model.body(trunk).name, _ORIGIN)
        for side, hand in zip(("left", "right"), hands, strict=True):
            path = _path(model, hand)
            arm = _limb(model, places, path[path.index(trunk) + 1 :], places[hand], _ARM) | {"hand": hand}
            found |= {f"{side}/{part}": (model.body(i).name, _ORIGIN) for part, i in arm.items()}
    return found


def _sole(body: Body, foot: int, places: np.ndarray) -> np.ndarray:
    """The point (3,) of a foot: its origin, or where the foot is the shin's end, the lowest of its geoms."""
    model = body.model
    geoms = np.flatnonzero((model.geom_bodyid == foot) & ((model.geom_contype | model.geom_conaffinity) > 0))
    away = np.linalg.norm(model.geom_pos[geoms], axis=1)
    height = float(body.standing_qpos[2])
    if len(geoms) == 0 or places[foot, 2] < _HIGH * height:
        return np.zeros(3)
    return model.geom_pos[geoms[int(np.argmax(away))]].copy()


def _side(place: np.ndarray, several: bool) -> str:
    side = "left" if place[1] > _ASIDE else "right" if place[1] < -_ASIDE else "middle"
    return f"{'front' if place[0] > 0 else 'rear'} {side}" if several else side


def _farthest(ends: list[int], places: np.ndarray) -> int:
    """The end that lies farthest aside, or 0."""
    return max(ends, key=lambda i: abs(places[i, 1]), default=0)


def _limb(
    model: mujoco.MjModel,
    places: np.ndarray,
    chain: list[int],
    end: np.ndarray,
    parts: tuple[str, str, re.Pattern[str]],
) -> dict[str, int]:
    """The upper and lower bone of a limb: the lower by its name, else with the joint farthest from both its ends."""
    upper, lower, names = parts
    reach = [min(np.linalg.norm(places[i] - places[chain[0]]), np.linalg.norm(places[i] - end)) for i in chain]
    named = [k for k, i in enumerate(chain) if names.search(model.body(i).name)]
    middle = named[0] if named else int(np.argmax(reach))
    return {upper: chain[middle - 1], lower: chain[middle]} if middle else {}


def _below(model: mujoco.MjModel, body: int) -> list[int]:
    return [i for i in range(1, model.nbody) if body in _path(model, i)]


def _path(model: mujoco.MjModel, body: int) -> list[int]:
    """Bodies from the root down to one."""
    path = [body]
    while path[-1] != 1:
        path.append(int(model.body_parentid[path[-1]]))
    return path[::-1]


def standing_places(body: Body) -> np.ndarray:
    """(nbody, 3) of the bodies in the standing pose, by MuJoCo's numbers, m."""
    data = mujoco.MjData(body.model)
    data.qpos[:] = body.standing_qpos
    mujoco.mj_kinematics(body.model, data)
    return data.xpos.copy()
