"""MuJoCo Warp behind the `Physics` interface: the same model, stepped where the learner is.

Warp's arrays are seen as torch tensors without a copy. A control period (all substeps, the guard against environments
that blow up, the kinematics of the state that is shown) is recorded once and replayed: on a GPU as one CUDA graph.
Neither `step` nor `reset` makes the host wait for the device; reading `blowups` does, which a trainer does once an
iteration.

This physics is in float32, C MuJoCo's in float64: they agree until chaos parts them (docs/scaling.md has the metrics).
"""

# pyright: reportInvalidTypeForm=false
# Warp's kernels are annotated with objects

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import mujoco
import mujoco_warp as mjw
import torch
import warp as wp
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.bodies.state import BodyState
from rgsd.errors import UsageError
from rgsd.physics.capacity import Capacity, measure_capacity
from rgsd.physics.interface import LARGEST_SPEED

_INTEGRATION = ("time", "qpos", "qvel", "ctrl", "qacc_warmstart")  # as in the snapshots of `MujocoCpu`
# that the solver stops at its iterations is meant, and no overflow
_FULL = int(mjw.OverflowType.ALL & ~(mjw.OverflowType.ITERATIONS | mjw.OverflowType.LS_ITERATIONS))
_POOL = int(mjw.OverflowType.BROADPHASE | mjw.OverflowType.NARROWPHASE)  # what all environments share
_NOT_KNOWN = mujoco.mjtDisableBit.mjDSBL_AUTORESET | mujoco.mjtDisableBit.mjDSBL_MIDPHASE  # it has neither to disable
_WHILE_STEPPING = 3.0  # times the arrays of state: what a period of the humanoid allocated; the quadruped's is 1.8

wp.config.log_level = wp.LOG_WARNING  # a line for each of a hundred kernels is not for whoever trains


class CapacityError(RuntimeError):
    """More contacts than there was room for: some were left out of the physics of environments that nobody can tell."""


@wp.kernel(enable_backward=False)
def _guard(
    standing: wp.array(dtype=wp.float32),
    overflow: wp.array(dtype=wp.int32),
    time: wp.array(dtype=wp.float32),
    qpos: wp.array2d(dtype=wp.float32),
    qvel: wp.array2d(dtype=wp.float32),
    warmstart: wp.array2d(dtype=wp.float32),
    blown_up: wp.array(dtype=wp.bool),
    tally: wp.array(dtype=wp.int32),
) -> None:
    """Lets environments stand that are too fast, not finite or out of room; counts them, those out of room, and how."""
    number = wp.tid()
    full = overflow[number] & wp.static(_FULL)
    bad = full != 0
    for i in range(qvel.shape[1]):
        if not (wp.abs(qvel[number, i]) < wp.static(LARGEST_SPEED)):  # NaN is not, either
            bad = True
    blown_up[number] = bad
    if bad:
        time[number] = 0.0
        for i in range(qpos.shape[1]):
            qpos[number, i] = standing[i]
        for i in range(qvel.shape[1]):
            qvel[number, i] = 0.0
            warmstart[number, i] = 0.0
        wp.atomic_add(tally, 0, 1)
        if full != 0:
            wp.atomic_add(tally, 1, 1)
            wp.atomic_or(tally, 2, full)


