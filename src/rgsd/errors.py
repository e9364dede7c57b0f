"""What to answer to a word that is not known: the nearest of those that are.

The errors here are meant for the person at the keyboard; `rgsd.cli.main` prints them as one line, without a traceback.
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import SequenceMatcher

_ALIKE = 0.6  # fraction of matching letters from which a word passes for a misspelling (difflib's customary cutoff)
_LISTED = 8  # so few choices are listed whole when none is alike


class UsageError(ValueError):
    """A command line that cannot be carried out; the message names the option, its value and the remedy."""


class UnknownName(UsageError):  # noqa: N818 - reads better where it is raised: "raise UnknownName('body', ...)"
    """A name that is not among the valid ones.

    Args:
        kind: what is named, such as "body".
        name: the word given.
        choices: the valid words.
    """

    def __init__(self, kind: str, name: str, choices: Collection[str]) -> None:
        self.name = name
        self.nearest = nearest(name, choices)
        if self.nearest:
            hint = f"did you mean {' or '.join(self.nearest)}?"
        elif len(choices) <= _LISTED:
            hint = f"choose one of {', '.join(sorted(choices))}"
        else:
            hint = f"it is none of the {len(choices)} known, {', '.join(sorted(choices)[:_LISTED])}, ..."
        super().__init__(f"unknown {kind} '{name}'; {hint}")


def nearest(word: str, choices: Collection[str], most: int = 3) -> list[str]:
    """Return at most `most` of the choices that `word` may have meant, best first; empty when none is alike.

    Case does not count, and a word that stands whole inside a choice ("walk" in "B3_walk") is alike.
    """
    likeness = {choice: _likeness(word.lower(), choice.lower()) for choice in choices}
    alike = [choice for choice in choices if likeness[choice] >= _ALIKE]
    return sorted(alike, key=lambda choice: (-likeness[choice], choice))[:most]


def _likeness(word: str, choice: str) -> float:
    """Return 1 for the same word, 0 for nothing in common."""
    fraction = SequenceMatcher(None, word, choice).ratio()
    inside = len(word) >= 3 and word in choice
    return max(fraction, _ALIKE) if inside else fraction
