"""`rgsd demo --body`: what a published policy is shown to do, and what is said where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from rich.console import Console

from rgsd import pretrained
from rgsd.bodies.registry import make_body
from rgsd.cli import play_policy
from rgsd.cli.main import main
from rgsd.envs.observation import ObservationLayout
from rgsd.learning.networks import Actor, NetworkConfig
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.viewing.video import GlUnavailable


@pytest.fixture
def policies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of published policies with one of the quadruped that never moves: its mean actions are 0."""
    body = make_body("quadruped")
    actor = Actor(ObservationLayout(body).size, 2, torch.tensor(body.action_scale), NetworkConfig(actor_hidden=(8,)))
    for parameter in actor.network.parameters():
        torch.nn.init.zeros_(parameter)
    directions = {"east": torch.tensor([1.0, 0.0]), "north": torch.tensor([0.0, 1.0])}
    SkillPolicy(body=body, actor=actor, latent_dim=2, method="rgsd", clip_latents=directions).save(
        tmp_path / "policies" / "still"
    )
    monkeypatch.setattr(pretrained, "_HERE", tmp_path / "policies")
    return tmp_path / "policies"


def test_a_policy_that_stands_neither_falls_nor_travels(
    policies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_gl(*_: object) -> None:
        raise GlUnavailable("install libegl1")

    monkeypatch.setattr(play_policy, "render_frames", no_gl)
    monkeypatch.setattr(play_policy, "_RANDOM", 8)

    play_policy.play_policy("quadruped", tmp_path / "out", 0, Console(width=80))
    found = json.loads((tmp_path / "out" / "skills.json").read_text())
    assert list(found) == ["the standing pose"]  # it carries no other start
    found = found["the standing pose"]
    assert list(found) == ["east", "north", "random directions"]
    assert [found[name]["rollouts"] for name in found] == [4, 4, 8]
    for metrics in found.values():
        assert metrics["fall_rate"] == 0.0
        assert metrics["distance_m"] < 0.05
    said = capsys.readouterr().out
    assert "no film: install libegl1" in said
    assert "0% of 4" in said


def test_a_policy_is_begun_where_its_motions_begin(
    policies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_gl(*_: object) -> None:
        raise GlUnavailable("install libegl1")

    monkeypatch.setattr(play_policy, "render_frames", no_gl)
    monkeypatch.setattr(play_policy, "_RANDOM", 8)
    policy = SkillPolicy.load(policies / "still")
    upright = torch.tensor(policy.body.standing_qpos, dtype=torch.float32)
    on_its_back = upright.clone()
    on_its_back[3:7] = torch.tensor([0.0, 1.0, 0.0, 0.0])
    rest = torch.zeros(policy.body.model.nv)
    policy.clip_starts = {"east": torch.cat((upright, rest)), "north": torch.cat((on_its_back, rest))}
    policy.save(policies / "still")
    play_policy.play_policy("quadruped", tmp_path / "out", 0, Console(width=80))
    found = json.loads((tmp_path / "out" / "skills.json").read_text())
    rates = {where: [rows[name]["fall_rate"] for name in rows] for where, rows in found.items()}
    # every other random direction begins where `north` does
    assert rates == {"the standing pose": [0, 0, 0], "a motion's first frame": [0, 1, 0.5]}


def test_a_body_without_a_published_policy(policies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--minutes", "0", "--body", "smpl"]) == 2
    told = capsys.readouterr().err
    assert "no policy of body 'smpl' is published, nor one of that name; there are quadruped, still" in told
    assert main(["demo", "--body", "smpl"]) == 2  # where nothing is trained unless minutes are given
    assert "no policy of body 'smpl' is published" in capsys.readouterr().err
    assert main(["demo", "--body", "still", "--minutes", "1"]) == 2
    assert "without --minutes it plays a published policy" in " ".join(capsys.readouterr().err.split())


def test_published_policies_load_and_are_small() -> None:
    assert "quadruped" in pretrained.published()
    for name, folder in pretrained.published().items():
        assert name in (SkillPolicy.load(folder).body.name, folder.name)
        assert (folder / "README.md").stat().st_size > 500  # a model card
        assert sum(file.stat().st_size for file in folder.iterdir()) < 10e6


def test_of_several_policies_of_a_body_the_one_with_most_motions_is_shown(policies: Path) -> None:
    policy = SkillPolicy.load(policies / "still")
    # by name one comes before it and one after, with fewer motions and with more
    for name, clips in (("a", ("east",)), ("z", ("east",)), ("b", ("east", "north", "west"))):
        SkillPolicy(
            body=policy.body,
            actor=policy.actor,
            latent_dim=2,
            method="rgsd",
            clip_latents={c: torch.ones(2) for c in clips},
        ).save(policies / name)
    assert pretrained.find("quadruped") == policies / "b"
    assert pretrained.find("z") == policies / "z"
