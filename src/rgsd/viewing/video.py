"""Videos without a display: poses of a body rendered offscreen, captioned, tiled and written as MP4.

The reference appears as a translucent ghost in the same scene. The pictures are drawn by MuJoCo's own renderer, in
whatever offscreen OpenGL the machine has.
"""

from __future__ import annotations

import copy
import errno
import importlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import mujoco
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rgsd.atomic import write_atomically
from rgsd.bodies.body import Body

Frames = list[np.ndarray]
"""Pictures in order of time, each (height, width, 3) uint8."""

_OVERSAMPLING = 2  # drawn at twice the size and averaged: on a software renderer half the cost of multisampling
_SHADOWS, _SLICES = 1024, 12  # shadow map's side, pixels; facets of a round geom
_GHOST_RGBA = (0.16, 0.45, 0.85, 0.36)
_POST_RGBA = (0.85, 0.33, 0.18, 0.85)
_MAX_GEOMS = 1000
_TRACKING = 15  # frames over which the camera's aim is averaged: it follows the travel, not the sway


class FilmUnavailable(RuntimeError):  # noqa: N818 - the name says it all
    """This machine lacks what a film takes; the message says how to get it. Whatever else was to be done, can be."""


class GlUnavailable(FilmUnavailable):
    """No offscreen OpenGL."""


@dataclass(frozen=True)
class Camera:
    """A camera that follows the root at a constant angle and distance."""

    azimuth: float = 125.0
    """Direction of view about the vertical, degrees; 0 looks along +x, 90 along +y."""
    elevation: float = -16.0
    """Direction of view above the horizon, degrees; negative looks down."""
    distance: float | None = None
    """From the aim, m; None fits the standing body."""


def render_frames(
    body: Body,
    qpos: np.ndarray,
    ghost_qpos: np.ndarray | None = None,
    caption: str | Sequence[str] | None = None,
    size: tuple[int, int] = (480, 360),
    camera: Camera | None = None,
    posts: np.ndarray | None = None,
) -> Frames:
    """Pictures of a sequence of poses.

    Args:
        body: what moves.
        qpos: (T, nq) poses, one a picture.
        ghost_qpos: (T, nq) poses of a translucent second copy, such as the reference.
        caption: text in the upper left corner, one for all pictures or one for each.
        size: width and height, pixels.
        camera: how to look at it.
        posts: (T, 2) where on the ground a post stands, such as a goal, m.

    Raises:
        GlUnavailable: no offscreen OpenGL here.
        ValueError: shapes do not fit.
    """
    for name, poses in (("qpos", qpos), ("ghost_qpos", ghost_qpos)):
        if poses is not None and poses.shape != (len(qpos), body.model.nq):
            expected = (len(qpos), body.model.nq)
            raise ValueError(f"{name} has shape {poses.shape}, expected {expected}; render poses of body '{body.name}'")
    captions = [caption] * len(qpos) if caption is None or isinstance(caption, str) else list(caption)
    if len(captions) != len(qpos):
        raise ValueError(f"caption has {len(captions)} texts for {len(qpos)} poses; give one text, or one a pose")
    aims = _smooth(qpos[:, :3])
    aims[:, 2] = body.standing_qpos[2]
    with _Stage(body, size, camera or Camera()) as stage:
        pictures = [
            stage.shoot(
                qpos[t], None if ghost_qpos is None else ghost_qpos[t], aims[t], None if posts is None else posts[t]
            )
            for t in range(len(qpos))
        ]
    return [p if text is None else _captioned(p, text) for p, text in zip(pictures, captions, strict=True)]


