"""What `rgsd evaluate` prints: every heading and metric whole, in 80 columns."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from rgsd.cli.evaluate import imitation_table

HEADINGS = ["clip", "error", "cm", "skill", "tracked", "survival", "path", "turn", "root", "end", "m", "FID"]


def measured(**given: float | None) -> dict[str, Any]:
    """One row's measures, as long as they have been seen to get."""
    metrics = {"cartesian_error_cm": 57.287, "skill": -6.549, "tracked": 0.034, "survival": 0.131, "path_ratio": 0.179}
    return {**metrics, "turn_ratio": None, "root_error_end_m": 6.7345, "fid": 2210.584, **given}


def printed(*clips: str, width: int = 80) -> list[str]:
    """The lines of the table of an evaluation of these clips, without a tracker."""
    rows = {"static_pose": {"mean": measured(skill=-0.001)}, "tracker": None}
    result = {"clips": {name: measured() for name in clips}, "mean": measured(), "reference_rows": rows}
    console = Console(width=width, file=StringIO())
    console.print(imitation_table({**result, "stochastic": {"mean": measured()}}))
    return console.file.getvalue().splitlines()  # pyright: ignore[reportAttributeAccessIssue]


def test_the_longest_name_of_accad20_leaves_every_heading_whole_in_80_columns() -> None:
    lines = printed("C25_quick_sidestep_right", "C3_run")
    assert max(map(len, lines)) <= 80
    assert sorted(" ".join(lines[:2]).split()) == sorted(HEADINGS)
    rows = [line.split() for line in lines[3:] if line.strip()]
    assert rows[0] == ["C25_quick_sidestep_right", "57.29", "-6.55", "0.03", "0.13", "0.18", "-", "6.73", "2210.58"]
    assert [row[0] for row in rows] == ["C25_quick_sidestep_right", "C3_run", "mean", "stochastic", "static_pose"]
    assert rows[-1][2] == "0.00"  # and not -0.00


@pytest.mark.parametrize("width", [80, 60])
def test_where_names_are_too_long_they_alone_are_broken(width: int) -> None:
    name = "Male2MartialArtsPunches_c3d_E1_Jab_left_stageii"
    lines = printed(name, width=width)
    assert max(map(len, lines)) <= width
    assert sorted(" ".join(lines[:2]).split()) == sorted(HEADINGS)
    assert "2210.58" in lines[3]
    pieces = [line.split(" ")[0] for line in lines[3:]]
    assert "".join(pieces[: pieces.index("")]) == name
