"""ACCAD's BVH onto the SMPL skeleton, by one constant rotation a joint.

R_smpl = W R_bvh C for every body, where R are world orientations, W turns ACCAD's y-up world into ours, and C is the
body's constant below. The constants minimise, over 362 frames of 21 clips of subject Male2, the distances of hips,
knees, ankles, toes, shoulders, elbows, wrists, neck and head (2.6 cm in the mean; 5.8 cm before the fit), the tilt of
the soles in stance, and weakly the bend of spine, collars and wrists and the turn of the knees about anything but their
flexion axis. The four joints of ACCAD's trunk lie elsewhere than SMPL's and are no landmarks.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from rgsd.bodies.smpl import SKELETON
from rgsd.motions.arrays import MotionError
from rgsd.motions.formats.bvh import Bvh
from rgsd.motions.formats.smpl_clip import BODY_NAMES, PARENTS, SmplClip, clean_name, smpl_positions

LICENSE = "CC BY 3.0, ACCAD Open Motion Project, The Ohio State University"
"""The attribution that the data's licence asks for."""

_WORLD = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])  # (x, y, z) of BVH is (-x, z, y) here

# body: BVH joint, C as a wxyz quaternion. The hands have no joint of their own and stay straight.
_MAP: dict[str, tuple[str, tuple[float, float, float, float]]] = {
    "Pelvis": ("Hips", (0.57068, -0.60148, 0.38436, -0.40597)),
    "L_Hip": ("LeftUpLeg", (0.52596, -0.43667, -0.48653, -0.54404)),
    "R_Hip": ("RightUpLeg", (0.54233, -0.48940, -0.43897, -0.52313)),
    "Torso": ("ToSpine", (0.55707, -0.41642, -0.36718, -0.61762)),
    "L_Knee": ("LeftLeg", (0.55892, -0.51465, -0.48899, -0.42852)),
    "R_Knee": ("RightLeg", (0.47355, -0.51849, -0.47846, -0.52725)),
    "Spine": ("Spine", (0.30349, 0.42331, 0.49899, 0.69262)),
    "L_Ankle": ("LeftFoot", (0.51109, -0.51842, -0.49438, -0.47499)),
    "R_Ankle": ("RightFoot", (0.52130, -0.47829, -0.52934, -0.46828)),
    "Chest": ("Spine1", (0.46456, 0.46955, 0.55570, 0.50488)),
    "L_Toe": ("LeftToeBase", (0.52186, -0.48241, -0.46971, -0.52375)),
    "R_Toe": ("RightToeBase", (0.57127, -0.46199, -0.45760, -0.50082)),
    "Neck": ("Neck", (0.69587, -0.44107, 0.47168, -0.31422)),
    "L_Thorax": ("LeftShoulder", (0.42868, 0.55980, 0.49377, 0.50896)),
    "R_Thorax": ("RightShoulder", (0.56274, 0.40941, 0.49271, 0.52243)),
    "Head": ("Head", (0.01965, -0.61330, -0.10093, -0.78313)),
    "L_Shoulder": ("LeftArm", (0.57913, -0.29276, -0.36041, -0.67007)),
    "R_Shoulder": ("RightArm", (0.41227, -0.54451, 0.57617, 0.44897)),
    "L_Elbow": ("LeftForeArm", (0.49030, -0.49455, -0.50376, -0.51112)),
    "R_Elbow": ("RightForeArm", (0.52900, -0.48049, 0.48780, 0.50133)),
    "L_Wrist": ("LeftHand", (0.47557, -0.46343, -0.53267, -0.52471)),
    "R_Wrist": ("RightHand", (0.52610, -0.46230, 0.49039, 0.51867)),
}
ACCAD_JOINTS = frozenset(joint for joint, _ in _MAP.values())
"""ACCAD's 22 joints. CMU's skeleton has all of them but ToSpine too, among its 31."""
_PELVIS = np.array([-0.0006, -0.0012, 0.0316])  # the SMPL pelvis as the (scaled) Hips' frame has it, m
_LANDMARKS = tuple(
    name for name in _MAP if name.endswith(("Hip", "Knee", "Ankle", "Toe", "Shoulder", "Elbow", "Wrist"))
)
_LEG = ("L_Knee", "R_Knee", "L_Ankle", "R_Ankle")  # the scale is that of thighs and shins, so that feet do not slide
_TOO_FAR = 0.08  # m: subject Male2's clips stay below 0.04


