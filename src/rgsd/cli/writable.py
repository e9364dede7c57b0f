"""Whether results will have a place, asked before they are worked for."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rgsd.errors import UsageError


def check_writable(folder: Path, option: str = "--out") -> None:
    """Make a folder if there is none, and refuse one that cannot be written to.

    Args:
        folder: for results.
        option: with which another one is chosen.

    Raises:
        UsageError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written to ({error.strerror}); choose another place, {option}") from None
