"""Linear regressions with estimates in closed form."""

from __future__ import annotations

import math
from abc import abstractmethod
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.linalg

from workbench.covariances import Curvature, EstimationMethod
from workbench.estimation.problem import Problem
from workbench.estimation.procedure import Solved
from workbench.models.design.weights import Weights
from workbench.models.linear.rounding import nothing_left, solved_to_rounding
from workbench.protocols import Numpy

_PASSES = 3
# Rows fitted exactly have no residual variance, and what is divided by it is withheld.
EXACT_FIT = np.errstate(divide="ignore", invalid="ignore")


class LinearRegression(Problem):
    r"""A linear regression, with the residual variance :math:`s^2 = SSR/(n-k)` in its covariances.

    A subclass says what regressors and outcome are; with instruments the normal equations are
    those of the regressors' projections.

    References
    ----------
    Golub and Van Loan (2013), "Matrix Computations", section 5.3.8 (refinement of the normal
    equations' solution).
    """

    family: ClassVar[EstimationMethod] = "least squares"
    library: ClassVar[str] = "numpy"
    weights: Weights

    @property
    @abstractmethod
    def gram(self) -> Numpy:
        """The weighted products of the regressors, ``(k, k)``."""

    @abstractmethod
    def rest(self, theta: Numpy) -> Numpy:
        """Return the residuals at coefficients, ``(n,)``."""

    @abstractmethod
    def normal(self, theta: Numpy) -> Numpy:
        """Return regressors times weighted residuals, ``(k,)``; zero at the solution."""

    @property
    @abstractmethod
    def outcome_squares(self) -> float:
        """The weighted sum of squares of the outcome."""

    @property
    def residual_freedom(self) -> float:
        """Observations minus coefficients."""
        return self.observations - len(self.gram)

    @property
    def procedure(self) -> Solved:
        """In closed form."""
        return Solved(self.solve)

    def solve(self) -> Numpy:
        """Return the coefficients ``(k,)``, refined against the rows twice."""
        factor = scipy.linalg.cho_factor(self.gram)
        theta = np.zeros(len(self.gram))
        for _ in range(_PASSES):
            theta = theta + scipy.linalg.cho_solve(factor, self.normal(theta))
        return theta

    @cached_property
    def start(self) -> Numpy:
        """The solution itself."""
        return self.solve()

    def weighted(self, values: Numpy) -> Numpy:
        """Return rows ``(n,)`` or ``(n, k)`` times their weights."""
        weights = self.weights.values
        return values if weights is None else (values.T * weights).T

    def squares(self, columns: Numpy) -> Numpy:
        """Return the weighted sum of squares of each column ``(n, K)``, or of one ``(n,)``."""
        weights = self.weights.values
        if weights is None:
            return np.asarray(np.einsum("i...,i...->...", columns, columns))
        return np.asarray(np.einsum("i,i...,i...->...", weights, columns, columns))

    def residual_squares(self, theta: Numpy) -> float:
        """Return the weighted sum of squared residuals."""
        return float(self.squares(self.rest(theta)))

    def residual_variance(self, theta: Numpy) -> float:
        """Return the residual variance; zero where rounding is left, NaN without freedom."""
        squares, freedom = self.residual_squares(theta), self.residual_freedom
        if freedom <= 0:
            return math.nan
        return 0.0 if nothing_left(squares, self.outcome_squares) else squares / freedom

    @EXACT_FIT
    def score(self, theta: Numpy) -> Numpy:
        """Return the score of the coefficients at the residual variance, shape ``(k,)``."""
        variance = self.residual_variance(theta)
        return self.normal(theta) / variance if variance > 0 else self.normal(theta)

    def decrement(self, curvature: Curvature, theta: Numpy) -> float | None:
        """Return the Newton decrement, zero where a close fit leaves rounding in the score."""
        lengths, squares = np.sqrt(np.diag(self.gram)), self.residual_squares(theta)
        if solved_to_rounding(self.normal(theta), lengths, squares, self.outcome_squares):
            return 0.0
        return super().decrement(curvature, theta)

    def loglik(self, theta: Numpy) -> float:
        """Return the Gaussian log-likelihood at the variance ``SSR/n``; infinite when exact."""
        return self.gaussian(self.residual_squares(theta))

    def gaussian(self, squares: float) -> float:
        """Return the Gaussian log-likelihood of a sum of squared residuals, in nats."""
        n = self.observations
        return math.inf if squares == 0 else -n / 2 * (math.log(2 * math.pi * squares / n) + 1)

    @property
    def jacobian(self) -> Numpy:
        """The derivative of the reported coefficients by those that are solved for, ``(k, k)``."""
        return np.eye(len(self.gram))

    @EXACT_FIT
    def curvature(self, theta: Numpy, *, scores: bool = True) -> Curvature:
        """Return ``X'WX / s^2`` and the sums of the scores ``x_i e_i / s^2``."""
        variance, k = self.residual_variance(theta), len(theta)
        if not variance > 0:  # no residual is left, so the information has no finite value
            return Curvature(np.full((k, k), np.nan), np.eye(k), self.observations)
        information = self.gram / variance
        if not scores:
            return Curvature(information, self.jacobian, self.observations)
        meats = {name: self.cluster_meat(theta, codes) for name, codes in self.clusters.items()}
        opg = self.score_products(theta)
        return Curvature(information, self.jacobian, self.observations, opg, meats)

    @abstractmethod
    def score_products(self, theta: Numpy) -> Numpy | None:
        """Return the sum of outer products of row scores, ``(k, k)``; None where rows have none."""
