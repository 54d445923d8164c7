"""Columns of text that may hold numbers: their values, or why they are text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from workbench.data.columns import Codes
from workbench.data.names import shown
from workbench.data.number_texts import NumberTexts, read_numbers
from workbench.errors import DataError
from workbench.protocols import Numpy

_WITH_MARKS = re.compile(r"\W*(?:\d[\d.,' ]*|[.,]\d+)(?:[%*†‡§+) ]*| [a-z]{1,2})")
"""A number by itself, with signs in front of it, or footnote marks or flags behind it."""

_MEASURED = re.compile(r"\W*\d[\d.,' ]*(?:[^\W\d]{1,3}\W*|‰|[DdEe][+-]?\d+|:\d\d(?::\d\d)?|/\d+)")
"""A number with a unit, another exponent or per mille, a time, or a fraction."""

_FEW = 10
"""Levels that such texts may have as names, as the classes 7a and 7b of a school."""


@dataclass(frozen=True)
class TextColumn:
    """What a column with text in it was read as.

    Attributes
    ----------
    found
        The reading of its distinct texts.
    values
        The numbers, ``(n,)``, NaN where missing; None where the texts are not all numbers.
    row, odd
        The first row whose text is no number, or may be two, and that text.
    alike
        Whether most of the texts look like numbers.
    """

    name: str
    found: NumberTexts
    values: Numpy | None
    row: int
    odd: str
    alike: bool

    @property
    def note(self) -> str:
        """A sentence on the reading as numbers."""
        decided = f" ({'; '.join(self.found.decided)})" if self.found.decided else ""
        return f"{self._lead}{decided}."

    @property
    def _lead(self) -> str:
        return f"{shown(self.name)} is text that was read as numbers"

    def is_said_in(self, notes: Sequence[str]) -> bool:
        """Tell whether notes of a fit say all that was decided to read these texts as numbers."""
        own = [note for note in notes if note.startswith(self._lead)]
        return all(any(decision in note for note in own) for decision in self.found.decided)

    def unsaid(self) -> DataError:
        """Return the error for data whose reading differs from that of the fit's data."""
        return DataError(
            f"{shown(self.name)} is text that reads as numbers with {'; '.join(self.found.decided)}"
            f": row {self.row} has {shown(repr(self.odd))}. The data of the fit were not read so.",
            hint=f"make it numbers first, as in the data of the fit: df[{self.name!r}] = ….",
            code="not-a-number",
            where=self.name,
        )

    def refusal(self, in_file: bool, *, may_be_levels: bool) -> DataError:
        """Return the error for a place where numbers are needed."""
        cell = f"row {self.row} has {shown(repr(self.odd))}"
        problem = f"{shown(self.name)} holds text where a number is needed: {cell}."
        if self.found.readings is not None:
            one, other = self.found.readings
            problem = (
                f"{shown(self.name)} has a mark that may stand for thousands or decimals: {cell}, "
                f"which is {one} or {other}."
            )
        levels = " or write C(...) around it to give each level a coefficient."
        return DataError(
            problem,
            hint=self._advice(in_file) + ("," + levels if may_be_levels else "."),
            code="not-a-number",
            where=self.name,
        )

    def _advice(self, in_file: bool) -> str:
        column = f"df[{self.name!r}]"
        if self.found.readings is not None:
            if in_file:
                return 'say which, wb.read_csv(path, decimal=",") or decimal="."'
            return (
                f"say which: {column}.str.replace(',', '.') for decimals, or "
                ".str.replace(',', '') for thousands, and then pd.to_numeric"
            )
        if in_file:
            return "correct that cell in the file, or leave it empty"
        return f"correct that cell, and then {column} = pd.to_numeric({column})"


def read_text_column(column: pd.Series, name: str, *, in_file: bool = False) -> TextColumn:
    """Read the texts of a column, ``(n,)``, as numbers, next to the numbers that it has.

    Texts such as ``n/a`` are no numbers here: what is missing in them is for a person to say.  Of a
    file, where they are missing in a column of numbers, the first odd text is another one.
    """
    values = column.astype(object).reset_index(drop=True)
    is_text = values.map(lambda value: isinstance(value, str)).astype(bool)
    codes, texts = pd.factorize(values.where(is_text, None))
    found = read_numbers(list(texts), missing=())
    if found.odd is not None and in_file:
        found = replace(found, odd=read_numbers(list(texts)).odd or found.odd)
    return TextColumn(
        name,
        found,
        _values(values, is_text, codes, found),
        *_first_odd(codes, list(texts), found),
        alike=max(_alike(list(texts)), found.like_numbers) * 2 > len(texts),
    )


def _alike(texts: Sequence[str]) -> int:
    """Count the texts that look like numbers with something around them."""
    forms = [_WITH_MARKS, *([_MEASURED] if len(texts) > _FEW else [])]
    return sum(any(form.fullmatch(text.strip()) for form in forms) for text in texts)


def _values(
    values: pd.Series, is_text: pd.Series, codes: Codes, found: NumberTexts
) -> Numpy | None:
    if found.values is None:
        return None
    numbers = np.append(found.values.astype(np.float64), np.nan)[codes]
    others = (~is_text & values.notna()).to_numpy()
    try:
        numbers[others] = values[others].astype(np.float64)
    except (TypeError, ValueError):  # dates and other objects next to the texts
        return None
    return np.asarray(numbers)


def _first_odd(codes: Codes, texts: list[str], found: NumberTexts) -> tuple[int, str]:
    if found.odd is None:
        return int(np.argmax(codes >= 0)), texts[0] if texts else ""
    position, text = found.odd
    return int(np.argmax(codes == position)), text
