"""Half an hour of one GPU, one command a step; each prints a markdown section, and appends it to `--report FILE`.

    python benchmarks/gpu.py check --motions ACCAD              two minutes: hybrid against Warp, then tests
    python benchmarks/gpu.py train --run RUN --motions ACCAD    a piece of nine minutes; again to go on
    python benchmarks/gpu.py scale --motions ACCAD              rates over the number of environments, and a profile
    python benchmarks/gpu.py measure --run RUN --motions ACCAD  the protocol's metrics beside the paper's; needs no GPU
    python benchmarks/gpu.py publish --run RUN --name smpl-accad20   what `rgsd demo --body smpl` then shows

What follows `--` goes to `rgsd train` and `rgsd evaluate` as it is: `-- --clips B3_walk C3_run --steps 1000000`.
Everything can be tried without a GPU: --device cpu --num-envs 8. A machine that starts bare is given packages and runs
by `benchmarks/bare_machine.py`; `train --parts FOLDER` keeps the run in small files for it.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Literal

import rgsd  # noqa: F401  # pyright: ignore[reportUnusedImport]  # before torch: says how its idle threads wait

# isort: split
import torch
import tyro
from bare_machine import join, keep, latest_checkpoint, latest_pieces

from rgsd.atomic import write_atomically
from rgsd.evaluation.paper import published
from rgsd.learning.distributed import joined
from rgsd.learning.trainer import Trainer
from rgsd.methods.presets import make_preset
from rgsd.methods.rgsd import RgsdConfig
from rgsd.methods.runs import RunConfig, make_trainer
from rgsd.physics.choice import Engine

_ROOT = Path(__file__).parents[1]
_ENDLESS = 10_000.0  # minutes of training that no piece comes to
_TESTS = ("tests/physics/test_mujoco_warp.py", "agree or reset or room or left_out")
"""Parity of both engines, resets of single environments and what happens without room for contacts: words of their
names."""
_COLUMNS = {
    "cartesian_error_cm": "error, cm",
    "skill": "skill",
    "tracked": "tracked",
    "survival": "survival",
    "path_ratio": "path",
    "fid": "FID",
}
_ACCAD = """\
Motions: ACCAD Open Motion Project, Advanced Computing Center for the Arts and Design, The Ohio State University,
licensed under Creative Commons Attribution 3.0 (CC BY 3.0). They were retargeted to this body's skeleton; of them the
file holds the first frame of each (pose and velocities)."""
Device = Literal["cpu", "cuda"]
Words = Annotated[tuple[str, ...], tyro.conf.Positional]


def check(
    motions: str = "",
    body: str = "smpl",
    device: Device = "cuda",
    num_envs: int = 4096,
    engines: tuple[Engine, ...] = ("cpu", "warp"),
    minutes: float = 2.0,
    report: Path | None = None,
) -> None:
    """Time raw physics and the whole loop by each engine, then run the tests that matter on the device.

    The tests come last: they cannot stop the timing, and find some of their kernels compiled.

    Args:
        motions: references; the planned gaits for the quadruped.
        body: what is stepped.
        device: cuda, or cpu to try this out.
        num_envs: environments.
        engines: what steps them, in this order.
        minutes: after which whatever is under way is given up.
        report: file that the section is appended to.
    """
    _tell(f"\n## Check: {body}, {num_envs} environments on {_machine(device)}\n", report)
    signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, 60 * minutes)
    try:
        _time([_config(body, motions, device, num_envs, engine) for engine in engines], report)
        _tell(f"\n{_test(device)}", report)
    except TimeoutError:
        _tell(f"\nGiven up after {minutes:g} minutes; kernels compiled by then are kept: another try is faster", report)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def train(
    run: Path,
    words: Words = (),
    motions: str = "",
    method: str = "rgsd",
    body: str = "smpl",
    device: Device = "cuda",
    num_envs: int = 4096,
    physics: Engine = "warp",
    minutes: float = 9.0,
    parts: Path | None = None,
    report: Path | None = None,
) -> None:
    """Train a piece, from the run's latest checkpoint if there is one. A run keeps its options, all but the motions.

    Args:
        run: folder of the run.
        words: further options of `rgsd train`, after `--`; they are a new run's, and say nothing to one that goes on.
        motions: references, wherever they lie now.
        method: of the run.
        body: what is trained.
        device: cuda, or cpu to try this out.
        num_envs: environments.
        physics: what steps the body, as `check` found best.
        minutes: of wall-clock time that this command may take; in the last tenth the run is asked to stop.
        parts: folder that the run comes from, if it is not there, and goes to in small files at each checkpoint.
        report: file that the section is appended to.

    Raises:
        SystemExit: training failed, or did not come to a checkpoint in these minutes.
    """
    begun = time.monotonic()
    if parts is not None and not run.exists() and latest_pieces(parts)[1]:
        join(run, parts)
    if (run / "config.yaml").exists():
        if motions:
            config = dataclasses.replace(RunConfig.load(run), motions=motions)
            config.with_absolute_paths().save(run)
        options = ["--resume", str(run)]
    else:
        options = ["--out", str(run), "--body", body, "--preset", "gpu", "--device", device, "--physics", physics]
        options += ["--num-envs", str(num_envs), "--minutes", str(_ENDLESS)]
        options += [*(["--motions", motions] if motions else []), *words]
    command = [sys.executable, "-m", "rgsd", "train", method, *options]
    status = _supervise(command, run, parts, begun + 54 * minutes, begun + 60 * minutes)
    if latest_checkpoint(run) is None:
        raise SystemExit(status or 1)
    last = _last(run)
    _tell(f"\n## {method} on {body}: {_spent(run)}\n", report)
    _tell("\n".join(f"- {name} {value:.4g}" for name, value in last.items() if "/" in name), report)
    if parts is not None:
        sizes = [piece.stat().st_size / 2**20 for piece in latest_pieces(parts)[1]]
        print(f"\n{parts}: {len(sizes)} files, {sum(sizes):.1f} MiB")
    if status:
        raise SystemExit(status)


def measure(run: Path, words: Words = (), motions: str = "", report: Path | None = None) -> None:
    """Evaluate a run; show each group's metrics beside static pose, open-loop replay, an untrained policy and the
    paper's.

    Args:
        run: folder of the run.
        words: further options of `rgsd evaluate`, after `--`, such as `--config.num-latents 100`.
        motions: references, wherever they lie now.
        report: file that the section is appended to.

    Raises:
        subprocess.CalledProcessError: the evaluation failed.
    """
    moved = ["--motions", motions] if motions else []
    subprocess.run([sys.executable, "-m", "rgsd", "evaluate", str(run), *moved, *words], check=True)
    config = RunConfig.load(run)
    _tell(f"\n## Measured: {config.method} on {config.body}, {_spent(run)}\n", report)
    _tell(_metrics(run, ("static_pose", "open_loop_replay", "untrained")), report)


def scale(
    motions: str = "",
    bodies: tuple[str, ...] = ("smpl", "quadruped"),
    device: Device = "cuda",
    num_envs: tuple[int, ...] = (1024, 2048, 4096, 8192, 16384),
    engines: tuple[Engine, ...] = ("warp",),
    report: Path | None = None,
) -> None:
    """Measure raw physics, collection and loop over the number of environments; profile an iteration of the last.

    Args:
        motions: references of the humanoid.
        bodies: what is stepped.
        device: cuda, or cpu to try this out.
        num_envs: numbers of environments.
        engines: what steps them.
        report: file that the sections are appended to.
    """
    for body in bodies:
        _tell(f"\n## Scaling: {body} on {_machine(device)}\n", report)
        configs = [_config(body, motions, device, count, engine) for engine in engines for count in num_envs]
        _time(configs, report)
        _tell(f"\n```\n{_profile(configs[-1])}\n```", report)


def publish(run: Path, name: str, to: Path = _ROOT / "src/rgsd/pretrained", report: Path | None = None) -> None:
    """Copy an evaluated run's policy beside a model card, unless there is a card already.

    Args:
        run: folder of the run, evaluated.
        name: of the published folder.
        to: where it goes; by default where `rgsd demo --body` and the wheel find it.
        report: file that a section is appended to.
    """
    folder, config = to / name, RunConfig.load(run)
    shutil.copytree(run / "policy", folder, dirs_exist_ok=True)
    clips = json.loads((run / "evaluation" / "evaluation.json").read_text())["clips"]
    card = [
        f"# {name}: a policy of the body {config.body} by {config.method}",
        f"| | |\n|---|---|\n| trained on | {', '.join(clips)} |\n| cost | {_spent(run)}, seed {config.seed}; "
        f"--physics {config.physics} --device {config.device} |",
        "## Metrics\n\nDeterministic, falls included, on C MuJoCo by docs/protocol.md; beside the paper's error of "
        f"other clips in other physics, and beside the best static pose:\n\n{_metrics(run, ('static_pose',))}",
        "## Known faults\n\nTo be written by hand, after watching the film.",
    ]
    if config.body == "smpl":
        card.append(f"## Data\n\n{_ACCAD}")
    if (folder / "README.md").exists():
        print(f"{folder / 'README.md'} is kept as it was; delete it for one of this run's metrics")
    else:
        (folder / "README.md").write_text("\n\n".join(card) + "\n")
    size = sum(file.stat().st_size for file in folder.iterdir())
    much = ", more than the 10 MB agreed on" if size > 1e7 else ""
    _tell(f"\n## Published: {name}\n\n{_spent(run)}; {size / 1e6:.1f} MB{much}", report)


def _supervise(command: Sequence[str], run: Path, parts: Path | None, stop: float, end: float) -> int:
    """Let a training of `run` go on until `stop`, s of `time.monotonic`, when it is asked to end, and end it at `end`.

    Its parts are kept up to date. Returns its exit status; 0 if it was asked to end.
    """
    # a group of its own: Ctrl-C reaches it once, from here, and a second time would cost its last checkpoint
    process = subprocess.Popen(command, process_group=0)
    try:
        while process.poll() is None and time.monotonic() < stop:
            time.sleep(1.0)
            keep(run, parts)
        asked = process.poll() is None
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(end - time.monotonic())
        process.kill()
        status = process.wait()
        keep(run, parts)
    return 0 if asked else status


def _last(run: Path) -> dict[str, Any]:
    """The metrics of the iteration that the run's policy is of."""
    number = max(int(file.stem[-8:]) for file in (run / "checkpoints").glob("checkpoint_*.pt"))
    rows = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return next(row for row in rows if row["iteration"] == number)


