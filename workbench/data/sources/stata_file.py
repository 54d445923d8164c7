"""Stata's own files; value labels become categories."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from workbench.errors import DataError

SUFFIXES = (".dta",)


def read(path: Path) -> pd.DataFrame:
    """Read a Stata file.

    A column whose values all have labels becomes their categories, in Stata's order; one with
    labels for some values only, such as a top code, keeps its numbers.

    Raises
    ------
    DataError
        When two values of a column have the same label.
    """
    try:
        frame = pd.read_stata(path)
    except ValueError as error:
        raise _refusal(path, error) from error
    partly = [str(name) for name in frame if _has_numbers(frame[name])]
    if partly:
        frame[partly] = pd.read_stata(path, columns=partly, convert_categoricals=False)
    return frame


def _has_numbers(column: pd.Series) -> bool:
    """Return whether a labelled column has values without a label; pandas keeps them as numbers."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return False
    return not all(isinstance(level, str) for level in column.dtype.categories)


def _refusal(path: Path, error: ValueError) -> Exception:
    """Return the error for labels that are not unique; others are returned unchanged."""
    message = " ".join(str(error).split())
    if "are not unique" not in message:
        return error
    column = message.partition("Value labels for column ")[2].partition(" ")[0]
    return DataError(
        f'Two values of the column {column} have the same label in "{path.name}".',
        hint="read it with pandas.read_stata(path, convert_categoricals=False), and pass the "
        "DataFrame.",
        code="labels-repeat",
        where=column,
    )
