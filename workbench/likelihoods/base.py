"""What every linear-index template promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

import numpy as np
import scipy.linalg

from workbench.backends import Array, Backend
from workbench.kernels.linear.gram import gram, pull
from workbench.kernels.linear.moments import Moments
from workbench.options import Options
from workbench.protocols import Numpy

# Above this the columns are far enough apart for a factorization without pivots.
_SAFE_PIVOT = 1e-4


class Support(Enum):
    """The values an outcome may take; the text completes "must be ..."."""

    REAL = "a finite number"
    ZERO_ONE = "0 or 1"
    COUNT = "zero or more"

    def violations(self, y: Numpy) -> np.ndarray:
        """Return the positions of the rows outside the support."""
        if self is Support.REAL:
            return np.flatnonzero(~np.isfinite(y))
        if self is Support.ZERO_ONE:
            return np.flatnonzero((y != 0) & (y != 1))
        return np.flatnonzero(~(np.isfinite(y) & (y >= 0)))


@dataclass(frozen=True)
class Start:
    """Start values in the template's own coordinates: coefficients ``(p,)``, nuisance ``(m,)``."""

    coefficients: Numpy
    nuisance: Numpy


@dataclass(frozen=True, kw_only=True)
class LinearIndex(Options, ABC):
    r"""A likelihood whose rows depend on the data through :math:`y_i` and :math:`x_i^\top\beta`.

    A template states one formula, :meth:`contributions`.  Where the likelihood is better walked
    in other coordinates than those shown, it also states the way between them.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    formula: ClassVar[str]
    support: ClassVar[Support]
    nuisance: ClassVar[tuple[str, ...]] = ()
    scales_outcome: ClassVar[bool] = False
    """Whether the outcome may be centred and scaled before the fit, and estimates put back."""
    saturation: ClassVar[float | None] = None
    """The absolute index from which fitted probabilities, or means, are 0 or 1 to eight digits."""
    with_effects: ClassVar[str] = ""
    """The name of the model that takes this one's place when fixed effects are added."""
    body: ClassVar[str] = ""
    """The log-likelihood as the body of a ``%%mle`` cell, from which a person's own can start."""
    usual_for: ClassVar[str] = ""
    """The type of outcome for which a page proposes the model: 0/1, integer or number."""
    textbook: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Formulas of data sets that textbooks use, with the options that each needs."""

    @abstractmethod
    def contributions(
        self, y: Array, index: Array, nuisance: Sequence[Array], xp: Backend
    ) -> Array:
        """Return the log-likelihood of each observation, shape ``(n,)``, in nats."""

    @abstractmethod
    def start(
        self, y: Numpy, x: Numpy, offset: Numpy | None, moments: Moments | None = None
    ) -> Start:
        """Return start values from a closed form, faster where the second moments are known."""

    @abstractmethod
    def mean(self, index: Numpy, nuisance: Numpy) -> Numpy:
        """Return the expected outcome of each row, shape ``(n,)``, from natural parameters."""

    @abstractmethod
    def null_loglik(self, y: Numpy, weights: Numpy | None, offset: Numpy | None) -> float:
        """Return the log-likelihood, in nats, of the model with a constant alone."""

    def natural(self, theta: Numpy) -> Numpy:
        """Turn the walked coordinates ``(p + m,)`` into the parameters shown."""
        return theta

    def walked(self, params: Numpy) -> Numpy:
        """Turn the parameters shown ``(p + m,)`` into the walked coordinates."""
        return params

    def natural_jacobian(self, theta: Numpy) -> Numpy:
        """Return the derivative of :meth:`natural`, shape ``(p + m, p + m)``."""
        return np.eye(len(theta))


def least_squares(y: Numpy, x: Numpy, moments: Moments | None = None) -> Numpy:
    """Return the coefficients ``(p,)`` of least squares, by normal equations.

    They serve as start values, so speed matters more than the last digits.
    """
    return normal_equations(gram(x) if moments is None else moments.gram, pull(x, y))


def normal_equations(square: Numpy, cross: Numpy) -> Numpy:
    """Solve ``square b = cross`` for ``b (p,)``, the shortest one where many do."""
    scale = np.sqrt(np.maximum(np.diag(square), np.finfo(float).tiny))
    scaled, right = square / np.outer(scale, scale), cross / scale
    try:
        factor = np.linalg.cholesky(scaled)
    except np.linalg.LinAlgError:
        factor = np.zeros_like(scaled)
    if np.diag(factor).min(initial=1.0) > _SAFE_PIVOT:
        return np.asarray(scipy.linalg.cho_solve((factor, True), right) / scale)
    return np.asarray(np.linalg.lstsq(scaled, right, rcond=1e-12)[0] / scale)


def total(values: Numpy, weights: Numpy | None) -> float:
    """Sum rows, each as often as its weight says."""
    return float(np.sum(values if weights is None else weights * values))
