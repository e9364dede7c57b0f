"""What is odd about a motion that is well-formed: told, with the likely cause, and trained on all the same.

Files are taken as they are. A source with y up, centimetres, degrees, a quaternion in another order, velocities of
another clip and a ground elsewhere are common slips, and a policy that imitates them falls without a word of why.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from rgsd import rotations
from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.state import BodyState
from rgsd.motions.motion import Motion

_SLOW, _TIMES = 0.2, 2.0  # m/s or rad/s below which rates are noise; how far two measures of them may part
_APART = 0.7  # share of the rates themselves by which those of qvel may differ from those of qpos
_SUNK, _AFLOAT = 0.1, 0.3  # m, below the ground and above where the lowest part of a standing body is
_LYING, _UPRIGHT = 60.0, 30.0  # degrees of tilt, median over frames
_BACKWARDS = 120.0  # degrees of heading at the start, where imports have 0
_FAST = 15.0  # m/s; the fastest runner reached 12.4
_BEYOND = 0.5  # rad outside a hinge's range
_FLIP = 2.5  # rad of a hinge from one frame to the next


def remarks(body: Body, motion: Motion, states: BodyState) -> list[str]:
    """A sentence for each thing that is odd.

    Args:
        body: whose motion it is.
        motion: checked (`Motion.check`).
        states: of its frames, leading shape (T,).
    """
    found = (_rates(motion), _posture(motion), _ground(body, states), _travel(motion), _hinges(body, motion))
    return [f"motion '{motion.name}': {said}" for kind in found for said in kind]


def _rates(motion: Motion) -> Iterator[str]:
    """Velocities that are not those of the positions."""
    for what, unit, places, rates in (
        ("root moves", "m/s", slice(0, 3), slice(0, 3)),
        ("hinges move", "rad/s", slice(7, None), slice(6, None)),
    ):
        steps = np.diff(motion.qpos[:, places], axis=0) * motion.fps
        held = motion.qvel[:, rates]
        moved, told = _rms(steps), _rms(held)
        apart = _rms((steps[1:] + steps[:-1]) / 2 - held[1:-1]) if len(held) > 2 else 0.0
        most = max(moved, told)
        if most > _SLOW and (most > _TIMES * min(moved, told) or apart > _APART * most):
            yield (
                f"its {what} at {moved:.3g} {unit} (root mean square), its qvel says {told:.3g}, {apart:.3g} apart; "
                "mend qvel, or make it by rgsd.motions.motion.finite_difference_velocity"
            )


def _posture(motion: Motion) -> Iterator[str]:
    """A body that lies, or starts the wrong way round, in a way that a slip would explain."""
    root = torch.tensor(motion.qpos[:, 3:7])
    tilt, rolled = _tilt(root), _tilt(root.roll(1, dims=1))
    if tilt > _LYING:
        cause = (
            "its root's quaternion looks like xyzw: write w first"
            if rolled < _UPRIGHT
            else "if its source has y up, import it with --up y (--up z for a BVH that has z up)"
        )
        yield f"lies, its root tilted by {tilt:.0f} degrees (median); {cause}"
    else:
        starts = (float(torch.rad2deg(rotations.yaw(q[0]).abs())) for q in (root, root.roll(1, dims=1)))
        as_given, as_rolled = starts
        if as_given > _BACKWARDS and as_rolled < 180 - _BACKWARDS and rolled < _UPRIGHT:
            yield "begins heading backwards; if its root's quaternion is xyzw, write w first"


def _ground(body: Body, states: BodyState) -> Iterator[str]:
    stand = forward_kinematics(body, body.standing_qpos[None], np.zeros((1, body.model.nv)))
    lowest = float(states.body_pos[..., 2].min())
    if lowest < -_SUNK:
        yield f"a body part is {-lowest:.2f} m below the ground; is its ground z = 0?"
    elif lowest > float(stand.body_pos[..., 2].min()) + _AFLOAT:
        yield f"never nearer to the ground than {lowest:.2f} m; is its ground z = 0?"


def _travel(motion: Motion) -> Iterator[str]:
    speeds = np.linalg.norm(np.diff(motion.qpos[:, :3], axis=0), axis=1) * motion.fps
    fastest = float(np.quantile(speeds, 0.95))
    if fastest > _FAST:
        yield (
            f"its root moves at {fastest:.3g} m/s; are its positions in centimetres (import it with --unit cm), "
            "or is its rate wrong (--rate)?"
        )
    elif speeds.max() > _FAST:
        frame = int(speeds.argmax())
        yield f"its root jumps by {speeds[frame] / motion.fps:.2g} m after frame {frame}; cut or repair the clip there"


def _hinges(body: Body, motion: Motion) -> Iterator[str]:
    angles, limits = motion.qpos[:, 7:], body.model.jnt_range[1:]
    over = np.maximum(angles - limits[:, 1], limits[:, 0] - angles).max(axis=0)
    over[body.model.jnt_limited[1:] == 0] = 0.0
    wound = np.abs(angles).max(axis=0) > 2 * np.pi
    worst = int(over.argmax())
    if wound.mean() > 0.5:
        yield f"its hinges go to {np.abs(angles).max():.3g} rad; if they are degrees, write them in radians"
    elif over[worst] > _BEYOND:
        low, high = limits[worst]
        yield (
            f"hinge '{motion.joint_names[worst]}' is up to {over[worst]:.2f} rad beyond its range ({low:.2f} to "
            f"{high:.2f}); are the joints in the body's order, and in radians?"
        )
    hops = np.abs(np.diff(angles, axis=0))
    frame, hinge = np.unravel_index(int(hops.argmax()), hops.shape)
    if hops[frame, hinge] > _FLIP:
        yield (
            f"hinge '{motion.joint_names[hinge]}' jumps by {hops[frame, hinge]:.2g} rad after frame {frame}; "
            "unwrap it, or cut the clip there"
        )


def _tilt(root: torch.Tensor) -> float:
    """Median angle between the root's z axis, quaternions (T, 4), and the vertical, degrees."""
    up = rotations.rotate(root, torch.tensor([0.0, 0.0, 1.0], dtype=root.dtype))[:, 2]
    return float(torch.rad2deg(up.clamp(-1, 1).acos()).median())


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
