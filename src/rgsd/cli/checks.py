"""Lines of `rgsd doctor`'s reports, and how they are printed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Check:
    """One line of the report."""

    name: str
    """What was looked at."""
    found: str
    """What there is, for a person to read."""
    good: bool
    """Whether it suffices."""
    needed: bool = True
    """Whether rgsd does without it; where it does not, the exit status is 1."""
    remedy: str = ""
    """What to do about it; empty where all is good."""


_WORDS = ("lacks", "without")  # what is needed and not good, and what one can do without


def report(checks: Sequence[Check], well: str, ill: str, as_json: bool, words: tuple[str, str] = _WORDS) -> None:
    """Print one line a check, the remedies below what lacks, or all as one JSON object.

    Raises:
        SystemExit: with status 1 if something is lacking that is needed.
    """
    good = all(check.good for check in checks if check.needed)
    if as_json:
        print(json.dumps({"good": good, "checks": [asdict(check) for check in checks]}, indent=2))
    else:
        _print_table(checks, f"{well}." if good else f"[red]{ill}.", words)
    if not good:
        raise SystemExit(1)


def _print_table(checks: Sequence[Check], verdict: str, words: tuple[str, str]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from rgsd.cli.console import make_console

    table = Table("", "what", "found", box=None, pad_edge=False)
    for check in checks:
        sign = "[green]ok[/]" if check.good else f"[red]{words[0]}[/]" if check.needed else f"[yellow]{words[1]}[/]"
        remedy = f"\n[bold]{escape(check.remedy)}[/]" if check.remedy else ""
        table.add_row(sign, escape(check.name), escape(check.found) + remedy)
    console = make_console()
    console.print(table)
    console.print(f"\n{verdict}")
