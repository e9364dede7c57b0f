"""Several processes that learn as one: those that `torchrun` starts, joined by torch.distributed.

Each process steps its part of the environments and holds the same weights. What is averaged over all of them is what
a single process would have averaged over all environments: gradients (in every optimiser's step, whoever owns it),
moments and divergences. A process alone finds every function here to be the identity.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_pre_hook

from rgsd.errors import UsageError
from rgsd.randomness import stream_seed

_PATIENCE = timedelta(minutes=10)  # the longest that any process may keep the others waiting


@contextmanager
def joined(device: str) -> Iterator[torch.device]:
    """Join the processes that torchrun has started, if it has; yields this one's device.

    Args:
        device: "cpu", or "cuda" for one GPU a process.

    Raises:
        UsageError: there is no such device, or restarts would fail.
    """
    own = own_device(device)
    with ExitStack() as undoing:
        if own.type == "cuda":
            undoing.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
            torch.set_float32_matmul_precision("high")  # TF32: exploration noise is far coarser than its rounding
        if dist.is_torchelastic_launched() and int(os.environ["WORLD_SIZE"]) > 1:
            _check_restarts()
            if own.type == "cuda":
                torch.cuda.set_device(own)
            dist.init_process_group("cpu:gloo,cuda:nccl" if own.type == "cuda" else "gloo", timeout=_PATIENCE)
            undoing.callback(dist.destroy_process_group)
            undoing.callback(register_optimizer_step_pre_hook(_average_gradients).remove)
        yield own


def _check_restarts() -> None:
    """Refuse restarts that would look for the processes before them (PyTorch issue 135712), while it is early."""
    shared = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    if shared and int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")) > 0:
        raise UsageError(
            "--max-restarts of torchrun: a restart would find the addresses of the processes before it; "
            "export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 before torchrun, with --standalone or --rdzv-backend c10d"
        )


def own_device(name: str) -> torch.device:
    """The device of this process: its own GPU of those on the host, or the CPU.

    Raises:
        UsageError: there is no GPU, or none for this process.
    """
    if name != "cuda":
        return torch.device(name)
    if not torch.cuda.is_available():
        raise UsageError(
            f"--device cuda: torch {torch.__version__} finds no GPU it can use; `rgsd doctor` says why. "
            "A new run does without by --device cpu; one that began on a GPU goes on where there is one"
        )
    place, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if place >= count:
        raise UsageError(f"--device cuda: process {place} of this host has no GPU; torchrun --nproc-per-node {count}")
    return torch.device("cuda", place)


def rank() -> int:
    """The number of this process, 0 if alone."""
    return 0 if _alone() else dist.get_rank()


def size() -> int:
    """How many processes there are."""
    return 1 if _alone() else dist.get_world_size()


def is_main() -> bool:
    """Whether this is the process that writes and speaks."""
    return rank() == 0


def was_restarted() -> bool:
    """Whether torchrun has started this process anew, after a failure."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def own_count(count: int, option: str) -> int:
    """How many of `count` things each process has.

    Raises:
        UsageError: they cannot be shared out evenly; the message names the option that says how many there are.
    """
    if count % size():
        raise UsageError(f"{option} {count}: cannot be shared out evenly among {size()} processes; give a multiple")
    return count // size()


def own_rows(rows: Tensor) -> Tensor:
    """This process's part of rows (n, ...) that all of them hold: together they have each row once."""
    return rows[rank() :: size()]


def own_threads() -> int:
    """Threads for this process's physics: 0, the engine's own choice, if alone; else its part of the host's cores."""
    if _alone():
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // int(os.environ["LOCAL_WORLD_SIZE"]))


def own_seed(seed: int, use: str) -> int:
    """The seed of a use of randomness that every process has a stream of its own for: what its learner draws."""
    return stream_seed(seed, use if is_main() else f"{use}/{rank()}")


def average(value: Tensor) -> Tensor:
    """The mean of a tensor over all processes, without gradient."""
    if _alone():
        return value
    value = value.detach().clone()
    dist.all_reduce(value)
    return value / size()


def moments(batch: Tensor) -> tuple[float, Tensor, Tensor]:
    """Count, mean (...) and variance (...) of the rows of all processes' batches (n, ...), which may be empty."""
    if _alone():
        return float(len(batch)), batch.mean(dim=0), batch.var(dim=0, unbiased=False)
    exact = batch.double()
    sums = torch.cat((exact.new_full((1,), len(batch)), exact.sum(dim=0).flatten()))
    dist.all_reduce(sums)
    count = float(sums[0])
    mean = (sums[1:] / max(count, 1.0)).view(batch.shape[1:])
    squares = (exact - mean).square().sum(dim=0)
    dist.all_reduce(squares)
    return count, mean.to(batch.dtype), (squares / max(count, 1.0)).to(batch.dtype)


def mean_and_deviation(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean () and unbiased standard deviation () of all processes' values (any shape); that of a single one is 0."""
    if not _alone():
        count, mean, variance = moments(values.flatten())
        return mean, torch.sqrt(variance * (count / max(count - 1.0, 1.0)))
    return values.mean(), values.std() if values.numel() > 1 else values.new_zeros(())


def fewest(count: int) -> int:
    """The smallest of all processes' counts: so many of a kind all of them have."""
    return count if _alone() else _reduced(count, dist.ReduceOp.MIN)


def total(count: int) -> int:
    """The sum of all processes' counts."""
    return count if _alone() else _reduced(count, dist.ReduceOp.SUM)


def anyone(flag: bool) -> bool:
    """Whether a flag is set in any process."""
    return flag if _alone() else bool(_reduced(int(flag), dist.ReduceOp.MAX))


def average_metrics(metrics: dict[str, float]) -> dict[str, float]:
    """The mean of each metric over the processes that have it, the same dictionary in all of them."""
    if _alone():
        return metrics
    everyone: list[Any] = [None] * size()
    dist.all_gather_object(everyone, metrics)
    names = dict.fromkeys(name for own in everyone for name in own)  # in order of appearance
    found = {name: [own[name] for own in everyone if name in own] for name in names}
    return {name: sum(values) / len(values) for name, values in found.items()}


def wait() -> None:
    """Go on when all processes have come here."""
    if not _alone():
        total(0)


def _alone() -> bool:
    return not (dist.is_available() and dist.is_initialized())


def _reduced(number: int, by: Any) -> int:
    value = torch.tensor(number)
    dist.all_reduce(value, by)
    return int(value)


def _average_gradients(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
    """Before any optimiser's step: its gradients become their means over all processes, in one message."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    gradients = [p.grad for p in parameters if p.grad is not None]
    mean = average(torch.cat([gradient.flatten() for gradient in gradients]))
    for gradient, part in zip(gradients, mean.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))
