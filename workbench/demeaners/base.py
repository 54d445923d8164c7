"""What every demeaner promises: steps while it works, demeaned columns at the end."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, TypeVar

from workbench.kernels.absorption.factors import Factors
from workbench.options import Kind, Options, option
from workbench.protocols import Numpy


@dataclass(frozen=True, slots=True)
class DemeanStep:
    """One iteration over ``K`` columns.

    Attributes
    ----------
    iteration
        Counts from 1.
    residuals
        The relative residual of each column's normal equations, shape ``(K,)``.
    figures
        What else the method measures, each ``(K,)``; LSMR's are ``normr``, ``normar``,
        ``normA``, ``condA`` and ``normx``.
    """

    iteration: int
    residuals: Numpy
    figures: Mapping[str, Numpy] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Demeaned:
    """What a demeaner found.

    Attributes
    ----------
    columns
        The columns without the factors' effects, shape ``(n, K)``.
    iterations
        The number of iterations of the slowest column.
    residuals
        The relative residual of each column's normal equations, shape ``(K,)``.
    converged
        Whether every column reached the tolerance.
    record
        A sentence for the run's record: what was done, and at what size.
    coefficients
        The effects, ``(levels, K)`` for each factor, where the method has them.  They are one
        solution of many: a constant moves freely between factors in each connected component.
    """

    columns: Numpy
    iterations: int
    residuals: Numpy
    converged: bool
    record: str
    coefficients: tuple[Numpy, ...] | None = None


class Demeaner(Protocol):
    r"""A way to project columns off factors: a frozen dataclass of settings.

    ``tol`` means the same everywhere.  With the dummies :math:`D`, the weights :math:`W` and what
    is left :math:`r` of a column :math:`x`, the column is done when

    .. math:: \lVert M D^\top W r\rVert \le \max(
              \mathrm{tol}\, \lVert W^{1/2} r\rVert,\;
              \mathrm{floor}\, \lVert W^{1/2} x\rVert),

    where :math:`M` scales the columns of :math:`W^{1/2} D` to unit norm: the normal equations hold
    relative to what is left, or as well as rounding of the original column allows
    (:data:`workbench.kernels.absorption.factors.ROUNDING`).  A residual that is reported as zero
    stands for the second.  A caller that closes the generator stops the work; one that waits
    between two steps pauses it.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    @property
    def tol(self) -> float:
        """The relative residual at which a column is done."""
        ...

    def solve(self, factors: Factors, columns: Numpy) -> Generator[DemeanStep, None, Demeaned]:
        """Yield each iteration over ``columns (n, K)``, and return what was found."""
        ...


@dataclass(frozen=True)
class DemeanerOptions(Options):
    """What every demeaner has as options."""

    name: ClassVar[str] = ""
    requires: ClassVar[tuple[str, ...]] = ()

    tol: float = option(
        1e-8,
        kind=Kind.NUMBER,
        least=0.0,
        help="relative residual at which a column is done",
        label="Tolerance",
    )


def counted(count: int, noun: str = "iteration") -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> counted(1), counted(1200, "sweep")
    ('1 iteration', '1,200 sweeps')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


Result = TypeVar("Result")


def finish(steps: Generator[DemeanStep, None, Result]) -> Result:
    """Run a solve to its end and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
