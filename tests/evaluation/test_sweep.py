"""What a sweep's file means, and what is said of one that means nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from rgsd.errors import UsageError
from rgsd.evaluation.headlines import DEFAULT_METRICS
from rgsd.evaluation.protocol import EvaluationConfig
from rgsd.evaluation.sweep import Sweep, read_sweep
from rgsd.methods.presets import make_preset
from rgsd.methods.rgsd import RgsdConfig

EXAMPLES = sorted((Path(__file__).parents[2] / "benchmarks" / "sweeps").glob("*.toml"))


def read(folder: Path, text: str) -> Sweep:
    file = folder / "s.toml"
    file.write_text(text)
    return read_sweep(file)


def test_a_file_of_one_line_is_the_preset(tmp_path: Path) -> None:
    found = read(tmp_path, "steps = 1000")
    assert [(v.name, v.settings) for v in found.variants] == [("base", {})]
    preset = make_preset("cpu", "rgsd", "quadruped")
    assert (found.variants[0].config.steps, found.variants[0].config.env) == (1000, preset.env)
    assert (found.seeds, found.metrics, found.evaluation) == ((0,), DEFAULT_METRICS, EvaluationConfig())


def test_a_grid_is_every_combination(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
        minutes = 2
        seeds = [3, 4]
        base.num_envs = 64
        [grid]
        "settings.encoder.kinds" = [["height", "position"], ["rotation"]]
        "env.clock" = ["none"]
        """,
    )
    names = ["kinds=height+position,clock=none", "kinds=rotation,clock=none"]
    assert [variant.name for variant in found.variants] == names
    config = found.variants[1].config
    assert isinstance(config.settings, RgsdConfig)
    assert config.settings.encoder.kinds == ("rotation",)
    assert (config.num_envs, config.minutes) == (64, 2)


def test_settings_of_one_last_word_keep_more_of_their_names(tmp_path: Path) -> None:
    text = "steps = 9\n[grid]\nsettings.kappa = [1, 2.5]\nsettings.contrastive.kappa = [10]"
    names = [variant.name for variant in read(tmp_path, text).variants]
    assert names == [
        "settings.kappa=1,settings.contrastive.kappa=10",
        "settings.kappa=2.5,settings.contrastive.kappa=10",
    ]


def test_variants_have_names_settings_and_methods_of_their_own(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
        steps = 9
        metrics = ["mean.skill"]
        evaluation.num_latents = 32
        [[variant]]
        name = "off"
        set = { env.early_termination = false, steps = 12 }
        [[variant]]
        name = "tracker"
        method = "tracker"
        """,
    )
    off, tracker = (variant.config for variant in found.variants)
    assert (off.env.early_termination, off.steps) == (False, 12)
    assert (tracker.method, tracker.env.early_termination, tracker.steps) == ("tracker", True, 9)
    assert found.variants[0].settings == {"env.early_termination": False, "steps": 12}
    assert (found.metrics, found.evaluation) == (("mean.skill",), EvaluationConfig(num_latents=32))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("steps 1000", "not readable TOML"),
        ("step = 1000", "unknown key 'step'; did you mean steps"),
        ("steps = 'many'", "steps is 'many'"),
        ("seeds = [0]", "neither steps nor minutes is given"),
        ("steps = 9\nseeds = [1, 1]", "give different whole numbers"),
        ("steps = -1", "--steps is -1; give a number of 1 or more"),
        ("steps = 9\nmethod = 'rgds'", "unknown method 'rgds'; did you mean rgsd"),
        ("steps = 9\nbase.env.worst_bdy = 1", "unknown setting 'env.worst_bdy'; did you mean env.worst_body_distance"),
        ("steps = 9\nbase.seed = 1", "setting seed is 1; give `seeds` at the top"),
        ("steps = 9\nbase.preset = 'gpu'", "setting preset is 'gpu'; give `preset` at the top"),
        ("steps = 9\ngrid.env.clock = 'none'", "grid env.clock is 'none'; give a list"),
        ("steps = 9\ngrid.env.clock = ['sun']", "give one of none, elapsed, clip_time"),
        ("steps = 9\nmetrics = ['mean.skil']", "unknown metric 'mean.skil'; did you mean mean.skill"),
        ("steps = 9\nevaluation.latents = 3", "unknown setting 'latents'; did you mean num_latents"),
        ("steps = 9\n[[variant]]\nset = {}", "has no name"),
        ("steps = 9\n[[variant]]\nname = 'a/b'", "variant 'a/b' cannot name a folder"),
        ("steps = 9\n[[variant]]\nname = 'a'\n[[variant]]\nname = 'a'", "there are 2 variants 'a'"),
        ("steps = 9\n[[variant]]\nname = 'a'\nsets = {}", "unknown key of a variant 'sets'; did you mean set"),
        ("steps = 9\ngrid.num_envs = [1]\n[[variant]]\nname = 'a'", "both grid and variant are given"),
    ],
)
def test_a_file_that_means_nothing_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "s.toml"))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_examples_can_be_run(file: Path) -> None:
    found = read_sweep(file)
    assert len(found.variants) > 1
    assert len({variant.config for variant in found.variants}) == len(found.variants)  # no two are the same
    assert found.about
