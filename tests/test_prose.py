"""Pages that a newcomer reads stay in short sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "docs/index.md",
    "docs/rgsd.md",
    "docs/motions.md",
    "docs/bodies.md",
    "docs/tasks.md",
    "docs/scaling.md",
    "docs/sweep.md",
    "docs/reproduce.md",
    *(str(page.relative_to(ROOT)) for page in sorted((ROOT / "docs" / "results").glob("*.md"))),
)
MEDIAN, MOST = 20, 35
"""Words: a page's median sentence has fewer than the first, its longest at most the second."""

_FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_NO_PROSE = re.compile(r" *\||#|    |!\[[^]]*\]\([^)]*\)$")  # a table, a heading, code, a picture
_LIST_MARKER = re.compile(r"^ *(?:[-*]|\d+\.) ")
_LINK = re.compile(r"!?\[([^]]*)\]\([^)]*\)")
_END = re.compile(r"(?<=[.!?])[*)\"]* +(?=[^a-z])")


def paragraphs(page: str) -> Iterator[str]:
    """Yield a page's paragraphs and list items, each on one line, without what is not prose."""
    lines: list[str] = []
    for line in [*_COMMENT.sub("", _FENCED.sub("", page)).splitlines(), ""]:
        begins = _LIST_MARKER.match(line) is not None
        if lines and (begins or not line.strip() or _NO_PROSE.match(line)):
            yield " ".join(lines)
            lines = []
        if line.strip() and (begins or not _NO_PROSE.match(line)):
            lines.append(_LIST_MARKER.sub("", line).strip())


def sentences(page: str) -> Iterator[str]:
    """Yield the sentences of a page of Markdown. Code within a line counts as one word, a link as its text."""
    for paragraph in paragraphs(page):
        plain = _LINK.sub(r"\1", re.sub(r"`[^`]+`", "Code", paragraph)).replace("et al.", "et al")
        yield from (sentence for sentence in _END.split(plain) if words(sentence))


def words(sentence: str) -> int:
    """The number of words of a sentence: what holds a letter or a digit."""
    return sum(any(letter.isalnum() for letter in word) for word in sentence.split())


def test_sentences_are_found_where_prose_is() -> None:
    page = (
        "# A heading is none\n\nTwo words, [a link. Or](two.md) and `some code. Too`. "
        "*The\nlast* one (Doe et al. 2026).\n"
        "- an item\n  goes on\n- another\n\n    code = 1. Not prose\n\n| a | table. Row |\n\n![alt. Text](a.png)\n\n"
        "```sh\nrgsd doctor. Code\n```\n<!-- a comment. Hidden -->\n1. 0.5 m e.g. stays whole\n"
    )
    assert list(sentences(page)) == [
        "Two words, a link.",
        "Or and Code.",
        "*The last* one (Doe et al 2026).",
        "an item goes on",
        "another",
        "0.5 m e.g. stays whole",
    ]
    assert words("0.5 m – or more = two") == 5


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_in_short_sentences(page: str) -> None:
    found = list(sentences((ROOT / page).read_text()))
    too_long = [f"{words(sentence)} words: {sentence}" for sentence in found if words(sentence) > MOST]
    assert not too_long
    assert median(map(words, found)) < MEDIAN
