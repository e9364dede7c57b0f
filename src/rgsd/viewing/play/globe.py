"""`Globe`: the sphere of latents in the scene; clips' directions are marked on it, and a click moves the latent."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import trimesh
import viser
from matplotlib.colors import to_rgb
from torch import Tensor

from rgsd.viewing.play.sphere_map import SphereMap
from rgsd.viewing.theme import group_colors

_LEAD, _OTHERS = (200, 85, 61), (110, 118, 134)
_MARK, _LATENT = 0.05, 0.07  # radii of a clip's mark and of the present latent, in the sphere's


class Globe:
    """The sphere beside the body.

    Attributes:
        center: its middle, m.
        radius: m.

    Args:
        server: whose scene it is.
        sphere: what it shows.
        center: its middle, m.
        radius: m.
        on_pick: called with the name of a clip or a direction (3,) that was clicked.
    """

    def __init__(
        self,
        server: viser.ViserServer,
        sphere: SphereMap,
        center: np.ndarray,
        radius: float,
        on_pick: Callable[[str | Tensor], None],
    ) -> None:
        self._scene, self._sphere, self.center, self.radius = server.scene, sphere, center, radius
        server.scene.add_frame("/sphere", show_axes=False, position=center)
        # a little larger than the sphere, so that marks on its surface lie inside what is clicked
        ball = server.scene.add_icosphere(
            "/sphere/ball", 1.02 * radius, (170, 190, 220), subdivisions=4, opacity=0.22, cast_shadow=False
        )
        self._draw_circles()
        self._clips = self._mark_clips()
        self._latents: viser.BatchedMeshHandle | None = None
        self._spoke = server.scene.add_line_segments(
            "/sphere/spoke", np.zeros((1, 2, 3)), _LEAD, thickness=0.02 * radius
        )

        @ball.on_click
        def _(event: viser.SceneNodePointerEvent[viser.IcosphereHandle]) -> None:
            origin = (np.asarray(event.ray_origin) - center) / radius
            ray = torch.tensor(np.asarray(event.ray_direction), dtype=torch.float32)
            hit = sphere.pick(torch.tensor(origin, dtype=torch.float32), torch.nn.functional.normalize(ray, dim=0))
            if hit is not None:
                on_pick(hit)

    def show(self, z: Tensor) -> None:
        """Show the latents (N, d), the first of them in the lead's colour."""
        places = (self.radius * self._sphere.place(z)).numpy().astype(np.float32)
        if self._latents is None or len(self._latents.batched_positions) != len(places):
            self._latents = self._make_latents(len(places))
        self._latents.batched_positions = places
        self._spoke.points = np.stack((np.zeros(3, np.float32), places[0]))[None]

    def redraw(self) -> None:
        """The axes have changed."""
        for name, (mark, label) in self._clips.items():
            place = self.radius * self._sphere.place(self._sphere.clips[name]).numpy()
            mark.position = place
            label.position = 1.15 * place

    def _make_latents(self, count: int) -> viser.BatchedMeshHandle:
        mark = trimesh.creation.icosphere(subdivisions=2, radius=_LATENT * self.radius)
        colors = np.tile(np.array(_OTHERS, np.uint8), (count, 1))
        colors[0] = _LEAD
        return self._scene.add_batched_meshes_simple(
            "/sphere/latents",
            np.asarray(mark.vertices),
            np.asarray(mark.faces),
            np.tile([1.0, 0.0, 0.0, 0.0], (count, 1)),
            np.zeros((count, 3)),
            batched_colors=colors,
            lod="off",
            cast_shadow=False,
        )

    def _draw_circles(self) -> None:
        """The great circles in which two of the three axes lie."""
        turn = np.linspace(0, 2 * np.pi, 65)
        flat = np.stack((np.cos(turn), np.sin(turn), np.zeros(65)), axis=1) * self.radius
        rings = np.concatenate(
            [np.stack((ring[:-1], ring[1:]), axis=1) for ring in (flat, flat[:, [0, 2, 1]], flat[:, [2, 0, 1]])]
        )
        self._scene.add_line_segments("/sphere/circles", rings, (150, 165, 190), thickness=0.008 * self.radius)

    def _mark_clips(self) -> dict[str, tuple[viser.IcosphereHandle, viser.LabelHandle]]:
        colors = group_colors(self._sphere.clips)
        marks = {}
        for number, (name, z) in enumerate(self._sphere.clips.items()):
            place = self.radius * self._sphere.place(z).numpy()
            color = tuple(round(255 * x) for x in to_rgb(colors[name]))
            marks[name] = (
                self._scene.add_icosphere(
                    f"/sphere/clip{number}", _MARK * self.radius, color, position=place, cast_shadow=False
                ),
                self._scene.add_label(
                    f"/sphere/label{number}", name, position=1.15 * place, anchor="center-center", font_screen_scale=0.8
                ),
            )
        return marks
