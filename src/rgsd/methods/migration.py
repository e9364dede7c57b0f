"""Older names in the files of a run: what `config.yaml` and checkpoints are read as (docs/migration.md).

Renamed with protocol 2. A name that is in none of the tables is left as it is, so that a file of today is not changed.
"""

from __future__ import annotations

from typing import Any

from rgsd.errors import UsageError

METHODS = {"oracle": "tracker"}
"""Methods, old name to new."""
KEYS = {
    "collection": "clip_set",
    "settings.imitation_share": "imitation_fraction",
    "settings.share_of": "fraction_of",
    "settings.practice": "clip_sampling",
    "settings.reference_starts": "rsi",
    "settings.contrastive.decoys": "hard_negatives",
}
"""Keys of `config.yaml` by their old path, and the last part of their new one."""
VALUES = {
    "settings.practice": {"losses": "failures"},
    "trainer.warm_start.latents": {"cells": "voronoi"},
}
"""Values by the old path of their key, old to new."""
GONE = {
    "metra": {"settings.minibatches"},
    "lgsd": {"settings.minibatches"},
    "ase": {"settings.discriminator.batch"},
    "calm": {"settings.discriminator.batch"},
}
"""Keys by method and path that mean nothing any more: such a run is evaluated, and not gone on with."""
REMOVED = {
    "settings.kl_states": "imitation",
    "settings.resample_rate": 0.0,
    "settings.slerp_seconds": 0.0,
    "trainer.warm_start.changes": 0.0,
}
"""Settings that there are no more, by path, and the value at which a run never felt them."""
STATE = {"losses": "failures"}
"""Parts of a method's checkpoint, old name to new."""


def migrate_config(content: dict[str, Any]) -> dict[str, Any]:
    """The content of a `config.yaml` under the names of today.

    Raises:
        UsageError: it asks for a setting that there is no more; the message names it and the remedy.
    """
    named = _renamed(content, "", GONE.get(content.get("method", ""), set()))
    return named | {"method": METHODS.get(named["method"], named["method"])} if "method" in named else named


def migrate_state(state: dict[str, Any]) -> dict[str, Any]:
    """The state of a method under the names of today."""
    return {STATE.get(name, name): value for name, value in state.items()}


def _renamed(content: dict[str, Any], prefix: str, gone: set[str]) -> dict[str, Any]:
    found = {}
    for name, value in content.items():
        path = prefix + name
        if path in gone:
            continue
        if path in REMOVED:
            if value != REMOVED[path]:
                raise UsageError(
                    f"{path} is {value!r}, a setting that rgsd has no more; put {REMOVED[path]!r} there to go on "
                    "without it, or train anew"
                )
            continue
        if isinstance(value, dict):
            value = _renamed(value, f"{path}.", gone)
        elif isinstance(value, str):
            value = VALUES.get(path, {}).get(value, value)
        found[KEYS.get(path, name)] = value
    return found
