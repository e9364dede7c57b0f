"""The paper's own numbers, to be read beside ours as ranks: its clips, features of the FID and physics are others.

Source: *Reference Grounded Skill Discovery* (arXiv 2510.06203), table 1 and figure 4. Twenty ACCAD clips of the SMPL
humanoid in Isaac Gym.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

GROUPS = ("walk", "run", "sidestep", "backward", "punch")
"""The paper's groups of motions, in its order."""
TABLE_1: dict[str, dict[str, tuple[float, ...]]] = {
    "diayn": {"cartesian_error_cm": (46.7, 52.8, 27.4, 36.7, 50.7), "fid": (70.1, 132.0, 23.7, 72.8, 53.2)},
    "metra": {"cartesian_error_cm": (42.0, 51.8, 44.7, 47.4, 51.5), "fid": (67.6, 140.3, 32.8, 75.7, 40.9)},
    "ase": {"cartesian_error_cm": (8.2, 16.4, 10.3, 11.6, 9.0), "fid": (2.9, 11.3, 22.2, 62.6, 4.9)},
    "calm": {"cartesian_error_cm": (7.2, 15.0, 11.8, 10.1, 9.2), "fid": (1.4, 13.9, 3.2, 45.8, 4.2)},
    "rgsd": {"cartesian_error_cm": (7.4, 7.7, 6.7, 6.7, 7.7), "fid": (4.7, 9.4, 8.0, 4.0, 8.8)},
}
"""Table 1: by method and measure, a number for each of `GROUPS`. Less is better."""
FIGURE_4: dict[str, dict[str, float]] = {
    "B12_walk_right_90": {"rgsd": 6.6, "calm": 15.5, "ase": 5.9, "diayn": 57.3, "metra": 51.3},
    "C7_run_backward": {"rgsd": 13.3, "calm": 32.4, "ase": 62.3, "diayn": 65.0, "metra": 68.9},
    "C13_run_left_135": {"rgsd": 9.0, "calm": 26.7, "ase": 11.8, "diayn": 60.2, "metra": 91.9},
    "B23_sidestep_right": {"rgsd": 5.4, "calm": 6.9, "ase": 14.4, "diayn": 20.2, "metra": 36.7},
}
"""Figure 4: FID of 500 trajectories to their reference, by motion (its name in `accad20`) and method."""


def published(measure: str, group: str) -> dict[str, float]:
    """A column of table 1, by method; empty where the paper has none."""
    if group not in GROUPS or measure not in TABLE_1["rgsd"]:
        return {}
    return {method: columns[measure][GROUPS.index(group)] for method, columns in TABLE_1.items()}


def ranks(values: Mapping[str, float | None], among: Sequence[str]) -> dict[str, int]:
    """1 for the least value, among the names that have one; equal values share the better rank."""
    known = {name: value for name in among if (value := values.get(name)) is not None}
    return {name: 1 + sum(other < value for other in known.values()) for name, value in known.items()}
