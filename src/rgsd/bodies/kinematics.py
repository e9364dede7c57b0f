"""Forward kinematics of many poses at once, on MuJoCo's own thread pool."""

from __future__ import annotations

import mujoco
import numpy as np
import torch
from mujoco.batch import Batch

from rgsd.bodies.body import Body
from rgsd.bodies.state import BodyState

_CHUNK = 4096  # poses a call: memory stays flat however long the library is


class DerivedFields:
    """The derived fields of a `mujoco.batch.Batch` that make up a `BodyState`."""

    def __init__(self, batch: Batch) -> None:
        self._xpos, self._xquat = batch.bind("xpos"), batch.bind("xquat")
        self._cvel, self._com = batch.bind("cvel"), batch.bind("subtree_com")
        self._qpos, self._qvel = batch.bind("qpos"), batch.bind("qvel")

    def read(self, ids: np.ndarray | slice = slice(None)) -> BodyState:
        """The simulations' current state, copied to float32 tensors."""
        fields = (
            self._qpos[ids],
            self._qvel[ids],
            self._xpos[ids, 1:],
            self._xquat[ids, 1:],
            self._cvel[ids, 1:],
            self._com[ids, 1:2],
        )
        qpos, qvel, pos, quat, velocity, com = (torch.from_numpy(np.array(f, dtype=np.float32)) for f in fields)
        # cvel is taken at the centre of mass of the whole tree; carry it over to each body's own origin
        angular, linear = velocity.split(3, dim=-1)
        return BodyState(qpos, qvel, pos, quat, linear + torch.linalg.cross(angular, pos - com), angular)


def forward_kinematics(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> BodyState:
    """World state of each pose.

    Args:
        body: the body.
        qpos: (T, nq).
        qvel: (T, nv), MuJoCo's convention.

    Returns:
        `BodyState` with leading shape (T,), float32.
    """
    chunks = []
    for start in range(0, len(qpos), _CHUNK):
        part = slice(start, start + _CHUNK)
        batch = Batch(body.model, nsim=len(qpos[part]))
        fields = DerivedFields(batch)
        batch.bind("qpos")[:] = qpos[part]
        batch.bind("qvel")[:] = qvel[part]
        batch.forward(stage=mujoco.mjtStage.mjSTAGE_VEL)
        chunks.append(fields.read())
    return BodyState.concatenate(chunks)
