"""Published policies, a folder each: policy.json, policy.safetensors and a model card (README.md)."""

from __future__ import annotations

import json
from pathlib import Path

from rgsd.errors import UsageError

_HERE = Path(__file__).parent


def published() -> dict[str, Path]:
    """The folder of each body's published policy, by the body's name: of several, the one that knows most motions."""
    described = {file.parent: json.loads(file.read_text()) for file in sorted(_HERE.glob("*/policy.json"))}
    by_motions = sorted(described, key=lambda folder: len(described[folder]["clips"]))
    return {described[folder]["body"]: folder for folder in by_motions}


def find(body: str) -> Path:
    """The folder of a body's published policy.

    Raises:
        UsageError: none is published for it; the message lists the bodies that have one.
    """
    found = published()
    if body not in found:
        raise UsageError(f"no policy of body '{body}' is published; there are those of {', '.join(found)}")
    return found[body]
