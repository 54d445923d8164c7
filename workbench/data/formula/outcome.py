"""The left side of a formula."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.data import columns as reading
from workbench.data.complete_cases import Sample
from workbench.data.formula.materialize import frame_for, materialize, refuse_not_finite
from workbench.data.formula.parser import ParsedFormula
from workbench.data.formula.terms import term_list
from workbench.data.names import level_text, shown
from workbench.errors import DataError, FormulaError
from workbench.protocols import Numpy


def read_outcome(
    parsed: ParsedFormula, sample: Sample, positive: str | None
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


def _holds_numbers(column: pd.Series) -> bool:
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.categories.to_series()
    return reading.content(column) == "number"


def _computed(parsed: ParsedFormula, sample: Sample) -> Numpy:
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
        reason = f"has {len(texts):,} different values" if len(texts) > 1 else "does not vary"
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
