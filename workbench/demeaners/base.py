"""What every demeaner promises: steps while it works, demeaned columns at the end."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from workbench.errors import OptionError
from workbench.kernels.absorption.factors import Factors
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


def check_settings(demeaner: Any, **choices: Sequence[str]) -> None:
    """Refuse a tolerance or a limit that is none, and words that are not among the choices.

    Raises
    ------
    OptionError
        With the setting, what it is, and what it can be.
    """
    tol, limit = demeaner.tol, getattr(demeaner, "max_iterations", 1)
    if isinstance(tol, bool) or not isinstance(tol, Real) or not 0 <= float(tol) < np.inf:
        raise _bad(demeaner, "tol", "a number from 0 on, as in tol=1e-8.")
    if isinstance(limit, bool) or not isinstance(limit, Integral) or limit < 1:
        raise _bad(demeaner, "max_iterations", "a whole number from 1 on.")
    for name, known in choices.items():
        if getattr(demeaner, name) not in known:
            raise _bad(demeaner, name, f"one of {list(known)}.")


def _bad(demeaner: Any, setting: str, hint: str) -> OptionError:
    value = getattr(demeaner, setting)
    return OptionError(
        f"{demeaner.title}: the setting {setting} is {value!r}.",
        hint,
        code="bad-option",
        where=setting,
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
