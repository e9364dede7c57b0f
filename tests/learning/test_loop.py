"""What stops a training, and when it is looked at."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from rgsd.learning.loop import DivergedError, TrainingLoop


class Counts(TrainingLoop):
    """An iteration adds ten samples; the third's loss is no number."""

    def iterate(self) -> dict[str, float]:
        self.iteration, self.samples, self.seconds = self.iteration + 1, self.samples + 10, self.seconds + 120.0
        loss = math.nan if self.iteration == 3 else 0.5
        return {"iteration": self.iteration, "samples": self.samples, "Loss/value": loss}

    def save(self) -> None:
        (self.folder / "saved").write_text(str(self.iteration))


def test_numbers_that_are_none_stop_it_and_are_not_saved(tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match="iteration 3: Loss/value is nan; training stopped"):
        Counts(tmp_path, checkpoint_minutes=1.0).run(steps=100)
    assert (tmp_path / "saved").read_text() == "2"
    logged = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["iteration"] for row in logged] == [1, 2]


def test_it_ends_at_its_goal(tmp_path: Path) -> None:
    assert Counts(tmp_path, checkpoint_minutes=1.0).run(minutes=3.0)
    assert (tmp_path / "saved").read_text() == "2"


class Goes(Counts):
    """Never comes to a number that is none."""

    def iterate(self) -> dict[str, float]:
        return {**super().iterate(), "Loss/value": 0.5}


def test_a_check_comes_at_whole_periods_whenever_the_sitting_began(tmp_path: Path) -> None:
    def checked(folder: Path, seconds: float) -> list[float]:
        loop = Goes(folder, checkpoint_minutes=1.0, check_minutes=3.0)
        loop.seconds = seconds
        loop.run(minutes=10.0, check=lambda: {"Check/survival": 0.5})
        rows = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
        return [seconds + 120 * row["iteration"] for row in rows if row.get("Check/survival") == 0.5]

    # two minutes an iteration: those that end at 4, 6 and 10 have passed 3, come to 6, and passed 9
    assert checked(tmp_path / "whole", 0.0) == [240.0, 360.0, 600.0]
    assert checked(tmp_path / "later", 240.0) == [360.0, 600.0]


def test_without_a_period_nothing_is_checked(tmp_path: Path) -> None:
    Goes(tmp_path, checkpoint_minutes=1.0).run(minutes=10.0, check=lambda: pytest.fail("was checked"))
