"""The left side of a formula."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.data import columns as reading
from workbench.data.complete_cases import CompleteCases
from workbench.data.formula.materialize import frame_for, materialize, refuse_not_finite
from workbench.data.formula.parser import ParsedFormula
from workbench.data.formula.terms import term_list
from workbench.data.names import level_text, shown
from workbench.errors import DataError, FormulaError
from workbench.protocols import Numpy


def read_outcome(
    parsed: ParsedFormula, sample: CompleteCases, positive: str | None
) -> tuple[Numpy, tuple[str, str] | None]:
    """Return the outcome ``(n,)`` and, of a two-valued one, the levels of 0 and 1.

    Raises
    ------
    DataError
        When it is text without exactly two values, or ``positive`` is not one of them.
    """
    word = parsed.outcome.strip()
    name = parsed.aliases.get(word, word)
    if name not in sample.columns:
        return _computed(parsed, sample), None
    column = pd.Series(sample.columns[name])
    if positive is None and _holds_numbers(column):
        return sample.number(name), None
    return _two_valued(column, name, positive)


MOST_LEVELS = 200
"""Levels of an ordered outcome; each but one has a cutpoint."""
_NAMED = 4


def read_ordered(parsed: ParsedFormula, sample: CompleteCases) -> tuple[Numpy, tuple[str, ...]]:
    """Return an outcome as the numbers of its levels ``(n,)``, from 0, and the levels in order.

    Numbers are ordered as they are, and categories as they say, those without rows left out.

    Raises
    ------
    DataError
        When it holds text or categories without an order, one level, or too many.
    """
    word = parsed.outcome.strip()
    name = parsed.aliases.get(word, word)
    if name not in sample.columns:
        codes, levels = _numbered(_computed(parsed, sample))
    else:
        column = pd.Series(sample.columns[name])
        in_order = isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered
        if not in_order and not _holds_numbers(column):
            raise _no_order(name, column)
        codes, levels = _by_category(column) if in_order else _numbered(sample.number(name))
    _refuse_number_of_levels(name, len(levels))
    return codes, levels


def _numbered(values: Numpy) -> tuple[Numpy, tuple[str, ...]]:
    found, codes = np.unique(values, return_inverse=True)
    return codes.astype(np.float64), tuple(level_text(level) for level in found.tolist())


def _by_category(column: pd.Series) -> tuple[Numpy, tuple[str, ...]]:
    used = column.cat.remove_unused_categories()
    levels = tuple(level_text(level) for level in used.cat.categories)
    return np.asarray(used.cat.codes, dtype=np.float64), levels


def unused_levels(column: pd.Series) -> list[str]:
    """Return the categories of a column that no row has."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return []
    used = set(column.dropna().unique())
    return [level_text(level) for level in column.cat.categories if level not in used]


def _no_order(name: str, column: pd.Series) -> DataError:
    texts = sorted(level_text(level) for level in column.dropna().unique())
    some = ", ".join(f'"{shown(text)}"' for text in texts[:_NAMED])
    more = ", ..." if len(texts) > _NAMED else ""
    return DataError(
        f"The levels of {shown(name)} have no order: {some}{more}.",
        hint=f"state it, lowest first: df[{name!r}] = pd.Categorical(df[{name!r}], "
        f"[{some}{more}], ordered=True).",
        code="no-order",
        where=name,
    )


def _refuse_number_of_levels(name: str, levels: int) -> None:
    if not 2 <= levels <= MOST_LEVELS:
        what = "one level" if levels == 1 else f"{levels:,} levels"
        raise DataError(
            f"The outcome {shown(name)} has {what}; an ordered outcome has from 2 to "
            f"{MOST_LEVELS}.",
            hint="choose another outcome, or another model.",
            code="constant-outcome" if levels < 2 else "too-many-levels",
            where=name,
        )


def _holds_numbers(column: pd.Series) -> bool:
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.categories.to_series()
    return reading.content(column) == "number"


def _computed(parsed: ParsedFormula, sample: CompleteCases) -> Numpy:
    text = shown(parsed.parts.outcome)
    frame = frame_for(parsed, sample.columns, parsed.outcome_reads.columns)
    made = materialize(term_list(parsed.outcome, intercept=False), frame)
    if made.matrix.shape[1] != 1:
        raise FormulaError(
            f"The left side {text} makes {made.matrix.shape[1]} columns.",
            hint="one outcome, as in log(wage) ~ educ; a sum of columns goes into I(...).",
            code="outcome",
            where=text,
        )
    refuse_not_finite(made.matrix, [text], sample.rows)
    return np.ascontiguousarray(made.matrix[:, 0])


def _two_valued(
    column: pd.Series, name: str, positive: str | None
) -> tuple[Numpy, tuple[str, str]]:
    """Turn a two-valued outcome into 0 and 1; the level of 1 is never guessed."""
    levels = sorted((level_text(level), level) for level in column.unique())
    texts = [text for text, _ in levels]
    if len(texts) != 2:
        some = (
            f"{len(texts):,} different values, such as {shown(repr(levels[0][1]))}" if texts else ""
        )
        reason = f"has {some}" if len(texts) > 1 else "does not vary"
        raise DataError(
            f"The outcome {shown(name)} {reason}, where a text or positive= needs two.",
            hint="choose an outcome of numbers, or one with two values.",
            code="text-outcome",
            where=name,
        )
    if positive is None or level_text(positive) not in texts:
        raise _which_level(name, texts, positive)
    one = texts.index(level_text(positive))
    chosen = (column == levels[one][1]).to_numpy(dtype=np.float64)
    return chosen, (texts[1 - one], texts[one])


def _which_level(name: str, levels: list[str], positive: str | None) -> DataError:
    given = "" if positive is None else f", not {shown(repr(positive))}"
    zero, one = (shown(level) for level in levels)
    return DataError(
        f'The outcome {shown(name)} has the levels "{zero}" and "{one}"{given}; which one is 1?',
        hint=f'positive="{one}" or positive="{zero}".',
        code="which-level",
        where=name,
    )
