"""Results of models with regressors described by a formula, and predictions by their mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from workbench.data.design import columns_predicted_from, prediction_matrix, prediction_numbers
from workbench.data.formula.computed import columns_in
from workbench.data.formula.interactions import LEVELS
from workbench.data.names import shown
from workbench.data.table import Table, as_table
from workbench.errors import DataError
from workbench.protocols import Numpy
from workbench.results.fit import Availability, Fit
from workbench.results.state import State


@dataclass(frozen=True)
class FormulaState(State):
    """What a fit keeps of its formula.

    Attributes
    ----------
    design
        What `prediction_matrix` needs to build the same columns from another table.
    kept
        Positions among these columns of those that are estimated.
    offset
        The column of the offset, or None.
    levels
        Of an outcome in text, its levels; the second one counts as 1.
    """

    readers: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"kept": tuple}

    design: Mapping[str, Any] = field(default_factory=dict)
    kept: Sequence[int] = ()
    offset: str | None = None
    levels: Sequence[str] | None = None


@dataclass(frozen=True, repr=False)
class FormulaFit(Fit):
    """A fit with regressors described by a formula."""

    state: FormulaState = field(default_factory=FormulaState, repr=False)

    @property
    def outcome_label(self) -> str:
        """The dependent variable, with its level that counts as 1."""
        levels = self.state.levels
        return self.depvar if levels is None else f"{self.depvar} (1 = {levels[1]})"

    @property
    def events(self) -> Sequence[Mapping[str, Any]]:
        """The terms ``i(...)`` of the formula."""
        return level_terms(self.state.design)


@dataclass(frozen=True, repr=False)
class MeanFit(FormulaFit):
    """A fit of a model that states the mean of its outcome, by which it predicts."""

    availability: ClassVar[Mapping[str, Availability]] = {
        "predict": Availability(
            "states no mean, so it cannot predict",
            "compute what you need from fit.params.",
            "no-mean",
        ),
        "residuals": Availability(
            "states no mean, so there are no residuals",
            "compute them from fit.params.",
            "no-residuals",
        ),
    }

    def predict(self, data: Any = None) -> pd.Series:
        """Return the expected outcome of each row, by the labels of the data's index.

        It is NaN in a row that misses a value, or has a level of a fixed effect that the fit has
        no effect for.

        Parameters
        ----------
        data
            A table with the formula's columns; the run's own rows by default.

        Raises
        ------
        InferenceError
            When no data are given and the fit was read from the record.
        DataError
            When a column is missing, infinite or of another type, a factor has a level that the fit
            has not seen, or no row of several can be predicted.
        """
        if data is None:
            return self._fitted()
        table = as_table(data).for_prediction(self.notes)
        mean = self._mean(self._index(table))
        refuse_all_missing(mean, table, self._columns_read())
        return pd.Series(mean, index=table.index, name=f"E({self.depvar})")

    @property
    def residuals(self) -> pd.Series:
        """Outcome minus fitted mean of each row used, by the labels of the data's index."""
        problem = self._live_problem()
        values = problem.residuals(self.estimated.to_numpy())
        return pd.Series(values, index=row_labels(problem), name="residual")

    def _fitted(self) -> pd.Series:
        problem = self._live_problem()
        fitted = problem.design.outcome - problem.residuals(self.estimated.to_numpy())
        return pd.Series(fitted, index=row_labels(problem), name=f"E({self.depvar})")

    def _mean(self, index: Numpy) -> Numpy:
        """Return the mean of the outcome at values of the linear predictor, ``(n,)``."""
        raise NotImplementedError

    def _designs(self) -> list[Mapping[str, Any]]:
        """Return the parts of the design matrix, in the order of their columns."""
        return [self.state.design]

    def _index(self, table: Table) -> Numpy:
        """Return the linear predictor of each row of a table, its offset included, ``(n,)``."""
        columns = [prediction_matrix(part, table) for part in self._designs()]
        matrix = np.column_stack(columns)[:, list(self.state.kept)]
        slopes = self.estimated.to_numpy()[: matrix.shape[1]]
        return np.asarray(matrix @ slopes + self._offset(table))

    @property
    def _further(self) -> Numpy:
        """The further parameters, which follow the slopes."""
        return self.estimated.to_numpy()[len(self.state.kept) :]

    def _offset(self, table: Table) -> Numpy | float:
        name = self.state.offset
        return 0.0 if name is None else prediction_numbers(table, name)

    def _columns_read(self) -> tuple[str, ...]:
        """Return the columns of a table that a prediction reads as numbers or levels."""
        offset = () if self.state.offset is None else (self.state.offset,)
        return (*(n for part in self._designs() for n in columns_predicted_from(part)), *offset)


def refuse_all_missing(values: Numpy, table: Table, columns: Sequence[str]) -> None:
    """Refuse to predict NaN in every one of several rows because of their missing values.

    Raises
    ------
    DataError
        With the count of missing values by column.
    """
    if len(values) < 2 or not np.isnan(values).all():
        return
    single = [name for each in columns for name in columns_in(each, table.names)]
    counts = {name: int(table.column(name).isna().sum()) for name in dict.fromkeys(single)}
    found = [f"{shown(name)} {count:,}" for name, count in counts.items() if count]
    if found:
        raise DataError(
            f"None of the {len(values):,} rows can be predicted; missing values by column: "
            f"{', '.join(found)}.",
            hint="fill the gaps.",
            code="no-rows-left",
            where=next(name for name, count in counts.items() if count),
        )


def level_terms(design: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the terms of a formula with one column for each level, from its design's state."""
    return [term for term in design.get("events", []) if term["kind"] == LEVELS]


def row_labels(problem: Any) -> pd.Index:
    """Return the labels of the rows that a problem uses, as the index of its table has them."""
    labels: pd.Index = problem.table.index[problem.design.rows]
    return labels
