from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from rgsd.errors import UnknownName
from rgsd.motions.clip_sets import ACCAD20, find_clip, get_clip_set


def test_twenty_clips_in_the_papers_five_groups() -> None:
    assert Counter(clip.group for clip in ACCAD20) == {"walk": 5, "run": 5, "sidestep": 4, "backward": 2, "punch": 4}
    assert len({clip.name for clip in ACCAD20}) == len({clip.bvh for clip in ACCAD20}) == 20


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("x/Male2_C13_RunTurnLeft135.bvh", "C13_run_left_135"),
        ("ACCAD/Male2Walking_c3d/B23 -  side step right_poses.npz", "B23_sidestep_right"),
        ("ACCAD/Male2Walking_c3d/B13 -  walk turn right (90)_poses.npz", "B12_walk_right_90"),
        ("ACCAD/Male2MartialArtsPunches_c3d/E4_-__cross_right_stageii.npz", "E4_cross_right"),
    ],
)
def test_clips_are_known_whatever_the_spaces(path: str, name: str) -> None:
    found = find_clip(Path(path))
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    "path",
    [
        "ACCAD/Female1Walking_c3d/B9 - walk turn left (90)_poses.npz",  # another subject's clip of the same code
        "Female1_C3_Run.bvh",
        "ACCAD/Male2Running_c3d/C3 - run to walk_poses.npz",
    ],
)
def test_other_clips_are_not(path: str) -> None:
    assert find_clip(Path(path)) is None


def test_unknown_collections_list_the_known() -> None:
    with pytest.raises(UnknownName, match="unknown clip set 'accad'; did you mean accad20"):
        get_clip_set("accad")


def test_every_clip_is_where_the_data_has_it(shared: Path) -> None:
    stems = {file.stem for file in (shared / "motions/accad").glob("*.bvh")}
    assert {clip.bvh for clip in ACCAD20} <= stems
    keys = (shared / "facts/accad_amass_keys.txt").read_text().lower()
    for clip in ACCAD20:
        if clip.amass is not None:
            folder, stem = (text.lower().replace(" ", "") for text in clip.amass)
            assert f"{folder}_{stem}_poses" in keys
