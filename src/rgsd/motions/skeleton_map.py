"""Which joint of a human skeleton moves which SMPL body: a map, its file, and the maps that come along.

A map is a TOML file: `name`, and under `[joints]` the SMPL body that each joint moves. `skeleton_maps/` holds those of
the dialects that people have; a user's own file has the same form.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rgsd.errors import nearest
from rgsd.motions.arrays import MotionError
from rgsd.motions.formats.smpl_clip import BODY_NAMES

_LIMB_PARTS = ("Hip", "Knee", "Ankle", "Shoulder", "Elbow", "Wrist")
REQUIRED = ("Pelvis", "Chest", *(f"{side}_{part}" for side in "LR" for part in _LIMB_PARTS))
"""Bodies without which no pose can be told; the others are made up where a skeleton lacks them."""


@dataclass(frozen=True)
class SkeletonMap:
    """Joints of a skeleton by the SMPL bodies that they move."""

    name: str
    """Of the dialect."""
    joints: dict[str, str]
    """SMPL body: joint."""

    def toml(self) -> str:
        """The map as the text of its file."""
        lines = [f'{body} = "{joint}"' for body, joint in self.joints.items()]
        return "\n".join([f'name = "{self.name}"', "", "[joints]", *lines, ""])


def load_map(path: Path) -> SkeletonMap:
    """Read a map.

    Raises:
        MotionError: no TOML, a body that SMPL does not have, or one that is needed and not there.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MotionError(
            f"{path}: not a map in TOML ({error}); `rgsd motions map FILE --out {path}` makes one"
        ) from None
    joints = content.get("joints")
    if not isinstance(joints, dict) or not all(isinstance(joint, str) for joint in joints.values()):
        raise MotionError(f'{path}: [joints] is lacking or holds other than names; write lines such as Pelvis = "Hips"')
    for body in joints:
        if body not in BODY_NAMES:
            hint = nearest(body, BODY_NAMES) or BODY_NAMES
            raise MotionError(f"{path}: joints: '{body}' is no SMPL body; write {' or '.join(hint)}")
    lacking = [body for body in REQUIRED if body not in joints]
    if lacking:
        raise MotionError(f"{path}: joints: {', '.join(lacking)} lacks; name the joint that moves it")
    return SkeletonMap(str(content.get("name", path.stem)), joints)


@cache
def named_maps() -> tuple[SkeletonMap, ...]:
    """The maps that come along, by file name."""
    return tuple(load_map(path) for path in sorted((Path(__file__).parent / "skeleton_maps").glob("*.toml")))
