"""The types that optimizers, kernels and demeaners exchange."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Numpy = npt.NDArray[np.float64]
Order = Literal[0, 1, 2]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One pass over the data at one point.

    Attributes
    ----------
    value
        Mean negative log-likelihood, in nats per observation; ``inf`` where it is not finite.
    gradient
        Its gradient, shape ``(k,)``, when ``order >= 1``.
    hessian
        Its Hessian, shape ``(k, k)``, when ``order == 2``.
    """

    value: float
    gradient: Numpy | None = None
    hessian: Numpy | None = None


@runtime_checkable
class Objective(Protocol):
    """A function to be minimized, in the coordinates of the optimizer.

    Every method may raise :class:`Interrupted` when the person stops the run; an optimizer does
    not catch it.  During a pause the method does not return.
    """

    size: int
    """The number of coordinates ``k``."""

    observations: float
    """The number of observations (or the sum of weights) that turns a mean into a sum."""

    def evaluate(self, theta: Numpy, order: Order = 0) -> Evaluation:
        """Evaluate the mean negative log-likelihood and its derivatives up to ``order``."""
        ...

    def hessian_vector(self, theta: Numpy, vector: Numpy) -> Numpy:
        """Multiply the Hessian at ``theta`` with ``vector``, both of shape ``(k,)``."""
        ...


@dataclass(frozen=True, slots=True)
class Iterate:
    """One step of an optimizer or a demeaner.

    An optimizer fills the first six fields, in its own coordinates; the loop that takes the
    step adds the seconds, the count of evaluations and the stage, and turns ``params`` into
    natural parameters.
    """

    number: int
    params: Numpy
    objective: float
    gradient_norm: float
    step_length: float = 0.0
    decrement: float | None = None
    seconds: float = 0.0
    evaluations: int = 0
    stage: str = "optimize"


class Interrupted(BaseException):
    """Raised inside an evaluation when the run is stopped or cancelled.

    It derives from ``BaseException`` so that a solver's ``except Exception`` cannot swallow it.
    """


class Optimizer(Protocol):
    """A minimization method: a frozen dataclass of settings with the generator ``iterate``.

    The first iterate yielded is the start itself, number 0.  Stopping belongs to the caller, who
    closes the generator; an optimizer ends by itself only when it can make no more progress.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    @property
    def max_steps(self) -> int | None:
        """The step limit of this optimizer, or None for the caller's default."""
        ...

    def iterate(self, objective: Objective, start: Numpy) -> Generator[Iterate, None, None]:
        """Yield the start and then each step, for as long as the caller continues."""
        ...


Settings = Mapping[str, Any]