def _spent(run: Path) -> str:
    last = _last(run)
    return f"{last['samples']:,} samples in {last['seconds'] / 60:.1f} minutes"


def _metrics(run: Path, beside: Sequence[str]) -> str:
    """A table of an evaluated run: by group and in their mean the policy, then the reference rows `beside` it."""
    content = json.loads((run / "evaluation" / "evaluation.json").read_text())
    rows = {"policy": content} | {name: content["reference_rows"][name] for name in beside}
    heads = ["group", "", *_COLUMNS.values(), "paper's error, cm"]
    lines = [f"| {' | '.join(heads)} |", f"{'|---' * len(heads)}|"]
    for group in [*content["groups"], None]:
        paper = published("cartesian_error_cm", group or "").get("rgsd")
        for name, row in rows.items():
            values = [(row["groups"][group] if group else row["mean"])[key] for key in _COLUMNS]
            values.append(paper if name == "policy" else None)
            cells = ["" if value is None else f"{value:.3g}" for value in values]
            lines.append(f"| {' | '.join([group or 'mean of groups', name, *cells])} |")
    return "\n".join(lines)


def _test(device: Device) -> str:
    """Run `_TESTS` on a device; the failures, if any, and how many there were."""
    file, names = _TESTS
    words = ["-q", "--tb=line", "-rf", "-p", "no:cacheprovider", file, "-k", f"{device} and ({names})"]
    done = subprocess.run([sys.executable, "-m", "pytest", *words], cwd=_ROOT, capture_output=True, text=True)
    *rest, last = done.stdout.splitlines() or [done.stderr]
    return "\n".join(["Tests of the physics:", *(f"- {line}" for line in rest if line.startswith("FAILED")), last])