class _Stage:
    """A scene of one body with a ghost, and the OpenGL context it is drawn in; use it in a `with`."""

    def __init__(self, body: Body, size: tuple[int, int], camera: Camera) -> None:
        self._size = (_OVERSAMPLING * size[0], _OVERSAMPLING * size[1])
        self._model = copy.copy(body.model)
        quality = self._model.vis.quality
        quality.offsamples, quality.shadowsize = 0, _SHADOWS
        quality.numslices, quality.numstacks, quality.numquads = _SLICES, _SLICES // 2, 2
        self._data, self._ghost = mujoco.MjData(self._model), mujoco.MjData(self._model)
        self._option, self._pick = mujoco.MjvOption(), mujoco.MjvPerturb()
        self._camera = mujoco.MjvCamera()
        self._camera.azimuth, self._camera.elevation = camera.azimuth, camera.elevation
        self._camera.distance = camera.distance or self._fitting_distance(body)

    def _fitting_distance(self, body: Body) -> float:
        self._data.qpos[:] = body.standing_qpos
        mujoco.mj_kinematics(self._model, self._data)
        reach = np.linalg.norm(self._data.xpos[1:] - self._data.xpos[1], axis=1).max()
        thickest = self._model.geom_rbound[self._model.geom_bodyid > 0].max()
        return 3.0 * float(max(reach, thickest))

    def __enter__(self) -> Self:
        self._gl = _gl_context(*self._size)
        self._scene = mujoco.MjvScene(self._model, _MAX_GEOMS)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        try:
            self._context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        except mujoco.FatalError as error:  # a context that is none, or lacks what MuJoCo draws with
            self._gl.free()
            raise GlUnavailable(f"MuJoCo cannot draw in this machine's OpenGL ({error}); do without") from None
        mujoco.mjr_resizeOffscreen(*self._size, self._context)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        return self

    def __exit__(self, *_: object) -> None:
        self._context.free()
        self._gl.free()

    def shoot(
        self, qpos: np.ndarray, ghost: np.ndarray | None, aim: np.ndarray, post: np.ndarray | None = None
    ) -> np.ndarray:
        """One picture of a pose `(nq,)`, with the ghost's `(nq,)`, the camera aimed at `(3,)`, a post at `(2,)`."""
        width, height = self._size
        self._camera.lookat[:] = aim
        _pose(self._model, self._data, qpos)
        everything = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(self._model, self._data, self._option, self._pick, self._camera, everything, self._scene)
        if ghost is not None:
            self._add_ghost(ghost)
        if post is not None:
            self._add_post(post, 2 * float(aim[2]))
        picture, frame = np.empty((height, width, 3), np.uint8), mujoco.MjrRect(0, 0, width, height)
        mujoco.mjr_render(frame, self._scene, self._context)
        mujoco.mjr_readPixels(picture, None, frame, self._context)
        return np.asarray(Image.fromarray(picture[::-1]).reduce(_OVERSAMPLING))

    def _add_post(self, place: np.ndarray, height: float) -> None:
        geom = self._scene.geoms[self._scene.ngeom]
        size = np.array([0.05 * height, 0.05 * height, height / 2])
        middle = np.array([*place, height / 2])
        color = np.array(_POST_RGBA, np.float32)
        mujoco.mjv_initGeom(geom, mujoco.mjtGeom.mjGEOM_CYLINDER, size, middle, np.eye(3).ravel(), color)
        self._scene.ngeom += 1

    def _add_ghost(self, qpos: np.ndarray) -> None:
        _pose(self._model, self._ghost, qpos)
        first, moving = self._scene.ngeom, mujoco.mjtCatBit.mjCAT_DYNAMIC
        mujoco.mjv_addGeoms(self._model, self._ghost, self._option, self._pick, moving, self._scene)
        for geom in self._scene.geoms[first : self._scene.ngeom]:
            geom.matid, geom.transparent = -1, 1
            geom.rgba[:] = _GHOST_RGBA


def _pose(model: mujoco.MjModel, data: mujoco.MjData, qpos: np.ndarray) -> None:
    data.qpos[:] = qpos
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)  # the sun follows the centre of mass
    mujoco.mj_camlight(model, data)


def _gl_context(width: int, height: int) -> Any:
    """A current OpenGL context: the one that MUJOCO_GL names, else the first that this machine has.

    MuJoCo chooses by MUJOCO_GL when it is first imported, and cannot be imported where that choice is not there; the
    command line keeps the variable from it (`rgsd.cli.main.without_gl`), and the context is made here.
    """
    asked = os.environ.get("MUJOCO_GL", "").lower()
    usual = ["egl", "osmesa"] if sys.platform == "linux" else ["glfw"]
    choices = [asked] if asked in ("egl", "osmesa", "glfw") else usual
    reasons = []
    for choice in choices:
        if choice == "glfw" and not has_display():  # GLFW itself does no more than warn
            reasons.append("glfw: no display to open a window on")
            continue
        try:
            context = importlib.import_module(f"mujoco.{choice}").GLContext(width, height)
            context.make_current()
        except (ImportError, AttributeError, OSError, RuntimeError) as error:  # a missing driver raises any of them
            reasons.append(f"{choice}: {error}")
        else:
            return context
    alone = f"MUJOCO_GL={asked} allows no other: unset it, or install what it names. " if asked in choices else ""
    raise GlUnavailable(
        f"no offscreen OpenGL ({'; '.join(reasons)}). {alone}On Debian or Ubuntu `apt-get install libegl1 "
        "libgl1-mesa-dri` gives a software renderer; with an NVIDIA GPU install its driver's EGL part. Or do without "
        "videos."
    )


