"""The motions that come with rgsd: small, licensed, and by the tracker that is published."""

from __future__ import annotations

import json

import pytest

from rgsd import pretrained
from rgsd.bodies.smpl import make_smpl
from rgsd.errors import UsageError
from rgsd.motions.clip_sets import ACCAD20
from rgsd.motions.embedded import embedded
from rgsd.motions.formats.accad import LICENSE
from rgsd.motions.motion import Motion


def test_the_humanoids_are_the_published_trackers_performances_of_accad() -> None:
    folder, body = embedded("smpl"), make_smpl()
    tracker = json.loads((pretrained.find("smpl-tracker20") / "policy.json").read_text())
    groups = {clip.name: clip.group for clip in ACCAD20}
    motions = [Motion.load(file, body) for file in folder.glob("*.npz")]
    assert {motion.group for motion in motions} >= {"walk", "run", "sidestep", "punch"}
    for motion in motions:
        assert motion.performer == f"smpl-tracker20, weights {tracker['weights_sha256']}"
        assert motion.license == LICENSE
        assert motion.source.startswith("performed in simulation: ACCAD BVH Male2_")
        assert motion.group == groups[motion.name]
        assert motion.quality["performance_error_cm"] < 8
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 2e6
    assert "CC BY 3.0" in (folder / "README.md").read_text()


def test_other_bodies_have_none() -> None:
    with pytest.raises(UsageError, match="none come with body 'quadruped', but with smpl; give a file or folder"):
        embedded("quadruped")
