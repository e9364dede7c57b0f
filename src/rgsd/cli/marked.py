"""Words for rich's markup that come from outside: a folder called `a[/b]` must stay what it is."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape


def bold(path: Path | str) -> str:
    """A path or name in bold, whatever brackets it holds."""
    return f"[bold]{escape(str(path))}[/bold]"
