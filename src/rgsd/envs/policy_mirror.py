"""Mirroring, as a policy meets it: the mirror image of what it sees and of what it does."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch
from torch import Tensor

from rgsd.bodies.body import Body, BodyError
from rgsd.bodies.mirror import Mirror
from rgsd.envs.observation import ObservationLayout


class PolicyMirror:
    """Observations and actions of one body, mirrored.

    Attributes:
        mirror: of its poses.

    Args:
        body: whose halves are alike.
        device: of the tensors.

    Raises:
        BodyError: the body's halves, or the frames of their parts, are not alike.
    """

    def __init__(self, body: Body, device: torch.device | str = "cpu") -> None:
        self.mirror = mirror = Mirror(body)
        entry, sign = _entries(body, mirror)
        self._entry, self._sign = torch.tensor(entry, device=device), torch.tensor(sign, device=device)
        # an action is the pose that it asks for: mirrored as a pose, and counted in units of the action again
        center, scale = body.action_center, body.action_scale
        factor, offset = mirror.signs * scale[mirror.hinges] / scale, (mirror.targets(center) - center) / scale
        self._hinge = torch.tensor(mirror.hinges, device=device)
        self._factor, self._offset = (torch.tensor(x, dtype=torch.float32, device=device) for x in (factor, offset))

    def observation(self, observation: Tensor) -> Tensor:
        """Of observations (n, D); a clock, last where there is one, stays as it is."""
        clock = observation[:, len(self._entry) :]
        return torch.cat((observation[:, self._entry] * self._sign, clock), dim=1)

    def action(self, action: Tensor) -> Tensor:
        """Of actions (n, A)."""
        return self._offset + self._factor * action[:, self._hinge]


def _entries(body: Body, mirror: Mirror) -> tuple[list[int], list[float]]:
    """Which entry (D,) of an observation, times which sign (D,), is each entry of its mirror image.

    Vectors, and so the axes that rotations are seen by, change the sign of y; angular velocities, which are axial, that
    of x and z.
    """
    names = np.array(body.body_names)
    if not mirror.framed.all():
        part = int(np.flatnonzero(~mirror.framed)[0])
        raise BodyError(
            f"body '{body.name}': the frame of part '{names[part]}' is not that of '{names[mirror.bodies[part]]}' "
            "mirrored; give the two mirrored quat, for an observation shows them"
        )
    images = dict(zip(body.body_names, names[mirror.bodies], strict=True))
    entries = ObservationLayout(body).entries
    first = {entry: place for place, entry in reversed(list(enumerate(entries)))}
    source, sign, seen = [], [], defaultdict[tuple[str, str], int](int)
    for kind, name in entries:
        number = seen[kind, name]
        seen[kind, name] += 1
        source.append(first[kind, images[name]] + number)
        across = kind != "height" and number % 3 == 1
        sign.append(-1.0 if across != (kind == "angular_velocity") else 1.0)
    return source, sign
