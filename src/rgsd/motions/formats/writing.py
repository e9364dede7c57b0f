"""Motions for other programs: BVH of any body's, and SMPL's in npz with AMASS's keys, as Blender's add-ons read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from rgsd.atomic import write_atomically
from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.smpl import SKELETON
from rgsd.motions.arrays import MotionError
from rgsd.motions.formats.amass import SMPL_ORDER, TO_ZUP
from rgsd.motions.formats.smpl_bvh import TO_YUP
from rgsd.motions.formats.smpl_clip import BODY_NAMES, PARENTS
from rgsd.motions.motion import Motion, save_arrays

CENTIMETRES = 100.0  # a metre: BVH's customary unit


def write_bvh(path: Path, body: Body, motion: Motion) -> None:
    """Write a motion as BVH: a joint for each body with its own orientation, y up, centimetres.

    Args:
        path: the file.
        body: whose motion it is; its rest pose is that of hinge angles 0.
        motion: what it does.
    """
    names, model = body.body_names, body.model
    state = forward_kinematics(body, motion.qpos, motion.qvel)
    turns = Rotation.from_quat(state.body_quat.double().numpy().reshape(-1, 4), scalar_first=True).as_matrix()
    world = TO_YUP @ turns.reshape(len(motion.qpos), len(names), 3, 3) @ TO_YUP.T
    places = CENTIMETRES * state.body_pos.double().numpy() @ TO_YUP.T
    parents = [int(model.body_parentid[i + 1]) - 1 for i in range(len(names))]
    lines, columns = ["HIERARCHY"], [places[:, 0]]

    def block(i: int) -> None:
        offset = CENTIMETRES * TO_YUP @ model.body_pos[i + 1] if parents[i] >= 0 else np.zeros(3)
        indent = "\t" * _depth(parents, i)
        lines.append(f"{indent}{'JOINT' if parents[i] >= 0 else 'ROOT'} {names[i]}")
        lines.append(f"{indent}{{\n{indent}\tOFFSET {_row(offset)}")
        place = "" if parents[i] >= 0 else "Xposition Yposition Zposition "
        lines.append(f"{indent}\tCHANNELS {6 if place else 3} {place}Zrotation Xrotation Yrotation")
        local = world[:, i] if place else np.swapaxes(world[:, parents[i]], 1, 2) @ world[:, i]
        columns.append(Rotation.from_matrix(local).as_euler("ZXY", degrees=True))
        children = [child for child, parent in enumerate(parents) if parent == i]
        for child in children:
            block(child)
        if not children:
            lines.append(f"{indent}\tEnd Site\n{indent}\t{{\n{indent}\t\tOFFSET {_row(_tip(offset))}\n{indent}\t}}")
        lines.append(f"{indent}}}")

    block(0)
    lines.append(f"MOTION\nFrames: {motion.num_frames}\nFrame Time: {1 / motion.fps:.8f}")
    lines += [_row(row) for row in np.concatenate(columns, axis=1)]
    write_atomically(path, lambda partial: partial.write_text("\n".join(lines) + "\n"))


def write_amass(path: Path, body: Body, motion: Motion) -> None:
    """Write a motion of the SMPL humanoid as npz with AMASS's keys: `poses` (T, 72), `trans`, neutral shape, z-up.

    Raises:
        MotionError: the motion is another body's, which has no SMPL poses.
    """
    if body.body_names != BODY_NAMES:
        raise MotionError(f"motion '{motion.name}': body '{body.name}' has no SMPL poses; export it as bvh")
    turns = forward_kinematics(body, motion.qpos, motion.qvel).body_quat.double().numpy()
    world = Rotation.from_quat(turns.reshape(-1, 4), scalar_first=True).as_matrix()
    world = world.reshape(len(turns), len(BODY_NAMES), 3, 3) @ TO_ZUP.T
    local = world.copy()
    local[:, 1:] = np.swapaxes(world[:, PARENTS[1:]], 2, 3) @ world[:, 1:]
    order = [BODY_NAMES.index(name) for name in SMPL_ORDER]
    vectors = Rotation.from_matrix(local[:, order].reshape(-1, 3, 3)).as_rotvec()
    save_arrays(
        path,
        {
            "poses": vectors.reshape(len(turns), -1),
            "trans": motion.qpos[:, :3] - np.array(SKELETON[0][2])[[1, 2, 0]],  # as `read_amass` has it
            "betas": np.zeros(16),
            "gender": "neutral",
            "mocap_framerate": motion.fps,
        },
    )


def _depth(parents: list[int], i: int) -> int:
    return 0 if parents[i] < 0 else 1 + _depth(parents, parents[i])


def _tip(offset: np.ndarray) -> np.ndarray:
    """Where a limb's last bone ends: half as long as the one before, in its direction, so that it can be seen."""
    return offset / 2 if np.linalg.norm(offset) > 0 else np.array([0.0, 5.0, 0.0])


def _row(values: np.ndarray) -> str:
    return " ".join(f"{value:.6f}" for value in values)
