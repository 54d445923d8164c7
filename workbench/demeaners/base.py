"""The interface of demeaners: they yield steps, and return demeaned columns."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, TypeVar, cast

from workbench.errors import OptionError
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
        Further figures of the method, each ``(K,)``; LSMR's are ``normr``, ``normar``,
        ``normA``, ``condA`` and ``normx``.
    """

    iteration: int
    residuals: Numpy
    figures: Mapping[str, Numpy] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Demeaned:
    """The result of a demeaner.

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
        A sentence for the run's record: the method, and the size of the problem.
    coefficients
        The effects, ``(levels, K)`` for each factor, where the method has them.  They are
        identified up to constants between factors in each connected component.
    """

    columns: Numpy
    iterations: int
    residuals: Numpy
    converged: bool
    record: str
    coefficients: tuple[Numpy, ...] | None = None


class Demeaner(Protocol):
    r"""A way to project columns off factors: a frozen dataclass of settings.

    ``tol`` means the same everywhere.  With the dummies :math:`D`, the weights :math:`W` and
    the residual :math:`r` of a column :math:`x`, the column has converged when

    .. math:: \lVert M D^\top W r\rVert \le \max(
              \mathrm{tol}\, \lVert W^{1/2} r\rVert,\;
              \mathrm{floor}\, \lVert W^{1/2} x\rVert),

    where :math:`M` scales the columns of :math:`W^{1/2} D` to unit norm: the normal equations hold
    relative to the residual, or to the rounding error of the original column
    (:data:`workbench.kernels.absorption.factors.ROUNDING`).  In the second case the
    reported residual is zero.  A caller stops the solve by closing the generator, and pauses it
    by waiting between two steps.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    @property
    def tol(self) -> float:
        """The relative residual at which a column has converged."""
        ...

    def on(self, device: str, library: str) -> Demeaner:
        """Return the demeaner for a run on a device, computed by a library."""
        ...

    def solve(self, factors: Factors, columns: Numpy) -> Generator[DemeanStep, None, Demeaned]:
        """Yield each iteration over ``columns (n, K)``, and return the result."""
        ...


@dataclass(frozen=True)
class DemeanerOptions(Options):
    """The options of all demeaners."""

    name: ClassVar[str] = ""
    unknown_code: ClassVar[str] = "unknown-setting"
    chosen_by: ClassVar[str] = "demeaner"
    requires: ClassVar[tuple[str, ...]] = ()
    cpu_only: ClassVar[bool] = True
    """Whether it runs on the CPU only."""

    tol: float = option(
        1e-8,
        kind=Kind.NUMBER,
        least=0.0,
        help="relative residual at which a column has converged",
        label="Tolerance",
    )

    def on(self, device: str, library: str) -> Demeaner:
        """Return the demeaner for a run on a device, computed by a library.

        Raises
        ------
        OptionError
            When it runs on the CPU only, and the run is on another device.
        """
        if device == "cpu":
            return cast("Demeaner", self)
        raise OptionError(
            f"The demeaner {self.name!r} runs on the CPU only, and the run is on {device}.",
            "demeaner='lsmr', or device='cpu'.",
            code="demeaner-place",
            where="demeaner",
        )


Result = TypeVar("Result")


def finish(steps: Generator[DemeanStep, None, Result]) -> Result:
    """Run a solve to its end and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
