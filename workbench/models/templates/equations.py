"""The designs of the equations of a likelihood, ready for its kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workbench.data.design import Design
from workbench.data.formula.regressors import Regressors
from workbench.likelihoods.base import Equation, Likelihood
from workbench.models.design.columns import Columns, prepare_columns
from workbench.models.design.scaling import INTERCEPT, Scaling, scaling_of_columns
from workbench.protocols import Numpy


@dataclass(frozen=True)
class EquationColumns:
    """The columns of one equation.

    Attributes
    ----------
    equation
        As the likelihood declares it.
    columns
        Those that take part, without a constant where thresholds take its place.
    names
        Of its coefficients, ``(p,)``: those of a further equation begin with its name.
    scaling
        Of the columns.
    means
        What the constant, or the thresholds, take up of scaled columns, ``(p,)``: their means in
        units of their standard deviations, zero where nothing takes it up.
    state
        What builds the columns from another table.
    """

    equation: Equation
    columns: Columns
    names: tuple[str, ...]
    scaling: Scaling
    means: Numpy
    state: Mapping[str, Any]

    @property
    def intercept(self) -> int | None:
        """The position of the constant, or None."""
        names = self.columns.names
        return names.index(INTERCEPT) if INTERCEPT in names else None

    @property
    def column_sd(self) -> dict[str, float]:
        """The standard deviations of the columns by the names of their coefficients."""
        return dict(zip(self.names, self.scaling.sd.tolist(), strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Return, as plain JSON types, what prediction needs later."""
        kept, names = list(self.columns.kept), list(self.names)
        return {"name": self.equation.name, "design": self.state, "kept": kept, "names": names}


def equation_columns(
    template: Likelihood, design: Design, y: Numpy, weights: Numpy | None, collinear: str
) -> tuple[EquationColumns, ...]:
    """Prepare the design of each equation of a likelihood.

    Raises
    ------
    DataError
        With ``collinear="refuse"``, when columns are collinear.
    """
    first = Regressors(design.matrix, design.names, design.state)
    sides = {equation.name: design.equations.get(equation.name) for equation in template.equations}
    found = []
    for number, equation in enumerate(template.equations):
        side = first if number == 0 else sides[equation.name]
        assert side is not None
        prefix = "" if number == 0 else f"{equation.name}:"
        found.append(_prepared(equation, side, y, weights, collinear, prefix))
    return tuple(found)


def _prepared(
    equation: Equation,
    side: Regressors,
    y: Numpy,
    weights: Numpy | None,
    collinear: str,
    prefix: str,
) -> EquationColumns:
    matrix, names = side.matrix, side.names
    added = equation.thresholds and INTERCEPT not in names
    if added:
        matrix, names = np.column_stack([np.ones(len(matrix)), matrix]), (INTERCEPT, *names)
    columns = prepare_columns(matrix, y, weights, names, collinear)
    scaling = scaling_of_columns(columns)
    means = np.zeros(len(columns.names))
    if equation.thresholds:
        columns, scaling, means = _without_constant(columns, scaling, added=added)
    left_out = tuple(f"{prefix}{sentence}" for sentence in columns.left_out)
    shown = tuple(f"{prefix}{name}" for name in columns.names)
    return EquationColumns(
        equation, replace(columns, left_out=left_out), shown, scaling, means, side.state
    )


def _without_constant(
    columns: Columns, scaling: Scaling, *, added: bool
) -> tuple[Columns, Scaling, Numpy]:
    """Take the constant out; the thresholds take over its part in the scaling."""
    i = columns.names.index(INTERCEPT)
    rest = [j for j in range(len(columns.names)) if j != i]
    kept = tuple(columns.kept[j] - added for j in rest)
    moments = replace(
        columns.moments,
        gram=columns.moments.gram[np.ix_(rest, rest)],
        cross=columns.moments.cross[rest],
    )
    fewer = replace(
        columns,
        x=np.ascontiguousarray(columns.x[:, rest]),
        names=tuple(columns.names[j] for j in rest),
        kept=kept,
        shifts=columns.shifts[rest],
        moments=moments,
        mixing=None if columns.mixing is None else columns.mixing[np.ix_(rest, rest)],
    )
    within = Scaling(scaling.matrix[np.ix_(rest, rest)], scaling.sd[rest])
    return fewer, within, -scaling.matrix[i, rest]


def stacked_names(parts: Sequence[EquationColumns]) -> tuple[str, ...]:
    """Return the names of all coefficients, equation by equation."""
    return tuple(name for part in parts for name in part.names)


def further_names(design: Design) -> tuple[str, ...]:
    """Return the names of the coefficients of further equations, ``equation:column``."""
    return tuple(
        f"{name}:{column}" for name, side in design.equations.items() for column in side.names
    )
