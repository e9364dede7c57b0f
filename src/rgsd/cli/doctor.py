"""`rgsd doctor`: what this machine has, tried rather than looked up, and how to get what it lacks.

Offscreen GL is tested by a rendered frame and ffmpeg by an encoded film, because both are often installed and broken.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Annotated

import tyro
from packaging.requirements import Requirement

from rgsd.cli.checks import Check, report
from rgsd.cli.options import AsJson

GIB = 2**30
_MEMORY_WANTED = 4.0  # GiB: the SMPL body with 1,024 envs stays below 2, an evaluation and its film come on top
_DISK_WANTED = 2.0  # GiB: a run folder with checkpoints, report and film takes some hundred MB
_PROBE_SECONDS = 60.0  # a software renderer on a busy machine takes a few

_RENDER_PROBE = """
import mujoco
model = mujoco.MjModel.from_xml_string(
    '<mujoco><worldbody><light pos="0 0 3"/><geom type="sphere" size="0.3"/></worldbody></mujoco>')
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
with mujoco.Renderer(model, 32, 32) as renderer:
    renderer.update_scene(data)
    assert renderer.render().max() > 0, "the frame is black"
"""
_GL_PACKAGES = {"egl": "libegl1 libgl1-mesa-dri", "osmesa": "libosmesa6"}


def doctor(
    robot: Annotated[Path | None, tyro.conf.Positional] = None, gains: str = "", as_json: AsJson = False
) -> None:
    """Check what this machine has and say how to get what it lacks; or what a robot's file is taken for.

    Args:
        robot: MJCF file of a robot: what was derived of it, what looks wrong, and whether it stands.
        gains: kp,kd of a servo on each of the robot's hinges, in place of what its files say, as for `rgsd train`.
        as_json: print one JSON object, {good, checks: [{name, found, good, needed, remedy}]}, instead of a table.

    Raises:
        SystemExit: with status 1 if something is lacking that rgsd cannot do without.
    """
    if robot is not None:
        from rgsd.cli.doctor_robot import check_robot  # needs MuJoCo, which may be what the machine lacks

        words = ("wrong", "odd")
        report(check_robot(robot, gains), "The robot can be trained", "The robot cannot be trained", as_json, words)
        return
    checks = [
        *check_packages(),
        check_memory(),
        check_disk(Path.cwd()),
        *check_torch(),
        check_offscreen_gl(),
        check_ffmpeg(),
    ]
    report(checks, "rgsd can run here", "rgsd cannot run here[/] until what lacks is there", as_json)


def check_packages() -> Iterator[Check]:
    """Yield Python and every direct dependency, by what rgsd's own metadata asks for; extras are not needed."""
    yield Check("python", f"{platform.python_version()} at {sys.executable}", good=sys.version_info >= (3, 11))
    try:
        yield Check("rgsd", metadata.version("rgsd"), good=True)
        wanted = [Requirement(line) for line in metadata.requires("rgsd") or []]
    except metadata.PackageNotFoundError:
        yield Check("rgsd", "not installed", good=False, remedy="pip install -e . in its repository")
        return
    for requirement in wanted:
        if requirement.name != "rgsd":  # an extra that gathers others
            yield _check_package(requirement)


def _check_package(requirement: Requirement) -> Check:
    """Compare the installed version with the wanted one; a package of an extra has `extra == "..."` in its marker."""
    extra = str(requirement.marker).rpartition("extra ==")[2].strip(' "') if requirement.marker else ""
    target = f"rgsd[{extra}]" if extra else "rgsd"
    name = f"{requirement.name} [{extra}]" if extra else requirement.name
    try:
        installed = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return Check(name, "none", False, needed=not extra, remedy=f"pip install '{target}'")
    if requirement.specifier.contains(installed, prereleases=True):
        return Check(name, installed, True, needed=not extra)
    return Check(
        name, installed, False, needed=not extra, remedy=f"pip install '{requirement.name}{requirement.specifier}'"
    )


