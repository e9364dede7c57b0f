"""Motions that come with rgsd, a folder for each body that has some: training and the demo then need no data.

The humanoid's are ACCAD's clips as a tracker performs them in simulation (`rgsd motions perform`), not the clips
themselves; each file says who performed it, how near, and under which licence. smpl/README.md tells the rest.
"""

from __future__ import annotations

from pathlib import Path

from rgsd.errors import UsageError

EMBEDDED = "embedded"
"""What `--motions` calls them."""
_HERE = Path(__file__).parent


def embedded(body: str) -> Path:
    """The folder of a body's embedded motions.

    Raises:
        UsageError: none come with this body.
    """
    folders = {file.parent.name: file.parent for file in _HERE.glob("*/*.npz")}
    if body not in folders:
        there = ", ".join(sorted(folders)) or "no body"
        raise UsageError(
            f"--motions {EMBEDDED}: none come with body '{body}', but with {there}; give a file or folder of motions"
        )
    return folders[body]
