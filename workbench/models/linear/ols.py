"""Ordinary least squares, whose maximum has a closed form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy.linalg

from workbench.covariances import ClusterMeat, Curvature, Family
from workbench.covariances.regression_rows import RegressionRows
from workbench.covariances.score_sums import grouped_sums, row_scores, score_sums
from workbench.data.design import Design
from workbench.estimation.problem import Problem
from workbench.estimation.procedure import Solved
from workbench.estimation.specification import Specification
from workbench.likelihoods import Gaussian
from workbench.models.design.checks import check_enough_rows, check_names, check_outcome
from workbench.models.design.clusters import notes_on_clusters
from workbench.models.design.columns import prepare_columns
from workbench.models.design.scaling import INTERCEPT, linear_coordinates, outcome_scale
from workbench.models.design.weights import weights_of
from workbench.models.linear.results import LinearState
from workbench.models.linear.rounding import nothing_left, solved_to_rounding
from workbench.protocols import Numpy

# Rows fitted exactly have no residual variance, and what is divided by it is withheld.
_EXACT_FIT = np.errstate(divide="ignore", invalid="ignore")


class LeastSquares(Gaussian):
    """The Gaussian's mean alone: coefficients are walked as they are, sigma is not a parameter."""

    name: ClassVar[str] = "ols"
    title: ClassVar[str] = "OLS"
    formula: ClassVar[str] = "min Σ (y − x′β)²"
    nuisance: ClassVar[tuple[str, ...]] = ()

    def natural(self, theta: Numpy) -> Numpy:
        return theta

    def walked(self, params: Numpy) -> Numpy:
        return params

    def natural_jacobian(self, theta: Numpy) -> Numpy:
        return np.eye(len(theta))


