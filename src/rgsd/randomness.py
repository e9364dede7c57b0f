"""Seeds: every use of randomness in a run has a stream of its own, derived from the run's one seed."""

from __future__ import annotations

import hashlib


def stream_seed(seed: int, use: str) -> int:
    """The seed of one use of randomness, such as "exploration": independent of all other uses, the same everywhere."""
    digest = hashlib.sha256(f"{seed}/{use}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1  # what torch.Generator.manual_seed takes: 63 bits
