"""What stops a training."""

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
