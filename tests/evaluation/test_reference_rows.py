"""The static pose and the tracker's row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rgsd.evaluation import reference_rows
from rgsd.evaluation.imitation import Reference
from rgsd.motions.library import MotionLibrary


def test_static_pose_has_skill_zero_and_goes_nowhere(library: MotionLibrary) -> None:
    references = [Reference.of(library, clip) for clip in range(2)]
    walk = reference_rows.static_pose_row(library, references)["clips"]["walk"]
    assert walk["skill"] == pytest.approx(0.0, abs=1e-5)
    assert walk["cartesian_error_cm"] == pytest.approx(walk["static_pose_error_cm"], rel=1e-5)
    assert walk["path_ratio"] == walk["action_rate"] == 0.0
    # the walk leaves it at 0.6 m/s for 1 s: mean distance 0.3 m, 0.6 m at the end, 0.5 m after 5/6 of the clip
    assert walk["root_error_m"] == pytest.approx(0.3, abs=0.01)
    assert walk["root_error_end_m"] == pytest.approx(0.6, abs=0.01)
    assert walk["survival"] == pytest.approx(5 / 6, abs=0.03)


def write(path: Path, clips: dict[str, dict[str, float]], protocol: int = 1, method: str = "tracker") -> Path:
    path.write_text(json.dumps({"protocol": protocol, "method": method, "body": "quadruped", "clips": clips}))
    return path


def references_of(library: MotionLibrary) -> list[Reference]:
    return [Reference.of(library, clip) for clip in range(len(library))]


def test_tracker_row_takes_the_librarys_clips_and_averages_anew(library: MotionLibrary, tmp_path: Path) -> None:
    path = write(tmp_path / "e.json", {"turn": {"skill": 0.5}, "walk": {"skill": 0.9}, "other": {"skill": 0.0}})
    row = reference_rows.tracker_row(path, library, references_of(library), 1)
    assert row["clips"] == {"walk": {"skill": 0.9}, "turn": {"skill": 0.5}}
    assert row["mean"]["skill"] == pytest.approx(0.7)


def test_tracker_files_that_do_not_fit_are_refused(library: MotionLibrary, tmp_path: Path) -> None:
    references = references_of(library)
    with pytest.raises(ValueError, match=r"none\.json: not a readable evaluation"):
        reference_rows.tracker_row(tmp_path / "none.json", library, references, 1)
    with pytest.raises(ValueError, match="lacks clip 'turn'"):
        reference_rows.tracker_row(write(tmp_path / "e.json", {"walk": {"skill": 0.9}}), library, references, 1)
    with pytest.raises(ValueError, match="is of a rgsd run"):
        reference_rows.tracker_row(write(tmp_path / "e.json", {}, method="rgsd"), library, references, 1)
    with pytest.raises(ValueError, match="protocol is 0, expected 1"):
        reference_rows.tracker_row(write(tmp_path / "e.json", {}, protocol=0), library, references, 1)
    other = {name: {"static_pose_error_cm": 50.0} for name in library.names}
    with pytest.raises(ValueError, match="motion 'walk' is not the same"):
        reference_rows.tracker_row(write(tmp_path / "e.json", other), library, references, 1)
