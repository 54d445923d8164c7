"""Least squares with absorbed fixed effects, with or without instruments."""

from __future__ import annotations

from functools import cached_property
from itertools import chain
from typing import Any, final

import numpy as np

from workbench.covariances import (
    ClusterMeat,
)
from workbench.covariances.regression_rows import RegressionRows, no_leverages
from workbench.covariances.score_sums import grouped_sums, row_scores, score_sums
from workbench.data.design import Design
from workbench.demeaners.base import Demeaned
from workbench.errors import DataError
from workbench.estimation.control import Control
from workbench.estimation.inner_trace import Demeaning
from workbench.estimation.specification import Specification
from workbench.kernels.absorption.leverages import refuse_many
from workbench.models.design.scaling import deviations
from workbench.models.fixed_effects.demeaning import demeaned
from workbench.models.fixed_effects.effects import Effects, recovered
from workbench.models.fixed_effects.instruments import FirstStage, first_stages
from workbench.models.fixed_effects.options import FEOLS
from workbench.models.fixed_effects.problem import FixedEffectsProblem
from workbench.models.fixed_effects.regressors import Projected, project
from workbench.models.fixed_effects.results import FeolsState
from workbench.models.linear.regression import LinearRegression
from workbench.protocols import Numpy
from workbench.sentences import counted

# Rounding of an outcome that the effects explain, where few rows link the levels of the factors.
_NO_VARIATION = 1e-10


