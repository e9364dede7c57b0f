"""What a machine that starts bare, without a network, is given in files of bounded size: packages and runs.

    python benchmarks/bare_machine.py wheels --out LOADS --small      where pip finds packages
    python benchmarks/bare_machine.py install LOADS/* --target SITE   there, load by load if all are too much for one go
    export PYTHONPATH=src:SITE
    python benchmarks/bare_machine.py join --run RUN --parts PARTS    anywhere: the run that `gpu.py train --parts` left

torch, scipy and whatever else is common are the machine's own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

PACKAGES = (
    "docstring-parser",
    "glfw",
    "mujoco",
    "mujoco-core",
    "mujoco-warp",
    "pyopengl",
    "typeguard",
    "tyro",
    "warp-lang",
)
"""Lacking where there are torch, safetensors, rich, tensorboard and matplotlib; MuJoCo's viewer and films stay away."""
CPU_COMPILER = "warp/bin/warp-clang.so"
"""In Warp's wheel: what its kernels on the device `cpu` are compiled with, and nothing else; Warp starts without it."""
_PART = 15 * 2**20  # bytes
_PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014", "manylinux1")
_ROOT = Path(__file__).parents[1]
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")


def wheels(
    out: Path,
    packages: Sequence[str] = PACKAGES,
    python_version: str = "3.12",
    machine: str = "x86_64",
    load_mib: int = 60,
    small: bool = False,
) -> None:
    """Download packages for another machine, in the versions that are used here, and lay them out in loads.

    rgsd itself is among them, for its metadata.

    Args:
        out: folder of the loads.
        packages: names; their dependencies are not followed.
        python_version: of the other machine.
        machine: its processor, as wheels name it.
        load_mib: the most that one load may hold, MiB.
        small: pack the wheels anew, harder, without `CPU_COMPILER`: with Warp 1.19 in four minutes 92 MiB for 160.

    Raises:
        subprocess.CalledProcessError: pip finds no such wheel, or constraints.txt wants other versions than are here.
    """
    with tempfile.TemporaryDirectory() as name:
        folder, own = Path(name) / "wheels", Path(name) / "own"
        place = [f"--platform={platform}_{machine}" for platform in _PLATFORMS]
        place += ["--implementation=cp", f"--python-version={python_version}", "--only-binary=:all:"]
        pins = ["--constraint", str(_ROOT / "constraints.txt"), *map(_as_here, packages)]
        subprocess.run([*_PIP, "download", "--no-deps", f"--dest={folder}", *place, *pins], check=True)
        # built from a copy: what building leaves behind would be taken up by the next one
        shutil.copytree(_ROOT, own, ignore=shutil.ignore_patterns(".*", "build", "docs", "runs", "*.egg-info"))
        build = ["--no-deps", "--no-index", "--no-build-isolation", f"--wheel-dir={folder}", str(own)]
        subprocess.run([*_PIP, "wheel", *build], check=True)
        found = sorted(folder.iterdir())
        for wheel in found if small else ():
            _unpacked(wheel)
        files = {wheel.name: wheel for wheel in found}
        loads = write_pieces(out, "packages", files, load_mib * 2**20, mode="w:xz" if small else "w")
    print("\n".join(f"{load}: {load.stat().st_size / 2**20:.1f} MiB" for load in loads))


