"""d_lang: how far apart two states are in the words of a describer, as a sentence encoder understands them."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from rgsd.language.describer import Describer
from rgsd.language.embedding import TextEncoder, TextMemory


class LanguageDistance:
    """d_lang(x, y) = sqrt(mean over the facts k of |e_k(x) - e_k(y)|^2), e_k the unit embedding of what is said of k.

    Between 0 and 2: the distance of two unit vectors, into which the embeddings of all facts are put one after another.
    So it keeps the triangle inequality, which one minus a cosine does not, and without which no map could use the
    whole of its bounds; and it hears which limb does what, which in the mean of embeddings is lost.

    Args:
        describer: puts states into words.
        encoder: of texts.
    """

    def __init__(self, describer: Describer, encoder: TextEncoder) -> None:
        self.describer, self._memory = describer, TextMemory(encoder)
        self._metrics: dict[str, float] = {}

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """d_lang (n,) of n pairs of observations, both (n, D or more)."""
        self._metrics = {}
        if not len(x):
            return x.new_zeros(0)
        first, second = (self._memory.numbers(self.describer.describe(states)) for states in (x, y))
        distance = self._memory.distances(first, second).square().mean(dim=1).sqrt().to(x.device)
        self._metrics = {
            "Language/distance": float(distance.mean()),
            "Language/same_words": float((distance == 0).float().mean()),
        }
        return distance

    def metrics(self) -> dict[str, float]:
        """Metrics to log: of the last pairs that were measured, and of all that has been said so far."""
        return self._metrics | {"Language/texts": float(len(self._memory))} | self.describer.metrics()

    def state_dict(self) -> dict[str, Any]:
        """What has been said so far, and what it means: a resumed run neither asks nor encodes it again."""
        return {"describer": self.describer.state_dict(), "memory": self._memory.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        self.describer.load_state_dict(state["describer"])
        self._memory.load_state_dict(state["memory"])
