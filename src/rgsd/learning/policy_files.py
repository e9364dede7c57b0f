"""The published policy on disk: `policy.safetensors` and `policy.json`, written as a pair and read as one.

Each file is replaced atomically, but two cannot be: the json therefore holds the SHA-256 of the safetensors, and a
reader takes them only together. What the json says is checked key by key against `PolicyDescription`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
from torch import Tensor

from rgsd.atomic import write_atomically
from rgsd.envs.skill_env import Clock
from rgsd.learning.networks import NetworkConfig
from rgsd.skills.encoder import EncoderConfig

SCHEMA_VERSION = 3
DESCRIPTION, WEIGHTS = "policy.json", "policy.safetensors"
Condition = Literal["latent", "reference"]
_REMEDY = "restore the file that training wrote, or train anew"


class PolicyError(ValueError):
    """A policy file that cannot be used; the message names the file, the field, the value and the remedy."""


@dataclass(frozen=True)
class PolicyDescription:
    """What policy.json says beside its schema, key by key."""

    method: str
    """Name of the method that trained it."""
    body: str
    """Name of what it moves."""
    physics_sha256: str
    """`Body.physics_digest` of that body."""
    joint_names: tuple[str, ...]
    """Its hinges, in the order of the actions."""
    latent_dim: int
    """d, size of the condition that the policy is given."""
    observation_sha256: str | None
    """`ObservationLayout.digest` of what it observes; None where a file of schema 2 did not say."""
    clock: Clock
    """The optional last observation entry."""
    lag: bool
    """Whether it also observes where its reference is about to be (`rgsd.envs.reference_frames.Lag`)."""
    condition: Condition
    """Whether the policy is given a latent, or the next reference frame."""
    network: NetworkConfig
    """Sizes of the actor."""
    encoder: EncoderConfig | None
    """The encoder; None for a method without one."""
    clips: tuple[str, ...]
    """Names of the clips that it was trained on, in the order of their latents in the safetensors, if it has any."""
    weights_sha256: str
    """SHA-256 of the safetensors."""


def to_bytes(tensors: dict[str, Tensor]) -> tuple[bytes, str]:
    """The content of a safetensors file, and its SHA-256."""
    content = safetensors.torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    return content, hashlib.sha256(content).hexdigest()


def write_policy(folder: Path, description: PolicyDescription, weights: bytes) -> None:
    """Write the pair: no date, no pickle; the same policy makes the same bytes."""
    write_atomically(folder / WEIGHTS, lambda path: path.write_bytes(weights))
    text = json.dumps({"schema": SCHEMA_VERSION, **dataclasses.asdict(description)}, indent=2) + "\n"
    write_atomically(folder / DESCRIPTION, lambda path: path.write_text(text))


def read_policy(folder: Path) -> tuple[PolicyDescription, dict[str, Tensor]]:
    """Read the pair.

    Raises:
        PolicyError: a file is missing or damaged, of another schema, or the two are not of one save.
    """
    file = folder / DESCRIPTION
    if not file.exists():
        raise PolicyError(f"{file}: no such file; give a run's folder, or train one with `rgsd train rgsd`")
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise PolicyError(f"{file}: not readable JSON ({error}); {_REMEDY}") from error
    if not isinstance(content, dict) or "schema" not in content:
        raise PolicyError(f"{file}: lacks the key 'schema', so it describes no policy; {_REMEDY}")
    schema = content.pop("schema")
    if schema == 2:
        content = _from_schema_2(content)
    elif schema != SCHEMA_VERSION:
        raise PolicyError(f"{file}: schema is {schema!r}, this rgsd reads 2 and {SCHEMA_VERSION}; train anew")
    description = _restored(PolicyDescription, content, file, "")
    weights = folder / WEIGHTS
    try:
        data = weights.read_bytes()
    except OSError as error:
        raise PolicyError(f"{weights}: not readable ({error.strerror}); copy it anew beside {file.name}") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != description.weights_sha256:
        raise PolicyError(
            f"{weights}: its SHA-256 is {digest}, but weights_sha256 in {file.name} is {description.weights_sha256}; "
            f"copy both files anew, or have both written by `rgsd train {description.method} --resume RUN`"
        )
    return description, safetensors.torch.load(data)


def _from_schema_2(content: dict[str, Any]) -> dict[str, Any]:
    """What a file of schema 2 says, in the keys and words of this one."""
    content = {"observation_sha256": None, "lag": False, **content}
    return content | {"method": "tracker"} if content.get("method") == "oracle" else content


def _restored(hint: Any, value: Any, file: Path, key: str) -> Any:
    """A JSON value as the type that the key is annotated with.

    Raises:
        PolicyError: it does not fit; the message names the file and the key.
    """
    origin, choices = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and isinstance(value, dict):
        hints = typing.get_type_hints(hint)
        within = f" in '{key}'" if key else ""
        for name in hints:
            if name not in value:
                raise PolicyError(f"{file}: lacks the key '{name}'{within}; {_REMEDY}")
        for name in value:
            if name not in hints:
                raise PolicyError(f"{file}: has an unknown key '{name}'{within}; use the rgsd that wrote it")
        prefix = f"{key}." if key else ""
        return hint(**{name: _restored(hints[name], value[name], file, prefix + name) for name in hints})
    if origin is types.UnionType:  # the one form that is used: something, or None
        return None if value is None else _restored(choices[0], value, file, key)
    if origin is tuple and isinstance(value, list):
        return tuple(_restored(choices[0], item, file, f"{key}[{i}]") for i, item in enumerate(value))
    if (origin is Literal and value in choices) or type(value) is hint or (hint is float and type(value) is int):
        return value
    expected = f"one of {', '.join(choices)}" if origin is Literal else getattr(hint, "__name__", str(hint))
    raise PolicyError(f"{file}: {key} is {value!r}, expected {expected}; {_REMEDY}")
