"""Shared parts of SGD and Adam: the loop over gradients, and the library that takes steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from workbench.optimizers.base import (
    Alternatives,
    OptimizerOptions,
    StateBox,
    next_iterate,
    require,
)
from workbench.options import Kind, option
from workbench.protocols import Iterate, Numpy, Objective

Reduction = Literal["mean", "sum"]


class Rule(Protocol):
    """A library's rule for a step from a gradient."""

    def step(self, gradient: Numpy) -> Numpy:
        """Return the next point ``(k,)``."""
        ...

    def state(self) -> dict[str, Any]:
        """Return the moments as plain JSON types."""
        ...


@dataclass(frozen=True, kw_only=True)
class FirstOrder(OptimizerOptions, ABC):
    """A method that steps along the gradient of the whole sample at a given rate.

    Parameters
    ----------
    lr
        The learning rate, per unit of the reduced gradient.
    reduction
        Whether the rate applies to the gradient of the ``"mean"`` of the observations or of their
        ``"sum"``.
    max_steps
        The step limit of a run; None for the caller's default.
    """

    library: ClassVar[str] = "torch or optax"
    derivatives: ClassVar[int] = 1
    requires: ClassVar[Alternatives] = (("torch",), ("jax", "optax"))

    lr: float = option(
        0.1,
        kind=Kind.NUMBER,
        above=0.0,
        help="learning rate, per unit of the reduced gradient",
        label="Learning rate",
    )
    reduction: Reduction = option(
        "mean",
        kind=Kind.CHOICE,
        choices=("mean", "sum"),
        help="whether the rate applies to the gradient of the mean or of the sum",
    )
    max_steps: int | None = option(10_000, kind=Kind.COUNT, least=1, help="step limit of a run")

    def iterate(
        self, objective: Objective, start: Numpy, state: StateBox | None = None
    ) -> Generator[Iterate, None, None]:
        """Yield the start and then each step, until the gradient is zero or not finite.

        Parameters
        ----------
        objective
            Its attribute ``backend_name``, ``"torch"`` or ``"jax"``, names the library to use;
            torch by default.
        start
            The first point, shape ``(k,)``.
        state
            The moments to start from, and a view of the present ones after each step; moments of
            the other library are ignored.
        """
        box = state or StateBox()
        rule = self._rule(objective, start, box.to_dict())
        box.watch(rule.state)
        return _descend(objective, start, rule, self._factor(objective))

    @abstractmethod
    def torch_optimizer(self, theta: Any) -> Any:
        """Return the ``torch.optim`` optimizer of the tensor ``theta``."""

    @abstractmethod
    def optax_transformation(self) -> Any:
        """Return the optax transformation with the same settings."""

    def _factor(self, objective: Objective) -> float:
        return objective.observations if self.reduction == "sum" else 1.0

    def _rule(self, objective: Objective, start: Numpy, state: dict[str, Any]) -> Rule:
        default = "torch" if find_spec("torch") else "jax"
        if getattr(objective, "backend_name", default) == "torch":
            require(self.title, (("torch",),))
            return TorchRule(self, start, state.get("torch"))
        require(self.title, (("jax", "optax"),))
        return OptaxRule(self, start, state.get("optax"))


class TorchRule:
    """Step with ``torch.optim``, on the CPU in float64, whatever the objective's device."""

    def __init__(self, method: FirstOrder, start: Numpy, moments: dict[str, Any] | None) -> None:
        import torch

        self._torch = torch
        self._theta = torch.tensor(start, dtype=torch.float64)
        self._optimizer = method.torch_optimizer(self._theta)
        for name, values in (moments or {}).items():
            moment = torch.tensor(values, dtype=torch.float64)
            self._optimizer.state[self._theta][name] = moment

    def step(self, gradient: Numpy) -> Numpy:
        self._theta.grad = self._torch.tensor(gradient)
        self._optimizer.step()
        point: Numpy = self._theta.numpy().copy()
        return point

    def state(self) -> dict[str, Any]:
        moments = self._optimizer.state[self._theta].items()
        return {"torch": {name: m.tolist() for name, m in moments if m is not None}}


class OptaxRule:
    """Step with optax, in float64 through JAX's thread-local switch."""

    def __init__(self, method: FirstOrder, start: Numpy, moments: list[Any] | None) -> None:
        import jax

        self._jax = jax
        with jax.enable_x64(True):
            self._theta = jax.numpy.asarray(start)
            self._transformation = method.optax_transformation()
            self._moments = self._transformation.init(self._theta)
            self._step = jax.jit(self._stepped)
            if moments is not None:
                self._restore(moments)

    def step(self, gradient: Numpy) -> Numpy:
        with self._jax.enable_x64(True):
            self._theta, self._moments = self._step(self._theta, gradient, self._moments)
        return np.array(self._theta)

    def state(self) -> dict[str, Any]:
        return {"optax": [leaf.tolist() for leaf in self._jax.tree.leaves(self._moments)]}

    def _stepped(self, theta: Any, gradient: Any, moments: Any) -> tuple[Any, Any]:
        change, moments = self._transformation.update(gradient, moments)
        return theta + change, moments

    def _restore(self, values: list[Any]) -> None:
        leaves, shape = self._jax.tree.flatten(self._moments)
        pairs = zip(values, leaves, strict=True)
        restored = [self._jax.numpy.asarray(value, dtype=leaf.dtype) for value, leaf in pairs]
        self._moments = self._jax.tree.unflatten(shape, restored)


def _descend(
    objective: Objective, start: Numpy, rule: Rule, factor: float
) -> Generator[Iterate, None, None]:
    theta, last = np.array(start, dtype=np.float64), None
    while True:
        here = objective.evaluate(theta, 1)
        gradient = np.asarray(here.gradient, dtype=np.float64)
        last = next_iterate(last, theta, here.value, gradient)
        yield last
        if not np.isfinite(here.value) or not np.isfinite(gradient).all() or not gradient.any():
            return
        theta = rule.step(factor * gradient)
