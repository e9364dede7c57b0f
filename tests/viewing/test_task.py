"""The ways to the goals, drawn from traces made by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.patches import Circle

from rgsd.envs.goal_field import FieldConfig
from rgsd.evaluation.downstream import FELL, MISSED, OPEN, REACHED, Traces
from rgsd.viewing.task import goal_traces


def test_each_goal_has_its_way_and_shows_what_became_of_it() -> None:
    outcome = torch.tensor([[OPEN, REACHED, OPEN, MISSED, OPEN, FELL, REACHED]]).T
    steps = len(outcome)
    position = torch.stack((torch.arange(float(steps)), torch.zeros(steps)), dim=1).unsqueeze(1)
    goal = torch.tensor([[1.0, 0], [1, 0], [5, 5], [5, 5], [-5, 5], [-5, 5], [0, 0]]).unsqueeze(1)
    counts = torch.tensor([[True] * 6 + [False]]).T  # what comes after the fall is another episode's
    nothing = torch.zeros(steps, 1)
    traces = Traces(
        position,
        nothing,
        goal,
        outcome,
        counts,
        nothing,
        torch.zeros(steps, 1, 3),
        nothing.long(),
        torch.zeros(1, 1, 8),
    )
    (axes,) = goal_traces(traces, FieldConfig(), "title").axes
    assert axes.get_title(loc="left") == "1 reached, 1 missed, 1 fell"
    circles = [patch for patch in axes.patches if isinstance(patch, Circle)]
    # x is up the page, y to its left
    assert [circle.center for circle in circles] == [(0, 1), (-5, 5), (-5, -5)]
    assert [np.asarray(circle.get_facecolor())[3] > 0 for circle in circles] == [True, False, False]
    ways = [np.asarray(line.get_xydata()) for line in axes.lines if len(np.asarray(line.get_xydata())) > 1]
    # places 0 and 1; on from 1 to 3; on from 3 to 5, and no further
    assert [list(way[:, 1]) for way in ways] == [[0, 1], [1, 2, 3], [3, 4, 5]]
    assert [way[0, 0] for way in ways] == pytest.approx([0, 0, 0])
