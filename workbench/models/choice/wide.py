"""Turn wide choice data, one row per choice, into long data, one row per alternative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.data.indicators import whole_indicator
from workbench.data.names import level_text, shown, unknown_column
from workbench.data.table import as_table
from workbench.errors import DataError

SITUATION, ALTERNATIVE, CHOSEN = "situation", "alternative", "chosen"
"""The names of the new columns."""


def long(
    data: Any,
    choice: str,
    alternatives: Sequence[Any],
    varying: Sequence[str] = (),
    *,
    separator: str = "_",
    available: str | None = None,
) -> pd.DataFrame:
    """Return long choice data: one row for each alternative of each row.

    Parameters
    ----------
    data
        A table with one row per choice.
    choice
        The column that holds the alternative chosen.
    alternatives
        The alternatives as ``choice`` holds them.
    varying
        Beginnings of the columns that differ by alternative: ``"cost"`` stands for ``cost_air``,
        ``cost_car``, ...  An alternative without such a column has missing values.
    separator
        The text between the beginning and the alternative.
    available
        The beginning of columns, one for each alternative, that are 0 (or "no", "False") where it
        could not be chosen, and else 1; the rows that could not be chosen are left out.

    Returns
    -------
    The other columns, repeated; ``situation`` (numbered from 0), ``alternative``, ``chosen`` (0 or
    1), and one column for each of ``varying``.

    Raises
    ------
    DataError
        When a column is missing, a choice is not one of the alternatives or was not available, or
        a column of ``available`` has a value that is neither yes nor no.

    Examples
    --------
    >>> wide = {"choice": ["car", "bus"], "cost_car": [4.0, 5.0], "cost_bus": [2.0, 2.5]}
    >>> long(wide, "choice", ["bus", "car"], ["cost"])
       situation alternative  chosen  cost
    0          0         bus       0   2.0
    1          0         car       1   4.0
    2          1         bus       1   2.5
    3          1         car       0   5.0
    """
    frame = as_table(data).to_frame()
    beginnings = [*varying, *([] if available is None else [available])]
    _check(frame, choice, alternatives, beginnings, separator)
    n, j = len(frame), len(alternatives)
    wide = {column for name in beginnings for column in _columns(name, alternatives, separator)}
    others = [name for name in frame.columns if name not in wide and name != choice]
    made = frame[others].loc[frame.index.repeat(j)].reset_index(drop=True)
    names = pd.Series(list(alternatives)).to_numpy()  # which keeps numbers and texts apart
    fresh = {SITUATION: np.repeat(np.arange(n), j), ALTERNATIVE: np.tile(names, n)}
    fresh[CHOSEN] = (fresh[ALTERNATIVE] == np.repeat(frame[choice].to_numpy(), j)).astype(np.int64)
    _refuse_taken(made, [*fresh, *varying])
    for name in varying:
        fresh[name] = _stacked(frame, name, alternatives, separator)
    whole = pd.concat([pd.DataFrame(fresh), made], axis=1)
    if available is None:
        return whole
    kept = _available(frame, _columns(available, alternatives, separator))
    _refuse_unavailable(whole, kept, choice)
    return whole[kept].reset_index(drop=True)


def _available(frame: pd.DataFrame, columns: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return whether each alternative of each row could be chosen, ``(n j,)``."""
    for name in columns:
        if name not in frame.columns:
            raise DataError(
                f'There is no column "{shown(name)}", which says where that alternative could be '
                "chosen.",
                hint=f"df[{name!r}] = 1, if it always could.",
                code="unknown-column",
                where=name,
            )
    return np.column_stack([whole_indicator(frame[name], name) == 1 for name in columns]).ravel()


def _refuse_unavailable(whole: pd.DataFrame, available: npt.NDArray[np.bool_], choice: str) -> None:
    """Refuse a choice of what could not be chosen."""
    wrong = np.flatnonzero((whole[CHOSEN] == 1) & ~available)
    if len(wrong):
        row, chosen = whole.loc[wrong[0], [SITUATION, ALTERNATIVE]]
        rows = "1 row" if len(wrong) == 1 else f"{len(wrong):,} rows"
        raise DataError(
            f"{rows} chose an alternative that was not available: the first is row {row} with "
            f"{shown(level_text(chosen))}.",
            hint="correct the availability or the choice, or leave these rows out.",
            code="not-available",
            where=choice,
        )


def _columns(name: str, alternatives: Sequence[Any], separator: str) -> list[str]:
    """Return the column of each alternative that begins with a name."""
    return [f"{name}{separator}{level_text(each)}" for each in alternatives]


def _check(
    frame: pd.DataFrame,
    choice: str,
    alternatives: Sequence[Any],
    beginnings: Sequence[str],
    separator: str,
) -> None:
    if choice not in frame.columns:
        problem, hint, suggestion = unknown_column(choice, list(frame.columns), "The data have")
        raise DataError(problem, hint, code="unknown-column", where=choice, suggestion=suggestion)
    strange = ~frame[choice].isin(list(alternatives))
    if strange.any():
        row = int(np.flatnonzero(strange.to_numpy())[0])
        raise DataError(
            f"The choice in row {row} is {shown(str(frame[choice].iloc[row]))}, which is not "
            "one of the alternatives.",
            hint=f"alternatives={sorted(map(str, frame[choice].dropna().unique()))}.",
            code="no-such-alternative",
            where=choice,
        )
    for name in beginnings:
        columns = _columns(name, alternatives, separator)
        if not any(column in frame.columns for column in columns):
            raise DataError(
                f'There is no column "{shown(columns[0])}".',
                hint="varying= with beginnings of columns, and their separator=.",
                code="unknown-column",
                where=name,
            )


def _refuse_taken(frame: pd.DataFrame, names: Sequence[str]) -> None:
    taken = [name for name in names if name in frame.columns]
    if taken:
        raise DataError(
            f'The data have a column "{shown(taken[0])}" already, which is the name of a new one.',
            hint=f"rename {shown(taken[0])} first.",
            code="name-taken",
            where=taken[0],
        )


def _stacked(
    frame: pd.DataFrame, name: str, alternatives: Sequence[Any], separator: str
) -> np.ndarray[Any, Any]:
    columns = _columns(name, alternatives, separator)
    found = [
        frame[column].to_numpy() if column in frame.columns else np.full(len(frame), np.nan)
        for column in columns
    ]
    return np.column_stack(found).reshape(-1)