def _give_up(number: int, frame: FrameType | None) -> None:
    raise TimeoutError


def _config(body: str, motions: str, device: Device, num_envs: int, engine: Engine) -> RunConfig:
    """The preset `gpu`, without pretraining and warm start: neither costs what the loop does."""
    config = make_preset("gpu", "rgsd", body)
    assert isinstance(config.settings, RgsdConfig)
    contrastive = dataclasses.replace(config.settings.contrastive, steps=10)
    warm_start = dataclasses.replace(config.trainer.warm_start, iterations=0)
    return dataclasses.replace(
        config,
        device=device,
        physics=engine,
        num_envs=num_envs,
        motions=motions if body == "smpl" else "synthetic",
        settings=dataclasses.replace(config.settings, contrastive=contrastive),
        trainer=dataclasses.replace(config.trainer, warm_start=warm_start),
    )


def _time(configs: Sequence[RunConfig], report: Path | None) -> None:
    """A table of rates, a row told as soon as it is known."""
    for number, config in enumerate(configs):
        rates = _rates(config)
        if number == 0:
            _tell(f"| {' | '.join(rates)} |\n{'|---' * len(rates)}|", report)
        _tell(f"| {' | '.join(rates.values())} |", report)


def _rates(config: RunConfig, iterations: int = 3) -> dict[str, str]:
    """Control steps a second of the physics alone, of the collection and of the whole loop, kernels compiled before."""
    begun = time.perf_counter()
    with joined(config.device) as device, tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(config, Path(folder), device=device)
        trainer.iterate()
        ready = time.perf_counter() - begun
        metrics = [trainer.iterate() for _ in range(iterations)]
    samples = config.num_envs * config.trainer.horizon
    seconds = [samples / one["Perf/steps_per_s"] for one in metrics]
    collecting = sum(s * one["Perf/collection_fraction"] for s, one in zip(seconds, metrics, strict=True))
    raw, collection, loop = _raw(trainer), iterations * samples / collecting, iterations * samples / sum(seconds)
    free, memory = torch.cuda.mem_get_info() if config.device == "cuda" else (0, 0)
    return {
        "physics": config.physics,
        "environments": str(config.num_envs),
        "ready, s": f"{ready:.1f}",
        "raw/s": f"{raw:,.0f}",
        "collection/s": f"{collection:,.0f}",
        "loop/s": f"{loop:,.0f}",
        "GPU memory, GiB": f"{(memory - free) / 2**30:.1f}",
        "blow-ups": str(trainer.env.physics.blowups),
        "out of room": str(getattr(trainer.env.physics, "overflows", 0)),
        "collection over raw": f"{100 * collection / raw:.0f} %",
        "loop over raw": f"{100 * loop / raw:.0f} %",
    }