class LeastSquaresProblem(Problem):
    r"""Least squares, with the residual variance :math:`s^2 = SSR/(n-k)` in its covariances.

    References
    ----------
    Golub and Van Loan (2013), "Matrix Computations", section 5.3.8 (refinement of the normal
    equations' solution).
    """

    title: ClassVar[str] = LeastSquares.title
    family: ClassVar[Family] = "least squares"
    library: ClassVar[str] = "numpy"

    def __init__(self, specification: Specification, design: Design) -> None:
        super().__init__(specification, design)
        self.depvar = design.outcome_name
        self.dropped, self.clusters = dict(design.dropped), dict(design.clusters)
        self.notes = tuple(design.notes)
        for name, codes in self.clusters.items():
            self.notes += notes_on_clusters(codes, name)
        check_outcome(LeastSquares, design)
        self._prepare()

    def _prepare(self) -> None:
        design, asked = self.design, self.specification
        self.weights = weights_of(design.weights, asked.weight_kind, len(design.outcome))
        self.observations = self.weights.observations
        y = design.outcome if design.offset is None else design.outcome - design.offset
        scale = outcome_scale(y, design.names)
        self.y = (y - scale[0]) / scale[1]
        self.columns = prepare_columns(
            design.matrix, self.y, self.weights.values, design.names, asked.collinear
        )
        self.left_out = self.columns.left_out
        self.parameter_names = self.columns.names
        check_names(self.parameter_names)
        check_enough_rows(len(y), design.names, ())
        self.coordinates = linear_coordinates(
            self.columns.moments, self.columns.names, self.columns.shifts, scale
        )

    @property
    def column_sd(self) -> Mapping[str, float]:
        """Standard deviations of the regressors, by name."""
        spreads = self.coordinates.scaling.spreads.tolist()
        pairs = zip(self.columns.names, spreads, strict=True)
        return {name: sd for name, sd in pairs if name != INTERCEPT}

    def shown(self, theta: Numpy) -> Numpy:
        """Return the coefficients shown, shape ``(k,)``."""
        return self.coordinates.shown(theta)

    def walked(self, params: Numpy) -> Numpy:
        """Return unconstrained coordinates from coefficients shown."""
        return self.coordinates.walked(params)

    @property
    def procedure(self) -> Solved:
        """In closed form."""
        return Solved(self.solve)

    def solve(self) -> Numpy:
        """Return the solution in walked coordinates ``(k,)``, refined against the rows twice."""
        a = self.coordinates.raw
        factor = scipy.linalg.cho_factor(a.T @ self.columns.moments.gram @ a)
        theta = np.zeros(len(a))
        for _ in range(3):
            theta = theta + scipy.linalg.cho_solve(factor, self._normal(theta))
        return theta

    def _normal(self, theta: Numpy) -> Numpy:
        """Return ``A'X'W(y - X A theta)``, shape ``(k,)``."""
        residuals = self._residuals(theta)
        weights = self.weights.values
        weighted = residuals if weights is None else weights * residuals
        return np.asarray(self.coordinates.raw.T @ (self.columns.x.T @ weighted))

    def _residuals(self, theta: Numpy) -> Numpy:
        return self.y - self.columns.x @ (self.coordinates.raw @ theta)

    def sum_of_squares(self, theta: Numpy) -> float:
        """Return the weighted sum of squared residuals of the scaled outcome."""
        squares = self._residuals(theta) ** 2
        weights = self.weights.values
        return float(squares.sum() if weights is None else weights @ squares)

    @cached_property
    def start(self) -> Numpy:
        """The solution itself."""
        return self.solve()

    @property
    def residual_freedom(self) -> float:
        """Observations minus parameters."""
        return self.observations - len(self.parameter_names)

    def loglik(self, theta: Numpy) -> float:
        """Return the Gaussian log-likelihood at the maximum-likelihood variance ``SSR/n``."""
        n = self.observations
        variance = self.sum_of_squares(theta) / n * self.coordinates.outcome_spread**2
        if variance == 0 or self.residual_freedom == 0:
            return math.inf
        return -n / 2 * (math.log(2 * math.pi * variance) + 1)

    @_EXACT_FIT
    def score(self, theta: Numpy) -> Numpy:
        """Return the score of the coefficients at the residual variance, shape ``(k,)``."""
        variance = self._variance(theta)
        return self._normal(theta) / variance if variance > 0 else self._normal(theta)

    def _variance(self, theta: Numpy) -> float:
        squares, freedom = self.sum_of_squares(theta), self.residual_freedom
        if freedom <= 0:
            return math.nan
        return 0.0 if nothing_left(squares, self._outcome_squares) else squares / freedom

    @cached_property
    def _outcome_squares(self) -> float:
        weights = self.weights.values
        return float(self.y @ (self.y if weights is None else weights * self.y))

    def decrement(self, curvature: Curvature, theta: Numpy) -> float | None:
        """Return the Newton decrement, zero where a close fit leaves rounding in the score."""
        raw, squares = self.coordinates.raw, self.sum_of_squares(theta)
        lengths = np.sqrt(np.diag(raw.T @ self.columns.moments.gram @ raw))
        if solved_to_rounding(self._normal(theta), lengths, squares, self._outcome_squares):
            return 0.0
        return super().decrement(curvature, theta)

    @_EXACT_FIT
    def curvature(self, theta: Numpy, *, scores: bool = True) -> Curvature:
        """Return ``X'WX / s^2`` and the sums of the scores ``x_i e_i / s^2``."""
        raw, gram = self.coordinates.raw, self.columns.moments.gram
        variance = self._variance(theta)
        if not variance > 0:  # No residual is left: the information has no finite value.
            k = len(raw)
            return Curvature(np.full((k, k), np.nan), np.eye(k), self.observations)
        meats = {name: self.cluster_meat(theta, codes) for name, codes in self.clusters.items()}
        first = [self._residuals(theta) / variance]
        return Curvature(
            raw.T @ gram @ raw / variance,
            self.coordinates.jacobian(),
            self.observations,
            score_sums(self.columns.x, first, self.weights.in_scores, raw) if scores else None,
            meats if scores else {},
        )

    def cluster_meat(self, theta: Numpy, codes: np.ndarray) -> ClusterMeat:
        """Return the outer products of the scores summed by cluster."""
        first = [self._residuals(theta) / self._variance(theta)]
        return grouped_sums(self.columns.x, first, self.weights.values, codes, self.coordinates.raw)

    def score_rows(self, theta: Numpy) -> Numpy:
        """Return the weighted score of each row, ``(n, k)``."""
        first = [self._residuals(theta) / self._variance(theta)]
        return row_scores(self.columns.x, first, self.weights.values, self.coordinates.raw)

    def residual_variance(self, theta: Numpy) -> float:
        """Return the residual variance that divides the scores."""
        return self._variance(theta)

    def regression_rows(self) -> RegressionRows:
        """Return the rows in unconstrained coordinates."""
        x = self.columns.x @ self.coordinates.raw
        counts = self.specification.weight_kind == "frequency"
        names = self.parameter_names
        return RegressionRows(self.y, x, names, weights=self.weights.values, counts=counts)

    def check_start(self, theta: Numpy) -> None:
        """There is no start to check."""

    @property
    def objective_shift(self) -> float:
        """The log of what the outcome was divided by, in nats per observation."""
        return float(np.log(self.coordinates.outcome_spread))

    def loglik_null(self) -> float | None:
        """Return the log-likelihood of the constant alone."""
        design = self.design
        return LeastSquares().null_loglik(design.outcome, self.weights.values, design.offset)

    def residuals(self, params: Numpy) -> Numpy:
        """Return outcome minus fitted mean, shape ``(n,)``."""
        design = self.design
        fitted = design.matrix[:, list(self.columns.kept)] @ params
        return design.outcome - (fitted if design.offset is None else fitted + design.offset)

    def state(self) -> LinearState:
        """Return what prediction needs, and the fit's R squared."""
        levels = self.design.outcome_levels
        return LinearState(
            self.column_sd,
            design=self.design.state,
            kept=self.columns.kept,
            offset=self.specification.offset,
            levels=None if levels is None else list(levels),
            r2=self._r_squared(self.start),
        )

    def _r_squared(self, theta: Numpy) -> float | None:
        """Return the share of the outcome's variation that is explained, around an intercept."""
        y, weights = self.y, self.weights.values
        centre = np.average(y, weights=weights) if self.coordinates.intercept is not None else 0.0
        squares = (y - centre) ** 2
        total = float(squares.sum() if weights is None else weights @ squares)
        return None if total == 0 else 1 - self.sum_of_squares(theta) / total