def is_accad(bvh: Bvh) -> bool:
    """Whether the joints are exactly ACCAD's 22; a few of its files lack ToSpine."""
    return frozenset(bvh.joint_names) | {"ToSpine"} == ACCAD_JOINTS


def accad_to_smpl(bvh: Bvh) -> SmplClip:
    """Turn an ACCAD clip into SMPL poses, at the size of the neutral skeleton.

    The few ACCAD files without a ToSpine joint get the lower spine's turn halfway between pelvis and Spine; the clip's
    note says so.

    Raises:
        MotionError: the joints are not exactly ACCAD's, or the constants, which are subject Male2's, do not fit it.
    """
    if not is_accad(bvh):
        lacking = sorted(ACCAD_JOINTS - {"ToSpine"} - set(bvh.joint_names))
        surplus = sorted(set(bvh.joint_names) - ACCAD_JOINTS)
        fault = f"joint '{lacking[0]}' is lacking" if lacking else f"joint '{surplus[0]}' is none of ACCAD's"
        raise MotionError(
            f"{bvh.path}: {fault} ({len(bvh.joint_names)} joints); the constants are for ACCAD's 22 alone; take a map "
            "of skeletons for others"
        )
    positions, orientations = bvh.pose()
    legs = [bvh.offsets[bvh.joint_names.index(_MAP[name][0])] for name in _LEG]
    scale = _length([np.array(offset) for name, _, offset in SKELETON if name in _LEG]) / _length(legs)
    positions = positions @ _WORLD.T * scale
    rotations = np.empty((bvh.num_frames, len(BODY_NAMES), 3, 3))
    for index, name in enumerate(BODY_NAMES):
        joint, quat = _MAP.get(name, ("", (1.0, 0.0, 0.0, 0.0)))
        if joint in bvh.joint_names:
            constant = Rotation.from_quat(quat, scalar_first=True).as_matrix()
            rotations[:, index] = _WORLD @ orientations[:, bvh.joint_names.index(joint)] @ constant
        else:
            rotations[:, index] = rotations[:, PARENTS[index]]
    note = ""
    if "ToSpine" not in bvh.joint_names:
        note = "without joint ToSpine: the lower spine turns half as far as Spine does from the pelvis"
        pelvis, torso, spine = (BODY_NAMES.index(name) for name in ("Pelvis", "Torso", "Spine"))
        rotations[:, torso] = _halfway(rotations[:, pelvis], rotations[:, spine])
    pelvis = positions[:, bvh.joint_names.index("Hips")] + rotations[:, 0] @ _PELVIS
    landmarks = {name: positions[:, bvh.joint_names.index(_MAP[name][0])] for name in _LANDMARKS}
    _check_fit(bvh, rotations, pelvis, landmarks)
    return SmplClip(
        name=clean_name(bvh.path.stem),
        fps=bvh.fps,
        rotations=rotations,
        pelvis=pelvis,
        landmarks=landmarks,
        source=f"ACCAD BVH {bvh.path.name}",
        license=LICENSE,
        note=note,
    )


def _length(offsets: list[np.ndarray]) -> float:
    return sum(float(np.linalg.norm(offset)) for offset in offsets)


def _halfway(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The rotations (T, 3, 3) midway between two."""
    between = Rotation.from_matrix(np.swapaxes(a, 1, 2) @ b).as_rotvec()
    return a @ Rotation.from_rotvec(between / 2).as_matrix()


def _check_fit(bvh: Bvh, rotations: np.ndarray, pelvis: np.ndarray, landmarks: dict[str, np.ndarray]) -> None:
    positions = smpl_positions(rotations, pelvis)
    errors = [np.linalg.norm(positions[:, BODY_NAMES.index(n)] - p, axis=1).mean() for n, p in landmarks.items()]
    if np.mean(errors) > _TOO_FAR:
        raise MotionError(
            f"{bvh.path}: its joints lie {100 * np.mean(errors):.0f} cm from the mapped ones, expected below "
            f"{100 * _TOO_FAR:.0f}: the constants are those of ACCAD's subject Male2; use this clip's AMASS form"
        )
