"""The rows of a linear regression, as leverages, deletions and bootstraps read them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.linalg

from workbench.demeaners.base import Demeaner, finish
from workbench.errors import DataError, InferenceError
from workbench.kernels.absorption.factors import Factors
from workbench.kernels.absorption.leverages import absorbed_leverages
from workbench.protocols import Numpy

Codes = npt.NDArray[np.int64]


def no_leverages() -> InferenceError:
    """Return the error that two-stage least squares have neither HC2 nor HC3."""
    return InferenceError(
        "HC2 and HC3 correct for the leverages of least squares, which two-stage least squares do "
        "not have.",
        hint='se="HC1" or se="cluster".',
        code="no-leverages",
        where="se",
    )


@dataclass(frozen=True, eq=False)
class RegressionRows:
    """A linear regression without its fixed effects, in unconstrained parameters.

    Attributes
    ----------
    y, x
        Outcome ``(n,)`` and regressors ``(n, k)``.
    instruments
        Exogenous regressors and instruments, ``(n, q)``, for two-stage least squares; or None.
    weights, counts
        One weight per row, ``(n,)``, or None; and whether it counts observations.
    names
        The regressors' names.
    factors, demeaner
        The fixed effects that were taken out, and the demeaner; None without them.
    """

    y: Numpy
    x: Numpy
    names: tuple[str, ...]
    instruments: Numpy | None = None
    weights: Numpy | None = None
    counts: bool = False
    factors: Factors | None = None
    demeaner: Demeaner | None = None

    @cached_property
    def inverse(self) -> Numpy:
        """The inverse of ``X'WX``, ``(k, k)``."""
        gram = self.weighted(self.x).T @ self.x
        size = np.sqrt(np.diag(gram))
        factor = scipy.linalg.cho_factor(gram / np.outer(size, size))
        return np.asarray(scipy.linalg.cho_solve(factor, np.diag(1 / size)) / size[:, None])

    def weighted(self, values: Numpy) -> Numpy:
        """Multiply rows by their weights."""
        return values if self.weights is None else (values.T * self.weights).T

    def leverages(self) -> Numpy:
        """Return the diagonal of the projection on regressors and fixed effects, ``(n,)``.

        With weights that count, of one of the observations that a row stands for.

        Raises
        ------
        InferenceError
            With instruments: the projection is not that of the regressors.
        DataError
            When the fixed effects have too many levels.
        """
        if self.instruments is not None:
            raise no_leverages()
        leverages: Numpy = ((self.x @ self.inverse) * self.x).sum(axis=1)
        if self.factors is not None:
            leverages = leverages + absorbed_leverages(self.factors)
        return leverages if self.weights is None or self.counts else leverages * self.weights

    def demeaned(self, columns: Numpy, factors: Factors | None = None) -> Numpy:
        """Take the fixed effects, or some others, out of columns ``(n, K)``.

        Raises
        ------
        DataError
            When the demeaner does not reach its tolerance.
        """
        factors = self.factors if factors is None else factors
        if factors is None or self.demeaner is None:
            return columns
        found = finish(self.demeaner.solve(factors, np.ascontiguousarray(columns)))
        if not found.converged:
            raise DataError(
                f"Demeaning ended at a relative residual of {found.residuals.max():.1e}, above "
                f"the tolerance {self.demeaner.tol:.0e}.",
                hint="another demeaner, or more iterations.",
                code="not-demeaned",
                where="demeaner",
            )
        return found.columns
