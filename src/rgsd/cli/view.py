"""`rgsd view RUN|MOTIONS`: a window in which a run's rollouts, or motions, play over and over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from rgsd.bodies.registry import make_body
from rgsd.cli.motions import body_of, own_motions
from rgsd.errors import UnknownName, UsageError
from rgsd.methods.runs import RunConfig
from rgsd.viewing.run_folder import RunFolder
from rgsd.viewing.viewer import Take, play, recorded_takes


def view(path: Annotated[Path, tyro.conf.Positional], clips: tuple[str, ...] = (), body: str | None = None) -> None:
    """Play what RUN's evaluation recorded, or motions, in a window; needs a display.

    Args:
        path: an evaluated run's folder, or an rgsd npz file or a folder of them.
        clips: what to play, by name; all in turn if none.
        body: path of the MJCF file, for motions of a body of your own.
    """
    if (path / "config.yaml").exists():
        if body is not None:
            raise UsageError(f"--body {body}: {path} is a run, which keeps its own body")
        moved, takes = make_body(RunConfig.load(path).body), recorded_takes(RunFolder(path))
    else:
        motions = own_motions(path)
        moved, takes = body_of(path, motions, body), [Take(m.name, m.qpos, m.fps) for m in motions]
    named = {take.name: take for take in takes}
    for name in clips:
        if name not in named:
            raise UnknownName("clip", name, named)
    play(moved, [named[name] for name in clips] if clips else takes)
