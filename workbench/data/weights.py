"""Weights of rows: what each kind of them allows, and the rows without weight."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.data.complete_cases import Positions
from workbench.data.names import shown
from workbench.errors import DataError
from workbench.protocols import Numpy
from workbench.sentences import counted

# A product such as 0.1 * 30 is whole up to its last digits.
_WHOLE = 1e-9
_SAID = {
    "frequency": "as frequencies: a weight of 3 counts as three observations",
    "analytic": "as analytic weights: only their ratios count",
    "probability": "as probability weights: only their ratios count, and errors are robust",
}


def check_weights(values: Numpy, name: str, kind: str | None, rows: Positions) -> None:
    """Refuse weights that are negative or all zero, and frequencies that are fractions.

    Parameters
    ----------
    values, name
        The weights ``(n,)`` and their column.
    kind
        What they are, ``"frequency"``, ``"analytic"`` or ``"probability"``; None where unknown.
    rows
        The rows of the table that they belong to, ``(n,)``.

    Raises
    ------
    DataError
        Naming the column, the first row at fault and its value.
    """
    if len(negative := np.flatnonzero(values < 0)):
        raise DataError(
            f"The weight {shown(name)} is negative in {counted(len(negative), 'row')}, "
            f"{_first(values, negative, rows)}.",
            hint="weights are zero or positive.",
            code="negative-weights",
            where=name,
        )
    if not values.any():
        raise DataError(
            f"All weights in {shown(name)} are zero.",
            hint="at least one weight must be positive.",
            code="zero-weights",
            where=name,
        )
    if kind == "frequency" and len(parts := np.flatnonzero(_fractional(values))):
        raise DataError(
            f"The weight {shown(name)} has fractions in {counted(len(parts), 'row')}, "
            f"{_first(values, parts, rows)}: these are not frequencies.",
            hint='weight_kind="probability" for weights of a survey or a sampling design, '
            'weight_kind="analytic" for precisions or group sizes; "frequency" needs whole '
            "numbers.",
            code="fractional-weights",
            where=name,
        )


def note_on_weights(name: str, kind: str) -> str:
    """Say how the weights of a column are understood."""
    return f"The weights {shown(name)} are taken {_SAID[kind]}."


def zero_weights(name: str) -> str:
    """Return the reason under which rows without weight are counted."""
    return f"with zero {name}"


def _fractional(values: Numpy) -> npt.NDArray[np.bool_]:
    return np.abs(values - np.round(values)) > _WHOLE * np.maximum(1.0, values)


def _first(values: Numpy, among: Positions, rows: Positions) -> str:
    at = int(among[0])
    return f"first {values[at]:.6g} in row {rows[at]} (counted from 0)"
