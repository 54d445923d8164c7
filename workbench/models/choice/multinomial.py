"""The multinomial logit with its data: one row per person, an outcome of several levels."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, final

import numpy as np

from workbench.covariances import ClusterMeat, Curvature
from workbench.data.design import Design, build_design
from workbench.data.formula.parser import split_formula
from workbench.data.names import level_text, shown as shown_name, unquoted
from workbench.data.table import Table
from workbench.errors import DataError, FormulaError, OptionError
from workbench.estimation.objective import ScaledObjective
from workbench.estimation.problem import Problem
from workbench.estimation.procedure import Optimized
from workbench.estimation.separation_evidence import SeparationEvidence
from workbench.estimation.specification import Specification
from workbench.kernels.choice.multinomial import MultinomialKernel
from workbench.kernels.likelihood.separation import separating_direction
from workbench.models.choice.data import sorted_levels
from workbench.models.choice.options import MultinomialLogit
from workbench.models.choice.state import ChoiceState
from workbench.models.design.checks import check_enough_rows, check_names
from workbench.models.design.clusters import notes_on_clusters
from workbench.models.design.columns import prepare_columns
from workbench.models.design.read import absorbing_models
from workbench.models.design.scaling import INTERCEPT, scaling_of_columns
from workbench.models.design.weights import weights_of
from workbench.protocols import Numpy

_MOST_LEVELS = 200
# Newton's last step on separated levels is taken at an index of about 18.
_SATURATED = 15.0
_IN_DIRECTION = 1e-5
# The largest matrix, in numbers, of the search for a separating direction.
_LARGEST_SEARCH = 30_000_000


def coded(table: Table, formula: str) -> tuple[Table, str, list[Any]]:
    """Return the table with the outcome's levels numbered, its name, and its levels in order.

    Raises
    ------
    FormulaError
        When the left side is not a column.
    DataError
        When the outcome has one level, or more than a multinomial logit can have.
    """
    name = unquoted(split_formula(formula).outcome.strip())
    if name not in table.names and not name.replace("_", "").replace(".", "").isalnum():
        raise FormulaError(
            f"The left side {shown_name(name)} is not a column, from which levels are read.",
            hint="make a column of the levels first.",
            code="outcome",
            where=name,
        )
    codes, levels = sorted_levels(table.column(name))
    if not 1 < len(levels) <= _MOST_LEVELS:
        what = "one level" if len(levels) == 1 else f"{len(levels):,} levels"
        raise DataError(
            f"The outcome {shown_name(name)} has {what}; a multinomial logit has from 2 to "
            f"{_MOST_LEVELS}.",
            hint="choose another outcome, or another model.",
            code="constant-outcome" if len(levels) < 2 else "too-many-levels",
            where=name,
        )
    numbered = table.with_numbers(name, np.where(codes < 0, np.nan, codes.astype(np.float64)))
    return numbered, name, levels


@final
class MultinomialProblem(Problem):
    """The objective of a multinomial logit, its start, and the facts at any point."""

    library: ClassVar[str] = "numpy"

    def __init__(
        self,
        settings: MultinomialLogit,
        specification: Specification,
        table: Table,
        formula: str,
        roles: Mapping[str, Any],
    ) -> None:
        numbered, name, levels = coded(table, formula)
        design = build_design(numbered, formula, **roles, absorbing=absorbing_models())
        super().__init__(specification, design, table)
        self.title = settings.title  # type: ignore[misc]
        self.depvar = name
        self.dropped, self.notes = dict(design.dropped), tuple(design.notes)
        self._take_levels(settings, levels)
        self.weights = weights_of(design.weights, specification.weight_kind, len(design.rows))
        self.observations = self.weights.observations
        self._take_columns(design)

    def cluster_with(self, clusters: Mapping[str, Any]) -> None:
        """Take the groups of each cluster column and combination."""
        self.clusters = dict(clusters)
        for name, codes in self.clusters.items():
            self.notes += notes_on_clusters(codes, name)

    def _take_levels(self, settings: MultinomialLogit, levels: list[Any]) -> None:
        """Put the base first; levels without a row, for missing regressors, are left out."""
        codes = self.design.outcome.astype(np.int64)
        there = [j for j in range(len(levels)) if (codes == j).any()]
        names = [level_text(levels[j]) for j in there]
        if len(names) < 2:
            raise DataError(
                f"The outcome {shown_name(self.depvar)} has one level in the rows used.",
                hint="use other rows, or another outcome.",
                code="constant-outcome",
                where=self.depvar,
            )
        base = 0 if settings.base is None else _position(settings.base, names)
        self.levels = (names[base], *(name for name in names if name != names[base]))
        order = [there[names.index(name)] for name in self.levels]
        place = np.zeros(len(levels), dtype=np.int64)
        place[order] = np.arange(len(order))
        self.level = place[codes]
        counts = np.bincount(self.level)
        for name, count in zip(self.levels, counts.tolist(), strict=True):
            if count == 1:
                self.notes += (f"The level {name} of {self.depvar} has one row.",)

    def _take_columns(self, design: Design) -> None:
        self.columns = prepare_columns(
            design.matrix,
            design.outcome,
            self.weights.values,
            design.names,
            self.specification.collinear,
        )
        self.left_out, columns = self.columns.left_out, self.columns
        self.parameter_names = tuple(
            f"{level}:{name}" for level in self.levels[1:] for name in columns.names
        )
        check_names(self.parameter_names)
        check_enough_rows(int(self.observations), self.parameter_names, design.names)
        self.notes += columns.notes
        scaling = scaling_of_columns(columns)
        self._scales = dict(zip(columns.names, scaling.sd.tolist(), strict=True))
        slopes = columns.to_coefficients @ scaling.matrix
        onto = np.kron(np.eye(len(self.levels) - 1), slopes)
        self._onto = np.asarray(onto, dtype=np.float64)
        x = np.ascontiguousarray(columns.x @ scaling.matrix)
        self.kernel = MultinomialKernel(x, self.level, len(self.levels), self.weights.values)

    @property
    def procedure(self) -> Optimized:
        """By an optimizer."""
        return Optimized(self.objective)

    def objective(self) -> ScaledObjective:
        return self._objective

    @cached_property
    def _objective(self) -> ScaledObjective:
        size = len(self.parameter_names)
        backend = self.specification.backend
        return ScaledObjective(self.kernel, np.eye(size), self.observations, backend)

    @cached_property
    def start(self) -> Numpy:
        """The logs of the levels' shares for the constants, where there are any; else zero."""
        found = np.zeros((len(self.levels) - 1, len(self.columns.names)))
        if INTERCEPT in self.columns.names:
            shares = np.bincount(self.level, weights=self.weights.values)
            shares = np.where(shares > 0, shares, 0.5)
            found[:, self.columns.names.index(INTERCEPT)] = np.log(shares[1:] / shares[0])
        return self.unconstrained_start(found.reshape(-1))

    def natural(self, theta: Numpy) -> Numpy:
        return np.asarray(self._onto @ theta)

    def unconstrained(self, params: Numpy) -> Numpy:
        return np.asarray(np.linalg.solve(self._onto, params))

    def loglik(self, theta: Numpy) -> float:
        return self.kernel.totals(theta, 0).value

    def loglik_null(self) -> float | None:
        counts = np.bincount(self.level, weights=self.weights.values).astype(np.float64)
        counts = counts[counts > 0]
        return float(counts @ np.log(counts / counts.sum()))

    def score(self, theta: Numpy) -> Numpy:
        gradient = self.kernel.totals(theta, 1).gradient
        assert gradient is not None
        return gradient

    def curvature(self, theta: Numpy, *, scores: bool = True) -> Curvature:
        hessian = self.objective().evaluate(theta, 2).hessian
        assert hessian is not None
        opg, meats = None, {}
        if scores:
            each, factor = self.kernel.scores(theta), self.weights.in_scores
            opg = each.T @ (each if factor is None else each * factor[:, None])
            meats = {name: self.cluster_meat(theta, codes) for name, codes in self.clusters.items()}
        information = hessian * self.observations
        return Curvature(information, self._onto, self.observations, opg, meats)

    def cluster_meat(self, theta: Numpy, codes: Any) -> ClusterMeat:
        sums = np.zeros((int(codes.max()) + 1, len(theta)))
        np.add.at(sums, codes, self.score_rows(theta))
        return ClusterMeat(sums.T @ sums, len(sums))

    def score_rows(self, theta: Numpy) -> Numpy:
        each, weights = self.kernel.scores(theta), self.weights.values
        return each if weights is None else each * weights[:, None]

    def separation(self, theta: Numpy) -> SeparationEvidence | None:
        """Look once, when an index diverges, for levels that are predicted exactly."""
        rows, others = len(self.level), len(self.levels) - 1
        if hasattr(self, "_separation_checked") or rows * others * len(theta) > _LARGEST_SEARCH:
            return None
        if float(np.abs(self.kernel.index(theta)).max(initial=0.0)) < _SATURATED:
            return None
        self._separation_checked = True
        pairs = self._pairs()
        found = separating_direction(np.ones(len(pairs)), pairs)
        if found is None:
            return None
        return self._evidence(found.direction.reshape(others, -1), found.complete)

    def _pairs(self) -> Numpy:
        """Return the regressors of the index of the chosen level less that of each other one."""
        x, level, count = self.kernel.x, self.level, len(self.levels)
        rows = []
        for j in range(count):
            mine = np.flatnonzero(level != j)
            made = np.zeros((len(mine), count, x.shape[1]))
            made[np.arange(len(mine)), level[mine]] = x[mine]
            made[:, j] -= x[mine]
            rows.append(made[:, 1:].reshape(len(mine), -1))
        return np.concatenate(rows)

    def _evidence(self, direction: Numpy, complete: bool) -> SeparationEvidence:
        """Name the regressors involved, and the levels that they separate from the base."""
        strong = (np.abs(direction) > _IN_DIRECTION).tolist()
        columns = [
            name for j, name in enumerate(self.columns.names) if any(row[j] for row in strong)
        ]
        names = [name for name in columns if name != INTERCEPT] or columns
        apart = [name for name, row in zip(self.levels[1:], strong, strict=True) if any(row)]
        if len(apart) == len(self.levels) - 1 > 1:
            apart = [self.levels[0]]
        who = " and ".join(names) + (" together predict" if len(names) > 1 else " predicts")
        how = "exactly" if complete else "exactly in some rows"
        what = f"level {apart[0]}" if len(apart) == 1 else f"levels {', '.join(apart)}"
        return SeparationEvidence(
            tuple(names), f"{who} the {what} of {self.depvar} {how}.", complete
        )

    def state(self) -> ChoiceState:
        return ChoiceState(
            self._scales,
            design=self.design.state,
            kept=list(self.columns.kept),
            levels=list(self.levels),
            columns=list(self.columns.names),
        )


def _position(base: str, names: list[str]) -> int:
    if base in names:
        return names.index(base)
    raise OptionError(
        f'The base "{base}" is not a level of the outcome.',
        hint=f"one of {names}.",
        code="no-such-level",
        where="base",
    )
