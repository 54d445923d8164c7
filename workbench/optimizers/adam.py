"""Adam: gradient descent with a rate adapted to each parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbench.optimizers.first_order import FirstOrder
from workbench.options import Kind, option


@dataclass(frozen=True, kw_only=True)
class Adam(FirstOrder):
    """Step by the mean of past gradients over the root of the mean of their squares.

    The gradient is that of the whole sample; ``torch.optim.Adam`` and ``optax.adam`` take the
    steps.

    Parameters
    ----------
    lr
        The learning rate: about the size of a first step, in the optimizer's scaled coordinates.
    beta1, beta2
        The shares of the past that the two means keep, from 0 up to but not including 1.
    reduction
        Whether the gradient is that of the ``"mean"`` of the observations or of their ``"sum"``,
        which matters only relative to the 1e-8 in the denominator.
    max_steps
        The step limit of a run; None for the caller's default.

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization", algorithm 1.
    """

    name = "adam"
    title = "Adam"

    lr: float = option(
        0.05,
        kind=Kind.NUMBER,
        above=0.0,
        help="learning rate, per unit of the reduced gradient",
        label="Learning rate",
    )
    beta1: float = option(
        0.9, kind=Kind.NUMBER, least=0.0, below=1.0, help="share of past gradients that is kept"
    )
    beta2: float = option(
        0.999,
        kind=Kind.NUMBER,
        least=0.0,
        below=1.0,
        help="share of past squared gradients that is kept",
    )

    def torch_optimizer(self, theta: Any) -> Any:
        import torch

        return torch.optim.Adam([theta], lr=self.lr, betas=(self.beta1, self.beta2))

    def optax_transformation(self) -> Any:
        import optax

        return optax.adam(self.lr, b1=self.beta1, b2=self.beta2)
