"""`rgsd pretrain`: its options are those of training, and its metrics depend on them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rgsd.cli.main import main


def test_phase_1_with_other_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["pretrain", "--clips", "left", "stand", "--out", str(tmp_path), "--settings.encoder.latent-dim", "3"]
    assert main([*words, "--settings.contrastive.steps", "150", "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["within_cosine"] > 0.9
    assert metrics["between_cosine"] < -0.5  # two motions alone are pushed to opposite poles
    with np.load(tmp_path / "latents.npz") as found:
        assert found["clip_names"].tolist() == ["left", "stand"]
        assert found["z"].shape == (2, 3)
    assert set(json.loads((tmp_path / "landscape.json").read_text())["clips"]) == {"left", "stand"}
    assert main([*words, "--settings.contrastive.steps", "0"]) == 0
    table = capsys.readouterr().out
    assert "directions of 2 motions in 3 dimensions" in table


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--settings.encoder.latent-dim", "1"], "--settings.encoder.latent-dim is 1; give a number of 2 or more"),
        (["--clips", "lefft", "stand"], "did you mean left"),
        (["--settings.encoder.bodies", "trnk"], "unknown body part 'trnk'; did you mean trunk?"),
        (["--motions", "embedded"], "--motions embedded: none come with body 'quadruped', but with smpl; give a file"),
        (["--preset", "huge"], "unknown preset 'huge'"),
    ],
)
def test_what_cannot_be_embedded(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pretrain", "--out", str(tmp_path / "out"), *words]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_help_names_the_options_of_training(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as shown:
        main(["pretrain", "--help"])
    assert shown.value.code == 0
    said = capsys.readouterr().out
    assert "--settings.contrastive.hard-negatives" in said
    assert "Give each motion a direction" in said
