"""Left for right, as a policy meets it: the reflection of what it sees and of what it does."""

from __future__ import annotations

import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.bodies.mirror import Mirror
from rgsd.envs.observation import ObservationLayout


class Reflection:
    """Observations and actions of one body, reflected.

    Args:
        body: whose halves are alike.
        device: of the tensors.

    Raises:
        BodyError: the body's halves, or the frames of their parts, are not alike.
    """

    def __init__(self, body: Body, device: torch.device | str = "cpu") -> None:
        entry, sign = ObservationLayout(body).reflection()
        self._entry, self._sign = entry.to(device), sign.to(device)
        # an action is the pose that it asks for: reflected as a pose, and counted in units of the action again
        mirror, center, scale = Mirror(body), body.action_center, body.action_scale
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
