"""Half an hour of one GPU, one command a step; each prints a markdown section for docs/results/gpu.md.

    python benchmarks/gpu.py check --motions ACCAD                 two minutes: tests, then hybrid against Warp
    python benchmarks/gpu.py train --run RUN --motions ACCAD       a piece of nine minutes; again to go on
    python benchmarks/gpu.py scale --motions ACCAD                 rates over the number of copies, and a profile
    python benchmarks/gpu.py publish --run RUN --name smpl-accad20   what `rgsd demo --body smpl` then shows

Everything can be tried without a GPU: --device cpu --num-envs 8. A machine that starts bare is given the run by
`train --parts FOLDER`: its latest checkpoint lies there in pieces of at most 15 MiB before and after, 60 MiB in all for
4,096 humanoids.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Literal

import rgsd  # noqa: F401 (before torch, to which it says how its idle threads wait)

# isort: split
import torch
import tyro

from rgsd.learning.distributed import joined
from rgsd.learning.trainer import Trainer
from rgsd.methods.presets import make_preset
from rgsd.methods.rgsd import RgsdConfig
from rgsd.methods.runs import RunConfig, make_trainer
from rgsd.physics.choice import Engine

_PART = 15 * 2**20  # bytes
_ROOT = Path(__file__).parents[1]
Device = Literal["cpu", "cuda"]


def check(motions: str = "", body: str = "smpl", device: Device = "cuda", num_envs: int = 4096) -> None:
    """Run the tests of physics and device, then time raw physics and the whole loop of both engines.

    Args:
        motions: references; the planned gaits if none, for the quadruped.
        body: what is stepped.
        device: cuda, or cpu to try this out.
        num_envs: copies.
    """
    words = ["-m", "pytest", "-q", "-x", "tests/physics", "tests/test_device.py"]
    subprocess.run([sys.executable, *words], cwd=_ROOT, check=True)
    print(f"\n## Check: {body}, {num_envs} copies on {_machine(device)}\n")
    _table([_rates(_config(body, motions, device, num_envs, engine)) for engine in ("cpu", "warp")])


def train(
    run: Path,
    motions: str = "",
    method: str = "rgsd",
    body: str = "smpl",
    device: Device = "cuda",
    num_envs: int = 4096,
    minutes: float = 9.0,
    physics: Engine = "warp",
    parts: Path | None = None,
) -> None:
    """Train a piece, from the run's latest checkpoint if there is one.

    Args:
        run: folder of the run.
        motions: references.
        method: of the run.
        body: what is trained.
        device: cuda, or cpu to try this out.
        num_envs: copies.
        minutes: of this piece.
        physics: what steps the body, as `check` found best.
        parts: where the run comes from and goes to in small files.
    """
    if parts is not None and not run.exists() and parts.is_dir():
        _join(parts, run)
    words = [method]
    if (run / "config.yaml").exists():
        words += ["--resume", str(run), "--minutes", str(_seconds(run) / 60 + minutes)]
    else:
        words += ["--out", str(run), "--body", body, "--preset", "gpu", "--device", device, "--physics", physics]
        words += ["--num-envs", str(num_envs), "--minutes", str(minutes), *(["--motions", motions] if motions else [])]
    subprocess.run([sys.executable, "-m", "rgsd", "train", *words], check=True)
    if parts is not None:
        _split(run, parts)
    last = _last(run)
    print(f"\n## {method} on {body}: {last['samples'] / 1e6:.1f} M samples in {last['seconds'] / 60:.1f} minutes\n")
    for name, value in last.items():
        if "/" in name:
            print(f"- {name} {value:.4g}")


def scale(
    motions: str = "",
    bodies: tuple[str, ...] = ("smpl", "quadruped"),
    device: Device = "cuda",
    num_envs: tuple[int, ...] = (1024, 2048, 4096, 8192, 16384),
    engines: tuple[Engine, ...] = ("warp",),
) -> None:
    """Measure raw physics, collection and loop over the number of copies; profile an iteration of the last.

    Args:
        motions: references of the humanoid.
        bodies: what is stepped.
        device: cuda, or cpu to try this out.
        num_envs: numbers of copies.
        engines: what steps them.
    """
    for body in bodies:
        print(f"\n## Scaling: {body} on {_machine(device)}\n")
        configs = [_config(body, motions, device, count, engine) for engine in engines for count in num_envs]
        _table([_rates(config) for config in configs])
        print(f"\n```\n{_profile(configs[-1])}\n```", flush=True)


def publish(run: Path, name: str, to: Path = _ROOT / "src/rgsd/pretrained") -> None:
    """Copy an evaluated run's policy beside a model card, unless there is a card already.

    Args:
        run: folder of the run, evaluated.
        name: of the published folder.
        to: where it goes; by default where `rgsd demo --body` and the wheel find it.
    """
    folder, mean = to / name, json.loads((run / "evaluation" / "evaluation.json").read_text())["mean"]
    config, last = RunConfig.load(run), _last(run)
    shutil.copytree(run / "policy", folder, dirs_exist_ok=True)
    rows = [f"| {key} | {mean[key]:.3g} |" for key in mean if mean[key] is not None and not key.endswith("_ci")]
    samples, minutes = last["samples"], last["seconds"] / 60
    card = [
        f"# {name}",
        f"A policy of the body {config.body} by {config.method}: {samples:,} samples in {minutes:.0f} minutes with "
        f"--physics {config.physics} --device {config.device}, evaluated on C MuJoCo by docs/protocol.md.",
        "| mean over groups, deterministic | |\n|---|---|\n" + "\n".join(rows),
        "Known faults: write them here after watching the film.",
    ]
    if config.body == "smpl":
        card.append(
            "Trained on motions of the ACCAD Motion Lab, The Ohio State University (accad.osu.edu), CC BY 3.0, "
            "retargeted by rgsd."
        )
    if (folder / "README.md").exists():
        print(f"{folder / 'README.md'} is kept as it was; delete it for one of this run's figures")
    else:
        (folder / "README.md").write_text("\n\n".join(card) + "\n")
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: {size / 1e6:.1f} MB" + (", more than the 10 MB agreed on" if size > 1e7 else ""))


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


def _rates(config: RunConfig, iterations: int = 3) -> dict[str, str | float]:
    """Control steps a second of the physics alone, of the collection and of the whole loop, kernels compiled before."""
    begun = time.perf_counter()
    with joined(config.device) as device, tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(config, Path(folder), device=device)
        trainer.iterate()
        ready = time.perf_counter() - begun
        figures = [trainer.iterate() for _ in range(iterations)]
    samples = config.num_envs * config.trainer.horizon
    seconds = [samples / one["Perf/steps_per_s"] for one in figures]
    collecting = sum(s * one["Perf/collection_share"] for s, one in zip(seconds, figures, strict=True))
    return {
        "physics": config.physics,
        "copies": config.num_envs,
        "ready, s": ready,
        "raw/s": _raw(trainer),
        "collection/s": iterations * samples / collecting,
        "loop/s": iterations * samples / sum(seconds),
        "GPU memory, GiB": _used_memory() / 2**30 if config.device == "cuda" else 0.0,
        "blow-ups": trainer.env.physics.blowups,
        "out of room": getattr(trainer.env.physics, "overflows", 0),
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


def _table(rows: list[dict[str, str | float]]) -> None:
    print("| " + " | ".join(rows[0]) + " | collection over raw | loop over raw |")
    print("|---" * (len(rows[0]) + 2) + "|")
    for row in rows:
        shares = [f"{100 * float(row[name]) / float(row['raw/s']):.0f} %" for name in ("collection/s", "loop/s")]
        cells = [
            value if isinstance(value, str) else f"{value:,.4g}" if value < 100 else f"{value:,.0f}"
            for value in row.values()
        ]
        print("| " + " | ".join([*cells, *shares]) + " |", flush=True)


def _used_memory() -> int:
    """Bytes of the GPU that are taken, by torch and by Warp."""
    free, total = torch.cuda.mem_get_info()
    return total - free


def _machine(device: Device) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else "the CPU"


def _last(run: Path) -> dict[str, float]:
    return json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])


def _seconds(run: Path) -> float:
    return _last(run)["seconds"] if (run / "metrics.jsonl").exists() else 0.0


def _split(run: Path, parts: Path) -> None:
    """What it takes to go on, in files of at most 15 MiB: the latest checkpoint, the log and the policy."""
    parts.mkdir(parents=True, exist_ok=True)
    new: list[Path] = []
    with tempfile.TemporaryFile() as packed:
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name in ("config.yaml", "metrics.jsonl", "policy"):
                archive.add(run / name, name)
            latest = max((run / "checkpoints").glob("checkpoint_*.pt"))
            archive.add(latest, f"checkpoints/{latest.name}")
        packed.seek(0)
        while piece := packed.read(_PART):
            new.append(parts / f"new.tar.{len(new):04d}")
            new[-1].write_bytes(piece)
    # not before all of them are there: whatever interrupts the writing leaves the old ones
    kept = {file.replace(file.with_name(file.name.replace("new", "run"))) for file in new}
    for stale in {*parts.glob("run.tar.*"), *parts.glob("new.tar.*")} - kept:
        stale.unlink()


def _join(parts: Path, run: Path) -> None:
    with tempfile.TemporaryFile() as packed:
        for piece in sorted(parts.glob("run.tar.*")):
            packed.write(piece.read_bytes())
        packed.seek(0)
        with tarfile.open(fileobj=packed) as archive:
            archive.extractall(run, filter="data")


if __name__ == "__main__":
    commands = {"check": check, "train": train, "scale": scale, "publish": publish}
    tyro.extras.subcommand_cli_from_dict(commands, config=(tyro.conf.FlagCreatePairsOff,))
