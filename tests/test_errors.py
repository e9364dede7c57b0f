"""The nearest valid names, and what an error says where none is near."""

from __future__ import annotations

import pytest

from rgsd.errors import UnknownName, UsageError, nearest


def test_misspellings_find_their_word_best_first() -> None:
    assert nearest("quadrupd", ["smpl", "quadruped"]) == ["quadruped"]
    assert nearest("RGSD", ["rgsd", "lgsd", "tracker"])[0] == "rgsd"  # case does not count
    assert nearest("zzz", ["smpl", "quadruped"]) == []


def test_a_word_inside_a_name_is_alike() -> None:
    assert nearest("walk", ["B3_walk1_t2", "C5_run"]) == ["B3_walk1_t2"]
    assert nearest("B3", ["B3_walk1_t2", "C5_run"]) == []  # two letters say too little


def test_at_most_three_are_proposed() -> None:
    assert len(nearest("walk", [f"walk{i}" for i in range(9)])) == 3


@pytest.mark.parametrize(
    ("name", "choices", "said"),
    [
        ("smp", ["smpl", "quadruped"], "unknown body 'smp'; did you mean smpl?"),
        ("zzz", ["smpl", "quadruped"], "unknown body 'zzz'; choose one of quadruped, smpl"),
        ("zzz", [f"clip{i}" for i in range(20)], "none of the 20 known, clip0, clip1, "),
    ],
)
def test_the_message_names_the_remedy(name: str, choices: list[str], said: str) -> None:
    error = UnknownName("body", name, choices)
    assert said in str(error)
    assert error.name == name
    assert isinstance(error, UsageError)
