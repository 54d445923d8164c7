"""Covariates with one value per person, read by their own formula."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.data.design import Design, build_design
from workbench.data.formula.parser import split_formula
from workbench.data.table import Table
from workbench.kernels.linear.collinear import dependent_columns
from workbench.kernels.linear.gram import gram
from workbench.models.choice.data import ChoiceData
from workbench.models.choice.options import RowColumns
from workbench.models.choice.state import PersonState
from workbench.protocols import Numpy


@dataclass(frozen=True)
class Covariates:
    """The covariates of persons in the scale or in the membership of classes.

    Attributes
    ----------
    values
        One row per person, ``(n, g)``, each column divided by its size.
    sizes
        The root mean square of each column, ``(g,)``.
    names
        Of the columns, ``(g,)``.
    kept
        Their positions in the design.
    left_out
        Names of the collinear columns.
    design
        Over the rows of the table.
    """

    values: Numpy
    sizes: Numpy
    names: tuple[str, ...]
    kept: tuple[int, ...]
    left_out: tuple[str, ...]
    design: Design

    def state(self) -> PersonState:
        """Return the part that prediction needs later."""
        return PersonState(self.design.state, list(self.kept), list(self.names))


def covariate_design(table: Table, formula: str, text: str, missing: str) -> Design:
    """Read the columns of a one-sided formula, with the outcome of another formula."""
    outcome = split_formula(formula).outcome
    return build_design(table, f"{outcome} {text.strip()}", missing=missing)


def read_covariates(
    design: Design, data: ChoiceData, table: Table, roles: RowColumns, *, constant: bool
) -> Covariates:
    """Return the independent covariates of persons in a design, with a constant if ``constant``.

    Raises
    ------
    DataError
        When a column differs between the rows of a person.
    """
    place = np.searchsorted(design.rows, data.design.rows)
    columns = [
        data.by_person(design.matrix[place, j], name, table, roles)
        for j, name in enumerate(design.names)
    ]
    before = [] if constant else [np.ones(data.persons)]
    z = np.column_stack([*before, *columns])
    gone = {each.column - len(before) for each in dependent_columns(z, gram(z))}
    kept = [j for j in range(len(columns)) if j not in gone]
    values = np.ascontiguousarray(z[:, len(before) :][:, kept])
    sizes = np.sqrt(np.mean(values**2, axis=0))
    sizes = np.where(sizes > 0, sizes, 1.0)
    return Covariates(
        values / sizes,
        sizes,
        tuple(design.names[j] for j in kept),
        tuple(kept),
        tuple(design.names[j] for j in sorted(gone)),
        design,
    )
