"""Networks that see a window of consecutive observations: ASE's and CALM's discriminators, CALM's motion encoder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from rgsd.envs.observation import ObservationLayout
from rgsd.skills.encoder import EncoderConfig
from rgsd.skills.features import Features, perceptron


@dataclass(frozen=True)
class DiscriminatorConfig:
    """An adversarial motion prior: its network and its loss (values of ASE's official code unless said)."""

    hidden: tuple[int, ...] = (256, 128)
    """Widths of the hidden layers (ours; 1024, 1024, 512 there)."""
    window: int = 10
    """W, consecutive observations that it sees at once."""
    gradient_penalty: float = 5.0
    """Weight of the squared gradient of the logit with respect to reference windows."""
    logit_regularization: float = 0.01
    """Weight of the squared weights of the last layer."""
    weight_decay: float = 1e-4
    """Weight of the squared weights of all layers."""
    learning_rate: float = 1e-4
    """Of Adam (ours; 2e-5 there, for runs a thousand times longer)."""
    updates: int = 48
    """Gradient steps a rollout."""
    batch_fraction: float = 1 / 32
    """Windows of each kind a gradient step, over the samples of a rollout."""
    replay: int = 8192
    """Windows of earlier rollouts that are kept (ours; 200,000 there, of rollouts ten times as large)."""
    sees: Literal["key_bodies", "mask"] = "key_bodies"
    """What it sees of a state: the root and the places of the key bodies, or all that the encoder's mask lets through.
    (The official code shows the joints' angles and rates as well.)"""

    def mask(self, encoder: EncoderConfig, layout: ObservationLayout) -> list[int]:
        """The entries of an observation that are seen; those of an encoder's mask if `sees` says so."""
        return encoder.mask(layout) if self.sees == "mask" else layout.root_and_key_bodies()


class WindowEncoder(Features):
    """CALM's motion encoder: a clip's window to the unit sphere of R^d.

    Args:
        config: the network.
        mask: what it sees of an observation.
        layout: of the observation.
        frames: K, observations of a window.
    """

    def __init__(self, config: EncoderConfig, mask: Sequence[int], layout: ObservationLayout, frames: int) -> None:
        super().__init__(mask, layout)
        self.network = perceptron((frames * self.num_features, *config.hidden, config.latent_dim))

    def forward(self, windows: Tensor) -> Tensor:
        """(n, K, D) windows to (n, d) unit vectors."""
        return nn.functional.normalize(self.network(self.features(windows).flatten(1)), dim=-1)


class Discriminator(Features):
    """D(window), or D(window, z): a logit, high for the references. Windows are of features, not of observations.

    Args:
        config: network and loss.
        mask: whose feature mask it has, if its own is not of key bodies.
        layout: of the observation.
        condition: d of the latents that it is given as well; 0 for none.
    """

    def __init__(
        self, config: DiscriminatorConfig, mask: EncoderConfig, layout: ObservationLayout, condition: int = 0
    ) -> None:
        super().__init__(config.mask(mask, layout), layout)
        self.config, self._latent_scale = config, math.sqrt(condition)
        self.trunk = perceptron((config.window * self.num_features + condition, *config.hidden))
        self.head = nn.Linear(config.hidden[-1], 1)

    def describe(self, windows: Tensor, z: Tensor | None = None) -> Tensor:
        """(n, hidden) what the last layer is given of windows (n, W, f) and latents (n, d)."""
        given = windows.flatten(1)
        given = given if z is None else torch.cat((given, self._latent_scale * z), dim=1)
        return nn.functional.elu(self.trunk(given))

    def forward(self, windows: Tensor, z: Tensor | None = None) -> Tensor:
        """Logits (n,) of windows (n, W, f) under latents (n, d)."""
        return self.head(self.describe(windows, z)).squeeze(-1)

    def loss(self, real: Tensor, seen: Tensor, real_z: Tensor | None = None) -> tuple[Tensor, dict[str, float]]:
        """Binary cross-entropy of reference windows (n, W, f) against the policy's, with its penalties.

        L = (BCE(real, 1) + BCE(fake, 0)) / 2 + w_g E|dD/dreal|^2 + w_l |last weights|^2 + w_d |weights|^2; the
        gradient is with respect to normalised features.

        Args:
            real: of the references.
            seen: (m, hidden) what `describe` makes of the policy's windows.
            real_z: (n, d) latents of the references' windows.

        Returns:
            The loss, and metrics to log.
        """
        real = real.detach().requires_grad_()
        real_logit, fake_logit = self(real, real_z), self.head(seen).squeeze(-1)
        softplus = nn.functional.softplus
        entropy = 0.5 * (softplus(-real_logit).mean() + softplus(fake_logit).mean())
        (gradient,) = torch.autograd.grad(real_logit.sum(), real, create_graph=True)
        penalty = gradient.flatten(1).square().sum(dim=1).mean()
        weights = [module.weight.square().sum() for module in self.modules() if isinstance(module, nn.Linear)]
        config = self.config
        loss = (
            entropy
            + config.gradient_penalty * penalty
            + config.logit_regularization * self.head.weight.square().sum()
            + config.weight_decay * torch.stack(weights).sum()
        )
        return loss, {
            "Discriminator/loss": float(loss.detach()),
            "Discriminator/gradient": float(penalty.detach()),
            "Discriminator/reference": float(torch.sigmoid(real_logit.detach()).mean()),
            "Discriminator/policy": float(torch.sigmoid(fake_logit.detach()).mean()),
        }


def style_reward(logit: Tensor) -> Tensor:
    """-2 log max(1 - D, 1e-4) for logits of D, in [0, 18.4]: high where the discriminator sees a reference."""
    return -2.0 * torch.log((1.0 - torch.sigmoid(logit)).clamp(min=1e-4))
