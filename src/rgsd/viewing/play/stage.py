"""`Stage`: bodies on the ground in a browser, by mjviser, with what goes with them: ghost, trail, goal.

The camera stays and the world moves: while it follows a body, everything on the ground is shifted by where that body
is, so that a sphere beside it keeps its place on the screen.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import mujoco
import numpy as np
import viser
from mjviser import ViserMujocoScene
from mjviser.conversions import merge_geoms
from viser import transforms

from rgsd.bodies.body import Body
from rgsd.bodies.state import BodyState

_GHOST, _TRAIL, _GOAL = (60, 120, 215), (37, 99, 168), (217, 84, 46)
_APART = 3.0  # heights between bodies that stand side by side
_FOLLOWING = 0.15  # fraction of the way to the body that the view moves a picture: its travel is followed, not its sway
_DRIFT = 0.01  # fraction of it by which the view gets faster: at a steady pace it does not lag behind
_ABOVE = 0.01  # m from the ground to a trail, or both would flicker
_POINTS = 120  # of a trail
_IDENTITY = np.array([[1.0, 0.0, 0.0, 0.0]], np.float32)


class Stage:
    """The scene of some bodies of one kind.

    Attributes:
        follows: whether the view goes with the first body.
        height: about how tall or long the body is, m: what everything else is sized by.

    Args:
        server: whose scene it is.
        body: what moves.
    """

    def __init__(self, server: viser.ViserServer, body: Body) -> None:
        self._server, self._body = server, body
        self._model, self._data = copy.copy(body.model), mujoco.MjData(body.model)
        self._data.qpos[:] = body.standing_qpos
        mujoco.mj_kinematics(body.model, self._data)
        reach = np.linalg.norm(self._data.xpos[1:] - self._data.xpos[1], axis=1).max()
        self.follows, self.height = True, 2 * max(float(reach), float(body.standing_qpos[2]))
        self._center, self._drift = np.zeros(3), np.zeros(3)
        server.scene.set_up_direction("+z")
        server.scene.configure_default_lights(cast_shadow=True)
        self._trail = server.scene.add_line_segments(
            "/trail", np.zeros((1, 2, 3)), _TRAIL, thickness=0.007 * self.height
        )
        self._goal = server.scene.add_cylinder(
            "/goal", 0.04 * self.height, self.height, _GOAL, opacity=0.8, visible=False
        )
        self._place_of_goal = np.zeros(3)
        self._ghost = self._make_ghost()
        self.set_count(1)
        eye = self.height * np.array([0.5, -2.3, 0.95])
        server.initial_camera.position = eye
        server.initial_camera.look_at = self.height * np.array([-0.42, 0.0, 0.5])
        server.initial_camera.fov = np.radians(50.0)

    def set_count(self, count: int) -> None:
        """Show so many bodies, side by side on a square."""
        for name in ("/bodies", "/fixed_bodies"):
            self._server.scene.remove_by_name(name)
        self._scene = ViserMujocoScene(self._server, copy.copy(self._model), count)
        self._scene.camera_tracking_enabled = False  # it would follow every sway, up and down as well
        side = int(np.ceil(np.sqrt(count)))
        rows, columns = np.divmod(np.arange(count), side)
        self._places = _APART * self.height / 2 * np.stack((-columns, rows, np.zeros(count)), axis=1)

    def show(self, state: BodyState, ghost: np.ndarray | None, trail: Sequence[np.ndarray]) -> None:
        """Show bodies (N,), the first one's ghost (nq,), and where their roots (N, 3) have been, m."""
        target = state.body_pos[0, 0].numpy() * (1.0, 1.0, 0.0) if self.follows else np.zeros(3)
        self._move_to(target)
        with self._server.atomic():
            self._show_bodies(state)
            self._show_ghost(ghost)
            self._show_trail(trail)
            self._scene.fixed_bodies_frame.position = -self._center
            self._goal.position = self._place_of_goal - self._center

    def show_goal(self, x: float, y: float) -> None:
        """Show a post on the ground, m."""
        self._place_of_goal = np.array([x, y, self.height / 2])
        self._goal.visible = True

    def on_ground(self, origin: Sequence[float], ray: Sequence[float]) -> tuple[float, float] | None:
        """Where on the ground a click lands, m; None for one into the sky."""
        if ray[2] >= 0:
            return None
        hit = np.asarray(origin) - origin[2] / ray[2] * np.asarray(ray) + self._center
        return float(hit[0]), float(hit[1])

    def _move_to(self, target: np.ndarray) -> None:
        away = target - self._center
        if np.linalg.norm(away) > 2 * self.height:  # it was put elsewhere
            self._center, self._drift = target, np.zeros(3)
            return
        self._drift = self._drift + _DRIFT * away
        self._center = self._center + self._drift + _FOLLOWING * away

    def _show_bodies(self, state: BodyState) -> None:
        count, parts = state.body_pos.shape[:2]
        places = np.zeros((count, parts + 1, 3))
        places[:, 1:] = state.body_pos.numpy() + (self._places - self._center)[:, None]
        turns = np.tile(np.eye(3), (count, parts + 1, 1, 1))
        turns[:, 1:] = transforms.SO3(state.body_quat.double().numpy()).as_matrix()
        self._scene.update_from_arrays(places, turns)

    def _make_ghost(self) -> dict[int, viser.BatchedMeshHandle]:
        """By body of the model, its shape."""
        model, handles = self._model, {}
        for part in range(1, model.nbody):
            shapes = [g for g in np.flatnonzero(model.geom_bodyid == part) if model.geom_group[g] < 3]
            if shapes:
                mesh = merge_geoms(model, [int(g) for g in shapes])
                handles[part] = self._server.scene.add_batched_meshes_simple(
                    f"/ghost/{part}",
                    np.asarray(mesh.vertices),
                    np.asarray(mesh.faces),
                    _IDENTITY,
                    np.zeros((1, 3), np.float32),
                    batched_colors=_GHOST,
                    opacity=0.35,
                    lod="off",
                    cast_shadow=False,
                    receive_shadow=False,
                    visible=False,
                )
        return handles

    def _show_ghost(self, qpos: np.ndarray | None) -> None:
        if qpos is not None:
            self._data.qpos[:] = qpos
            mujoco.mj_kinematics(self._body.model, self._data)
        for part, handle in self._ghost.items():
            if handle.visible != (qpos is not None):
                handle.visible = qpos is not None
            if qpos is not None:
                handle.batched_positions = (self._data.xpos[part] - self._center)[None].astype(np.float32)
                handle.batched_wxyzs = self._data.xquat[part][None].astype(np.float32)

    def _show_trail(self, trail: Sequence[np.ndarray]) -> None:
        if len(trail) < 2:
            if self._trail.visible:
                self._trail.visible = False
            return
        path = np.stack([*trail[:: max(1, len(trail) // _POINTS)], trail[-1]]) * (1.0, 1.0, 0.0)
        path = path + self._places[: path.shape[1]] - self._center + (0.0, 0.0, _ABOVE)
        self._trail.points = np.stack((path[:-1], path[1:]), axis=2).reshape(-1, 2, 3).astype(np.float32)
        self._trail.visible = True
