"""Evaluate checked terms by formulaic, into columns of numbers and their state."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.complete_cases import Positions, Values
from workbench.data.formula.expressions import INFINITE
from workbench.data.formula.interactions import transforms as interactions
from workbench.data.formula.parser import ParsedFormula
from workbench.data.formula.splines import OutsideRangeError, transforms as splines
from workbench.data.levels import named_level
from workbench.data.names import shown
from workbench.errors import DataError, FormulaError, WorkbenchError
from workbench.protocols import Numpy
from workbench.sentences import counted

_FACTOR = re.compile(r"factor `(.*?)`\.")
_LONGEST_REASON = 200  # letters of formulaic's message


@dataclass(frozen=True)
class Materialized:
    """Columns of numbers ``(n, p)`` with their names, and the state to rebuild them.

    ``transforms`` is the state of polynomials, splines and scalings, ``encoders`` the levels of
    factors; both hold JSON types only.
    """

    matrix: Numpy
    names: tuple[str, ...]
    transforms: Any
    encoders: Any


def materialize(
    terms: Any,
    frame: pd.DataFrame,
    transforms: Any = None,
    encoders: Any = None,
    named: Callable[[str], str] = str,
) -> Materialized:
    """Evaluate checked terms over columns without missing values.

    Parameters
    ----------
    terms
        The terms from `terms.term_list`; they call functions of this package and of formulaic.
    frame
        The columns the terms read, n rows: float64, or categories for factors.
    transforms, encoders
        The state of an earlier call, for columns in the same coordinates.
    named
        Puts the names of columns for their aliases in a term that an error names.

    Raises
    ------
    FormulaError
        When formulaic cannot evaluate a term over these columns.
    DataError
        When a term of this package cannot code them, or a value is outside a spline's range.
    """
    from formulaic import ModelSpec
    from formulaic.errors import FormulaicError
    from formulaic.materializers import PandasMaterializer

    spec = ModelSpec(
        terms,
        na_action="ignore",
        output="numpy",
        transform_state=from_json(transforms) if transforms else {},
        encoder_state=_encoder_state(encoders or {}),
    )
    try:
        with np.errstate(all="ignore"):  # values that are not finite are refused by name afterwards
            result = PandasMaterializer(frame, context=_functions()).get_model_matrix(spec)
    except (FormulaicError, ArithmeticError, LookupError, ValueError, TypeError) as error:
        raise _cannot_evaluate(error, named) from error
    found = result.model_spec
    return Materialized(
        np.ascontiguousarray(result.__wrapped__, dtype=np.float64).reshape(len(frame), -1),
        tuple(str(name) for name in found.column_names),
        to_json(found.transform_state),
        _encoders_to_json(found.encoder_state),
    )


def frame_for(
    parsed: ParsedFormula, columns: Mapping[str, Values], names: Iterable[str]
) -> pd.DataFrame:
    """Return the columns ``names`` under their aliases for formulaic."""
    words = parsed.outcome_reads.words | parsed.term_reads.words
    keys = {word: parsed.aliases.get(word, word) for word in sorted(words)}
    wanted = set(names)
    return pd.DataFrame({word: columns[name] for word, name in keys.items() if name in wanted})


def refuse_not_finite(matrix: Numpy, names: Sequence[str], rows: Positions) -> None:
    """Refuse computed values ``(n, p)`` that are not finite, by term and row of the table."""
    if np.isfinite(matrix).all():
        return
    bad = ~np.isfinite(matrix)
    column = int(np.flatnonzero(bad.any(axis=0))[0])
    first = int(np.flatnonzero(bad[:, column])[0])
    what = "undefined" if np.isnan(matrix[first, column]) else "infinite"
    raise DataError(
        f"{shown(names[column])} is {what} in {counted(int(bad[:, column].sum()), 'row')}, "
        f"first in row {rows[first]} (counted from 0).",
        hint="leave these rows out, or use another function of the variable.",
        code="not-finite",
        where=names[column],
    )


def to_json(state: Any) -> Any:
    """Turn a transform's state into JSON types: arrays and integer keys are marked."""
    if isinstance(state, Mapping):
        if all(isinstance(key, str) for key in state):
            return {key: to_json(value) for key, value in state.items()}
        return {"pairs": [[to_json(key), to_json(value)] for key, value in state.items()]}
    if isinstance(state, np.ndarray) and state.ndim:
        return {"array": state.tolist()}
    if isinstance(state, list | tuple):
        return [to_json(item) for item in state]
    return state.item() if isinstance(state, np.generic | np.ndarray) else state


def from_json(stored: Any) -> Any:
    """Undo :func:`to_json`."""
    if isinstance(stored, Mapping):
        if set(stored) == {"pairs"}:
            return {key: from_json(value) for key, value in stored["pairs"]}
        if set(stored) == {"array"}:
            return np.array(stored["array"], dtype=np.float64)
        return {key: from_json(value) for key, value in stored.items()}
    return [from_json(item) for item in stored] if isinstance(stored, list) else stored


def _encoders_to_json(state: Mapping[str, tuple[Any, Mapping[str, Any]]]) -> dict[str, Any]:
    """Keep the levels of each factor; the rest of formulaic's state follows from the formula."""
    return {
        expression: [kind.value, to_json(list(found["categories"]))]
        for expression, (kind, found) in state.items()
        if "categories" in found
    }


def _encoder_state(encoders: Mapping[str, Any]) -> dict[str, Any]:
    from formulaic.parser.types import Factor

    return {
        expression: (Factor.Kind(kind), {"categories": list(levels)})
        for expression, (kind, levels) in encoders.items()
    }


def _functions() -> dict[str, Any]:
    """Return the functions that formulaic lacks, or that have another meaning here."""
    return {
        "sqrt": np.sqrt,
        "abs": np.abs,
        "log1p": np.log1p,
        "expm1": np.expm1,
        "C": _coded,
        INFINITE: np.inf,
        **interactions(),
        **splines(),
    }


def _coded(values: pd.Series, contrasts: Any = None) -> Any:
    """Code a column level by level; whole numbers are named without a decimal point."""
    from formulaic.transforms import C

    if values.dtype == np.float64 and bool(
        (np.isfinite(values) & (values == values.round())).all()
    ):
        values = values.astype(np.int64)
    return C(values, _with_level(contrasts, values))


def _with_level(contrasts: Any, values: pd.Series) -> Any:
    """Return contrasts whose reference, such as 2003, is the level of that name, "2003"."""
    base = getattr(contrasts, "base", None)
    known = list(values.cat.categories) if hasattr(values, "cat") else []
    if base is None or base in known or (level := named_level(base, known)) is None:
        return contrasts
    return replace(contrasts, base=level)


def _cannot_evaluate(error: Exception, named: Callable[[str], str]) -> WorkbenchError:
    """Return the error that a function of this package raised inside formulaic, if one did."""
    term = _FACTOR.search(str(error))
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, WorkbenchError):
            return cause
        if isinstance(cause, OutsideRangeError):
            return cause.named(named(term.group(1) if term else "bs"))
        cause = cause.__cause__ or cause.__context__
    return FormulaError(
        f"The formula cannot be evaluated over these data: {str(error)[:_LONGEST_REASON]}",
        hint="check the term it names, and the levels and options it gives.",
        code="cannot-evaluate",
    )
