"""How the estimates of a problem are found: in closed form, by an optimizer, or by own steps."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

from workbench.estimation.control import Control, SteeredObjective
from workbench.estimation.objective import ScaledObjective
from workbench.optimizers.base import StateBox
from workbench.optimizers.first_order import FirstOrder
from workbench.protocols import Iterate, Numpy, Optimizer


class Steps(Protocol):
    """The steps of one optimization, and what they cost."""

    def taken_by(
        self, optimizer: Optimizer, theta: Numpy, state: StateBox | None
    ) -> Generator[Iterate, None, None]:
        """Yield the start ``theta (k,)``, number 0, and then each step.

        Parameters
        ----------
        optimizer
            Takes the steps, unless the problem has steps of its own.
        theta
            Where they begin, in unconstrained parameters.
        state
            Where an optimizer with a memory keeps it.

        Raises
        ------
        Interrupted
            When the run is to end.
        """
        ...

    def recorded(self) -> None:
        """Note that a step was taken."""
        ...

    def evaluations(self, step: Iterate) -> int:
        """Return the evaluations up to a step."""
        ...


@dataclass(frozen=True)
class Solved:
    """In closed form.

    Attributes
    ----------
    solution
        Returns the maximum in unconstrained parameters, ``(k,)``.
    """

    solution: Callable[[], Numpy]


@dataclass(frozen=True)
class Optimized:
    """By an optimizer.

    Attributes
    ----------
    objective
        Returns what it minimizes.
    """

    objective: Callable[[], ScaledObjective]

    def steps(self, control: Control) -> Steps:
        """Return steps that check a control before each evaluation."""
        return _OptimizerSteps(SteeredObjective(self.objective(), control))


@dataclass(frozen=True)
class OwnSteps:
    """By steps of the problem's own, such as reweighted least squares.

    Attributes
    ----------
    iterate
        Yields the start, ``(k,)``, and then each step, and checks a control between them.
    """

    iterate: Callable[[Control, Numpy], Generator[Iterate, None, None]]

    def steps(self, control: Control) -> Steps:
        """Return steps that check a control."""
        return _ProblemSteps(self.iterate, control)


Procedure = Solved | Optimized | OwnSteps


@dataclass(frozen=True)
class _OptimizerSteps:
    objective: SteeredObjective

    def taken_by(
        self, optimizer: Optimizer, theta: Numpy, state: StateBox | None
    ) -> Generator[Iterate, None, None]:
        if state is not None and isinstance(optimizer, FirstOrder):
            return optimizer.iterate(self.objective, theta, state)
        return optimizer.iterate(self.objective, theta)

    def recorded(self) -> None:
        self.objective.step_taken()

    def evaluations(self, step: Iterate) -> int:
        return self.objective.evaluations


@dataclass(frozen=True)
class _ProblemSteps:
    iterate: Callable[[Control, Numpy], Generator[Iterate, None, None]]
    control: Control

    def taken_by(
        self, optimizer: Optimizer, theta: Numpy, state: StateBox | None
    ) -> Generator[Iterate, None, None]:
        return self.iterate(self.control, theta)

    def recorded(self) -> None:
        """Nothing counts these steps."""

    def evaluations(self, step: Iterate) -> int:
        return step.evaluations
