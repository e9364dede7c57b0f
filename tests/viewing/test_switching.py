"""The matrices of falls after a change of latent."""

from __future__ import annotations

import numpy as np
import pytest

from rgsd.viewing.switching import switching_grid


def test_a_matrix_a_row_is_the_mean_over_the_seeds_that_know_it() -> None:
    def seed(falls: list[list[float | None]]) -> dict[str, object]:
        return {"clips": ["walk", "turn"], "falls": falls}

    rows = {"a": [seed([[0.0, 0.5], [None, None]]), seed([[0.5, 0.5], [1.0, None]])], "b": [seed([[0.0, 0.0]] * 2)]}
    first, second, *bar = switching_grid(rows).axes
    assert len(bar) == 1
    # 0 and 0.5; twice 0.5; 1 of the one seed that knows; nobody knows
    shown = np.ma.filled(np.ma.asarray(first.images[0].get_array()), np.nan)
    np.testing.assert_allclose(shown, [[0.25, 0.5], [1.0, np.nan]])
    assert first.get_title(loc="left") == "a"
    assert [label.get_text() for label in first.get_yticklabels()] == ["walk", "turn"]
    assert [label.get_text() for label in second.get_yticklabels()] == ["", ""]


def test_nothing_to_show() -> None:
    with pytest.raises(ValueError, match="no row has been switched"):
        switching_grid({})
