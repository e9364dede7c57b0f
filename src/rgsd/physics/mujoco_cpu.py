"""C MuJoCo on CPU threads: `mujoco.batch.Batch` behind the `Physics` interface.

The one place in the collection path that knows numpy and float64.
"""

from __future__ import annotations

import copy
from typing import Any

import mujoco
import numpy as np
import torch
from mujoco.batch import Batch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import DerivedFields
from rgsd.errors import UsageError
from rgsd.physics.interface import LARGEST_SPEED

_VELOCITY_STAGE = mujoco.mjtStage.mjSTAGE_VEL  # makes positions and velocities current after the last substep


class MujocoCpu:
    """`Physics` on the CPU; see `rgsd.physics.interface.Physics` for the attributes.

    Args:
        body: what to step.
        num_envs: number of environments.
        threads: worker threads; 0 for one a core.
    """

    def __init__(self, body: Body, num_envs: int, threads: int = 0) -> None:
        if num_envs < 1:
            raise UsageError(f"num_envs is {num_envs}; at least one environment is needed")
        self.body, self.num_envs, self.device = body, num_envs, torch.device("cpu")
        # an environment that blows up is reset here, visibly and counted, not silently by the engine
        model = copy.copy(body.model)
        model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
        self._batch = Batch(model, nsim=num_envs, nthread=threads)
        self._fields = DerivedFields(self._batch)
        # together these are mjSTATE_INTEGRATION of a model without activations, mocap bodies or applied forces
        self._integration = {n: self._batch.bind(n) for n in ("time", "qpos", "qvel", "ctrl", "qacc_warmstart")}
        _, self._qpos, self._qvel, self._ctrl, self._warmstart = self._integration.values()
        self.blown_up = torch.zeros(num_envs, dtype=torch.bool)
        self.blowups = 0
        self._qpos[:] = body.standing_qpos
        self._batch.forward(stage=_VELOCITY_STAGE)
        self.state = self._fields.read()

    def reset(self, env_ids: Tensor, qpos: Tensor, qvel: Tensor) -> None:
        """Put environments into poses with velocities; forgets their solver warm start."""
        ids = env_ids.numpy()
        if len(ids) == 0:
            return
        self._qpos[ids] = qpos.numpy()
        self._qvel[ids] = qvel.numpy()
        self._warmstart[ids] = 0.0
        self._integration["time"][ids] = 0.0
        self._batch.forward(ids=ids, stage=_VELOCITY_STAGE)
        self.state[env_ids] = self._fields.read(ids)

    def step(self, targets: Tensor) -> None:
        """One control period; environments that blow up stand again at their origin and are counted."""
        self._ctrl[:] = targets.numpy()
        self._batch.step(nstep=self.body.substeps, stage=_VELOCITY_STAGE)
        # one reduction a row sees NaN, infinities and absurd speeds alike
        bad = ~(np.abs(self._qvel).max(axis=1) < LARGEST_SPEED)
        self.state = self._fields.read()
        self.blown_up = torch.from_numpy(bad)
        if bad.any():
            ids = self.blown_up.nonzero().squeeze(1)
            self.blowups += len(ids)
            standing = torch.from_numpy(self.body.standing_qpos).expand(len(ids), -1)
            self.reset(ids, standing, torch.zeros(len(ids), self.body.model.nv))

    def snapshot(self) -> dict[str, Any]:
        """The integration state of every environment, warm start included, as float64 tensors."""
        return {name: torch.from_numpy(array.copy()) for name, array in self._integration.items()} | {
            "blowups": self.blowups
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a snapshot of a batch of the same body and size.

        Raises:
            UsageError: the snapshot is of another body or number of environments.
        """
        shape, own = tuple(snapshot["qpos"].shape), self._qpos.shape
        if shape != own:
            raise UsageError(f"the snapshot holds coordinates {shape}, this batch {own}: another body or --num-envs")
        for name, array in self._integration.items():
            array[:] = snapshot[name].numpy()
        self._batch.forward(stage=_VELOCITY_STAGE)
        # forward() may leave a guess of its own; the next step must start from the stored one
        self._warmstart[:] = snapshot["qacc_warmstart"].numpy()
        self.blowups = snapshot["blowups"]
        self.state = self._fields.read()