class MujocoWarp:
    """`Physics` on a device of torch's and Warp's; see `rgsd.physics.interface.Physics` for the attributes.

    Args:
        body: what to step.
        num_envs: number of environments.
        device: the CPU, or a GPU by its number.
        capacity: room for contacts and constraints; measured if None.

    Raises:
        UsageError: Warp cannot use the device, the body needs what MuJoCo Warp lacks, or the environments do not fit.
    """

    def __init__(
        self, body: Body, num_envs: int, device: torch.device | str = "cpu", capacity: Capacity | None = None
    ) -> None:
        if num_envs < 1:
            raise UsageError(f"num_envs is {num_envs}; at least one environment is needed")
        self.body, self.num_envs, self.device = body, num_envs, torch.device(device)
        self.capacity = capacity or measure_capacity(body)
        self._warp_device = _warp_device(self.device)
        model = copy.copy(body.model)
        model.opt.disableflags &= ~int(_NOT_KNOWN)
        with wp.ScopedDevice(self._warp_device):
            self._model = _put_model(model, body.name)
            check_memory(num_envs, _bytes_per_env(model, self.capacity), free_memory(self.device))
            self._data = _make_data(model, num_envs, self.capacity)
            self._standing = wp.array(body.standing_qpos, dtype=wp.float32)
            self._blown_up = wp.zeros(num_envs, dtype=wp.bool)
            self._tally = wp.zeros(3, dtype=wp.int32)
        self._integration = {name: wp.to_torch(getattr(self._data, name)) for name in _INTEGRATION}
        self._pos, self._quat = (wp.to_torch(array)[:, 1:] for array in (self._data.xpos, self._data.xquat))
        self._spatial, self._com = wp.to_torch(self._data.cvel)[:, 1:], wp.to_torch(self._data.subtree_com)[:, 1:2]
        self._advance, self._derive = self._recorded(self._control_period), self._recorded(self._kinematics)
        for view in self._integration.values():
            view.zero_()
        self._integration["qpos"][:] = wp.to_torch(self._standing)
        wp.to_torch(self._tally).zero_()
        self.blown_up = torch.zeros(num_envs, dtype=torch.bool, device=self.device)
        self._derive()
        self.state = self._read()

    @property
    def blowups(self) -> int:
        """How many environments have blown up so far, those that ran out of room included.

        Raises:
            CapacityError: the pool of contacts has overflowed since the beginning.
        """
        blowups, _, kinds = wp.to_torch(self._tally).tolist()
        if kinds & _POOL:
            raise CapacityError(
                f"body '{self.body.name}': its {self.num_envs} environments had more than {self.capacity.contacts} "
                "contacts an environment in the mean, and some were left out of the physics; a run keeps its physics, "
                "so train anew with --physics cpu; --resume goes on from the last checkpoint, before this, "
                "and may meet it again"
            )
        return blowups

    @property
    def overflows(self) -> int:
        """How many of the environments that have blown up had run out of room; on a GPU reading it makes the host
        wait."""
        return int(self._tally.numpy()[1])

    def reset(self, env_ids: Tensor, qpos: Tensor, qvel: Tensor) -> None:
        """Put environments into poses with velocities; forgets their solver warm start."""
        if len(env_ids) == 0:
            return
        given = {"time": 0.0, "qpos": qpos.float(), "qvel": qvel.float(), "qacc_warmstart": 0.0}
        for name, value in given.items():
            self._integration[name][env_ids] = value
        self._derive()  # of all environments: those that were not reset find what they had
        self.state = self._read()

    def reset_where(self, which: Tensor, qpos: Tensor, qvel: Tensor) -> None:
        """The same of the environments where `which` (N,) bool, of poses and velocities for all: no index is asked
        for."""
        given = {"time": 0.0, "qpos": qpos.float(), "qvel": qvel.float(), "qacc_warmstart": 0.0}
        for name, value in given.items():
            view = self._integration[name]
            view.copy_(torch.where(which.view(-1, *(1,) * (view.dim() - 1)), value, view))
        self._derive()
        self.state = self._read()

    def step(self, targets: Tensor) -> None:
        """One control period; environments that blow up or run out of room stand again at their origin and are
        counted."""
        self._integration["ctrl"].copy_(targets)
        self._advance()
        self.blown_up = wp.to_torch(self._blown_up).clone()
        self.state = self._read()

    def snapshot(self) -> dict[str, Any]:
        """The integration state of every environment, warm start included, as float32 tensors on the CPU."""
        # .cpu() of what lies there already is no copy
        state = {name: view.to("cpu", copy=True) for name, view in self._integration.items()}
        return state | {"blowups": self.blowups, "overflows": self.overflows}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a snapshot of a batch of the same body and size, also to one of `MujocoCpu`.

        Raises:
            UsageError: the snapshot is of another body or number of environments.
        """
        shape, own = tuple(snapshot["qpos"].shape), tuple(self._integration["qpos"].shape)
        if shape != own:
            raise UsageError(f"the snapshot holds coordinates {shape}, this batch {own}: another body or --num-envs")
        for name, view in self._integration.items():
            view.copy_(snapshot[name])
        wp.to_torch(self._tally)[0] = snapshot["blowups"]
        wp.to_torch(self._tally)[1] = snapshot.get("overflows", 0)  # C MuJoCo makes room as it needs it
        self._derive()
        self.state = self._read()

    def _control_period(self) -> None:
        data = self._data
        data.overflow.zero_()
        for _ in range(self.body.substeps):
            mjw.step(self._model, data)
        given = [self._standing, data.overflow, data.time, data.qpos, data.qvel, data.qacc_warmstart]
        wp.launch(_guard, dim=self.num_envs, inputs=[*given, self._blown_up, self._tally])
        self._kinematics()

    def _kinematics(self) -> None:
        """Positions and velocities of the bodies, as C MuJoCo's mjSTAGE_VEL leaves them."""
        mjw.kinematics(self._model, self._data)
        mjw.com_pos(self._model, self._data)
        mjw.com_vel(self._model, self._data)

    def _recorded(self, launch: Callable[[], None]) -> Callable[[], None]:
        """A replay of what a function launches: on a GPU one CUDA graph, on the CPU a list that needs no Python."""
        with wp.ScopedDevice(self._warp_device):
            launch()  # compiles and loads the kernels, which a recording must not have to
            wp.synchronize_device()
            with wp.ScopedCapture() as capture:
                launch()
        graph = capture.graph
        assert graph is not None, "a recording that has ended without an error has a graph"
        if self.device.type == "cpu":
            return lambda: wp.capture_launch(graph)
        # on the stream of torch's own work, which it so follows and precedes
        return lambda: wp.capture_launch(graph, stream=wp.stream_from_torch(self.device))

    def _read(self) -> BodyState:
        """The present state in tensors of its own: what was shown before does not change."""
        angular = self._spatial[..., :3]
        # cvel is taken at the centre of mass of the whole tree; carry it over to each body's own origin
        linear = self._spatial[..., 3:] + torch.linalg.cross(angular, self._pos - self._com)
        return BodyState(
            self._integration["qpos"].clone(),
            self._integration["qvel"].clone(),
            self._pos.clone(),
            self._quat.clone(),
            linear,
            angular.clone(),
        )