@final
class FeolsProblem(FixedEffectsProblem, LinearRegression):
    r"""Least squares of demeaned columns, which gives the slopes of a model with the effects.

    Unconstrained and natural are the same coordinates, the slopes that are estimated, unless
    the regressors are nearly collinear; see `Projected`.

    References
    ----------
    Frisch and Waugh (1933); Lovell (1963).
    """

    title = FEOLS.title

    def __init__(self, specification: Specification, design: Design) -> None:
        super().__init__(specification, design)
        self.title = _title(design)  # type: ignore[misc]
        self._short = ""
        self._last: tuple[Numpy, Numpy] | None = None

    @property
    def estimated(self) -> tuple[str, ...]:
        """Names of the regressors that are neither absorbed nor collinear."""
        return self.projected.names

    # Demeaning ----------------------------------------------------------------------------------

    @cached_property
    def columns(self) -> Numpy:
        """Outcome, regressors and instruments side by side, ``(n, K)``.

        A plain factor absorbs a constant, so means are taken off first, which leaves more digits.
        """
        design = self.design
        parts = [part.matrix for part in (design.endogenous, design.instruments) if part]
        columns = np.column_stack([self._outcome, design.matrix, *parts])
        if any(member.slope is None for member in self.factors.members):
            columns -= np.average(columns, axis=0, weights=self.weights.values)
        return columns

    @property
    def _outcome(self) -> Numpy:
        offset = self.design.offset
        return self.design.outcome if offset is None else self.design.outcome - offset

    def demean(self, control: Control, into: Demeaning, clock: float) -> None:
        """Run the demeaner, iteration by iteration; see `Problem.demean`."""
        what = (self.factors, self.columns, self._column_names)
        self._take(demeaned(self.demeaner, *what, control=control, into=into, clock=clock))

    @property
    def _column_names(self) -> tuple[str, ...]:
        return (self.depvar, *self.parameter_names, *self.layout.instruments)

    def _take(self, found: Demeaned) -> None:
        self.record = found.record.rstrip(".")
        self.projected = self._project(found.columns)
        if not found.converged:
            worst = int(np.argmax(found.residuals))
            self._short = (
                f"The demeaner ended after {counted(found.iterations, 'iteration')} with a "
                f"relative residual of {found.residuals[worst]:.1e} in "
                f"{self._column_names[worst]}, above its tolerance "
                f"{self.demeaner.tol:.0e}; allow more iterations or take another"
            )

    def shortfall(self) -> str:
        """Return that the demeaner did not reach its tolerance; empty when it did."""
        return self._short

    def _first_projected(self) -> Projected:
        """Without factors the columns are demeaned already."""
        return self._project(self.columns)

    def _project(self, demeaned: Numpy) -> Projected:
        lengths = np.sqrt(self.squares(self.columns))
        self._check_variation(demeaned[:, 0], float(lengths[0]))
        found = project(demeaned, lengths, self.layout, self.weights.values, self.least_share)
        return self._without_collinear(found, int(self.observations))

    def _check_variation(self, left: Numpy, length: float) -> None:
        """Refuse an outcome that the effects explain by themselves."""
        if self.factors.members and self.squares(left) <= (_NO_VARIATION * length) ** 2:
            effects = " + ".join(member.name for member in self.factors.members)
            raise DataError(
                f"No variation of {self.depvar} is left after absorbing {effects}.",
                hint="an outcome that varies within the fixed effects.",
                code="outcome-absorbed",
                where=self.depvar,
            )

    # Solving ------------------------------------------------------------------------------------

    @cached_property
    def gram(self) -> Numpy:
        """The weighted products of the demeaned regressors, or of their projections, ``(k, k)``."""
        return np.asarray(self.weighted(self.projected.hat).T @ self.projected.hat)

    def normal(self, theta: Numpy) -> Numpy:
        """Return regressors, or their projections, times weighted residuals, ``(k,)``."""
        return np.asarray(self.projected.hat.T @ self.weighted(self.rest(theta)))

    def rest(self, theta: Numpy) -> Numpy:
        """Return the residuals ``(n,)``, kept for the last point."""
        if self._last is None or not np.array_equal(self._last[0], theta):
            self._last = (theta.copy(), self.projected.y - self.projected.x @ theta)
        return self._last[1]

    def natural(self, theta: Numpy) -> Numpy:
        """Return the slopes of all regressors, NaN for those left out."""
        values = np.full(len(self.parameter_names), np.nan)
        values[list(self.projected.kept)] = self.jacobian @ theta
        return values

    def unconstrained(self, params: Numpy) -> Numpy:
        """Return what is estimated from the slopes."""
        slopes = params[np.isfinite(params)]
        if self.projected.mixing is None:
            return slopes
        return np.asarray(np.linalg.solve(self.jacobian, slopes))

    @property
    def jacobian(self) -> Numpy:
        """The derivative of the slopes by what is estimated, ``(k, k)``."""
        return self.projected.to_slopes

    # Facts at a point ---------------------------------------------------------------------------

    @property
    def residual_freedom(self) -> float:
        """Observations less slopes and absorbed effects."""
        taken = self.absorbed.count(self.specification.ssc)
        return self.observations - len(self.projected.names) - taken

    @cached_property
    def outcome_squares(self) -> float:
        """The weighted sum of squares of the outcome, before its effects are taken out."""
        return float(self.squares(self._outcome))

    def loglik_null(self) -> float | None:
        """Return the log-likelihood of the constant alone."""
        return self.gaussian(self._total)

    @cached_property
    def _total(self) -> float:
        y = self._outcome
        return float(self.squares(y - np.average(y, weights=self.weights.values)))

    def _first(self, theta: Numpy) -> list[Numpy]:
        """Return the derivative of each row's log-likelihood by its mean, ``(n,)``."""
        return [self.rest(theta) / self.residual_variance(theta)]

    def score_products(self, theta: Numpy) -> Numpy:
        """Return the sum of outer products of row scores, ``(k, k)``."""
        factor, change = self.weights.in_scores, np.eye(len(theta))
        return score_sums(self.projected.hat, self._first(theta), factor, change)

    def cluster_meat(self, theta: Numpy, codes: Any) -> ClusterMeat:
        """Return the outer products of the scores summed by cluster."""
        weights, change = self.weights.values, np.eye(len(theta))
        return grouped_sums(self.projected.hat, self._first(theta), weights, codes, change)

    def score_rows(self, theta: Numpy) -> Numpy:
        """Return the weighted score of each row, ``(n, k)``."""
        weights, change = self.weights.values, np.eye(len(theta))
        return row_scores(self.projected.hat, self._first(theta), weights, change)

    def check_leverages(self) -> None:
        """Refuse instruments, and effects with too many levels."""
        if self.design.instruments is not None:
            raise no_leverages()
        if self.factors.members:
            refuse_many(self.factors)

    def regression_rows(self) -> RegressionRows:
        """Return the demeaned rows, with the factors that were taken out."""
        found, absorbing = self.projected, bool(self.factors.members)
        return RegressionRows(
            found.y,
            found.x,
            found.names,
            found.z if found.exogenous < len(found.names) else None,
            self.weights.values,
            self.specification.weight_kind == "frequency",
            self.factors if absorbing else None,
            self.demeaner if absorbing else None,
        )

    @cached_property
    def first_stages(self) -> tuple[FirstStage, ...]:
        """The F test of the excluded instruments for each endogenous regressor."""
        found, weights = self.projected, self.weights.values
        if found.exogenous == len(found.names):
            return ()
        root = 1.0 if weights is None else np.sqrt(weights)[:, None]
        z, d = found.z * root, found.of_regressors(found.x)[:, found.exogenous :] * root
        taken = self.absorbed.count(self.specification.ssc)
        freedom = self.observations - z.shape[1] - taken
        return first_stages(z, found.exogenous, d, found.names[found.exogenous :], freedom)

    # After the fit ------------------------------------------------------------------------------

    def residuals(self, params: Numpy) -> Numpy:
        """Return outcome minus fitted values, effects included, ``(n,)``."""
        return self.rest(self.unconstrained(params)).copy()

    def effects(self, params: Numpy) -> Effects:
        """Recover the effects of each factor; see `recovered`."""
        assert self.table is not None
        design = self.design
        x = [design.matrix, *([design.endogenous.matrix] if design.endogenous else [])]
        index = np.column_stack(x)[:, list(self.projected.kept)] @ params
        total = self._outcome - index - self.rest(self.unconstrained(params))
        return recovered(self._terms, self.factors, total, self.table, design.rows)

    def state(self) -> FeolsState:
        """Return the formula's state, the columns kept, the fit's R squared and first stages."""
        design, rest = self.design, self.residual_squares(self.start)
        within = float(self.squares(self.projected.y))
        parts = [design.state, *([design.endogenous.state] if design.endogenous else [])]
        every = [(part, name) for part, state in enumerate(parts) for name in state["names"]]
        return FeolsState(
            self._column_sd(),
            design=design.state,
            endogenous=design.endogenous.state if design.endogenous else None,
            kept=[every.index(self._place(name)) for name in self.projected.names],
            offset=self.specification.offset,
            absorbed=self.absorbed,
            fixed_effects=tuple(term.name for term in self._terms),
            r2=None if self._total == 0 else 1 - rest / self._total,
            r2_within=None if within == 0 else 1 - rest / within,
            first_stages=self.first_stages,
        )

    def _column_sd(self) -> dict[str, float]:
        """Return the standard deviations of the regressors, before their effects are taken out."""
        parts = [part for part in (self.design, self.design.endogenous) if part is not None]
        pairs = (deviations(part.names, part.matrix).items() for part in parts)
        return dict(chain.from_iterable(pairs))

    def _place(self, name: str) -> tuple[int, str]:
        return (0, name) if name in self.layout.exogenous else (1, name)


def _title(design: Design) -> str:
    method = "OLS" if design.instruments is None else "2SLS"
    return f"{method}, fixed effects" if design.fixed_effects else method
