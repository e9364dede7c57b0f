"""Who is told of an iteration's metrics, and how."""

from __future__ import annotations

import errno
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rgsd.errors import UsageError
from rgsd.learning.metrics_log import MetricsLog, check_logger

ROW = {"iteration": 7, "seconds": 1.23456789, "Train/mean_reward": 0.5}


class Wandb:
    """Stands for the module and for its run; notes what it is told."""

    def __init__(self) -> None:
        self.begun: list[dict[str, Any]] = []
        self.logged: list[dict[str, float]] = []
        self.axes: list[tuple[str, str]] = []
        self.finished = 0
        self.Settings = SimpleNamespace

    def init(self, **how: Any) -> Wandb:
        self.begun.append(how)
        return self

    def define_metric(self, name: str, step_metric: str) -> None:
        self.axes.append((name, step_metric))

    def log(self, values: dict[str, float]) -> None:
        self.logged.append(values)

    def finish(self) -> None:
        self.finished += 1


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Wandb:
    wandb = Wandb()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    return wandb


@pytest.mark.parametrize("logger", ["tensorboard", "none"])
def test_tensorboard_is_drawn_unless_nothing_is(logger: Any, tmp_path: Path) -> None:
    with MetricsLog(tmp_path, 0, logger) as log:
        log.write(ROW)
    assert json.loads((tmp_path / "metrics.jsonl").read_text()) == {**ROW, "seconds": 1.23457}
    assert len(list(tmp_path.glob("events.*"))) == (logger == "tensorboard")


def test_wandb_goes_on_with_the_same_run(wandb: Wandb, tmp_path: Path) -> None:
    folder = tmp_path / "walks"
    folder.mkdir()
    (folder / "config.yaml").write_text("seed: 3\n")
    for _ in range(2):  # the second is a resumed training
        with MetricsLog(folder, 0, "wandb") as log:
            log.write(ROW)
    first, second = wandb.begun
    assert (first["project"], first["name"], first["config"]) == ("rgsd", "walks", {"seed": 3})
    assert first["id"] == second["id"]
    assert second["resume"] == "allow"
    assert wandb.axes[0] == ("*", "iteration")
    assert wandb.logged[0] == {"iteration": 7, "Train/mean_reward": 0.5}
    assert wandb.finished == 2
    assert not list(folder.glob("events.*"))


def test_a_logger_that_is_not_installed_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UsageError, match=r"--logger wandb: it is not installed; pip install 'rgsd\[wandb\]'"):
        check_logger("wandb")
    check_logger("none")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_reported_with_the_logs_name(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught, MetricsLog(tmp_path, 0, "none") as log:
        log.write(ROW)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "metrics.jsonl"))
