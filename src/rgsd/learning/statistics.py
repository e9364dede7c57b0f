"""`EpisodeStatistics`: how episodes ended during one rollout, by stream."""

from __future__ import annotations

import torch
from torch import Tensor


class EpisodeStatistics:
    """Ends of episodes since the last report.

    Steps are kept whole, on the device where they came about: to pick out what has ended, or to count it, would
    make a GPU wait in every single step. That is done once, in `report`.
    """

    def __init__(self) -> None:
        self._steps: list[dict[str, Tensor]] = []

    def record(
        self,
        *,
        terminated: Tensor,
        truncated: Tensor,
        fell: Tensor,
        imitation: Tensor,
        steps: Tensor,
        travelled: Tensor,
    ) -> None:
        """Note one step of N episodes.

        Args:
            terminated, truncated, fell: (N,) bool, as in `StepResult`.
            imitation: (N,) bool, the stream of each episode.
            steps: (N,) control steps since its start, this one included.
            travelled: (N, 2) displacement since its start, in its first heading frame, m.
        """
        self._steps.append(
            {
                "ended": terminated | truncated,
                "fell": fell,
                "lost": terminated & ~fell,
                "imitation": imitation,
                "steps": steps,
                "travelled": travelled,
            }
        )

    def report(self, control_dt: float) -> dict[str, float]:
        """Metrics to log, for a control period in s; a stream in which nothing ended says nothing."""
        if not self._steps:
            return {}
        all_steps = {name: torch.cat([step[name] for step in self._steps]).cpu() for name in self._steps[0]}
        ends = {name: values[all_steps["ended"]] for name, values in all_steps.items()}
        metrics: dict[str, float] = {}
        for name, chosen in (("Imitation", ends["imitation"]), ("Discovery", ~ends["imitation"])):
            if bool(chosen.any()):
                metrics[f"{name}/episode_s"] = control_dt * _mean(ends["steps"][chosen])
                metrics[f"{name}/fall_rate"] = _mean(ends["fell"][chosen])
        if bool(ends["imitation"].any()):
            metrics["Imitation/early_termination_rate"] = _mean(ends["lost"][ends["imitation"]])
        moves = ends["travelled"][~ends["imitation"] & ~ends["fell"]]
        if len(moves) > 1:
            metrics["Discovery/spread_m"] = float(moves.std(dim=0).norm())
            metrics["Discovery/travel_m"] = float(moves.norm(dim=1).mean())
        return metrics


def _mean(values: Tensor) -> float:
    return float(values.double().mean())
