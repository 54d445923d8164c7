"""Difference in differences in two stages, with standard errors that count the first one."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any, final

import numpy as np
import numpy.typing as npt

from workbench.covariances import ClusterMeat
from workbench.covariances.score_sums import grouped_sums
from workbench.data.design import Design, build_design
from workbench.data.formula.parser import split_formula
from workbench.data.indicators import indicator
from workbench.data.table import Table
from workbench.errors import DataError, FormulaError, OptionError
from workbench.estimation.specification import Specification
from workbench.kernels.absorption.factors import Factor
from workbench.models.design.checks import check_enough_rows
from workbench.models.design.clusters import notes_on_clusters
from workbench.models.design.columns import prepare_columns
from workbench.models.design.results import FormulaState
from workbench.models.design.weights import weights_of
from workbench.models.event_study.imputation import Imputation
from workbench.models.event_study.options import DID2S
from workbench.models.linear.regression import LinearRegression
from workbench.protocols import Numpy
from workbench.sentences import counted

_PASSES = 3


@final
class TwoStageProblem(LinearRegression):
    r"""Regress on treatments what untreated rows leave of the outcome.

    The first stage regresses the outcome on fixed effects and covariates over untreated rows
    (:math:`D_0`); the second one its residuals :math:`u` of all rows on ``x``.  A row's score is

    .. math:: x_i\,\hat e_i - X^\top D\,(D_0^\top D_0)^{-1} d_{0i}\,\hat u_i

    so that the sandwich counts the error of the first stage too.

    References
    ----------
    Gardner (2021), "Two-stage differences in differences", section 3.3; Newey and McFadden (1994),
    "Large sample estimation and hypothesis testing", theorem 6.1.
    """

    title = DID2S.title

    def __init__(self, specification: Specification, table: Table) -> None:
        stages = _Stages(specification, table)
        super().__init__(specification, stages.second)
        design = stages.second
        self.dropped, self.clusters = dict(design.dropped), dict(design.clusters)
        self.notes = (*design.notes, *stages.notes)
        for name, codes in self.clusters.items():
            self.notes += notes_on_clusters(codes, name)
        self.weights = weights_of(design.weights, specification.weight_kind, len(design.outcome))
        self.observations = self.weights.observations
        self.parameter_names, self.depvar = design.names, f"{design.outcome_name}, adjusted"
        self.first = Imputation.of(
            stages.factors, stages.covariates, stages.untreated, self.weights.values
        )
        self.y = self.first.residuals(design.outcome)
        self.design = replace(design, outcome=self.y)
        self.record = "LSMR over the untreated rows"
        weights, refuse = self.weights.values, specification.collinear
        self.columns = prepare_columns(design.matrix, self.y, weights, design.names, refuse)
        self.left_out = self.columns.left_out
        self.notes += self.columns.notes
        check_enough_rows(int(self.observations), self.columns.names, ())

    @property
    def formulas(self) -> tuple[str, ...]:
        """Both formulas."""
        return _formulas(self.specification)

    @property
    def estimated(self) -> tuple[str, ...]:
        return self.columns.names

    @property
    def gram(self) -> Numpy:
        return self.columns.moments.gram

    def rest(self, theta: Numpy) -> Numpy:
        """Return the residuals of the second stage, ``(n,)``."""
        return np.asarray(self.y - self.columns.x @ theta)

    def normal(self, theta: Numpy) -> Numpy:
        return np.asarray(self.columns.x.T @ self.weighted(self.rest(theta)))

    @cached_property
    def outcome_squares(self) -> float:
        """The weighted sum of squares of the adjusted outcome."""
        return float(self.squares(self.y))

    def natural(self, theta: Numpy) -> Numpy:
        values = np.full(len(self.parameter_names), np.nan)
        values[list(self.columns.kept)] = self.jacobian @ theta
        return values

    def unconstrained(self, params: Numpy) -> Numpy:
        return np.asarray(np.linalg.solve(self.jacobian, params[np.isfinite(params)]))

    @property
    def jacobian(self) -> Numpy:
        return self.columns.to_coefficients

    def score_products(self, theta: Numpy) -> None:
        """Return nothing: rows of one unit share the error of the first stage."""

    def cluster_meat(self, theta: Numpy, codes: Any) -> ClusterMeat:
        """Return the outer products of the scores of both stages summed by cluster."""
        x, root = self.columns.x, self.first.root_weights
        second = x * self.weighted(self.rest(theta))[:, None]
        rows = (second - self._carried * (root * self.y)[:, None]) / self.residual_variance(theta)
        ones = np.ones(len(rows))
        return grouped_sums(rows, [ones], None, codes, np.eye(len(theta)))

    @cached_property
    def _carried(self) -> Numpy:
        return self.first.first_stage_part(self.columns.x)

    def residuals(self, params: Numpy) -> Numpy:
        """Return the adjusted outcome minus the effects, ``(n,)``."""
        return self.rest(self.unconstrained(params))

    def state(self) -> FormulaState:
        names = self.design.state["names"]
        kept = [names.index(name) for name in self.columns.names]
        return FormulaState(design=self.design.state, kept=kept)


class _Stages:
    """Both stages: the first over the rows it can use, the second over those with its columns too.

    Untreated rows without a value in the second stage, such as an event time of the never treated,
    are in the first stage alone: their columns of the second one are zero.
    """

    def __init__(self, specification: Specification, table: Table) -> None:
        _refuse_offset(specification)
        first_text, second_text = _formulas(specification)
        parts, self.treatment = split_formula(first_text), specification.model.settings["treatment"]
        if parts.fixed_effects is None:
            raise FormulaError(
                "The first stage has no fixed effects.",
                hint='first_stage="~ 1 | unit + year".',
                code="no-fixed-effects",
                where="first_stage",
            )
        if split_formula(second_text).fixed_effects is not None:
            raise FormulaError(
                "The second stage has fixed effects, which belong to the first.",
                hint='second_stage="~ i(time_to_treatment, ref=-1)".',
                code="not-allowed",
                where="second_stage",
            )
        settings: dict[str, Any] = {
            "cluster": specification.clusters,
            "weights": specification.weights,
            "weight_kind": specification.weight_kind,
            "missing": specification.missing,
            "extra_columns": [self.treatment],
        }
        treated = indicator(table.column(self.treatment), self.treatment)
        table = table.replacing({self.treatment: treated})
        first = build_design(table, first_text, **settings, fixef_rm="none")
        second = build_design(table, second_text, **settings)
        self.factors, self.untreated = first.fixed_effects, self._untreated(first)
        self.covariates = first.matrix
        self._keep(first, second, table)

    def _untreated(self, first: Design) -> npt.NDArray[np.bool_]:
        """Return which rows of the first stage are untreated."""
        treated = first.columns[self.treatment]
        if treated.min() == treated.max():
            raise DataError(
                f"The treatment {self.treatment} has only {treated[0]:g}, where it needs 0 and 1.",
                hint="1 in rows that are treated, and 0 before and in rows that never are.",
                code="treatment",
                where=self.treatment,
            )
        return np.asarray(treated == 0)

    def _keep(self, first: Design, second: Design, table: Table) -> None:
        """Leave out the rows that miss something, and those without an untreated counterpart."""
        complete = np.isin(first.rows, second.rows)
        usable = complete | self.untreated
        dropped = {**first.dropped, **_incomplete(table, second, first, first.rows[~usable])}
        for factor in self.factors:
            has = np.bincount(factor.codes, self.untreated, factor.levels) > 0
            if lost := int((usable & ~has[factor.codes]).sum()):
                dropped[f"without an untreated row in {factor.name}"] = lost
                usable &= has[factor.codes]
        if not (usable & complete).any():
            raise DataError(
                f"None of {counted(len(usable), 'row')} has an untreated row in each of its fixed "
                "effects and the columns of the second stage.",
                hint=f"rows with {self.treatment} = 0 for every unit and period.",
                code="no-rows-left",
                where=self.treatment,
            )
        self.factors = tuple(
            Factor.of(f.name, f.codes[usable], None if f.slope is None else f.slope[usable])
            for f in self.factors
        )
        self.covariates = self.covariates[usable]
        self.untreated = self.untreated[usable]
        self.second = _rows(first, second, usable, dropped)
        self.notes = self._notes(int((usable & ~complete).sum()))

    def _notes(self, alone: int) -> tuple[str, ...]:
        """Count the rows and levels of the first stage, and the rows that are in it alone."""
        counts = ", ".join(f"{f.name} ({f.levels:,})" for f in self.factors)
        rows = counted(int(self.untreated.sum()), "row")
        note = f"First stage: {rows} with {self.treatment} = 0; fixed effects, with their levels: "
        if not alone:
            return (f"{note}{counts}.",)
        verb = "is" if alone == 1 else "are"
        return (
            f"{note}{counts}.",
            f"{counted(alone, 'row')} with {self.treatment} = 0 {verb} without a value in the "
            f"second stage, as never treated rows are, and {verb} in the first stage alone.",
        )


def _incomplete(
    table: Table, second: Design, first: Design, rows: npt.NDArray[np.int64]
) -> dict[str, int]:
    """Count the rows that miss a column of the second stage, by the reasons that it has."""
    counts = {}
    for reason in second.dropped:
        name = reason.removeprefix("missing ")
        if reason not in first.dropped and name in table.names:
            counts[reason] = int(table.column(name).iloc[rows].isna().sum())
    return {reason: count for reason, count in counts.items() if count}


def _rows(
    first: Design, second: Design, kept: npt.NDArray[np.bool_], dropped: dict[str, int]
) -> Design:
    """Return the second stage's columns over rows of the first, zero where it misses a value.

    Its intercept is left out.
    """
    columns = [j for j, name in enumerate(second.names) if name != "Intercept"]
    if not columns:
        raise FormulaError(
            "The second stage has no treatment variable.",
            hint='second_stage="~ i(time_to_treatment, ref=-1)".',
            code="empty-side",
            where="second_stage",
        )
    matrix = np.zeros((len(first.rows), len(columns)))
    both = np.isin(first.rows, second.rows)
    matrix[both] = second.matrix[np.isin(second.rows, first.rows)][:, columns]
    return replace(
        second,
        outcome=first.outcome[kept],
        matrix=np.ascontiguousarray(matrix[kept]),
        names=tuple(second.names[j] for j in columns),
        weights=None if first.weights is None else first.weights[kept],
        clusters={n: np.unique(c[kept], return_inverse=True)[1] for n, c in first.clusters.items()},
        rows=first.rows[kept],
        dropped=dropped,
        columns={name: column[kept] for name, column in first.columns.items()},
    )


def _refuse_offset(specification: Specification) -> None:
    if specification.offset is not None:
        raise OptionError(
            f'{DID2S.title} has no offset, and the option offset is "{specification.offset}".',
            hint="subtract the column from the outcome first.",
            code="no-offset",
            where="offset",
        )


def _formulas(specification: Specification) -> tuple[str, str]:
    """Return both stages as formulas of the outcome; a first stage without covariates has a 1."""
    second = specification.formula or ""
    outcome = split_formula(second).outcome
    text = str(specification.model.settings["first_stage"]).strip().removeprefix("~").strip()
    covariates, bar, effects = text.partition("|")
    right = "1" if covariates.strip() in {"0", "1", ""} else covariates.strip()
    return f"{outcome} ~ {right} {bar} {effects.strip()}".strip(), second
