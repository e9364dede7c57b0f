"""The log of a run: each iteration's metrics as a line of `metrics.jsonl`, and where somebody draws them."""

from __future__ import annotations

import importlib
import importlib.util
import json
import secrets
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import yaml
from torch.utils.tensorboard import SummaryWriter

from rgsd.atomic import named
from rgsd.errors import UsageError
from rgsd.learning.checkpoint import write_atomically

Logger = Literal["tensorboard", "wandb", "none"]
"""What draws the metrics: TensorBoard from files in the run's folder, Weights & Biases on its server, or nothing."""
_WANDB_ID = "wandb-id"  # file in the run's folder: under which id Weights & Biases knows the run


class MetricsLog:
    """Appends to the log; use it in a `with`.

    Args:
        folder: of the run.
        iteration: after which it goes on; what TensorBoard holds of later ones is dropped.
        logger: what draws the curves.
    """

    def __init__(self, folder: Path, iteration: int, logger: Logger = "tensorboard") -> None:
        self._path = folder / "metrics.jsonl"
        self._file = self._path.open("a")
        self._board = _open_board(folder, iteration, logger)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with named(self._path):
            self._file.close()
        if self._board is not None:
            self._board.close()

    def write(self, metrics: dict[str, float]) -> None:
        """Note the metrics of an iteration, which is one of them; those with a slash in their names are curves."""
        rounded = {k: v if isinstance(v, int) else float(f"{v:.6g}") for k, v in metrics.items()}
        with named(self._path):
            self._file.write(json.dumps(rounded) + "\n")
            self._file.flush()
        if self._board is not None:
            curves = {name: value for name, value in metrics.items() if "/" in name}
            self._board.draw(curves, int(metrics["iteration"]))


def check_logger(logger: Logger) -> None:
    """Refuse a logger that is not installed.

    Raises:
        UsageError: the message says what to install.
    """
    if logger == "wandb" and importlib.util.find_spec("wandb") is None:
        raise UsageError("--logger wandb: it is not installed; pip install 'rgsd[wandb]', or take --logger tensorboard")


class _Board(Protocol):
    """What draws curves."""

    def draw(self, curves: dict[str, float], iteration: int) -> None:
        """The curves go on by a point."""
        ...

    def close(self) -> None:
        """All has been drawn."""
        ...


def _open_board(folder: Path, iteration: int, logger: Logger) -> _Board | None:
    if logger == "wandb":
        return _WandbBoard(folder)
    return _TensorBoard(folder, iteration) if logger == "tensorboard" else None


class _TensorBoard:
    """Event files in the run's folder."""

    def __init__(self, folder: Path, iteration: int) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=iteration + 1)
        self._files = folder / "events.out.tfevents.*"

    def draw(self, curves: dict[str, float], iteration: int) -> None:
        with named(self._files):
            for name, value in curves.items():
                self._writer.add_scalar(name, value, iteration)

    def close(self) -> None:
        with named(self._files):
            self._writer.close()


class _WandbBoard:
    """A run of the project `rgsd`, named as its folder, which `--resume` goes on with.

    Steps that a killed run had drawn after its last checkpoint are drawn again, at the same iterations.
    """

    def __init__(self, folder: Path) -> None:
        wandb: Any = importlib.import_module("wandb")  # an extra
        known, config = folder / _WANDB_ID, folder / "config.yaml"
        if not known.exists():
            write_atomically(known, lambda path: path.write_text(secrets.token_hex(4)))
        self._run = wandb.init(
            project="rgsd",
            name=folder.resolve().name,
            id=known.read_text(),
            resume="allow",
            dir=folder,
            config=yaml.safe_load(config.read_text()) if config.exists() else None,
            settings=wandb.Settings(console="off"),  # the live display is none of its business
        )
        self._run.define_metric("*", step_metric="iteration")

    def draw(self, curves: dict[str, float], iteration: int) -> None:
        self._run.log({**curves, "iteration": iteration})

    def close(self) -> None:
        self._run.finish()