def has_display() -> bool:
    """Whether there is a display that windows can open on."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _smooth(positions: np.ndarray) -> np.ndarray:
    """Moving average over time `(T, 3)`, the ends repeated."""
    half = min(_TRACKING, len(positions)) // 2
    padded = np.concatenate([positions[:1].repeat(half, 0), positions, positions[-1:].repeat(half, 0)])
    kernel = np.ones(2 * half + 1) / (2 * half + 1)
    return np.stack([np.convolve(column, kernel, "valid") for column in padded.T], axis=1)


def _captioned(picture: np.ndarray, text: str) -> np.ndarray:
    """The picture with text on a dark translucent strip along its upper edge."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image, "RGBA")
    points = max(10, image.height // 18)
    font = ImageFont.load_default(points)
    margin = points // 2
    draw.rectangle((0, 0, image.width, points + 2 * margin), fill=(18, 24, 33, 165))
    draw.text((margin + 2, margin - 1), text, font=font, fill=(245, 247, 250, 255))
    return np.asarray(image)


def montage(panels: Sequence[Frames], columns: int | None = None) -> Frames:
    """Panels of equal size side by side in a grid, row by row; a panel that ends early stays on its last picture.

    Args:
        panels: one sequence of pictures each.
        columns: panels a row; None makes the grid as square as it goes.

    Raises:
        ValueError: no panels, an empty one, or panels of different sizes.
    """
    shapes = {frame.shape for panel in panels for frame in panel[:1]}
    if len(shapes) != 1 or not all(panels):
        raise ValueError(f"montage: {len(panels)} panels of sizes {sorted(shapes)}; give non-empty panels of one size")
    height, width, _ = shapes.pop()
    columns = columns or int(np.ceil(np.sqrt(len(panels))))
    rows = -(-len(panels) // columns)
    frames = []
    for t in range(max(len(p) for p in panels)):
        page = np.full((rows * height, columns * width, 3), 24, np.uint8)
        for i, panel in enumerate(panels):
            y, x = i // columns * height, i % columns * width
            page[y : y + height, x : x + width] = panel[min(t, len(panel) - 1)]
        frames.append(page)
    return frames


def write_mp4(path: Path, frames: Frames, fps: float) -> None:
    """Write pictures as an H.264 film that browsers play; an odd last row or column of pixels is cut off.

    Raises:
        FilmUnavailable: imageio-ffmpeg is not installed.
        OSError: it cannot be written, such as on a full disk.
        ValueError: no frames.
    """
    if not frames:
        raise ValueError(f"{path}: a film needs at least one frame, got none; render some poses first")
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        raise FilmUnavailable("writing MP4 needs imageio-ffmpeg: install rgsd with its video extra, `rgsd[video]`")
    height, width = (side // 2 * 2 for side in frames[0].shape[:2])
    pictures = (np.ascontiguousarray(frame[:height, :width]) for frame in frames)
    write_atomically(path, lambda unfinished: _encode(unfinished, pictures, (width, height), fps))


def _encode(path: Path, pictures: Iterator[np.ndarray], size: tuple[int, int], fps: float) -> None:
    """Let ffmpeg make a film of RGB pictures of one size (width, height), pixels.

    Raises:
        OSError: it could not, such as on a full disk, and left what cannot be played.
    """
    ffmpeg = importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe()
    taken = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-r", f"{fps:.9g}", "-i", "-"]
    made = ["-vcodec", "libx264", "-pix_fmt", "yuv420p", "-crf", "24", "-preset", "veryfast", "-movflags", "+faststart"]
    command = [ffmpeg, "-y", "-v", "error", *taken, "-an", *made, "-f", "mp4", path]
    with tempfile.TemporaryFile() as said:
        with (
            suppress(BrokenPipeError),  # it has given up, and says why
            subprocess.Popen(command, stdin=subprocess.PIPE, stderr=said) as running,
        ):
            assert running.stdin is not None
            for picture in pictures:
                running.stdin.write(picture)
        said.seek(0)
        words = " ".join(said.read().decode(errors="replace").split())
    if running.returncode:
        full = os.strerror(errno.ENOSPC) in words
        raise OSError(errno.ENOSPC if full else errno.EIO, f"ffmpeg could not write it ({words})")