def check_memory() -> Check:
    """Return the free and whole memory (Linux; elsewhere only the whole is known)."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    meminfo = Path("/proc/meminfo")
    fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines()) if meminfo.exists() else {}
    free = int(fields["MemAvailable"].split()[0]) / 2**20 if "MemAvailable" in fields else whole
    good = free >= _MEMORY_WANTED
    remedy = (
        "" if good else f"close other programs, or train with a smaller --num-envs ({_MEMORY_WANTED:g} GiB are ample)"
    )
    return Check("memory", f"{free:.1f} of {whole:.1f} GiB free", good, needed=False, remedy=remedy)


def check_disk(folder: Path) -> Check:
    """Return the free space where runs are written."""
    free = shutil.disk_usage(folder).free / GIB
    good = free >= _DISK_WANTED
    remedy = "" if good else f"free {_DISK_WANTED:g} GiB, or write elsewhere with --out"
    return Check("disk", f"{free:.1f} GiB free at {folder}", good, needed=False, remedy=remedy)


def check_torch() -> Iterator[Check]:
    """Yield what torch has to compute with, or why it cannot be imported."""
    try:
        import torch
    except (ImportError, OSError) as error:
        remedy = "pip install --force-reinstall torch, in the build (CPU or CUDA) that fits this machine"
        yield Check("torch import", str(error), False, remedy=remedy)
        return
    yield _check_threads(torch.get_num_threads())
    yield check_bfloat16()
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        count = torch.cuda.device_count()
        found = f"{count} x {properties.name}, {properties.total_memory / GIB:.0f} GiB"
        yield Check("gpu", found, True, needed=False)
    elif shutil.which("nvidia-smi"):
        found = f"an NVIDIA driver is there, but torch {torch.__version__} cannot use it"
        yield Check("gpu", found, False, needed=False, remedy="install a CUDA build of torch that fits the driver")
    else:
        yield Check("gpu", "none; everything runs on the CPU", True, needed=False)


def _check_threads(threads: int) -> Check:
    """Compare torch's threads with the cores of this process: oversubscribed threads halve the throughput."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    good = threads <= cores
    remedy = "" if good else f"export OMP_NUM_THREADS={cores}"
    return Check("processor", f"{cores} cores for this process, {threads} torch threads", good, False, remedy)


def check_bfloat16() -> Check:
    """Return whether PPO's updates multiply in bfloat16 here, as the presets decide it."""
    from rgsd.learning.precision import bfloat16_instructions

    there = ", ".join(bfloat16_instructions())
    if there:
        found = f"{there}: updates of new runs use it; `ppo: {{bfloat16: false}}` in a --config file turns it off"
    else:
        found = "no instructions for it; updates are single precision"
    return Check("bfloat16", found, True, needed=False)


def check_offscreen_gl() -> Check:
    """Render without a display by EGL and by OSMesa; films need one of the two."""
    errors = {backend: _render_error(backend) for backend in _GL_PACKAGES}
    working = [backend for backend, error in errors.items() if not error]
    if working:
        return Check("offscreen gl", f"{' and '.join(working)} rendered a frame", True, needed=False)
    found = "; ".join(f"{backend}: {error}" for backend, error in errors.items())
    ways = [f"apt-get install {packages} (then MUJOCO_GL={backend})" for backend, packages in _GL_PACKAGES.items()]
    return Check("offscreen gl", found, False, needed=False, remedy=f"for films: {' or '.join(ways)}")


def _render_error(backend: str) -> str:
    """Return what went wrong with one tiny frame, rendered in its own process: MuJoCo binds one backend for good."""
    environment = {**os.environ, "MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _RENDER_PROBE],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"no frame within {_PROBE_SECONDS:g} s"
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"the renderer died with status {done.returncode}"


def check_ffmpeg() -> Check:
    """Encode three frames by imageio-ffmpeg and read them back."""
    frame = bytes(range(64)) * 3 * 64  # 64 x 64 RGB
    try:
        import imageio_ffmpeg

        with tempfile.TemporaryDirectory() as folder:
            film = str(Path(folder) / "probe.mp4")
            writer = imageio_ffmpeg.write_frames(film, (64, 64), fps=30)
            writer.send(None)
            for _ in range(3):
                writer.send(frame)
            writer.close()
            frames, _ = imageio_ffmpeg.count_frames_and_secs(film)
    except (ImportError, OSError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return Check("ffmpeg", reason, False, needed=False, remedy="pip install 'rgsd[video]'")
    good = frames == 3
    remedy = "" if good else "name a working ffmpeg: export IMAGEIO_FFMPEG_EXE=/usr/bin/ffmpeg"
    return Check(
        "ffmpeg", f"encoded {frames} of 3 frames at {imageio_ffmpeg.get_ffmpeg_version()}", good, False, remedy
    )
