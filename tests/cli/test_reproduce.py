"""A table of two methods on half-second gaits: what it writes, how it goes on, and what is drawn from it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rgsd.bodies.quadruped import make_quadruped
from rgsd.cli import reproduce
from rgsd.cli.main import main
from rgsd.errors import UsageError
from rgsd.evaluation.protocol import EvaluationConfig
from rgsd.evaluation.sweep import Variant
from rgsd.methods.presets import make_preset
from rgsd.methods.runs import RunConfig
from rgsd.methods.settings import replace_settings, setting_names
from rgsd.motions.synthesis.gait import Course, Gait
from rgsd.motions.synthesis.quadruped import synthesize

TINY = {
    "num_envs": 8,
    "trainer.horizon": 4,
    "trainer.warm_start.iterations": 1,
    "network.actor_hidden": [16],
    "network.critic_hidden": [16],
    "settings.encoder.hidden": [16],
    "settings.contrastive.steps": 3,
}
EVALUATION = EvaluationConfig(2, 4, 0.2, 1, 1, 4, threads=1)
A_MOMENT = 1e-6  # minutes: one iteration


def tiny_preset(name: str, method: str, body: str) -> RunConfig:
    config = make_preset(name, method, body)
    known = setting_names(config)
    return replace_settings(config, {name: value for name, value in TINY.items() if name in known})


@pytest.fixture(scope="module")
def motions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, body = tmp_path_factory.mktemp("motions"), make_quadruped()
    for name, course in (("ahead", Course(forward=0.4)), ("turn", Course(turn=1.0))):
        synthesize(body, name, name, Gait(), course, seconds=0.5).save(folder / f"{name}.npz")
    return folder


@pytest.fixture(scope="module")
def table(motions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Table 1 of RGSD and METRA, with two seeds, and the tracker."""
    out = tmp_path_factory.mktemp("table") / "table1"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reproduce, "make_preset", tiny_preset)
        patch.setattr(reproduce, "METHODS", ("rgsd", "metra", "tracker"))
        reproduce.reproduce_table1(A_MOMENT, motions=str(motions), seeds=1, out=out, evaluation=EVALUATION)
        first = (out / "rgsd" / "seed0" / "policy" / "policy.safetensors").stat().st_mtime_ns
        reproduce.reproduce_table1(A_MOMENT, motions=str(motions), seeds=2, out=out, evaluation=EVALUATION)
        assert (out / "rgsd" / "seed0" / "policy" / "policy.safetensors").stat().st_mtime_ns == first
    return out


def test_table_1_has_a_row_a_method_and_a_point_a_seed(table: Path) -> None:
    content = json.loads((table / "comparison.json").read_text())
    rows = content["imitation"]["ahead"]
    assert list(rows) == [
        "static_pose",
        "open_loop_replay",
        "tracker",
        "untrained",
        "rgsd",
        "metra",
        "rgsd-from-scratch",
    ]
    for seed in (0, 1):
        evaluation = json.loads((table / f"metra/seed{seed}/evaluation/evaluation.json").read_text())
        assert rows["metra"]["tracked"]["points"][seed] == evaluation["groups"]["ahead"]["tracked"]
    begun, other = (RunConfig.load(table / name / "seed0") for name in ("rgsd-from-scratch", "metra"))
    assert begun.trainer.warm_start.iterations == 0
    assert (begun.method, begun.network) == ("rgsd", other.network)
    text = (table / "comparison.md").read_text()
    assert text.startswith("# Table 1 on quadruped, from scratch: 1e-06 minutes a method and seed\n")
    assert "| Cartesian error, cm | ahead | turn |" in text
    assert "## Variations: z ~ vMF(z of the clip, 20)" in text
    for name in ("comparison.png", "learning_curves.png", "switching.png"):
        assert (table / name).read_bytes().startswith(b"\x89PNG")


