"""Gradient descent with a fixed rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbench.optimizers.first_order import FirstOrder
from workbench.options import Kind, option


@dataclass(frozen=True, kw_only=True)
class SGD(FirstOrder):
    r"""Step by :math:`v \leftarrow m v + g,\ \theta \leftarrow \theta - \eta v`.

    The gradient is that of the whole sample; ``torch.optim.SGD`` and ``optax.sgd`` take the steps.

    Parameters
    ----------
    lr
        The learning rate :math:`\eta`.
    momentum
        The share :math:`m` of the last step that is kept, from 0 up to but not including 1.
    reduction
        Whether the rate applies to the gradient of the ``"mean"`` of the observations or of their
        ``"sum"``.
    max_steps
        The step limit of a run; None for the caller's default.

    References
    ----------
    Polyak (1964), "Some methods of speeding up the convergence of iteration methods".
    """

    name = "sgd"
    title = "Gradient descent (SGD)"

    momentum: float = option(
        0.0, kind=Kind.NUMBER, least=0.0, below=1.0, help="share of the last step that is kept"
    )

    def torch_optimizer(self, theta: Any) -> Any:
        import torch

        return torch.optim.SGD([theta], lr=self.lr, momentum=self.momentum)

    def optax_transformation(self) -> Any:
        import optax

        return optax.sgd(self.lr, momentum=self.momentum)