def _raw(trainer: Trainer, rounds: int = 3) -> float:
    """Control steps a second of the physics alone: one horizon from the references on, under random targets."""
    env, horizon = trainer.env, trainer.config.horizon
    everyone = torch.arange(env.num_envs, device=env.device)
    clip, frame = env.library.sample(env.num_envs, torch.Generator(env.device).manual_seed(0))
    start = env.library.state(clip, frame)
    noise = 0.05 * torch.randn(horizon, env.num_envs, env.action_size, device=env.device)
    seconds = 0.0
    for _ in range(rounds):
        env.physics.reset(everyone, start.qpos, start.qvel)
        float(env.physics.state.qpos.sum())  # waits for the device
        begun = time.perf_counter()
        for step in noise:
            env.physics.step(start.qpos[:, 7:] + step)
        float(env.physics.state.qpos.sum())
        seconds += time.perf_counter() - begun
    return rounds * horizon * env.num_envs / seconds


def _profile(config: RunConfig) -> str:
    """Where the time of one iteration goes, by operation."""
    with joined(config.device) as device, tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(config, Path(folder), device=device)
        trainer.iterate()
        with torch.profiler.profile() as profile:
            trainer.iterate()
    by = "self_cuda_time_total" if config.device == "cuda" else "self_cpu_time_total"
    return profile.key_averages().table(sort_by=by, row_limit=15, max_name_column_width=60)


def _machine(device: Device) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else "the CPU"


def _tell(text: str, report: Path | None) -> None:
    """Print, and append to the report, which is whole at any moment."""
    print(text, flush=True)
    if report is not None:
        before = report.read_text() if report.exists() else ""
        write_atomically(report, lambda path: path.write_text(f"{before}{text}\n"))


def main(words: Sequence[str] | None = None) -> None:
    """Run a step from the words after the program's name."""
    steps = {"check": check, "train": train, "measure": measure, "scale": scale, "publish": publish}
    tyro.extras.subcommand_cli_from_dict(steps, args=words, config=(tyro.conf.FlagCreatePairsOff,))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C: a training gets to its checkpoint
    main()
