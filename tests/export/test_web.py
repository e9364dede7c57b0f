"""The page's folder without a browser: what is in it, and the axes of its sphere. tests/web opens it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from rgsd.export import web
from rgsd.export.npm import Package
from rgsd.export.web import sphere_axes, write_page
from rgsd.learning.skill_policy import SkillPolicy


def test_the_folder_holds_all_that_the_page_asks_for(
    quadruped: SkillPolicy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxscript")

    def stand_in(package: Package, names: tuple[str, ...]) -> list[bytes]:
        return [f"{package.name}/{name}".encode() for name in names]

    monkeypatch.setattr(web, "take", stand_in)
    size = write_page(quadruped, tmp_path, "Dog & co")
    files = {file.relative_to(tmp_path).as_posix(): file for file in tmp_path.rglob("*") if file.is_file()}
    assert size == sum(file.stat().st_size for file in files.values())
    assert {"index.html", "main.js", "style.css", "actor.onnx", "encoder.onnx", "body.xml"} < set(files)
    assert gzip.decompress(files["lib/mujoco.wasm.gz"].read_bytes()) == b"@mujoco/mujoco/mujoco.wasm"
    assert "three 0.187.0, licensed under MIT" in files["lib/NOTICE.txt"].read_text()
    about = json.loads(files["policy.json"].read_text())
    assert (about["title"], about["has_encoder"], about["latent_dim"]) == ("Dog & co", True, 4)
    for script in (name for name in files if name.endswith(".js") and "/" not in name):
        for line in files[script].read_text().splitlines():
            if line.startswith("import") and "'./" in line:
                assert line.split("'./")[1].split("'")[0] in files


def test_the_sphere_shows_the_plane_that_the_clips_span(quadruped: SkillPolicy) -> None:
    axes = sphere_axes(quadruped)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-6)
    policy = SkillPolicy(
        body=quadruped.body, actor=quadruped.actor, latent_dim=4, method="rgsd",
        clip_latents={"a": torch.tensor([0.6, 0.0, 0.8, 0.0]), "b": torch.tensor([0.8, 0.0, -0.6, 0.0])},
    )  # fmt: skip
    shown = sphere_axes(policy) @ np.stack([z.numpy() for z in policy.clip_latents.values()]).T
    np.testing.assert_allclose(np.linalg.norm(shown, axis=0), 1.0, atol=1e-6)  # both lie in the first two axes


def test_a_circle_of_skills_has_no_third_axis(quadruped: SkillPolicy) -> None:
    policy = SkillPolicy(body=quadruped.body, actor=quadruped.actor, latent_dim=2, method="diayn")
    np.testing.assert_array_equal(sphere_axes(policy), [[1, 0], [0, 1], [0, 0]])
