"""d_lang: how far apart two states are in the words of a describer, as a sentence encoder understands them."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from rgsd.language.describer import Describer
from rgsd.language.embedding import SentenceEncoder, SentenceMemory

_SAME = 1e-3  # below it two embeddings are one: rounding


class LanguageDistance:
    """d_lang(x, y) = |e(x) - e(y)|, e the unit embedding of a state's description: between 0 and 2.

    The chord and not one minus the cosine: it keeps the triangle inequality, without which no map could use the
    whole of its bounds.

    Args:
        describer: puts states into words.
        encoder: of sentences.
    """

    def __init__(self, describer: Describer, encoder: SentenceEncoder) -> None:
        self.describer, self._memory = describer, SentenceMemory(encoder)
        self._figures: dict[str, float] = {}

    def embed(self, observation: Tensor) -> Tensor:
        """e (n, E) of observations (n, D or more)."""
        return self._memory.embed(self.describer.describe(observation)).to(observation.device)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """d_lang (n,) of n pairs of observations, both (n, D or more)."""
        self._figures = {}
        if not len(x):
            return x.new_zeros(0)
        distance = (self.embed(x) - self.embed(y)).norm(dim=-1)
        distance = distance.where(distance > _SAME, 0.0)
        self._figures = {
            "Language/distance": float(distance.mean()),
            "Language/same_words": float((distance == 0).float().mean()),
        }
        return distance

    def figures(self) -> dict[str, float]:
        """Figures to log: of the last pairs that were measured, and of all that has been said so far."""
        return self._figures | {"Language/sentences": float(len(self._memory))} | self.describer.figures()

    def state_dict(self) -> dict[str, Any]:
        """What has been said so far, and what it means: a resumed run neither asks nor encodes it again."""
        return {"describer": self.describer.state_dict(), "memory": self._memory.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        self.describer.load_state_dict(state["describer"])
        self._memory.load_state_dict(state["memory"])
