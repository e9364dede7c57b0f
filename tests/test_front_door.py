"""What a newcomer meets first says the same everywhere: versions, decisions and the commits that they cite."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
RECORDS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_newest_release_of_the_changelog_is_the_package() -> None:
    releases = re.findall(r"^## (\d\S*) – (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert releases[0] == (PROJECT["version"], citation["date-released"])


def test_checks_run_on_the_oldest_python_that_is_allowed() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    pythons = workflow["jobs"]["check"]["strategy"]["matrix"]["python"]
    assert f">={pythons[0]}" == PROJECT["requires-python"]
    assert pythons == sorted(pythons, key=lambda python: int(python.removeprefix("3.")))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_decision_is_whole_and_listed(record: Path) -> None:
    text = record.read_text()
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["Context", "Decision", "Alternatives", "Evidence", "Consequences"]
    assert re.match(rf"# {int(record.stem[:4])}\. ", text)
    assert f"]({record.name})" in (record.parent / "index.md").read_text()


def test_the_commits_that_decisions_cite_exist() -> None:
    def git(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)

    if git("rev-parse", "--is-shallow-repository").stdout.strip() != "false":
        pytest.skip("no clone with its history")
    cited = {
        (record.stem, commit)
        for record in RECORDS
        for commit in re.findall(r"\b(?=[0-9a-f]*\d)[0-9a-f]{7}\b", record.read_text())
        if not commit.isdecimal()
    }
    assert cited
    assert {(record, commit) for record, commit in cited if git("cat-file", "-e", commit).returncode} == set()
