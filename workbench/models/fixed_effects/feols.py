"""Least squares beside absorbed fixed effects, with or without instruments."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from itertools import chain
from typing import Any, ClassVar

import numpy as np
import scipy.linalg

from workbench.covariances import (
    TOGETHER,
    Absorbed,
    ClusterMeat,
    Curvature,
    Family,
    Nested,
    groupings,
)
from workbench.covariances.delete_cluster import lies_within
from workbench.covariances.regression_rows import RegressionRows, no_leverages
from workbench.covariances.score_sums import grouped_sums, row_scores, score_sums
from workbench.data.design import Design
from workbench.data.formula.fixed_effects import AbsorbedTerm
from workbench.data.formula.parser import absorbed, split_formula
from workbench.data.formula.regressors import Regressors
from workbench.demeaners import demeaner_named, demeaner_on
from workbench.demeaners.base import Demeaned, counted
from workbench.errors import DataError
from workbench.estimation.control import Control
from workbench.estimation.inner_trace import Demeaning
from workbench.estimation.problem import Problem
from workbench.estimation.procedure import Procedure, Solved
from workbench.estimation.specification import Specification
from workbench.kernels.absorption.factors import Factor, Factors
from workbench.kernels.absorption.leverages import refuse_many
from workbench.models.design.checks import check_enough_rows, check_names
from workbench.models.design.clusters import notes_on_clusters
from workbench.models.design.scaling import deviations
from workbench.models.design.weights import weights_of
from workbench.models.fixed_effects.demeaning import demeaned
from workbench.models.fixed_effects.effects import Effects, recovered
from workbench.models.fixed_effects.instruments import FirstStage, first_stages
from workbench.models.fixed_effects.options import FEOLS
from workbench.models.fixed_effects.regressors import Layout, Projected, Repeat, project
from workbench.models.fixed_effects.results import AbsorbedState, FeolsState
from workbench.models.linear.rounding import nothing_left, solved_to_rounding
from workbench.protocols import Numpy

# What demeaning leaves of an absorbed column is its error, a multiple of the tolerance.
_NOISE_PER_TOLERANCE = 100.0
_LEAST_SHARE = 1e-9
# Rounding of an outcome that the effects explain, on graphs whose levels are thinly linked.
_NO_VARIATION = 1e-10
_PASSES = 3


class FixedEffectsProblem(Problem):
    r"""Least squares of demeaned columns, which gives the slopes beside the effects.

    Walked and shown are the same coordinates: the slopes that are estimated.

    References
    ----------
    Frisch and Waugh (1933); Lovell (1963); Abowd, Creecy and Kramarz (2002) for the degrees of
    freedom.
    """

    family: ClassVar[Family] = "least squares"
    library: ClassVar[str] = "numpy"
    title = FEOLS.title

    def __init__(self, specification: Specification, design: Design) -> None:
        super().__init__(specification, design)
        self.title = _title(design)  # type: ignore[misc]
        self.depvar = design.outcome_name
        self.notes = tuple(design.notes)
        self.layout = Layout(design.names, _names(design.endogenous), _names(design.instruments))
        self.parameter_names = self.layout.regressors
        check_names((*self.parameter_names, *self.layout.instruments))
        _check_regressors(self.parameter_names)
        chosen = specification.demeaner
        named = demeaner_named(chosen.name, chosen.settings)
        self.demeaner = demeaner_on(named, specification.device, specification.backend)
        self._short = ""
        self._last: tuple[Numpy, Numpy] | None = None
        self._take_design(design)
        for name, codes in self.clusters.items():
            self.notes += notes_on_clusters(codes, name)
        if self.factors.members:
            counts = (f"{member.name} ({member.levels:,})" for member in self.factors.members)
            self.notes += (f"Fixed effects, with their levels: {', '.join(counts)}.",)

    def _take_design(self, design: Design) -> None:
        """Work on these rows."""
        self.design = design
        self.dropped, self.clusters = dict(design.dropped), dict(design.clusters)
        kind = self.specification.weight_kind
        self.weights = weights_of(design.weights, kind, len(design.outcome))
        self.observations = self.weights.observations
        self.factors = Factors(design.fixed_effects, len(design.outcome), self.weights.values)
        for known in ("absorbed", "_rank"):
            self.__dict__.pop(known, None)

    @property
    def procedure(self) -> Procedure:
        """In closed form."""
        return Solved(self.solve)

    @property
    def demeans(self) -> bool:
        """Whether there are fixed effects."""
        return bool(self.factors.members)

    @property
    def estimated(self) -> tuple[str, ...]:
        """Names of the regressors that are neither absorbed nor repeat others."""
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
                f"The demeaner ended after {counted(found.iterations)} with a relative "
                f"residual of {found.residuals[worst]:.1e} in {self._column_names[worst]}, above "
                f"its tolerance {self.demeaner.tol:.0e}; allow more iterations or take another"
            )

    def shortfall(self) -> str:
        """Say that the demeaner did not reach its tolerance."""
        return self._short

    @cached_property
    def projected(self) -> Projected:
        """The columns that are solved; without factors they are demeaned already."""
        return self._project(self.columns)

    def _project(self, demeaned: Numpy) -> Projected:
        lengths = np.sqrt(self._squares(self.columns))
        self._check_variation(demeaned[:, 0], float(lengths[0]))
        found = project(demeaned, lengths, self.layout, self.weights.values, self.least_share)
        return self._without_repeats(found, len(demeaned))

    def _check_variation(self, left: Numpy, length: float) -> None:
        """Refuse an outcome that the effects explain by themselves."""
        if self.factors.members and self._squares(left) <= (_NO_VARIATION * length) ** 2:
            effects = " + ".join(member.name for member in self.factors.members)
            raise DataError(
                f"No variation of {self.depvar} is left beside {effects}.",
                hint="an outcome that varies within the fixed effects.",
                code="outcome-absorbed",
                where=self.depvar,
            )

    @property
    def least_share(self) -> float:
        """The share of its length that a column must keep beside the effects and earlier ones."""
        return max(_LEAST_SHARE, _NOISE_PER_TOLERANCE * self.demeaner.tol)

    def _without_repeats(self, found: Projected, rows: int) -> Projected:
        """Say what repeats, and refuse where nothing is left."""
        self.left_out = tuple(self._sentence(repeat) for repeat in found.repeats)
        if found.repeats and self.specification.collinear == "refuse":
            raise DataError(
                self.left_out[0],
                hint='leave it out of the formula, or collinear="drop".',
                code="collinear",
                where=found.repeats[0].name,
            )
        if not found.names:
            raise DataError(
                f"No regressor is left: {' '.join(self.left_out)}",
                hint="regressors that vary within the fixed effects.",
                code="all-absorbed",
            )
        check_enough_rows(rows, found.names, ())
        return found

    def _sentence(self, repeat: Repeat) -> str:
        effects = " + ".join(member.name for member in self.factors.members)
        if not repeat.partners:
            why = f"is absorbed by {effects}" if effects else "is zero in every row"
        else:
            beside = f" beside {effects}" if effects else ""
            why = f"is a combination of {' and '.join(repeat.partners)}{beside}"
        return f"{repeat.name} {why} and was left out of the model."

    def _squares(self, columns: Numpy) -> Numpy:
        """Return the weighted sum of squares of each column, ``(K,)`` or a number."""
        weights = self.weights.values
        if weights is None:
            return np.asarray(np.einsum("i...,i...->...", columns, columns))
        return np.asarray(np.einsum("i,i...,i...->...", weights, columns, columns))

    # Solving ------------------------------------------------------------------------------------

    def solve(self) -> Numpy:
        """Return the slopes ``(k,)``, refined against the rows twice."""
        factor = scipy.linalg.cho_factor(self._gram)
        theta = np.zeros(len(self._gram))
        for _ in range(_PASSES):
            theta = theta + scipy.linalg.cho_solve(factor, self._normal(theta))
        return theta

    @cached_property
    def _gram(self) -> Numpy:
        return np.asarray(self._weighted(self.projected.hat).T @ self.projected.hat)

    def _weighted(self, values: Numpy) -> Numpy:
        weights = self.weights.values
        return values if weights is None else (values.T * weights).T

    def _normal(self, theta: Numpy) -> Numpy:
        return np.asarray(self.projected.hat.T @ self._weighted(self._rest(theta)))

    def _rest(self, theta: Numpy) -> Numpy:
        """Return the residuals ``(n,)``, kept for the point asked last."""
        if self._last is None or not np.array_equal(self._last[0], theta):
            self._last = (theta.copy(), self.projected.y - self.projected.x @ theta)
        return self._last[1]

    @cached_property
    def start(self) -> Numpy:
        """The solution itself."""
        return self.solve()

    def shown(self, theta: Numpy) -> Numpy:
        """Return the slopes asked for, NaN for those left out."""
        values = np.full(len(self.parameter_names), np.nan)
        values[list(self.projected.kept)] = theta
        return values

    def walked(self, params: Numpy) -> Numpy:
        """Return the slopes that are estimated."""
        return params[np.isfinite(params)]

    # Facts at a point ---------------------------------------------------------------------------

    @cached_property
    def absorbed(self) -> Absorbed:
        """The degrees of freedom that the factors take."""
        asked = self.specification
        names = asked.covariance.nesting(asked.clusters, asked.ssc)
        counted = self.clusters.keys() >= groupings(names).keys()
        return self.absorbed_within(self.clusters | ({} if counted else self.groups(names)))

    def absorbed_within(self, groups: Mapping[str, Any]) -> Absorbed:
        """Return the degrees of freedom that the factors take, those nested in groups marked."""
        members = self.factors.members
        if not members:
            return Absorbed()
        plain = sum(member.slope is None for member in members)
        inside = {key: _nested(members, groups, key) for key in groups}
        found = {key: nested for key, nested in inside.items() if nested is not None}
        levels = sum(member.levels for member in members)
        return Absorbed(self._rank, levels, plain, found)

    @cached_property
    def _rank(self) -> int:
        return self.factors.rank()

    @property
    def residual_freedom(self) -> float:
        """Observations less slopes and absorbed effects."""
        taken = self.absorbed.count(self.specification.ssc)
        return self.observations - len(self.projected.names) - taken

    def _variance(self, theta: Numpy) -> float:
        squares, freedom = float(self._squares(self._rest(theta))), self.residual_freedom
        if freedom <= 0:
            return math.nan
        return 0.0 if nothing_left(squares, self._outcome_squares) else squares / freedom

    @cached_property
    def _outcome_squares(self) -> float:
        return float(self._squares(self._outcome))

    def decrement(self, curvature: Curvature, theta: Numpy) -> float | None:
        """Return the Newton decrement, zero where a close fit leaves rounding in the score."""
        lengths, squares = np.sqrt(np.diag(self._gram)), float(self._squares(self._rest(theta)))
        if solved_to_rounding(self._normal(theta), lengths, squares, self._outcome_squares):
            return 0.0
        return super().decrement(curvature, theta)

    def score(self, theta: Numpy) -> Numpy:
        """Return the score of the slopes at the residual variance, ``(k,)``."""
        variance = self._variance(theta)
        return self._normal(theta) / variance if variance > 0 else self._normal(theta)

    def loglik(self, theta: Numpy) -> float:
        """Return the Gaussian log-likelihood at the variance ``SSR/n``."""
        return self._gaussian(float(self._squares(self._rest(theta))))

    def loglik_null(self) -> float | None:
        """Return the log-likelihood of the constant alone."""
        return self._gaussian(self._total)

    def _gaussian(self, squares: float) -> float:
        n = self.observations
        return math.inf if squares == 0 else -n / 2 * (math.log(2 * math.pi * squares / n) + 1)

    @cached_property
    def _total(self) -> float:
        y = self._outcome
        return float(self._squares(y - np.average(y, weights=self.weights.values)))

    def curvature(self, theta: Numpy, *, scores: bool = True) -> Curvature:
        """Return ``X'WX / s^2`` and the sums of the scores ``x_i e_i / s^2``."""
        variance, k = self._variance(theta), len(theta)
        if not variance > 0:  # no residual is left, so the information has no finite value
            return Curvature(np.full((k, k), np.nan), np.eye(k), self.observations)
        information = self._gram / variance
        if not scores:
            return Curvature(information, np.eye(k), self.observations)
        first = [self._rest(theta) / variance]
        opg = score_sums(self.projected.hat, first, self.weights.in_scores, np.eye(k))
        meats = {name: self.cluster_meat(theta, codes) for name, codes in self.clusters.items()}
        return Curvature(information, np.eye(k), self.observations, opg, meats)

    def cluster_meat(self, theta: Numpy, codes: Any) -> ClusterMeat:
        """Return the outer products of the scores summed by cluster."""
        first = [self._rest(theta) / self._variance(theta)]
        change = np.eye(len(theta))
        return grouped_sums(self.projected.hat, first, self.weights.values, codes, change)

    def score_rows(self, theta: Numpy) -> Numpy:
        """Return the weighted score of each row, ``(n, k)``."""
        first = [self._rest(theta) / self._variance(theta)]
        return row_scores(self.projected.hat, first, self.weights.values, np.eye(len(theta)))

    def residual_variance(self, theta: Numpy) -> float:
        """Return the residual variance that divides the scores."""
        return self._variance(theta)

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
        z, d = found.z * root, found.x[:, found.exogenous :] * root
        taken = self.absorbed.count(self.specification.ssc)
        freedom = self.observations - z.shape[1] - taken
        return first_stages(z, found.exogenous, d, found.names[found.exogenous :], freedom)

    # After the fit ------------------------------------------------------------------------------

    def residuals(self, params: Numpy) -> Numpy:
        """Return outcome minus fitted values, effects included, ``(n,)``."""
        return self._rest(params).copy()

    def effects(self, params: Numpy) -> Effects:
        """Recover the effects of each factor; see `recovered`."""
        assert self.table is not None
        design = self.design
        x = [design.matrix, *([design.endogenous.matrix] if design.endogenous else [])]
        index = np.column_stack(x)[:, list(self.projected.kept)] @ params
        total = self._outcome - index - self._rest(params)
        return recovered(self._terms, self.factors, total, self.table, design.rows)

    @property
    def _terms(self) -> tuple[AbsorbedTerm, ...]:
        return absorbed(split_formula(self.specification.formula or ""))

    def state(self) -> AbsorbedState:
        """Return the formula's state, the columns kept, the fit's R squared and first stages."""
        design, rest = self.design, float(self._squares(self._rest(self.start)))
        within = float(self._squares(self.projected.y))
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


def _names(part: Regressors | None) -> tuple[str, ...]:
    return () if part is None else part.names


def _nested(members: tuple[Factor, ...], groups: Mapping[str, Any], key: str) -> Nested | None:
    """Gather the factors whose every level lies within one group of some column of the key."""
    columns = [groups[name] for name in key.split(TOGETHER)]
    inside = tuple(m for m in members if any(lies_within(m, codes) for codes in columns))
    if not inside:
        return None
    rank = Factors(inside, len(inside[0].codes)).rank()
    return Nested(len(inside), sum(member.levels for member in inside), rank)


def _check_regressors(names: tuple[str, ...]) -> None:
    if not names:
        raise DataError(
            "There is no regressor beside the fixed effects.",
            hint="y ~ x | firm; effects alone say nothing to test.",
            code="no-regressor",
            where="formula",
        )
