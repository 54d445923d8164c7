"""Ordinary least squares, solved in closed form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar, final

import numpy as np

from workbench.covariances import ClusterMeat
from workbench.covariances.regression_rows import RegressionRows
from workbench.covariances.score_sums import grouped_sums, row_scores, score_sums
from workbench.data.design import Design
from workbench.estimation.specification import Specification
from workbench.kernels.likelihood.parameters import Block
from workbench.likelihoods.gaussian import Gaussian
from workbench.models.design.checks import check_enough_rows, check_names, check_outcome
from workbench.models.design.clusters import notes_on_clusters
from workbench.models.design.columns import prepare_columns
from workbench.models.design.scaling import INTERCEPT, linear_coordinates, outcome_scale
from workbench.models.design.weights import weights_of
from workbench.models.linear.regression import LinearRegression
from workbench.models.linear.results import LinearState
from workbench.protocols import Numpy


class LeastSquares(Gaussian):
    """The Gaussian's mean alone: sigma is not a parameter."""

    name: ClassVar[str] = "ols"
    title: ClassVar[str] = "OLS"
    formula: ClassVar[str] = "min Σ (y − x′β)²"
    parameters: ClassVar[tuple[Block, ...]] = ()


@final
class LeastSquaresProblem(LinearRegression):
    """Ordinary least squares, solved for coefficients of scaled columns."""

    title: ClassVar[str] = LeastSquares.title

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
        design, specification = self.design, self.specification
        self.weights = weights_of(design.weights, specification.weight_kind, len(design.outcome))
        self.observations = self.weights.observations
        y = design.outcome if design.offset is None else design.outcome - design.offset
        scale = outcome_scale(y, design.names)
        self.y = (y - scale[0]) / scale[1]
        self.columns = prepare_columns(
            design.matrix, self.y, self.weights.values, design.names, specification.collinear
        )
        self.left_out = self.columns.left_out
        self.parameter_names = self.columns.names
        check_names(self.parameter_names)
        check_enough_rows(int(self.observations), design.names, ())
        self.notes += self.columns.notes
        self.coordinates = linear_coordinates(self.columns, scale)

    @property
    def column_sd(self) -> Mapping[str, float]:
        """Standard deviations of the regressors, by name."""
        pairs = zip(self.columns.names, self.coordinates.scaling.sd.tolist(), strict=True)
        return {name: sd for name, sd in pairs if name != INTERCEPT}

    def natural(self, theta: Numpy) -> Numpy:
        """Return the coefficients of the unscaled columns, shape ``(k,)``."""
        return self.coordinates.natural(theta)

    def unconstrained(self, params: Numpy) -> Numpy:
        """Return unconstrained parameters from coefficients of the unscaled columns."""
        return self.coordinates.unconstrained(params)

    @cached_property
    def gram(self) -> Numpy:
        """The weighted products of the scaled regressors, ``(k, k)``."""
        raw = self.coordinates.raw
        return np.asarray(raw.T @ self.columns.moments.gram @ raw)

    def rest(self, theta: Numpy) -> Numpy:
        """Return the residuals of the scaled outcome, ``(n,)``."""
        return self.y - self.columns.x @ (self.coordinates.raw @ theta)

    def normal(self, theta: Numpy) -> Numpy:
        """Return ``A'X'W(y - X A theta)``, shape ``(k,)``."""
        weighted = self.weighted(self.rest(theta))
        return np.asarray(self.coordinates.raw.T @ (self.columns.x.T @ weighted))

    @cached_property
    def outcome_squares(self) -> float:
        """The weighted sum of squares of the scaled outcome."""
        return float(self.squares(self.y))

    @property
    def jacobian(self) -> Numpy:
        """The derivative of the unscaled coefficients by the scaled ones, ``(k, k)``."""
        return self.coordinates.jacobian()

    def loglik(self, theta: Numpy) -> float:
        """Return the Gaussian log-likelihood in the outcome's own units; infinite when exact."""
        if self.residual_freedom == 0:
            return math.inf
        return super().loglik(theta) - self.observations * self.objective_shift

    def _first(self, theta: Numpy) -> list[Numpy]:
        """Return the derivative of each row's log-likelihood by its mean, ``(n,)``."""
        return [self.rest(theta) / self.residual_variance(theta)]

    def score_products(self, theta: Numpy) -> Numpy:
        """Return the sum of outer products of row scores, ``(k, k)``."""
        factor, raw = self.weights.in_scores, self.coordinates.raw
        return score_sums(self.columns.x, self._first(theta), factor, raw)

    def cluster_meat(self, theta: Numpy, codes: np.ndarray) -> ClusterMeat:
        """Return the outer products of the scores summed by cluster."""
        weights, raw = self.weights.values, self.coordinates.raw
        return grouped_sums(self.columns.x, self._first(theta), weights, codes, raw)

    def score_rows(self, theta: Numpy) -> Numpy:
        """Return the weighted score of each row, ``(n, k)``."""
        weights, raw = self.weights.values, self.coordinates.raw
        return row_scores(self.columns.x, self._first(theta), weights, raw)

    def regression_rows(self) -> RegressionRows:
        """Return the rows in unconstrained parameters."""
        x = self.columns.x @ self.coordinates.raw
        counts = self.specification.weight_kind == "frequency"
        names = self.parameter_names
        return RegressionRows(self.y, x, names, weights=self.weights.values, counts=counts)

    @property
    def objective_shift(self) -> float:
        """The log of what the outcome was divided by, in nats per observation."""
        return float(np.log(self.coordinates.outcome_sd))

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
        total = float(self.squares(y - centre))
        return None if total == 0 else 1 - self.residual_squares(theta) / total
