"""Table 1 in the paper's form, a method a row and a motion group a column, with the paper's own numbers beside ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rgsd.evaluation.paper import TABLE_1, published, ranks
from rgsd.viewing.page import EN_DASH

Imitation = Mapping[str, Mapping[str, Mapping[str, Mapping[str, Any]]]]
"""By group, row and measure: a summary over seeds (`evaluation.comparison`)."""

MEASURES = {"cartesian_error_cm": "Cartesian error, cm", "fid": "FID"}
"""What table 1 shows; less is better."""


def table_one(imitation: Imitation, groups: Sequence[str]) -> str:
    """Two Markdown tables, one a measure: means over seeds, a row a method or reference row.

    Where the paper has the group, a cell reads `ours (rank); paper theirs (rank)`. Ranks are among the methods of the
    paper that are here, 1 the least: values of other clips, features and physics cannot be compared, orders can.
    """
    parts = []
    for measure, title in MEASURES.items():
        columns = [_column(imitation[group], measure, group) for group in groups]
        names = list(imitation[groups[0]])
        lines = [f"| {title} | {' | '.join(groups)} |", f"|---|{'---|' * len(groups)}"]
        lines += [f"| {name} | {' | '.join(column[name] for column in columns)} |" for name in names]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _column(rows: Mapping[str, Mapping[str, Mapping[str, Any]]], measure: str, group: str) -> dict[str, str]:
    """The cells of a group by row."""
    ours = {name: row[measure]["mean"] for name, row in rows.items()}
    theirs = published(measure, group)
    both = [method for method in TABLE_1 if method in theirs and ours.get(method) is not None]
    own_rank, paper_rank = ranks(ours, both), ranks(theirs, both)
    cells = {}
    for name, value in ours.items():
        shown = EN_DASH if value is None else f"{value:.1f}"
        if name in own_rank:
            shown += f" ({own_rank[name]}); paper {theirs[name]:g} ({paper_rank[name]})"
        cells[name] = shown
    return cells