def test_compare_takes_any_evaluated_runs(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [str(table / f"rgsd/seed{seed}") for seed in (0, 1)]
    assert main(["compare", *runs, "--out", str(tmp_path), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content == json.loads((tmp_path / "comparison.json").read_text())
    assert content["runs"] == {"rgsd": {"0": runs[0], "1": runs[1]}}
    assert content["imitation"]["ahead"]["static_pose"]["tracked"]["points"] != [None]
    assert main(["compare", *runs, runs[0].replace("rgsd", "tracker"), "--out", str(tmp_path)]) == 0
    assert "| tracker |" in capsys.readouterr().out


def test_a_run_without_evaluation_says_how_to_get_one(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    RunConfig.load(table / "rgsd" / "seed0").save(tmp_path / "run")
    assert main(["compare", str(tmp_path / "run")]) == 2
    assert f"`rgsd evaluate {tmp_path / 'run'}` makes it" in capsys.readouterr().err


def test_a_run_that_was_trained_on_after_its_evaluation_is_not_compared(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(table / "rgsd" / "seed0", run)
    (run / "evaluated.json").unlink()  # what a table has finished remembers what it had cost
    assert main(["compare", str(run), "--out", str(tmp_path)]) == 0
    written = json.loads((run / "evaluation" / "evaluation.json").read_text())
    assert len(written["weights_sha256"]) == 64
    other = json.dumps(written | {"weights_sha256": 64 * "0"})
    (run / "evaluation" / "evaluation.json").write_text(other)
    assert main(["compare", str(run), "--out", str(tmp_path)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"has been trained on since it was evaluated; `rgsd evaluate {run}` evaluates it anew" in said


def test_figure_4_draws_the_runs_of_a_table(table: Path, tmp_path: Path) -> None:
    reproduce.reproduce_figure4(table, trajectories=6, out=tmp_path)
    content = json.loads((tmp_path / "figure4.json").read_text())
    methods = ("rgsd", "metra", "rgsd-from-scratch")
    assert list(content) == [row for method in methods for row in (method, f"{method}, one z")]
    assert all(list(found) == ["ahead", "turn"] for found in content.values())
    for method in methods:
        drawn, alone = content[method]["ahead"], content[f"{method}, one z"]["ahead"]
        assert drawn["mean_cosine"] < alone["mean_cosine"] == pytest.approx(1.0)
        assert drawn["variance_by_z"] + drawn["variance_by_start"] == pytest.approx(1.0)
    text = (tmp_path / "figure4.md").read_text()
    assert "| null of as many frames |" in text
    assert "| metra, by z |" in text
    assert (tmp_path / "figure4.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UsageError, match="no finished run of seed 7"):
        reproduce.reproduce_figure4(table, seed=7)
    with pytest.raises(UsageError, match="--trajectories 5"):
        reproduce.reproduce_figure4(table, trajectories=5)


def test_metras_forms_differ_in_what_phi_sees_and_where_it_begins() -> None:
    base = make_preset("cpu", "metra", "quadruped")
    forms = reproduce.metra_forms(base)
    assert [form.name for form in forms] == [
        "local", "position", "time", "grounded-local", "grounded-position", "grounded-time",
    ]  # fmt: skip
    assert forms[0].config == base
    assert {dataclasses.replace(form.config, settings=base.settings) for form in forms} == {base}
    with pytest.raises(UsageError, match="the forms are METRA's"):
        reproduce.metra_forms(make_preset("cpu", "rgsd", "quadruped"))


def test_the_metra_experiment(motions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproduce, "make_preset", tiny_preset)
    monkeypatch.setattr(reproduce, "_FORMS", {"time": ("time",)})
    reproduce.reproduce_metra_incompatibility(
        A_MOMENT, motions=str(motions), out=tmp_path, latents=3, evaluation=EVALUATION
    )
    content = json.loads((tmp_path / "incompatibility.json").read_text())
    assert list(content["metrics"]) == ["time", "grounded-time"]
    for form in content["seeds"].values():
        assert set(form[0]["cycles"]) == {"ahead", "turn"}
        assert 0 <= form[0]["time_fraction"] <= 1
        assert form[0]["drift"] > 0  # one iteration has moved phi
    logged = json.loads((tmp_path / "grounded-time/seed0/metrics.jsonl").read_text().splitlines()[-1])
    assert logged["Metra/drift"] == pytest.approx(content["seeds"]["grounded-time"][0]["drift"], rel=1e-3, abs=1e-6)
    assert (tmp_path / "incompatibility.png").read_bytes().startswith(b"\x89PNG")
    assert "| grounded-time |" in (tmp_path / "incompatibility.md").read_text()


@pytest.mark.parametrize("installed", [True, False])
def test_lgsd_is_in_table_1_where_its_extra_is_installed(
    installed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained: list[str] = []

    def train_nothing(variants: Sequence[Variant], *_: object) -> Iterator[Path]:
        trained.extend(variant.name for variant in variants)
        return iter(())

    monkeypatch.setattr(reproduce, "finish_all", train_nothing)
    monkeypatch.setattr(reproduce, "is_installed", lambda: installed)
    (tmp_path / "comparison.md").write_text("# Table 1\n")
    reproduce.reproduce_table1(A_MOMENT, out=tmp_path)
    assert ("lgsd" in trained) is installed
    assert set(trained) | {"lgsd"} == {"rgsd", "diayn", "metra", "ase", "calm", "lgsd", "tracker", "rgsd-from-scratch"}
    assert ("LGSD is left out" in capsys.readouterr().out) is not installed


def test_an_equal_start_clones_every_actor_from_the_same_replay() -> None:
    names = ("rgsd", "diayn", "metra", "ase", "calm", "tracker")
    configs = {name: make_preset("cpu", name, "quadruped") for name in names}
    variants = {v.name: v.config for v in reproduce._variants(configs, "equal")}
    assert tuple(variants) == names
    own = configs["rgsd"]
    for name in names[:-1]:
        assert (variants[name].trainer.warm_start, variants[name].network) == (own.trainer.warm_start, own.network)
        assert variants[name].settings == configs[name].settings
    with pytest.raises(UsageError, match="--start equal: preset paper"):
        reproduce._variants({"rgsd": make_preset("paper", "rgsd", "quadruped")}, "equal")


@pytest.mark.parametrize(("minutes", "steps", "said"), [(None, None, "neither is"), (1.0, 100, "both are")])
def test_a_table_is_of_minutes_or_of_steps(minutes: float | None, steps: int | None, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        reproduce.reproduce_table1(minutes, steps, out=tmp_path)
