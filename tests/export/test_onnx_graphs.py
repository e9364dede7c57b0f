"""ONNX through onnxruntime: the same numbers as torch, and metadata that suffice to feed it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.envs.observation import ObservationLayout
from rgsd.envs.skill_env import Clock
from rgsd.errors import UsageError
from rgsd.evaluation.rollouts import SkillController, observe_frames, roll_out, standing, with_noise
from rgsd.export.description import describe
from rgsd.export.onnx_graphs import ACTOR, ENCODER, write_onnx
from rgsd.learning.networks import Actor, NetworkConfig
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.physics.mujoco_cpu import MujocoCpu

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def _visited(policy: SkillPolicy) -> tuple[Tensor, Tensor]:
    """1,000 states (1000, D) of rollouts from the standing pose under 10 random skills, and those skills (1000, d)."""
    generator = torch.Generator().manual_seed(0)
    z = policy.sample_z(10, generator=generator)
    start = with_noise(standing(policy.body, 10, torch.device("cpu")), generator)
    nobody = torch.zeros(10, dtype=torch.long)
    rollouts = roll_out(
        lambda count: MujocoCpu(policy.body, count), policy.body, SkillController(policy, z), start, 100, nobody
    )
    return observe_frames(rollouts.states).flatten(0, 1), z.repeat_interleave(100, dim=0)


def test_actor_and_encoder_agree_with_torch(quadruped: SkillPolicy, exported: Path) -> None:
    _check_agreement(quadruped, exported / ACTOR, exported / ENCODER)


def test_actor_and_encoder_of_the_humanoid_agree_with_torch(humanoid: SkillPolicy, tmp_path: Path) -> None:
    _check_agreement(humanoid, *write_onnx(humanoid, tmp_path))


def _check_agreement(policy: SkillPolicy, actor_file: Path, encoder_file: Path) -> None:
    """Within 1e-5 over 1,000 states of rollouts."""
    observation, z = _visited(policy)
    assert len(observation) == 1000
    given = {"observation": observation.numpy(), "z": z.numpy()}
    (action,) = onnxruntime.InferenceSession(actor_file).run(["action"], given)
    np.testing.assert_allclose(action, policy.act(observation, z).numpy(), atol=1e-5)
    (mu,) = onnxruntime.InferenceSession(encoder_file).run(["mu"], {"observation": observation.numpy()})
    expected = policy.encode(observation)
    assert expected is not None
    np.testing.assert_allclose(mu, expected.numpy(), atol=1e-5)


def test_metadata_describe_body_observation_and_skills(quadruped: SkillPolicy, exported: Path) -> None:
    about = _metadata(exported / ACTOR)
    assert about == _metadata(exported / ENCODER) == json.loads(json.dumps(describe(quadruped)))
    body, layout = quadruped.body, ObservationLayout(quadruped.body)
    for part in about["observation"]:
        assert layout.indices((part["kind"],)) == list(range(part["start"], part["stop"]))
    units = {part["kind"]: part["unit"] for part in about["observation"]}
    assert units == {
        "height": "m", "position": "m", "rotation": "1", "linear_velocity": "m/s", "angular_velocity": "rad/s",
    }  # fmt: skip
    assert about["observation"][1]["bodies"] == list(body.body_names[1:])  # positions are relative to the root's
    assert about["joint_names"] == list(body.joint_names)
    assert (about["control_hz"], about["physics_steps_per_control"]) == (50.0, 4)
    assert about["action_scale"] == [0.4, 0.8, 0.8] * 4
    assert about["policy_sha256"] == quadruped.digest
    torch.testing.assert_close(torch.tensor(about["clip_latents"]["left"]), quadruped.clip_latents["left"])


def test_nothing_of_this_machine_is_in_the_file(exported: Path) -> None:
    for name in (ACTOR, ENCODER):
        assert b"site-packages" not in (exported / name).read_bytes()
        assert b"/rgsd/" not in (exported / name).read_bytes()  # as in the path of a source file


def _small(tiny: Body, clock: Clock, **given: Any) -> SkillPolicy:
    size = ObservationLayout(tiny).size + (clock != "none")
    actor = Actor(size, 3, torch.tensor(tiny.action_scale), NetworkConfig(actor_hidden=(4,)))
    return SkillPolicy(body=tiny, actor=actor, latent_dim=3, method="diayn", clock=clock, **given)


def test_a_clock_is_the_last_entry_and_no_encoder_makes_no_second_graph(tiny: Body, tmp_path: Path) -> None:
    policy = _small(tiny, "elapsed")
    (file,) = write_onnx(policy, tmp_path)
    last = _metadata(file)["observation"][-1]
    assert (last["kind"], last["unit"], last["start"], last["stop"]) == ("clock", "s", 43, 44)  # 15 * 3 - 2 before it
    observation, z = torch.randn(5, 43), policy.sample_z(5)
    seconds = torch.arange(5.0)
    given = {"observation": torch.cat((observation, seconds[:, None]), dim=1).numpy(), "z": z.numpy()}
    (action,) = onnxruntime.InferenceSession(file).run(None, given)
    np.testing.assert_allclose(action, policy.act(observation, z, seconds).numpy(), atol=1e-5)


def test_a_tracker_is_refused(tiny: Body) -> None:
    with pytest.raises(UsageError, match="is shown reference frames"):
        describe(_small(tiny, "none", condition="reference"))


def test_without_the_extra_it_says_what_to_install(tiny: Body, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs onnx and onnxscript: install rgsd with its export extra"):
        write_onnx(_small(tiny, "none"), tmp_path)
    assert not list(tmp_path.iterdir())


def _metadata(file: Path) -> dict[str, Any]:
    found = onnxruntime.InferenceSession(file).get_modelmeta().custom_metadata_map
    return {key: json.loads(value) for key, value in found.items()}
