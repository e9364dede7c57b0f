"""The paper's numbers are whole, and ranks are those of a race."""

from rgsd.evaluation.paper import FIGURE_4, GROUPS, TABLE_1, published, ranks
from rgsd.motions.clip_sets import ACCAD20


def test_every_method_has_a_number_for_every_group() -> None:
    assert {len(column) for columns in TABLE_1.values() for column in columns.values()} == {len(GROUPS)}
    assert {tuple(sorted(column)) for column in FIGURE_4.values()} == {tuple(sorted(TABLE_1))}
    assert {clip.group for clip in ACCAD20} == set(GROUPS)
    assert set(FIGURE_4) <= {clip.name for clip in ACCAD20}


def test_a_column_is_by_method() -> None:
    assert published("fid", "backward") == {"diayn": 72.8, "metra": 75.7, "ase": 62.6, "calm": 45.8, "rgsd": 4.0}
    assert published("fid", "forward") == {}
    assert published("tracked", "run") == {}


def test_ranks_share_the_better_place_and_pass_over_what_is_not_there() -> None:
    values = {"a": 2.0, "b": 1.0, "c": 2.0, "d": 3.0, "e": None}
    assert ranks(values, ["a", "b", "c", "d", "e", "f"]) == {"a": 2, "b": 1, "c": 2, "d": 4}
    assert ranks(values, ["a", "d"]) == {"a": 1, "d": 2}
