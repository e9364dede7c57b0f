"""CITATION.cff against what the package says of itself."""

from __future__ import annotations

import datetime
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]


def test_the_software_is_cited_as_it_is() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in project["authors"]]
    assert datetime.date.fromisoformat(citation["date-released"])
    assert citation["preferred-citation"]["url"].endswith("2510.06203")
