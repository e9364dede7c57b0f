"""The pair on disk: files of two saves, and every way in which the json can be wrong."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from rgsd.learning.networks import NetworkConfig
from rgsd.learning.policy_files import PolicyDescription, PolicyError, read_policy, to_bytes, write_policy
from rgsd.skills.encoder import EncoderConfig


def save(folder: Path, number: float = 1.0) -> PolicyDescription:
    weights, digest = to_bytes({"actor.a": torch.full((2, 3), number)})
    description = PolicyDescription(
        method="rgsd",
        body="tiny",
        physics_sha256="f" * 64,
        joint_names=("left", "right"),
        latent_dim=4,
        observation_sha256="e" * 64,
        clock="elapsed",
        lag=False,
        condition="latent",
        network=NetworkConfig(actor_hidden=(8, 4), noise=1.0),
        encoder=EncoderConfig(kinds=("height",)),
        clips=("walk",),
        weights_sha256=digest,
    )
    write_policy(folder, description, weights)
    return description


def change(folder: Path, **changes: Any) -> None:
    """Set keys of policy.json, "a__b" for b in a; None removes the key."""
    file = folder / "policy.json"
    content = json.loads(file.read_text())
    for key, value in changes.items():
        *outer, last = key.split("__")
        place = content[outer[0]] if outer else content
        place[last] = value
        if value is None:
            del place[last]
    file.write_text(json.dumps(content))


def test_what_was_written_is_read(tmp_path: Path) -> None:
    written = save(tmp_path)
    found, tensors = read_policy(tmp_path)
    assert found == written
    assert isinstance(found.network.actor_hidden, tuple)
    assert torch.equal(tensors["actor.a"], torch.ones(2, 3))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["policy.json", "policy.safetensors"]
    digest = hashlib.sha256((tmp_path / "policy.safetensors").read_bytes()).hexdigest()
    assert found.weights_sha256 == digest


def test_a_crash_between_the_two_files_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path)
    dumps = json.dumps

    def crash(*args: object, **options: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(json, "dumps", crash)  # the weights are in place then, the description is not
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, number=2.0)
    monkeypatch.setattr(json, "dumps", dumps)
    with pytest.raises(PolicyError, match=r"policy\.safetensors: its SHA-256 is .* by `rgsd train rgsd --resume RUN`"):
        read_policy(tmp_path)
    save(tmp_path, number=2.0)
    assert float(read_policy(tmp_path)[1]["actor.a"].mean()) == 2.0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema": 1}, "schema is 1, this rgsd reads 2 and 3; train anew"),
        ({"schema": None}, "lacks the key 'schema', so it describes no policy; restore"),
        ({"clips": None}, "lacks the key 'clips'; restore the file that training wrote, or train anew"),
        ({"network__noise": None}, "lacks the key 'noise' in 'network'; restore"),
        ({"noise": 3}, "has an unknown key 'noise'; use the rgsd that wrote it"),
        ({"network__nois": 3}, "has an unknown key 'nois' in 'network'"),
        ({"latent_dim": "4"}, "latent_dim is '4', expected int; restore"),
        ({"latent_dim": True}, "latent_dim is True, expected int"),
        ({"clock": "sundial"}, "clock is 'sundial', expected one of none, elapsed, clip_time"),
        ({"clips": "walk"}, "clips is 'walk', expected"),
        ({"joint_names": ["left", 2]}, r"joint_names\[1\] is 2, expected str"),
        ({"network__actor_hidden": [8, "4"]}, r"network.actor_hidden\[1\] is '4', expected int"),
        ({"encoder": 5}, "encoder is 5, expected EncoderConfig"),
    ],
)
def test_a_json_that_does_not_fit_is_refused_by_key(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    save(tmp_path)
    change(tmp_path, **changes)
    with pytest.raises(PolicyError, match=rf"policy\.json: {said}"):
        read_policy(tmp_path)


def test_schema_2_is_read_in_the_words_of_this_one(tmp_path: Path) -> None:
    written = save(tmp_path)
    change(tmp_path, schema=2, method="oracle", observation_sha256=None, lag=None)  # None takes a key away
    found, _ = read_policy(tmp_path)
    assert found == dataclasses.replace(written, method="tracker", observation_sha256=None, lag=False)


def test_a_whole_number_is_a_number(tmp_path: Path) -> None:
    save(tmp_path)
    change(tmp_path, network__noise=1)  # as another program may write 1.0
    assert read_policy(tmp_path)[0].network.noise == 1.0


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("policy.json", None, "no such file; give a run's folder"),
        ("policy.json", '{"schema', "not readable JSON"),
        ("policy.json", "[]", "lacks the key 'schema'"),
        ("policy.safetensors", None, "not readable"),
        ("policy.safetensors", "x", "its SHA-256 is"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: str | None, said: str) -> None:
    save(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(PolicyError, match=f"{name}: {said}"):
        read_policy(tmp_path)
