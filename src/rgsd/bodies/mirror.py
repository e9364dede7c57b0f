"""Mirroring: which parts of a body are each other's image, and the states that it gives."""

from __future__ import annotations

import mujoco
import numpy as np
from scipy.optimize import linear_sum_assignment

from rgsd.bodies.body import Body, BodyError

_NEAR = 0.03  # of the height at which the root stands: the SMPL body's halves differ by up to 0.015 of it
_ALONG = 0.99  # cosine between axes that count as one
_ACROSS = np.array([1.0, -1.0, 1.0])
_ALIKE = "only a body whose halves are alike can be mirrored"


class Mirror:
    """Mirroring in the x-z plane of the root's frame, which halves the body.

    Found by place alone, with all hinges at their reference angle: from the root on, a part's image is the child of its
    parent's image that lies nearest to its mirror image; a hinge's is the hinge there that turns about the same line. A
    turn is mirrored as an axial vector: about x and z it changes its sense, about y it does not.

    Attributes:
        bodies: (B,) for each moving body the one that is its image.
        hinges: (H,) for each hinge the one that is its image.
        signs: (H,) by what the angle of that image is to be multiplied.
        framed: (B,) bool, whether each body's frame is its image's mirrored, which only orientations depend on.

    Args:
        body: whose halves are alike, up to 3 % of the height at which its root stands.

    Raises:
        BodyError: the body has no such halves; the message names the part that has no image.
    """

    def __init__(self, body: Body) -> None:
        model, data = body.model, mujoco.MjData(body.model)
        self._reference = model.qpos0[7:].copy()
        data.qpos[:] = model.qpos0
        data.qpos[:7] = (0, 0, 0, 1, 0, 0, 0)
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        near = _NEAR * float(body.standing_qpos[2])
        self.bodies = _images(body, data, near)
        frames = data.xmat[1:].reshape(-1, 3, 3)
        mirrored = _ACROSS[:, None] * frames * _ACROSS
        self.framed = np.einsum("bij,bij->b", mirrored, frames[self.bodies]) / 3 > _ALONG
        self.hinges, self.signs = _hinges(body, data, self.bodies, near)

    def poses(self, qpos: np.ndarray) -> np.ndarray:
        """The mirror image (T, nq) of poses (T, nq)."""
        root = qpos[:, :7] * (1, -1, 1, 1, -1, 1, -1)
        return np.concatenate((root, self.targets(qpos[:, 7:])), axis=1)

    def targets(self, angles: np.ndarray) -> np.ndarray:
        """The mirror image (..., H) of hinge angles or PD targets (..., H)."""
        return self._reference + self.signs * (angles - self._reference)[..., self.hinges]

    def velocities(self, qvel: np.ndarray) -> np.ndarray:
        """The mirror image (T, nv) of velocities (T, nv), in MuJoCo's convention."""
        return np.concatenate(
            (qvel[:, :3] * _ACROSS, qvel[:, 3:6] * -_ACROSS, self.signs * qvel[:, 6:][:, self.hinges]), axis=1
        )


def _images(body: Body, data: mujoco.MjData, near: float) -> np.ndarray:
    """(B,) the image of each part, from the root on: siblings are dealt out by place, and by that of all they carry."""
    places, masses = data.xpos[1:], data.subtree_com[1:]
    parents = body.model.body_parentid[1:] - 1  # -1 is the world
    images = np.zeros(body.num_bodies, dtype=int)
    for part in range(body.num_bodies):  # parents come before their children
        own, others = (np.flatnonzero(parents == parent) for parent in (part, images[part]))
        if len(own) != len(others):
            raise BodyError(
                f"body '{body.name}': '{body.body_names[part]}' carries {len(own)} parts, what lies on the other side "
                f"of it, '{body.body_names[images[part]]}', {len(others)}; {_ALIKE}"
            )
        apart = sum(np.linalg.norm((x[own] * _ACROSS)[:, None] - x[others], axis=-1) for x in (places, masses))
        rows, columns = linear_sum_assignment(apart)
        images[own[rows]] = others[columns]
    off = np.linalg.norm(places * _ACROSS - places[images], axis=-1)
    odd = np.flatnonzero((off > near) | (images[images] != np.arange(len(images))))
    if len(odd):
        raise BodyError(
            f"body '{body.name}': part '{body.body_names[odd[0]]}' has no image on the other side of its root's x-z "
            f"plane; '{body.body_names[images[odd[0]]]}' comes nearest, {off[odd[0]]:.3g} m off, of which {near:.3g} m "
            f"are allowed; {_ALIKE}"
        )
    return images


def _hinges(body: Body, data: mujoco.MjData, images: np.ndarray, near: float) -> tuple[np.ndarray, np.ndarray]:
    """(H,) the image of each hinge, and (H,) the sign of its angle."""
    owners, every = body.model.jnt_bodyid[1:] - 1, np.arange(body.num_actions)
    axes, anchors = data.xaxis[1:], data.xanchor[1:]
    along = (axes * -_ACROSS) @ axes.T  # (H, H) cosine of a hinge's mirrored axis with another's
    apart = np.linalg.norm((anchors * _ACROSS)[:, None] - anchors, axis=-1)
    fits = (images[owners][:, None] == owners) & (apart < near) & (np.abs(along) > _ALONG)
    found = np.where(fits, np.abs(along), 0).argmax(axis=1)
    odd = np.flatnonzero(~fits.any(axis=1) | (found[found] != every))
    if len(odd):
        raise BodyError(
            f"body '{body.name}': hinge '{body.joint_names[odd[0]]}' has no image on the other side, one and no more, "
            f"that turns about the same line; {_ALIKE}"
        )
    return found, np.sign(along[every, found])