def install(loads: Sequence[Path], target: Path, imports: Sequence[str] = ("rgsd", "mujoco_warp", "tyro")) -> None:
    """Take loads, and when the last one has come, install what they hold.

    Args:
        loads: files of `wheels`; those of earlier calls are remembered beside the target.
        target: folder for PYTHONPATH.
        imports: modules to try in the end.

    Raises:
        subprocess.CalledProcessError: pip refuses a wheel, or one of the modules lacks something.
    """
    taken = target.with_name(f"{target.name}.loads")
    taken.mkdir(parents=True, exist_ok=True)
    for load in loads:
        shutil.copyfile(load, taken / load.name)
    with tempfile.TemporaryDirectory() as name:
        if not read_pieces(taken, Path(name)):
            print(f"there are {', '.join(sorted(load.name for load in taken.iterdir()))}; the others are awaited")
            return
        # all at once: packages that share a folder, such as MuJoCo's, would drive each other out of the target
        options = ["--no-index", "--no-deps", "--no-compile", "--upgrade", "--target", str(target)]
        subprocess.run([*_PIP, "install", *options, *map(str, sorted(Path(name).iterdir()))], check=True)
    shutil.rmtree(taken)
    environment = {**os.environ, "PYTHONPATH": str(target)}
    subprocess.run([sys.executable, "-c", f"import {', '.join(imports)}"], check=True, env=environment)
    print(f"installed; export PYTHONPATH=src:{target}")


def keep(run: Path, parts: Path | None) -> None:
    """Write what it takes to go on from a run's latest checkpoint into `parts`, in files of at most 15 MiB.

    Nothing is written if it is there already, or if there is no checkpoint yet.

    Args:
        run: folder of the run, whose training may go on meanwhile.
        parts: folder of the files; None for nothing.
    """
    latest = latest_checkpoint(run)
    if parts is None or latest is None or latest.stem == latest_pieces(parts)[0]:
        return
    import torch  # not before `install`: neither rgsd nor what it needs may be there

    from rgsd.learning.checkpoint import save_checkpoint

    saved = torch.load(latest, weights_only=True, map_location="cpu")
    saved["actor"] = {}  # the policy holds it
    names = ["config.yaml", "metrics.jsonl", "policy", *(["teachers"] if (run / "teachers").exists() else [])]
    with tempfile.TemporaryDirectory() as folder:
        lean = save_checkpoint(Path(folder), saved["iteration"], saved)
        files = {name: run / name for name in names} | {f"checkpoints/{latest.name}": lean}
        write_pieces(parts, latest.stem, files, _PART, mode="w:gz", compresslevel=1)


def join(run: Path, parts: Path) -> None:
    """Put a run together from the files that `keep` has written.

    Args:
        run: folder of the run, which must not be there.
        parts: folder of the files.

    Raises:
        SystemExit: some of them are missing, or there is a run already.
    """
    import safetensors.torch  # as in `keep`
    import torch

    from rgsd.learning.checkpoint import save_checkpoint

    if run.exists():
        raise SystemExit(f"{run}: there is a run already; choose another folder")
    half = run.with_name(f"{run.name}.half")
    if not read_pieces(parts, half):
        raise SystemExit(f"{parts}: no run, or not all of its files; bring the others")
    (checkpoint,) = (half / "checkpoints").iterdir()
    saved = torch.load(checkpoint, weights_only=True, map_location="cpu")
    policy = safetensors.torch.load_file(half / "policy" / "policy.safetensors")
    saved["actor"] = {name[6:]: weights for name, weights in policy.items() if name.startswith("actor.")}
    save_checkpoint(checkpoint.parent, saved["iteration"], saved)
    (half / "policy" / "policy.json").touch()  # as in training, where the policy comes last
    half.rename(run)


def latest_checkpoint(run: Path) -> Path | None:
    """The latest checkpoint of a run, once the policy has been written after it; None if there is none."""
    latest = max((run / "checkpoints").glob("checkpoint_*.pt"), default=None)
    policy = run / "policy" / "policy.json"
    if latest is None or not policy.exists() or policy.stat().st_mtime_ns < latest.stat().st_mtime_ns:
        return None
    return latest


