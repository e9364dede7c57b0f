"""`rgsd motions export`: motions, and what an evaluated run's policy did, for Blender and other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import Console
from tyro.conf import Positional

from rgsd.bodies.body import Body
from rgsd.cli.marked import bold
from rgsd.cli.motions import body_of, own_motions
from rgsd.errors import UsageError
from rgsd.methods.runs import RunConfig
from rgsd.motions.formats.smpl_clip import clean_name
from rgsd.motions.formats.writing import write_amass, write_bvh
from rgsd.motions.motion import Motion
from rgsd.viewing.run_folder import RunFolder


def motions_export(
    path: Positional[Path],
    out: Path,
    format: Literal["bvh", "npz"] = "bvh",
    body: str | None = None,
) -> None:
    """Write motions, or the rollouts of an evaluated run, as BVH or as SMPL npz with AMASS's keys.

    BVH has a joint for each body, y up, in centimetres, of any body's. npz is for the SMPL humanoid alone.

    Args:
        path: an rgsd npz file, a folder of them, or the folder of an evaluated run.
        out: folder that the files are written to; it must hold none of their names yet.
        format: bvh, or npz with the keys of AMASS.
        body: path of the MJCF file, for motions of a body of your own.
    """
    if (path / "config.yaml").exists():
        if body is not None:
            raise UsageError(f"--body {body}: {path} is a run, which keeps its own body")
        moved = RunConfig.load(path).make_body()
        motions = recorded_motions(path, moved)
    else:
        motions = own_motions(path)
        moved = body_of(path, motions, body)
    files = [out / (f"{motion.name}.bvh" if format == "bvh" else f"{motion.name}_poses.npz") for motion in motions]
    there = [file.name for file in files if file.exists()]
    if there:
        raise UsageError(f"--out {out}: holds {there[0]} already; remove what is to be replaced, or choose another")
    write = write_bvh if format == "bvh" else write_amass
    for motion, file in zip(motions, files, strict=True):
        write(file, moved, motion)
    Console().print(f"{len(files)} files written to {bold(out)}", soft_wrap=True)


def recorded_motions(run: Path, body: Body) -> list[Motion]:
    """What an evaluation recorded, as motions: the deterministic rollout of each clip, then random skills by number.

    Raises:
        UsageError: nothing was recorded.
    """
    data = RunFolder(run).rollouts
    if not data:
        raise UsageError(f"{run}: no evaluation/rollouts.npz to export; run `rgsd evaluate {run}` first")
    offsets, fps = data["clip_offsets"], float(data["fps"])
    takes = {name: data["qpos"][offsets[i] : offsets[i + 1]] for i, name in enumerate(data["clip_names"].tolist())}
    takes |= {f"random_skill_{i + 1}": qpos for i, qpos in enumerate(data.get("discovery_qpos", ()))}
    motions = []
    for name, poses in takes.items():
        qpos = poses.astype(float)
        qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
        rates = np.zeros((len(qpos), body.model.nv))  # of a recording only the poses are exported
        motions.append(Motion(clean_name(name), body.name, fps, body.joint_names, body.body_names, qpos, rates))
    return motions
