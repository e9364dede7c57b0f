"""The console that commands print to."""

from __future__ import annotations

import os

from rich.console import Console

_PIPE_WIDTH = 1000  # characters: more than any table has


def make_console(quiet: bool = False, stderr: bool = False) -> Console:
    """Standard output, or standard error; nothing at all if quiet.

    What is no terminal (a pipe, a file, CI) has no width, and gets tables as wide as they are, unless COLUMNS says one.
    """
    console = Console(quiet=quiet, stderr=stderr)
    if not console.is_terminal and not os.environ.get("COLUMNS"):
        console.width = _PIPE_WIDTH
    return console


def rule(title: str, console: Console) -> None:
    """A line that begins a part: across a terminal; what has no width gets a dash."""
    if console.is_terminal:
        console.rule(title)
    else:
        console.print(f"── {title}", markup=False)
