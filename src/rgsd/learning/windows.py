"""Windows of consecutive observations: of what was collected, and of the references."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rgsd.envs.observation import observe
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

    def windows(self, rollout: Rollout) -> Tensor:
        """(T, N, W, D), a view that copies nothing: the window that ends in the state after each step.

        Within an episode's first W - 1 steps it begins with another episode's states.
        """
        return self._stream(rollout).unfold(0, self.length, 1).transpose(2, 3)

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


class EpisodeWindows:
    """Windows of what a network sees of states; an episode's first ones reach back to what came before its start.

    Before a start on a reference that is the reference's own past, before one from the standing pose the pose itself,
    held. So every step has its window from the first on. Call `advance` once a rollout.

    Args:
        length: W, states of a window.
        library: the references.
        look: observations (..., D) to what is seen of them, (..., f).
    """

    def __init__(self, length: int, library: MotionLibrary, look: Callable[[Tensor], Tensor]) -> None:
        self._library, self._look = library, look
        self._reference = look(observe(library.states))
        self._past = torch.arange(1 - length, 0, device=library.device)
        self._recent = torch.empty(0)  # (N, W, f), the last window of the rollout before

    def windows(self, rollout: Rollout) -> Tensor:
        """(T, N, W, f), the window that ends in the state after each step."""
        before, after = self._look(rollout.observation), self._look(rollout.next_observation)
        recent = self._recent.to(after.device)
        if not len(recent):  # a first rollout begins all of its episodes
            recent = after.new_zeros(after.shape[1], len(self._past) + 1, after.shape[2])
        made = after.new_empty(len(after), *recent.shape)
        for t in range(len(after)):
            begun = (rollout.elapsed[t] == 0)[:, None, None]
            recent = torch.where(begun, self._until_start(rollout, t, before[t]), recent)
            made[t, :, :-1], made[t, :, -1] = recent[:, 1:], after[t]
            recent = made[t]
        return made

    def advance(self, windows: Tensor) -> None:
        """Keep what the next rollout's windows need of these, (T, N, W, f)."""
        self._recent = windows[-1].clone()

    def _until_start(self, rollout: Rollout, t: int, start: Tensor) -> Tensor:
        """(N, W, f) windows that end in the starts (N, f) of episodes that begin with step t."""
        clip, first = rollout.clip[t].unsqueeze(1), rollout.frame[t].unsqueeze(1) - 1
        past = self._reference[self._library.row(clip, (first + self._past).clamp(min=0))]
        past = torch.where(rollout.standing[t][:, None, None], start.unsqueeze(1), past)
        return torch.cat((past, start.unsqueeze(1)), dim=1)

    def state_dict(self) -> dict[str, Tensor]:
        """The last windows."""
        return {"recent": self._recent}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go back to a saved state."""
        self._recent = state["recent"].clone()  # on the CPU, until the next rollout says where it belongs


def reference_rows(library: MotionLibrary, clip: Tensor, frame: Tensor, steps: Tensor) -> Tensor:
    """Rows (n, W) of the library's frames at `steps` (W,) after frames (n,) of clips (n,); past the end the last."""
    return library.row(clip.unsqueeze(1).expand(-1, len(steps)), frame.unsqueeze(1) + steps)
