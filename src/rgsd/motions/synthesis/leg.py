"""A three-hinge leg and its analytic inverse kinematics.

The leg is an abduction hinge about the trunk's x axis, a lateral offset, then a hip and a knee about y, with the knee
behind the line from hip to foot, as on most robot dogs. All angles are zero with the leg straight down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rgsd.bodies.body import Body


@dataclass(frozen=True)
class Leg:
    """Geometry of one leg, m."""

    name: str
    """Prefix of the leg's bodies."""
    hip: np.ndarray
    """(3,) a point of the abduction axis, in the trunk's frame."""
    offset: float
    """From the abduction axis out to the leg's plane, along y (negative on the right)."""
    thigh: float
    """Hip to knee."""
    shank: float
    """Knee to the foot's centre."""
    foot_radius: float
    """Radius of the foot's sphere."""

    @classmethod
    def of(cls, body: Body, name: str) -> Leg:
        """The leg of a body whose parts are `<name>_hip`, `_thigh`, `_shank` and `_foot`.

        Raises:
            ValueError: the body has no such part.
        """
        model = body.model
        for part in ("hip", "thigh", "shank", "foot"):
            if f"{name}_{part}" not in body.body_names:
                raise ValueError(
                    f"body '{body.name}' has no part '{name}_{part}'; the gait planner needs the quadruped of "
                    f"`make_quadruped`, or one whose legs are named and built like its"
                )
        foot = model.body(f"{name}_foot").id
        return cls(
            name=name,
            hip=model.body(f"{name}_hip").pos.copy(),
            offset=float(model.body(f"{name}_thigh").pos[1]),
            thigh=float(-model.body(f"{name}_shank").pos[2]),
            shank=float(-model.body(f"{name}_foot").pos[2]),
            foot_radius=float(model.geom_size[model.body_geomadr[foot], 0]),
        )

    def inverse_kinematics(self, foot: np.ndarray) -> np.ndarray:
        """Hinge angles that bring the foot's centre to given points.

        With the foot seen along x, the vector (down, out) is (reach, offset) turned by the abduction angle; within
        the leg's plane, thigh, shank and hip-to-foot line make a triangle (law of cosines).

        Args:
            foot: (T, 3) in the trunk's frame, m, below the hip in the leg's plane.

        Returns:
            (T, 3) abduction, hip pitch and knee, rad; the knee is in [-pi, 0].

        Raises:
            ValueError: a point is out of the leg's reach; names the leg, the frame and the distance.
        """
        x, y, z = (foot - self.hip).T
        reach_squared = y**2 + z**2 - self.offset**2
        distance_squared = x**2 + reach_squared
        nearest, farthest = abs(self.thigh - self.shank), self.thigh + self.shank
        bad = (reach_squared <= 0) | (distance_squared < nearest**2) | (distance_squared > farthest**2)
        if bad.any():
            frame = int(np.argmax(bad))
            distance = np.sqrt(max(distance_squared[frame], 0.0))
            raise ValueError(
                f"leg {self.name}: at frame {frame} the foot is {distance:.3f} m from the hip, which reaches "
                f"{nearest:.3f} to {farthest:.3f} m; lower the speed or the trunk, or shorten the gait's period"
            )
        reach = np.sqrt(reach_squared)
        abduction = np.arctan2(y, -z) - np.arctan2(self.offset, reach)
        cosine = (distance_squared - self.thigh**2 - self.shank**2) / (2 * self.thigh * self.shank)
        knee = -np.arccos(np.clip(cosine, -1, 1))
        hip = np.arctan2(-x, reach) - np.arctan2(self.shank * np.sin(knee), self.thigh + self.shank * np.cos(knee))
        return np.stack([abduction, hip, knee], axis=1)
