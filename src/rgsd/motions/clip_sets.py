"""Named sets of clips: an explicit table of (subject, folder, clip), never a match of bare names.

`accad20` are 20 clips of ACCAD's subject Male2 in the RGSD paper's five groups. The paper does not list its clips; four
it draws (walk turning right by 90 deg, running backwards, run turning left by 135 deg, sidestep to the right).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rgsd.errors import UnknownName


@dataclass(frozen=True)
class SetClip:
    """One clip of a named set, wherever it may be found."""

    name: str
    """What the clip is called here and in tables."""
    group: str
    """The kind of motion that tables average over."""
    bvh: str
    """Stem of ACCAD's BVH file."""
    amass: tuple[str, str] | None
    """AMASS's folder and the file's stem without its ending; None where AMASS lacks the clip."""


_WALKING, _RUNNING, _PUNCHES = "Male2Walking_c3d", "Male2Running_c3d", "Male2MartialArtsPunches_c3d"

ACCAD20: tuple[SetClip, ...] = (
    SetClip("B3_walk", "walk", "Male2_B3_Walk", None),
    SetClip("B9_walk_left_90", "walk", "Male2_B9_WalkTurnLeft90", (_WALKING, "B9 - Walk turn left 90")),
    SetClip("B10_walk_left_45", "walk", "Male2_B10_WalkTurnLeft45", (_WALKING, "B10 - Walk turn left 45")),
    # AMASS has no B12 of this subject; what it calls B13 is this turn
    SetClip("B12_walk_right_90", "walk", "Male2_B12_WalkTurnRight90", (_WALKING, "B13 - Walk turn right 90")),
    SetClip("B14_walk_right_45", "walk", "Male2_B14_WalkTurnRight45", (_WALKING, "B14 - Walk turn right 45")),
    SetClip("C3_run", "run", "Male2_C3_Run", (_RUNNING, "C3 - run")),
    SetClip("C11_run_left_90", "run", "Male2_C11_RunTurnLeft90", (_RUNNING, "C11 - run turn left 90")),
    SetClip("C13_run_left_135", "run", "Male2_C13_RunTurnLeft135", (_RUNNING, "C13 - run turn left 135")),
    SetClip("C14_run_right_90", "run", "Male2_C14_RunTurnRight90", (_RUNNING, "C14 - run turn right 90")),
    SetClip("C16_run_right_135", "run", "Male2_C16_RunTurnRight135", (_RUNNING, "C16 - run turn right 135")),
    SetClip("B22_sidestep_left", "sidestep", "Male2_B22_SideStepLeft", (_WALKING, "B22 - side step left")),
    SetClip("B23_sidestep_right", "sidestep", "Male2_B23_SideStepRight", (_WALKING, "B23 - side step right")),
    SetClip(
        "C24_quick_sidestep_left", "sidestep", "Male2_C24_QuickSidestepLeft", (_RUNNING, "C24 - quick sidestep left")
    ),
    SetClip(
        "C25_quick_sidestep_right", "sidestep", "Male2_C25_QuickSidestepRight", (_RUNNING, "C25 - quick sidestep right")
    ),
    SetClip("B5_walk_backward", "backward", "Male2_B5_WalkBackwards", (_WALKING, "B5 - Walk backwards")),
    # of the AMASS form only the second take exists
    SetClip("C7_run_backward", "backward", "Male2_C7_RunBackwards", (_RUNNING, "C7 - run backwards t2")),
    SetClip("E1_jab_left", "punch", "Male2_E1_JabLeft", (_PUNCHES, "E1 - Jab left")),
    SetClip("E2_jab_right", "punch", "Male2_E2_JabRight", (_PUNCHES, "E2 - Jab right")),
    SetClip("E3_cross_left", "punch", "Male2_E3_CrossLeft", (_PUNCHES, "E3 - cross left")),
    SetClip("E4_cross_right", "punch", "Male2_E4_CrossRight", (_PUNCHES, "E4 - cross right")),
)

CLIP_SETS: dict[str, tuple[SetClip, ...]] = {"accad20": ACCAD20}
"""The sets by the names that `--clip-set` takes."""


def get_clip_set(name: str) -> tuple[SetClip, ...]:
    """The clips of a named set.

    Raises:
        UnknownName: there is no such set.
    """
    if name not in CLIP_SETS:
        raise UnknownName("clip set", name, CLIP_SETS)
    return CLIP_SETS[name]


def find_clip(path: Path) -> SetClip | None:
    """The clip of a named set that a source file is, or None.

    Files of these data sets have irregular spaces and parentheses, so letters and digits alone are compared: a BVH
    file's stem, or an npz file's folder and stem.
    """
    stem = path.stem.removesuffix("_poses").removesuffix("_stageii")
    for clips in CLIP_SETS.values():
        for clip in clips:
            if path.suffix.lower() == ".bvh":
                if _key(clip.bvh) == _key(stem):
                    return clip
            elif clip.amass is not None and tuple(map(_key, clip.amass)) == (_key(path.parent.name), _key(stem)):
                return clip
    return None


def _key(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())
