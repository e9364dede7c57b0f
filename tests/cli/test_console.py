"""How wide tables are where there is no terminal."""

from __future__ import annotations

import pytest
from rich.table import Table

from rgsd.cli.console import make_console, rule


@pytest.mark.parametrize(("columns", "width"), [("", 154), ("80", 80)])
def test_a_pipe_gets_a_table_as_wide_as_it_is_unless_it_says_how_wide_it_is(
    columns: str, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    table = Table("clip")
    table.add_row("x" * 150)
    make_console().print(table)
    # the name, a space and a border at either side
    assert max(map(len, capsys.readouterr().out.splitlines())) == width


def test_a_rule_is_no_wider_than_its_title_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "")
    rule("1 of 2: alpha", make_console())
    assert capsys.readouterr().out == "── 1 of 2: alpha\n"
