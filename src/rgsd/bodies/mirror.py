"""Left for right: which parts of a body are each other's image, and the states that a reflection gives."""

from __future__ import annotations

import mujoco
import numpy as np

from rgsd.bodies.body import Body, BodyError

_NEAR = 0.03  # of the standing height: the SMPL body's halves differ by up to 0.015 of it
_ALONG = 0.99  # cosine between axes that count as one


class Mirror:
    """Reflection in the x-z plane of the root's frame, which halves the body.

    Found by place alone, with all hinges at their reference angle: a part's image is the part where its reflection
    lies, a hinge's the hinge there that turns about the same line. A turn reflects as an axial vector: about x and z
    it changes its sense, about y it does not.

    Attributes:
        bodies: (B,) for each moving body the one that is its image.
        hinges: (H,) for each hinge the one that is its image.
        signs: (H,) by what the angle of that image is to be multiplied.

    Args:
        body: whose halves are alike, up to a thirtieth of its standing height.

    Raises:
        BodyError: the body has no such halves; the message names the part that has no image.
    """

    def __init__(self, body: Body) -> None:
        model, data = body.model, mujoco.MjData(body.model)
        self._reference = model.qpos0[7:].copy()
        data.qpos[:] = model.qpos0
        data.qpos[:7] = (0, 0, 0, 1, 0, 0, 0)
        mujoco.mj_kinematics(model, data)
        near = _NEAR * float(body.standing_qpos[2])
        self.bodies = _images(data.xpos[1:], body, near)
        owners = model.jnt_bodyid[1:] - 1
        axes, anchors = data.xaxis[1:], data.xanchor[1:]
        along = (axes * (-1, 1, -1)) @ axes.T  # (H, H) cosine of a hinge's reflected axis with another's
        apart = np.linalg.norm((anchors * (1, -1, 1))[:, None] - anchors, axis=-1)
        fits = (self.bodies[owners][:, None] == owners) & (apart < near) & (np.abs(along) > _ALONG)
        if not fits.any(axis=1).all():
            odd = body.joint_names[int(np.flatnonzero(~fits.any(axis=1))[0])]
            raise BodyError(
                f"body '{body.name}': hinge '{odd}' has no image on the other side that turns about the same line; "
                "only a body whose halves are alike can be mirrored"
            )
        self.hinges = np.where(fits, np.abs(along), 0).argmax(axis=1)
        self.signs = np.sign(along[np.arange(len(along)), self.hinges])

    def poses(self, qpos: np.ndarray) -> np.ndarray:
        """The reflection (T, nq) of poses (T, nq)."""
        root = qpos[:, :7] * (1, -1, 1, 1, -1, 1, -1)
        return np.concatenate((root, self.targets(qpos[:, 7:])), axis=1)

    def targets(self, angles: np.ndarray) -> np.ndarray:
        """The reflection (..., H) of hinge angles or PD targets (..., H)."""
        return self._reference + self.signs * (angles - self._reference)[..., self.hinges]

    def velocities(self, qvel: np.ndarray) -> np.ndarray:
        """The reflection (T, nv) of velocities (T, nv), in MuJoCo's convention."""
        return np.concatenate(
            (qvel[:, :3] * (1, -1, 1), qvel[:, 3:6] * (-1, 1, -1), self.signs * qvel[:, 6:][:, self.hinges]), axis=1
        )


def _images(places: np.ndarray, body: Body, near: float) -> np.ndarray:
    """For each of the parts at `places` (B, 3) the one nearest to its reflection, which must be its in turn."""
    apart = np.linalg.norm((places * (1, -1, 1))[:, None] - places, axis=-1)
    images = apart.argmin(axis=1)
    own = np.arange(len(places))
    odd = np.flatnonzero((apart[own, images] > near) | (images[images] != own))
    if len(odd):
        found = apart[odd[0], images[odd[0]]]
        raise BodyError(
            f"body '{body.name}': part '{body.body_names[odd[0]]}' has no image on the other side of its root's x-z "
            f"plane; the nearest is {found:.3g} m off, {near:.3g} m are allowed. "
            "Only a body whose halves are alike can be mirrored"
        )
    return images
