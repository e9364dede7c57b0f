"""The log of a run: each iteration's metrics as a line of `metrics.jsonl`, and for TensorBoard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Self

from torch.utils.tensorboard import SummaryWriter


class MetricsLog:
    """Appends to the log; use it in a `with`.

    Args:
        folder: of the run.
        iteration: after which it goes on; what TensorBoard holds of later ones is dropped.
    """

    def __init__(self, folder: Path, iteration: int) -> None:
        self._file = (folder / "metrics.jsonl").open("a")
        self._board = SummaryWriter(str(folder), purge_step=iteration + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._board.close()

    def write(self, metrics: dict[str, float]) -> None:
        """Note the metrics of an iteration, which is one of them; those with a slash in their names are curves."""
        rounded = {k: v if isinstance(v, int) else float(f"{v:.6g}") for k, v in metrics.items()}
        self._file.write(json.dumps(rounded) + "\n")
        self._file.flush()
        for name, value in metrics.items():
            if "/" in name:
                self._board.add_scalar(name, value, int(metrics["iteration"]))
