"""A sweep of two variants on half-second gaits: what it writes, what it does not do twice, and a kill in its middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from rgsd.bodies.quadruped import make_quadruped
from rgsd.cli import finishing
from rgsd.cli.main import main
from rgsd.cli.sweep import sweep
from rgsd.errors import UsageError
from rgsd.learning.loop import DivergedError
from rgsd.methods.runs import RunConfig
from rgsd.motions.synthesis.gait import Course, Gait
from rgsd.motions.synthesis.quadruped import synthesize

ITERATIONS = 8
PLAN = f"""
about = "Whether a test can sweep."
steps = {8 * 4 * ITERATIONS}
metrics = ["mean.skill", "worst.tracked", "discovery.fall_rate", "training.samples"]

[base]
motions = "FOLDER/motions"
num_envs = 8
trainer = {{ horizon = 4, checkpoint_minutes = 0.0, warm_start.iterations = 2 }}
network = {{ actor_hidden = [16], critic_hidden = [16] }}
settings = {{ contrastive.steps = 3, encoder.hidden = [16] }}

[evaluation]
rollouts_per_clip = 2
num_latents = 4
discovery_seconds = 0.2
variations_per_clip = 1
rollouts_per_switch = 1
threads = 1

[grid]
env.early_termination = [true, false]
"""
VARIANTS = ("early_termination=true", "early_termination=false")


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file, beside two short gaits."""
    folder, body = tmp_path_factory.mktemp("sweep"), make_quadruped()
    for name, course in (("ahead", Course(forward=0.4)), ("turn", Course(turn=1.0))):
        synthesize(body, name, name, Gait(), course, seconds=0.5).save(folder / "motions" / f"{name}.npz")
    file = folder / "tiny.toml"
    file.write_text(PLAN.replace("FOLDER", str(folder)))
    return file


@pytest.fixture(scope="module")
def swept(plan: Path) -> Path:
    sweep(plan, plan.parent / "whole")
    return plan.parent / "whole"


def test_a_sweep_writes_runs_a_table_and_a_chart(swept: Path) -> None:
    assert sorted(path.name for path in swept.iterdir()) == sorted([*VARIANTS, "sweep.json", "sweep.md", "sweep.png"])
    content = json.loads((swept / "sweep.json").read_text())
    assert content["variants"][VARIANTS[1]]["settings"] == {"env.early_termination": False}
    for name in VARIANTS:
        run = swept / name / "seed0"
        evaluation = json.loads((run / "evaluation" / "evaluation.json").read_text())
        found = content["variants"][name]["seeds"]["0"]
        assert found["run"] == f"{name}/seed0"
        assert found["metrics"] == {
            "mean.skill": evaluation["mean"]["skill"],
            "worst.tracked": min(clip["tracked"] for clip in evaluation["clips"].values()),
            "discovery.fall_rate": evaluation["discovery"]["fall_rate"],
            "training.samples": 8 * 4 * ITERATIONS,
        }
    text = (swept / "sweep.md").read_text()
    assert text.startswith("# tiny\n\nWhether a test can sweep.\n")
    assert [line.split(" | ")[0] for line in text.splitlines()[-2:]] == [f"| {name}" for name in VARIANTS]


def test_what_is_finished_is_not_done_again(swept: Path, plan: Path) -> None:
    files = [
        swept / name / "seed0" / part for name in VARIANTS for part in ("metrics.jsonl", "evaluation/evaluation.json")
    ]
    before = [file.stat().st_mtime_ns for file in files]
    assert main(["sweep", str(plan), "--out", str(swept)]) == 0
    assert [file.stat().st_mtime_ns for file in files] == before
    # less evaluation is another evaluation: evaluated again, not trained again
    other = plan.with_name("other.toml")
    other.write_text(plan.read_text().replace("num_latents = 4", "num_latents = 3"))
    sweep(other, swept)
    after = [file.stat().st_mtime_ns for file in files]
    assert [now == then for now, then in zip(after, before, strict=True)] == [True, False, True, False]


def test_other_settings_in_the_same_folder_are_refused(swept: Path, plan: Path) -> None:
    changed = plan.with_name("changed.toml")
    changed.write_text(plan.read_text().replace("actor_hidden = [16]", "actor_hidden = [8]"))
    with pytest.raises(UsageError, match="early_termination=true/seed0: was trained with other settings; give another"):
        sweep(changed, swept)


def test_a_killed_sweep_goes_on_where_it_was(swept: Path, plan: Path) -> None:
    out = plan.parent / "killed"
    second = out / VARIANTS[1] / "seed0" / "checkpoints"
    process = subprocess.Popen(
        [sys.executable, "-m", "rgsd", "sweep", str(plan), "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    while process.poll() is None and not any(second.glob("*.pt")):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(json.loads((out / "sweep.json").read_text())["variants"][VARIANTS[0]]["seeds"]) == ["0"]
    first = out / VARIANTS[0] / "seed0" / "metrics.jsonl"
    before = first.stat().st_mtime_ns
    sweep(plan, out)
    assert first.stat().st_mtime_ns == before
    for name in VARIANTS:  # as if it had not been killed
        policy = Path(name) / "seed0" / "policy" / "policy.safetensors"
        assert (out / policy).read_bytes() == (swept / policy).read_bytes()


def test_a_variant_that_diverges_is_left_out(
    plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train = finishing.run_training

    def diverge(config: RunConfig, run: Path, console: Console) -> object:
        if config.env.early_termination:
            raise DivergedError("iteration 3: Loss/value is nan")
        return train(config, run, console)

    monkeypatch.setattr(finishing, "run_training", diverge)
    sweep(plan, tmp_path / "out")
    said = capsys.readouterr().out
    assert "diverged and left out:" in said
    assert "Loss/value is nan" in said
    rows = json.loads((tmp_path / "out" / "sweep.json").read_text())["variants"]
    assert rows[VARIANTS[0]]["seeds"] == {}
    assert list(rows[VARIANTS[1]]["seeds"]) == ["0"]


def test_a_fault_in_the_file_is_one_line(plan: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("steps = 9\nbase.env.clok = 'none'")
    assert main(["sweep", str(wrong)]) == 2
    assert capsys.readouterr().err == (
        f"rgsd: error: {wrong}: unknown setting 'env.clok'; did you mean env.clock or env.lag?\n"
    )
    assert main(["sweep", str(tmp_path / "none.toml")]) == 2
    assert "none.toml: No such file" in capsys.readouterr().err
