"""Gradient descent with a fixed rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbench.optimizers.base import check_share
from workbench.optimizers.first_order import FirstOrder, Reduction


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

    lr: float = 0.1
    momentum: float = 0.0
    reduction: Reduction = "mean"
    max_steps: int | None = 10_000

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share(self.title, momentum=self.momentum)

    def torch_optimizer(self, theta: Any) -> Any:
        import torch

        return torch.optim.SGD([theta], lr=self.lr, momentum=self.momentum)

    def optax_transformation(self) -> Any:
        import optax

        return optax.sgd(self.lr, momentum=self.momentum)