def free_memory(device: torch.device) -> int | None:
    """Free bytes of a GPU; None for the CPU, where the operating system decides."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None


def check_memory(num_envs: int, bytes_per_env: int, free: int | None) -> None:
    """Refuse more environments than fit.

    Raises:
        UsageError: the message says how many would, if any.
    """
    needed = _WHILE_STEPPING * bytes_per_env
    if free is None or num_envs * needed <= free:
        return
    remedy = f"--num-envs {_round_down(free / needed)} would fit" if free >= needed else "not even one environment fits"
    raise UsageError(
        f"--num-envs {num_envs}: the physics needs about {num_envs * needed / 2**30:.1f} GiB, of the GPU's memory "
        f"{free / 2**30:.1f} GiB are free; {remedy}"
    )


def _round_down(count: float) -> int:
    """The largest power of two that is no more than a count of at least 1."""
    return 2 ** math.floor(math.log2(count))


def _warp_device(device: torch.device) -> wp.Device:
    try:
        return wp.get_device(str(device))
    except (RuntimeError, ValueError) as error:
        raise UsageError(
            f"--physics warp: Warp {wp.__version__} cannot use {device} ({error}); update the NVIDIA driver, "
            "or take --physics cpu"
        ) from error


def _put_model(model: mujoco.MjModel, name: str) -> mjw.Model:
    try:
        put = mjw.put_model(model)
    except (NotImplementedError, ValueError) as error:
        raise UsageError(
            f"--physics warp: MuJoCo Warp {mjw.__version__} cannot step body '{name}' ({error}); take --physics cpu"
        ) from error
    put.opt.warn_overflow = 0  # counted here instead of printed
    return put


def _make_data(model: mujoco.MjModel, num_envs: int, capacity: Capacity) -> mjw.Data:
    return mjw.make_data(model, nworld=num_envs, nconmax=capacity.contacts, njmax=capacity.constraints)


def _bytes_per_env(model: mujoco.MjModel, capacity: Capacity) -> int:
    """What one environment more costs in arrays of state."""
    one, two = (_size(_make_data(model, count, capacity)) for count in (1, 2))
    return two - one


def _size(data: Any) -> int:
    """Bytes of the arrays of a dataclass, nested ones included."""
    if isinstance(data, wp.array):
        return data.capacity
    if not dataclasses.is_dataclass(data):
        return 0
    return sum(_size(getattr(data, field.name)) for field in dataclasses.fields(data))
