"""Published policies, a folder each: policy.json, policy.safetensors and a model card (README.md)."""

from __future__ import annotations

import json
from pathlib import Path

from rgsd.errors import UsageError

_HERE = Path(__file__).parent


def published() -> dict[str, Path]:
    """The folder of each published policy by its name, and of each body's by the body's: of several policies of skills,
    the one that knows most motions.
    """
    described = {file.parent: json.loads(file.read_text()) for file in sorted(_HERE.glob("*/policy.json"))}
    by_motions = sorted(described, key=lambda folder: len(described[folder]["clips"]))
    skilled = [folder for folder in by_motions if described[folder]["condition"] == "latent"]
    bodies = {described[folder]["body"]: folder for folder in skilled}
    return bodies | {folder.name: folder for folder in described}


def find(name: str) -> Path:
    """The folder of a published policy, by its own name or its body's.

    Raises:
        UsageError: none is published under it; the message lists the names.
    """
    found = published()
    if name not in found:
        raise UsageError(f"no policy of body '{name}' is published, nor one of that name; there are {', '.join(found)}")
    return found[name]
