"""Dry runs of `benchmarks/gpu.py` on the CPU: eight quadrupeds, trained in pieces on machines that start bare."""

from __future__ import annotations

import dataclasses
import importlib
import json
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from rgsd import pretrained
from rgsd.bodies.registry import make_body
from rgsd.learning.policy_files import DESCRIPTION
from rgsd.methods.presets import make_preset
from rgsd.methods.runs import RunConfig, make_trainer
from rgsd.methods.tracker import TrackerConfig
from rgsd.motions.synthesis.gait import Course, Gait
from rgsd.motions.synthesis.quadruped import synthesize

COLUMNS = ("cartesian_error_cm", "skill", "tracked", "survival", "path_ratio", "fid")
SMALL = ("--network.actor-hidden", "16", "--network.critic-hidden", "16")


@pytest.fixture(scope="module")
def gpu() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
        yield importlib.import_module("gpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two short gaits, and a tracker of them that knows little."""
    folder, body = tmp_path_factory.mktemp("gpu"), make_body("quadruped")
    for name, course in (("ahead", Course(forward=0.4)), ("turn", Course(turn=1.0))):
        synthesize(body, name, name, Gait(), course, seconds=0.6).save(folder / "motions" / f"{name}.npz")
    make_trainer(tracker(folder), folder / "tracker").run(steps=1)
    return folder


def tracker(folder: Path) -> RunConfig:
    return RunConfig(method="tracker", motions=str(folder / "motions"), num_envs=4, settings=TrackerConfig())


class Clock:
    """The time that `train` sees: its own, and beyond `minutes` of it, short of the end, once the parts are new."""

    def __init__(self, gpu: ModuleType, parts: Path, minutes: float) -> None:
        self._labels, self._late = lambda: gpu.latest_pieces(parts)[0], 54 * minutes
        self.before = self.seen = self._labels()
        self._begun = time.monotonic()

    def monotonic(self) -> float:
        if self.seen == self.before:
            self.seen = self._labels()
        passed = time.monotonic() - self._begun
        return passed + self._late if self.seen != self.before or passed > 100 else passed


def train_a_piece(gpu: ModuleType, run: Path, motions: Path, parts: Path, words: tuple[str, ...]) -> Clock:
    """As if `minutes` were over as soon as the parts of a first checkpoint are there; a training knows no other end."""
    clock = Clock(gpu, parts, minutes := 10.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu, "time", SimpleNamespace(monotonic=clock.monotonic, sleep=lambda _: time.sleep(0.2)))
        report = run.parents[1] / "gpu.md"
        options: dict[str, Any] = {"body": "quadruped", "device": "cpu", "physics": "cpu", "num_envs": 8}
        gpu.train(run, words, str(motions), minutes=minutes, parts=parts, report=report, **options)
    return clock


@pytest.fixture(scope="module")
def run(gpu: ModuleType, folder: Path) -> Path:
    """A run taught by the tracker, trained in a piece on each of two machines; what the first one had is gone."""
    words = ("--trainer.warm-start.teachers", str(folder / "tracker"), "--trainer.warm-start.iterations", "2")
    words += ("--trainer.horizon", "4", "--trainer.checkpoint-minutes", "0.02", "--settings.contrastive.steps", "3")
    first = train_a_piece(gpu, folder / "one" / "run", folder / "motions", folder / "parts", words + SMALL)
    # parts were written while it ran, and once more when it had been asked to stop
    assert first.before == "" < first.seen < gpu.latest_pieces(folder / "parts")[0]
    assert newest(folder / "one" / "run") == gpu.latest_pieces(folder / "parts")[0]

    elsewhere = folder / "two"
    elsewhere.mkdir()
    shutil.move(folder / "motions", elsewhere / "motions")
    shutil.move(folder / "one", folder / "gone")
    shutil.move(folder / "tracker", folder / "gone")
    second = train_a_piece(gpu, elsewhere / "run", elsewhere / "motions", folder / "parts", words)
    assert first.seen < second.before < second.seen <= newest(elsewhere / "run")
    return elsewhere / "run"


def newest(run: Path) -> str:
    return max((run / "checkpoints").glob("*.pt")).stem


def test_a_run_goes_on_where_it_was(folder: Path, run: Path) -> None:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    before = [json.loads(line) for line in (folder / "gone" / "run" / "metrics.jsonl").read_text().splitlines()]
    assert rows[: len(before)] == before
    assert [row["iteration"] for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) > len(before) > 2
    config = RunConfig.load(run)
    assert config.motions == str(folder / "two" / "motions")
    assert config.network.actor_hidden == (16,)
    assert (run / "teachers" / "0" / DESCRIPTION).exists()


def test_each_piece_leaves_its_section(folder: Path, run: Path) -> None:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    report = (folder / "gpu.md").read_text()
    assert report.count("## rgsd on quadruped: ") == 2
    # 8 environments of 4 control steps an iteration
    assert f"## rgsd on quadruped: {32 * len(rows):,} samples in {rows[-1]['seconds'] / 60:.1f} minutes\n" in report
    assert f"- Train/mean_reward {rows[-1]['Train/mean_reward']:.4g}\n" in report


def test_a_training_that_does_not_stop_is_ended_in_time(gpu: ModuleType, tmp_path: Path) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # which a new process inherits
    begun = time.monotonic()
    try:
        assert gpu._supervise(["sleep", "100"], tmp_path, None, begun, begun + 1) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert 1 <= time.monotonic() - begun < 30


def test_what_rgsd_train_says_comes_through(gpu: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, supervise = [], gpu._supervise

    def fails(command: list[str], *rest: Any) -> int:
        told.extend(command)
        return supervise(["false"], *rest)

    monkeypatch.setattr(gpu, "_supervise", fails)
    with pytest.raises(SystemExit) as failed:
        gpu.main(
            ["train", "--run", str(tmp_path / "run"), "--method", "tracker", "--", "--clips", "a", "b", "--seed", "3"]
        )
    assert failed.value.code == 1
    assert told[told.index("train") + 1] == "tracker"
    assert told[told.index("--preset") + 1] == "gpu"
    assert told[-5:] == ["--clips", "a", "b", "--seed", "3"]


def test_a_run_is_measured_and_published(
    gpu: ModuleType, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"--config.{name}" for name in ("rollouts-per-clip", "variations-per-clip", "rollouts-per-switch")]
    words = [word for name in words for word in (name, "2")] + ["--config.num-latents", "4", "--no-video"]
    gpu.measure(run, (*words, "--config.discovery-seconds", "0.3", "--config.threads", "1"), report=tmp_path / "gpu.md")
    report = (tmp_path / "gpu.md").read_text()
    assert f"## Measured: rgsd on quadruped, {gpu._spent(run)}\n" in report
    mean = json.loads((run / "evaluation" / "evaluation.json").read_text())["mean"]
    assert f"| mean of groups | policy | {mean['cartesian_error_cm']:.3g} | {mean['skill']:.3g} |" in report
    for group in ("ahead", "turn", "mean of groups"):
        for row in ("policy", "static_pose", "open_loop_replay", "untrained"):
            assert f"| {group} | {row} |" in report

    card = tmp_path / "published" / "walker" / "README.md"
    gpu.publish(run, "walker", tmp_path / "published", tmp_path / "gpu.md")
    text = card.read_text()
    assert "| trained on | ahead, turn |" in text
    assert "| ahead | static_pose |" in text
    assert "untrained" not in text
    assert "## Known faults\n\nTo be written by hand" in text
    assert "ACCAD" not in text  # these gaits are planned
    assert "## Published: walker" in (tmp_path / "gpu.md").read_text()
    card.write_text("It limps.")
    capsys.readouterr()
    gpu.publish(run, "walker", tmp_path / "published")
    assert card.read_text() == "It limps."
    assert "README.md is kept as it was" in capsys.readouterr().out


def make_evaluated(run: Path) -> Path:
    """A humanoid's run, as far as its metrics are concerned."""
    metrics = {"skill": 0.5, "tracked": 0.25, "survival": 1.0, "path_ratio": None, "fid": 12.345}
    groups = {"walk": {"cartesian_error_cm": 9.87, **metrics}, "hop": {"cartesian_error_cm": 20.0, **metrics}}
    policy = {"groups": groups, "mean": {"cartesian_error_cm": 14.935, **metrics}}
    static_pose = {"groups": dict.fromkeys(groups, dict.fromkeys(COLUMNS, 1.0)), "mean": dict.fromkeys(COLUMNS, 2.0)}
    content = {"clips": {"B3_walk": {}, "hop": {}}, "reference_rows": {"static_pose": static_pose}, **policy}
    (run / "evaluation").mkdir(parents=True)
    (run / "evaluation" / "evaluation.json").write_text(json.dumps(content))
    for file in ("policy/policy.json", "checkpoints/checkpoint_00000002.pt"):
        (run / file).parent.mkdir()
        (run / file).touch()
    # of the last line the policy knows nothing
    rows = [{"iteration": n, "samples": 12_288 * n, "seconds": 60.0 * n} for n in (1, 2, 3)]
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    RunConfig(body="smpl", steps=1).save(run)
    return run


def test_metrics_stand_beside_the_static_pose_and_the_paper(gpu: ModuleType, tmp_path: Path) -> None:
    assert gpu._metrics(make_evaluated(tmp_path / "run"), ("static_pose",)).splitlines() == [
        "| group |  | error, cm | skill | tracked | survival | path | FID | paper's error, cm |",
        "|---|---|---|---|---|---|---|---|---|",
        "| walk | policy | 9.87 | 0.5 | 0.25 | 1 |  | 12.3 | 7.4 |",
        "| walk | static_pose | 1 | 1 | 1 | 1 | 1 | 1 |  |",
        "| hop | policy | 20 | 0.5 | 0.25 | 1 |  | 12.3 |  |",
        "| hop | static_pose | 1 | 1 | 1 | 1 | 1 | 1 |  |",
        "| mean of groups | policy | 14.9 | 0.5 | 0.25 | 1 |  | 12.3 |  |",
        "| mean of groups | static_pose | 2 | 2 | 2 | 2 | 2 | 2 |  |",
    ]


def test_a_humanoids_card_names_whose_motions_they_are(gpu: ModuleType, tmp_path: Path) -> None:
    gpu.publish(make_evaluated(tmp_path / "run"), "walker", tmp_path)
    card = (tmp_path / "walker" / "README.md").read_text()
    assert "| trained on | B3_walk, hop |" in card
    assert "| cost | 24,576 samples in 2.0 minutes, seed 0; --physics cpu --device cpu |" in card
    theirs = (Path(pretrained.__file__).parent / "smpl-accad6" / "README.md").read_text()
    assert card.split("## Data")[1].split() == theirs.split("## Data")[1].split()


def test_policies_are_published_where_the_demo_looks(gpu: ModuleType) -> None:
    place, _ = gpu.publish.__defaults__
    assert (place / "__init__.py").read_text() == Path(pretrained.__file__).read_text()


@pytest.fixture
def small(gpu: ModuleType, folder: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is timed is a smaller learner, on the two gaits."""
    whole = gpu._config

    def config(*choice: Any) -> RunConfig:
        made = whole(*choice)
        return dataclasses.replace(
            made,
            motions=str(folder / "two" / "motions"),
            network=dataclasses.replace(made.network, actor_hidden=(16,), critic_hidden=(16,)),
            trainer=dataclasses.replace(made.trainer, horizon=4),
        )

    monkeypatch.setattr(gpu, "_config", config)


def test_what_is_timed_is_the_preset_from_its_first_iteration_on(gpu: ModuleType) -> None:
    made, preset = gpu._config("smpl", "some", "cuda", 1024, "warp"), make_preset("gpu", "rgsd", "smpl")
    assert (made.network, made.ppo, made.trainer.horizon) == (preset.network, preset.ppo, preset.trainer.horizon)
    assert (made.motions, made.device, made.num_envs, made.physics) == ("some", "cuda", 1024, "warp")
    assert made.trainer.warm_start.iterations == 0
    assert gpu._config("quadruped", "some", "cpu", 8, "cpu").motions == "synthetic"


@pytest.mark.usefixtures("small")
def test_a_check_times_and_then_tells_which_tests_fail(
    gpu: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = tmp_path / "test_it.py"
    cases = "@pytest.mark.parametrize('device', ['cpu', 'cuda:0'])\n"
    good, bad = "def test_engines_agree(device): pass\n", "def test_a_reset(device): assert device != 'cpu'\n"
    tests.write_text(f"import pytest\n{cases}{good}{cases}{bad}def test_other(): assert False\n")
    monkeypatch.setattr(gpu, "_TESTS", (str(tests), "agree or reset"))
    report = tmp_path / "gpu.md"
    gpu.check(body="quadruped", device="cpu", num_envs=4, engines=("cpu",), report=report)
    title, table, told = report.read_text().strip().split("\n\n")
    assert title == "## Check: quadruped, 4 environments on the CPU"
    assert table.splitlines()[2].startswith("| cpu | 4 | ")
    assert len(table.splitlines()) == 3
    head, failed, summary = told.splitlines()
    assert head == "Tests of the physics:"
    assert "test_a_reset[cpu]" in failed
    assert summary.startswith("1 failed, 1 passed, 3 deselected")


def test_a_check_ends_in_time(gpu: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_time", lambda configs, report: time.sleep(20))
    begun = time.monotonic()
    gpu.check(body="quadruped", device="cpu", minutes=0.01, report=tmp_path / "gpu.md")
    assert time.monotonic() - begun < 10
    assert "Given up after 0.01 minutes" in (tmp_path / "gpu.md").read_text()
    time.sleep(0.7)  # nothing goes off afterwards


def test_the_tests_that_matter_are_there() -> None:
    file, _ = importlib.import_module("gpu")._TESTS
    text = (Path(__file__).parents[1] / file).read_text()
    assert text.count("def test_both_engines_agree(") == 1
    assert "def test_a_reset_touches" in text
    assert "without_room" in text
    assert "left_out" in text


@pytest.mark.usefixtures("small")
def test_rates_are_told_over_the_number_of_environments(gpu: ModuleType, tmp_path: Path) -> None:
    report = tmp_path / "gpu.md"
    gpu.scale(bodies=("quadruped",), device="cpu", num_envs=(2, 4), engines=("cpu",), report=report)
    _, head, _, *rows = [line for line in report.read_text().splitlines() if line][:5]
    names = [name.strip() for name in head.split("|")]
    for row, num_envs in zip(rows, (2, 4), strict=True):
        cells = dict(zip(names, [cell.strip() for cell in row.split("|")], strict=True))
        assert cells["environments"] == str(num_envs)
        raw, loop = (float(cells[name].replace(",", "")) for name in ("raw/s", "loop/s"))
        assert cells["loop over raw"] == f"{100 * loop / raw:.0f} %"
        assert loop < float(cells["collection/s"].replace(",", ""))
    assert "Self CPU" in report.read_text()


def test_a_report_is_whole_at_any_moment(gpu: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = tmp_path / "gpu.md"
    gpu._tell("one", report)

    def interrupted(file: Path, text: str) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", interrupted)
        with pytest.raises(KeyboardInterrupt):
            gpu._tell("two", report)
    gpu._tell("three", report)
    assert report.read_text() == "one\nthree\n"
