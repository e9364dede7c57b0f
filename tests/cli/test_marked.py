"""Paths that look like markup."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from rgsd.cli.marked import bold


@pytest.mark.parametrize("path", ["runs/a[/b]", "runs/[red]x", "[bold]", "runs/a[b", "plain"])
def test_a_path_stays_what_it_is(path: str) -> None:
    file = StringIO()
    Console(file=file, width=80).print(f"in {bold(path)}, written")
    assert file.getvalue() == f"in {path}, written\n"