def write_pieces(folder: Path, label: str, files: Mapping[str, Path], most: int, **how: Any) -> list[Path]:
    """Pack files and folders by their names, as `LABEL.1-of-N` to `LABEL.N-of-N`; then drop those of other labels.

    Whatever interrupts this leaves the ones before whole.

    Args:
        folder: where the pieces go.
        label: of them, new to the folder.
        files: what is packed.
        most: bytes of a piece.
        how: options of `tarfile.open`, such as its mode.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unfinished, pieces = folder / "unfinished", []
    with tempfile.TemporaryFile() as packed:
        with tarfile.open(fileobj=packed, **how) as archive:
            for name, path in files.items():
                archive.add(path, name)
        count = -(-packed.seek(0, os.SEEK_END) // most)
        packed.seek(0)
        for number in range(1, count + 1):
            unfinished.write_bytes(packed.read(most))
            pieces.append(unfinished.replace(folder / f"{label}.{number}-of-{count}"))
    for stale in {*folder.glob("*.*-of-*")} - set(pieces):
        stale.unlink()
    return pieces


def read_pieces(folder: Path, to: Path) -> bool:
    """Unpack the latest pieces of a folder; False if none are complete."""
    _, pieces = latest_pieces(folder)
    with tempfile.TemporaryFile() as packed:
        for piece in pieces:
            packed.write(piece.read_bytes())
        packed.seek(0)
        if pieces:
            with tarfile.open(fileobj=packed) as archive:
                archive.extractall(to, filter="data")
    return bool(pieces)


def latest_pieces(folder: Path) -> tuple[str, list[Path]]:
    """The last label in the alphabet of which all pieces are there, and those in order; empty if there is none."""
    found: dict[tuple[str, int], dict[int, Path]] = defaultdict(dict)
    for piece in folder.glob("*.*-of-*"):
        label, _, place = piece.name.rpartition(".")
        number, _, count = place.partition("-of-")
        found[label, int(count)][int(number)] = piece
    whole = [(label, [pieces[n] for n in sorted(pieces)]) for (label, n), pieces in found.items() if len(pieces) == n]
    return max(whole, default=("", []))


def _as_here(package: str) -> str:
    """The package in the version that is installed here; what is not is pinned by constraints.txt at most."""
    try:
        return f"{package}=={metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return package


def _unpacked(wheel: Path) -> None:
    """Make a wheel one that is not compressed, so that its archive can be, and leave out `CPU_COMPILER`."""
    anew = wheel.with_name("anew")
    with ZipFile(wheel) as old, ZipFile(anew, "w", ZIP_STORED) as new:
        for entry in old.infolist():
            if entry.filename != CPU_COMPILER:
                content = old.read(entry)
                if entry.filename.endswith(".dist-info/RECORD"):
                    content = b"".join(_without_compiler(content))
                entry.compress_type = ZIP_STORED
                new.writestr(entry, content)
    anew.replace(wheel)


def _without_compiler(record: bytes) -> Iterator[bytes]:
    """The lines of a wheel's list of files that stay; the list would vouch for a file that is not there."""
    return (line for line in record.splitlines(keepends=True) if not line.startswith(CPU_COMPILER.encode() + b","))


def main(words: Sequence[str] | None = None) -> None:
    """Run a command from the words after the program's name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    download = commands.add_parser("wheels")
    download.set_defaults(call=wheels)
    download.add_argument("--out", type=Path, required=True)
    download.add_argument("--packages", nargs="+", default=PACKAGES)
    download.add_argument("--python-version", default="3.12")
    download.add_argument("--machine", default="x86_64")
    download.add_argument("--load-mib", type=int, default=60)
    download.add_argument("--small", action="store_true")
    unpack = commands.add_parser("install")
    unpack.set_defaults(call=install)
    unpack.add_argument("loads", type=Path, nargs="+")
    unpack.add_argument("--target", type=Path, required=True)
    bring = commands.add_parser("join")
    bring.set_defaults(call=join)
    bring.add_argument("--run", type=Path, required=True)
    bring.add_argument("--parts", type=Path, required=True)
    options = vars(parser.parse_args(words))
    options.pop("call")(**options)


if __name__ == "__main__":
    main()
