"""Rows never treated, as columns of cohorts and event times mark them: by no value, 0, infinity.

These marks are replaced before missing rows are left out: controls stay, and are counted in notes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.data import columns as reading
from workbench.data.complete_cases import Positions
from workbench.data.formula.parser import ParsedFormula
from workbench.data.names import level_text, shown
from workbench.data.table import Table
from workbench.errors import DataError
from workbench.protocols import Numpy
from workbench.sentences import counted

Mask = npt.NDArray[np.bool_]

WORDS = frozenset(
    f"{never}{mark}{treated}"
    for never, treated in (("never", "treated"), ("not", "treated"))
    for mark in (" ", "-", "_", "")
) | {"never", "untreated", "control", "none", "inf", "infinity"}
"""Texts, in small letters, of a cohort that is never treated."""

# As in the examples of fixest, and as surveys code what does not apply; no year has such a number.
_CODES = (99.0, 999.0, 1000.0)
_YEARS = 1500
# A negative cohort is a mark when it is this many times the length of the panel before it.
_FAR = 10


@dataclass(frozen=True)
class Mark:
    """The rows ``(n,)`` of a table that a column marks in one way as never treated.

    ``sentence`` has ``{rows}`` where the number of these rows among those used goes.
    """

    sentence: str
    rows: Mask

    def note(self, used: Positions) -> str:
        """Return the sentence about the rows used, or nothing."""
        rows = int(self.rows[used].sum())
        return self.sentence.format(rows=counted(rows, "row")) if rows else ""


@dataclass(frozen=True)
class Codes:
    """What stands for "never treated" in a column of cohorts, and whether periods are relative.

    ``values`` are numbers that are no periods, and ``missing`` says whether no value stands for it.
    """

    relative: bool = False
    values: Sequence[float] = ()
    missing: bool = False


@dataclass(frozen=True)
class Marked:
    """A table in which never treated rows have a value in ``sunab()`` and ``i()``.

    Attributes
    ----------
    table
        The data with the columns replaced.
    marks
        What was replaced.
    codes
        By column of cohorts, for data to predict.
    """

    table: Table
    marks: tuple[Mark, ...] = ()
    codes: Mapping[str, Codes] = field(default_factory=dict)

    def notes(self, used: Positions) -> tuple[str, ...]:
        """Return a sentence for each kind of mark among the rows used."""
        return tuple(filter(None, (mark.note(used) for mark in self.marks)))


def with_marks_read(
    table: Table,
    sides: Sequence[ParsedFormula],
    numeric: Collection[str] = (),
    groups: Collection[str] = (),
    known: Mapping[str, Codes] | None = None,
) -> Marked:
    """Give never treated rows a value in the columns of ``sunab()`` and ``i()``.

    In ``sunab(cohort, period)`` their cohort becomes infinite.  In ``i(period, number)`` a missing
    period becomes another one where the number is zero: all columns of the term are zero there.

    Parameters
    ----------
    table, sides
        The data, and the formulas.
    numeric, groups
        The columns that are also read as numbers, and as groups, which are replaced less.
    known
        Of a fit that predicts, the codes of its cohorts.

    Raises
    ------
    DataError
        When a column of cohorts holds text that is neither a number nor "never", or has a value in
        some rows of a unit only.
    """
    columns: dict[str, Any] = {}
    marks: list[Mark] = []
    codes: dict[str, Codes] = {}
    for side in sides:
        for function, first, second in dict.fromkeys(side.term_reads.events):
            unread = first in numeric or (known is not None and first not in known)
            if function == "sunab" and not unread:
                cohorts = _Cohorts.of(table, first, second, known)
                if cohorts.codes.missing:
                    _refuse_partly_missing(table, first, second, groups)
                columns[first] = cohorts.g
                if cohorts.relative and second not in {*numeric, *groups}:
                    columns[second] = cohorts.t
                marks += [*cohorts.marks, *_several(table, first, second, groups, cohorts.g)]
                codes[first] = cohorts.codes
            elif function == "i" and _read_once(side, first) and first not in {*numeric, *groups}:
                period, found = _periods(table, first, second)
                columns |= period
                marks += found
    return Marked(table.replacing(columns), tuple(marks), codes)


def _read_once(side: ParsedFormula, name: str) -> bool:
    """Whether a side of a formula names a column in one place."""
    spelled = {name, *(alias for alias, own in side.aliases.items() if own == name)}
    return sum(word in spelled for word in re.findall(r"[^\W\d][\w.]*", side.terms)) == 1


# sunab() -----------------------------------------------------------------------------------------
def looks_relative(period: Numpy) -> bool:
    """Whether periods run from below to above zero, as those relative to a treatment do."""
    known = period[np.isfinite(period)]
    return bool(len(known) and known.min() < 0 < known.max() and (known == 0).any())


@dataclass(frozen=True)
class _Cohorts:
    """A column of cohorts ``g (n,)``, infinite where never treated, and its periods ``t (n,)``."""

    g: Numpy
    t: Numpy
    marks: tuple[Mark, ...]
    codes: Codes

    @property
    def relative(self) -> bool:
        return self.codes.relative

    @classmethod
    def of(
        cls, table: Table, cohort: str, period: str, known: Mapping[str, Codes] | None
    ) -> _Cohorts:
        t = reading.numbers(table.column(period), period)
        g, marks = _numbers_of_cohorts(table.column(cohort), cohort)
        codes = _codes(g, t, bool(marks)) if known is None else known[cohort]
        marks |= {level_text(code): g == code for code in codes.values}
        marks |= {"no value": np.isnan(g)} if codes.missing else {}
        for rows in marks.values():
            g = np.where(rows, np.inf, g)
        found = [_mark(cohort, how, rows) for how, rows in marks.items()]
        if codes.relative:
            never = np.isnan(t) & _without_any(g, t)
            g, t = np.where(never, np.inf, g), np.where(never, np.inf, t)
            found.append(_mark(period, "no value in all rows of the cohort", never))
        return cls(g, t, tuple(found), codes)


def _mark(name: str, how: str, rows: Mask) -> Mark:
    how = how.replace("{", "{{").replace("}", "}}")
    column = shown(name).replace("{", "{{").replace("}", "}}")
    return Mark(f"{column} has {how} in {{rows}}, which are taken as never treated.", rows)


def _refuse_partly_missing(table: Table, cohort: str, period: str, groups: Collection[str]) -> None:
    """Refuse a cohort that is missing in some rows of a unit."""
    missing = table.column(cohort).isna().to_numpy()
    for name, unit in _units(table, period, groups):
        partly = np.flatnonzero(missing & np.isin(unit, unit[(unit >= 0) & ~missing]))
        if len(partly):
            where = f"{shown(name)} {shown(level_text(table.column(name).iloc[partly[0]]))}"
            raise DataError(
                f"{shown(cohort)} has no value in row {partly[0]}, and has one in other rows of "
                f"{where}, so it is not known whether {where} is ever treated.",
                hint=f"the same cohort in all rows of each {shown(name)}.",
                code="partly-missing",
                where=cohort,
            )


def _several(
    table: Table, cohort: str, period: str, groups: Collection[str], g: Numpy
) -> list[Mark]:
    """Note the units that have several cohorts."""
    found = []
    for name, unit in _units(table, period, groups):
        known = pd.DataFrame({"unit": unit, "g": g})[(unit >= 0) & ~np.isnan(g)].drop_duplicates()
        several = known["unit"][known["unit"].duplicated()].unique()
        if len(several):
            rows = np.isin(unit, several)
            first = shown(level_text(table.column(name).iloc[int(np.argmax(rows))]))
            sentence = (
                f"{shown(cohort)} differs between rows of one {shown(name)} in {len(several):,} of "
                f"them, first {shown(name)} {first}; a unit has one cohort."
            )
            found.append(Mark(sentence.replace("{", "{{").replace("}", "}}"), rows))
    return found


def _units(
    table: Table, period: str, groups: Collection[str]
) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """Return the groups that are units, with each period at most once, by name."""
    periods = reading.groups(table.column(period), period)
    for name in groups:
        unit = reading.groups(table.column(name), name)
        rows = np.flatnonzero((unit >= 0) & (periods >= 0))
        pairs = unit[rows] * (int(periods.max(initial=0)) + 1) + periods[rows]
        if len(np.unique(pairs)) == len(pairs):
            yield name, unit


def _without_any(g: Numpy, t: Numpy) -> Mask:
    """Mark the rows of cohorts that have no relative period in any row."""
    has = np.unique(g[np.isfinite(g) & ~np.isnan(t)])
    return ~np.isnan(g) & ~np.isin(g, has)


def _codes(g: Numpy, t: Numpy, marked: bool) -> Codes:
    """Find what stands for "never treated"; no value does where nothing else does."""
    if relative := looks_relative(t):
        return Codes(relative, (), bool(np.isnan(g).any() and not marked))
    periods, values = t[np.isfinite(t)], np.unique(g[np.isfinite(g)]).tolist()
    if not len(periods):
        return Codes()
    low, high = float(periods.min()), float(periods.max())
    codes = tuple(x for x in values if _is_code(x, low, high))
    return Codes(relative, codes, bool(np.isnan(g).any() and not marked and not codes))


def _is_code(cohort: float, low: float, high: float) -> bool:
    """Whether a number can be no period: 0 where periods are from 1, 1000 or -1 among years, ..."""
    far = _FAR * (high - low + 1)
    if low <= cohort <= high:
        return False
    if cohort > high:
        return cohort - high > far
    if cohort > 0:
        return low >= _YEARS and cohort in _CODES
    return (low > 0 and (cohort == 0 or low >= _YEARS)) or low - cohort > far


def _numbers_of_cohorts(column: pd.Series, name: str) -> tuple[Numpy, dict[str, Mask]]:
    """Return cohorts as numbers, infinite for "never", and the rows so marked."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if reading.content(column) not in {"text", "mixed"}:
        g = reading.numbers(column, name)
        return g, {"an infinite value": np.isinf(g)} if np.isinf(g).any() else {}
    values = column.astype(object)
    texts = values.map(lambda value: str(value).strip(), na_action="ignore")
    words = [text for text in texts.dropna().unique() if text.casefold() in WORDS]
    marks = {f'"{shown(word)}"': np.asarray(texts == word, dtype=bool) for word in words}
    never = np.asarray(texts.isin(words))
    g = pd.to_numeric(texts.mask(never), errors="coerce").to_numpy(dtype=np.float64)
    strange = np.flatnonzero(np.isnan(g) & ~never & np.asarray(texts.notna()))
    if len(strange):
        raise DataError(
            f"{shown(name)} has {shown(repr(values.iloc[strange[0]]))} in row {strange[0]}, which "
            "is no period of a first treatment.",
            hint='numbers, and "never", 0 or no value for what was never treated.',
            code="not-a-number",
            where=name,
        )
    return np.where(never, np.inf, g), marks


# i() ---------------------------------------------------------------------------------------------
def _periods(table: Table, period: str, by: str) -> tuple[dict[str, Numpy], list[Mark]]:
    columns = table.column(period), table.column(by)
    if any(reading.content(column) != "number" for column in columns):
        return {}, []
    t, z = reading.numbers(columns[0], period), reading.numbers(columns[1], by)
    controls = np.isnan(t) & (z == 0)
    known = t[np.isfinite(t) & (z != 0)]
    if not controls.any() or not len(known):
        return {}, []
    how = f"no value and {shown(by)} is 0"
    filled = np.where(controls, known.min(), t)
    return {period: filled}, [_mark(period, how, controls)]
