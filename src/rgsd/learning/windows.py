"""Windows of consecutive observations: of what was collected, and of the references."""

from __future__ import annotations

import torch
from torch import Tensor

from rgsd.learning.rollout import Rollout
from rgsd.motions.library import MotionLibrary


class WindowHistory:
    """Lets a window reach back over a rollout's first step into the one before; call `advance` once a rollout.

    Args:
        length: W, observations of a window.
    """

    def __init__(self, length: int) -> None:
        self.length = length
        self._tail = torch.empty(0)  # (W - 1, N, D), the last observations of the rollout before

    def windows(self, rollout: Rollout) -> tuple[Tensor, Tensor]:
        """The window that ends in the state after each step.

        Returns:
            windows (T, N, W, D), a view that copies nothing, and (T, N) bool, whether the window lies within one
            episode; the others show what was never seen in a row.
        """
        stream = self._stream(rollout)
        return stream.unfold(0, self.length, 1).transpose(2, 3), rollout.elapsed + 1 >= self.length

    def advance(self, rollout: Rollout) -> None:
        """Keep what the next rollout's windows need of this one."""
        self._tail = self._stream(rollout)[len(rollout.observation) :].clone()

    def state_dict(self) -> dict[str, Tensor]:
        """The last observations."""
        return {"tail": self._tail}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go back to a saved state."""
        self._tail = state["tail"].clone()  # on the CPU, until the next rollout says where it belongs

    def _stream(self, rollout: Rollout) -> Tensor:
        after = rollout.next_observation
        seen = self._tail.to(after.device)
        tail = seen if seen.numel() else torch.zeros_like(after[:1]).expand(self.length - 1, -1, -1)
        return torch.cat((tail, after))


def reference_rows(library: MotionLibrary, clip: Tensor, frame: Tensor, steps: Tensor) -> Tensor:
    """Rows (n, W) of the library's frames at `steps` (W,) after frames (n,) of clips (n,); past the end the last."""
    return library.row(clip.unsqueeze(1).expand(-1, len(steps)), frame.unsqueeze(1) + steps)
