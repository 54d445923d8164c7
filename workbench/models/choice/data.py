"""Choice data: one row per alternative of a choice situation, checked and sorted by person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.data.columns import first_rows, sorted_codes
from workbench.data.complete_cases import Positions
from workbench.data.design import Design, build_design
from workbench.data.names import level_text, shown
from workbench.data.table import Table
from workbench.errors import DataError
from workbench.kernels.choice.differences import differences
from workbench.kernels.linear.collinear import dependent_columns
from workbench.kernels.linear.gram import gram
from workbench.likelihoods.base import Support
from workbench.models.choice.options import RowColumns
from workbench.models.design.checks import refuse_outside
from workbench.models.design.read import absorbing_models
from workbench.protocols import Numpy

INCOMPLETE = "in choice situations with an incomplete row"
ALONE = "the only alternative of their choice situation"
"""Reasons for which rows are left out."""

_IDS_NAMED = 5
# Differences this small relative to the column's largest value are rounding.
_ROUNDING = 1e-13


@dataclass(frozen=True)
class ChoiceData:
    """Choice situations, sorted by person, situation and alternative.

    Attributes
    ----------
    design
        The rows used, in the table's order; its matrix still has the intercept.
    order
        Position in the design of each sorted row, ``(m,)``.
    x, names
        Regressors of the sorted rows, ``(m, p)``, those that do not vary within
        situations or are collinear left out, and their names.
    kept
        Positions of these columns in the design.
    first
        Where each situation begins among the sorted rows, ``(s + 1,)``.
    person_first
        Where each person begins among the situations, ``(n + 1,)``.
    chosen
        The sorted row chosen in each situation, ``(s,)``.
    codes, labels
        Alternative of each sorted row, ``(m,)``, and the alternatives' names.
    weights
        The weight of each person, ``(n,)``, or None.
    left_out
        A sentence for each column left out.
    """

    design: Design
    order: Positions
    x: Numpy
    names: tuple[str, ...]
    kept: tuple[int, ...]
    first: Positions
    person_first: Positions
    chosen: Positions
    codes: Positions
    labels: tuple[str, ...]
    weights: Numpy | None
    left_out: tuple[str, ...]

    @property
    def situations(self) -> int:
        """The number of choice situations ``s``."""
        return len(self.first) - 1

    @property
    def persons(self) -> int:
        """The number of persons ``n``."""
        return len(self.person_first) - 1

    @property
    def situation_of(self) -> Positions:
        """The situation of each sorted row, ``(m,)``."""
        return np.repeat(np.arange(self.situations), np.diff(self.first))

    @property
    def person_of(self) -> Positions:
        """The person of each situation, ``(s,)``."""
        return np.repeat(np.arange(self.persons), np.diff(self.person_first))

    @property
    def first_rows(self) -> Positions:
        """The design's row that comes first for each person, ``(n,)``."""
        return np.asarray(self.order[self.first[self.person_first[:-1]]])

    def never_chosen(self) -> tuple[str, ...]:
        """Name the alternatives that nobody chose: their constants have no finite estimate."""
        counts = np.bincount(self.codes[self.chosen], minlength=len(self.labels))
        names = [shown(self.labels[j]) for j in np.flatnonzero(counts == 0).tolist()]
        if not names:
            return ()
        more = f" and {len(names) - _IDS_NAMED:,} more" if len(names) > _IDS_NAMED else ""
        return (f"Nobody chose {', '.join(names[:_IDS_NAMED])}{more}.",)

    def by_person(self, values: Any, what: str, table: Table, roles: RowColumns) -> Any:
        """Return the value of each person, ``(n,)``, that the rows ``(r,)`` of one share.

        Raises
        ------
        DataError
            When the rows of a person differ, naming the person.
        """
        person = self.person_of[self.situation_of]
        shared = values[self.first_rows]
        differ = np.flatnonzero(values[self.order] != shared[person])
        refuse_varying(self.design.rows[self.order[differ]], what, table, roles)
        return shared


def refuse_varying(rows: Positions, what: str, table: Table, roles: RowColumns) -> None:
    """Refuse a column with other values in some rows of the table than in those of their person."""
    if not len(rows):
        return
    name = roles.panel or roles.situation
    raise DataError(
        f"{shown(what)} differs between the rows of one {shown(name)}: the first is "
        f"{shown(level_text(table.column(name).iloc[int(rows[0])]))}.",
        hint=f"a column that has one value for each {shown(name)}.",
        code="varies-within-person",
        where=what,
    )


def read_choices(
    table: Table,
    formula: str,
    roles: RowColumns,
    *,
    cluster: Sequence[str] = (),
    weights: str | None = None,
    weight_kind: str | None = None,
    missing: str = "drop",
    positive: str | None = None,
    collinear: str = "drop",
    also_complete: Sequence[Positions] = (),
) -> ChoiceData:
    """Read choice situations from long data.

    Parameters
    ----------
    table
        One row per alternative of a choice situation.
    formula
        ``chosen ~ terms``; the outcome is 1 in the row of the chosen alternative.  There is no
        intercept, which would shift all alternatives equally; ``C(mode)`` gives constants.
    roles
        The columns that name situation, alternative and person.
    cluster, weights, weight_kind, missing, positive
        As `build_design` has them.
    collinear
        ``"drop"`` leaves out columns that are collinear in differences between alternatives;
        ``"refuse"`` refuses them.
    also_complete
        Further sets of complete rows, ``(r,)`` positions in the table; a row is complete if it is
        in all of them.

    Raises
    ------
    DataError
        When a situation has no or several choices, or lists an alternative twice, by id; or when
        nothing is left to estimate from.
    """
    groups = tuple(dict.fromkeys([*roles.names, *cluster]))
    design = build_design(
        table,
        formula,
        cluster=groups,
        weights=weights,
        weight_kind=weight_kind,
        missing=missing,
        positive=positive,
        absorbing=absorbing_models(),
    )
    design = _complete_situations(design, table, roles, also_complete)
    situation, person = _numbered(table, roles, design.rows)
    codes, labels = labelled(_over(table, roles.alternatives, design.rows))
    _check(design, table, roles, situation, codes)
    used = _without_alone(design, situation)
    if used is not design:
        situation, person = _numbered(table, roles, used.rows)
        codes, labels = labelled(_over(table, roles.alternatives, used.rows))
    found = _sorted(used, person, situation, codes, labels, collinear)
    if weights is None:
        return found
    return replace(found, weights=found.by_person(used.weights, weights, table, roles))


def _complete_situations(
    design: Design, table: Table, roles: RowColumns, also_complete: Sequence[Positions]
) -> Design:
    """Leave out situations with an incomplete row: their choice sets would be smaller."""
    if len(design.rows) == table.nrows and not also_complete:
        return design
    complete = np.zeros(table.nrows, dtype=bool)
    complete[design.rows] = True
    for rows in also_complete:
        complete &= np.isin(np.arange(table.nrows), rows)
    if complete.all():
        return design
    situation = _situations(table, roles, np.arange(table.nrows))
    known = situation >= 0
    broken = np.zeros(int(situation.max(initial=-1)) + 1, dtype=bool)
    if table.selection is not None:  # rows outside the subset are in no choice set
        known &= table.selection.rows
    broken[situation[known & ~complete]] = True
    keep = complete[design.rows] & ~broken[situation[design.rows]]
    return _keeping(design, keep, INCOMPLETE)


def _keeping(design: Design, keep: npt.NDArray[np.bool_], reason: str) -> Design:
    if keep.all():
        return design
    if not keep.any():
        raise DataError(
            f"No choice situation is left: all rows are {reason}.",
            hint="fill the gaps, or leave the variable with most gaps out.",
            code="no-rows-left",
        )
    return design.keeping(keep, {reason: int((~keep).sum())})


def _over(table: Table, name: str, rows: Positions) -> pd.Series:
    """Return a column over some rows, in increasing order."""
    column = table.column(name)
    return column if len(rows) == table.nrows else column.iloc[rows]


def _situations(table: Table, roles: RowColumns, rows: Positions) -> Positions:
    """Give numbers to the situations of some rows by sorted ids; -1 where an id is missing."""
    codes = sorted_codes(_over(table, roles.situation, rows))
    if roles.panel is None:
        return codes
    person = sorted_codes(_over(table, roles.panel, rows))
    known = (person >= 0) & (codes >= 0)
    joined = person * (int(codes.max(initial=0)) + 1) + codes
    joined[known] = sorted_codes(pd.Series(joined[known]))
    joined[~known] = -1
    return joined


def sorted_levels(column: pd.Series) -> tuple[Positions, list[Any]]:
    """Give values numbers from 0 in sorted order, -1 where missing; return the values too.

    Mixed types are sorted as text.
    """
    codes = sorted_codes(column)
    return codes, [column.iloc[row] for row in first_rows(codes)]


def identify(table: Table, roles: RowColumns) -> tuple[Positions, Positions]:
    """Return the situation and the person of each row of a table, ``(n,)``; -1 where missing."""
    return _numbered(table, roles, np.arange(table.nrows))


def _numbered(table: Table, roles: RowColumns, rows: Positions) -> tuple[Positions, Positions]:
    situation = _situations(table, roles, rows)
    if roles.panel is None:
        return situation, situation
    return situation, sorted_codes(_over(table, roles.panel, rows))


def labelled(column: pd.Series) -> tuple[Positions, tuple[str, ...]]:
    """Give alternatives numbers from 0 in sorted order, ``(m,)``, and return their names."""
    codes, levels = sorted_levels(column)
    return codes, tuple(level_text(level) for level in levels)


# Checks ------------------------------------------------------------------------------------------
def _check(
    design: Design, table: Table, roles: RowColumns, situation: Positions, codes: Positions
) -> None:
    y, name = design.outcome, design.outcome_name
    refuse_outside(
        Support.ZERO_ONE,
        design,
        f"{shown(name)} must be 1 for the chosen alternative and else 0",
        hint=f'{shown(name)} as in df["chosen"] = (df["choice"] == df["mode"]).',
    )
    refuse_twice(table, roles, design.rows, situation, codes)
    count = np.bincount(situation, weights=y)
    several = np.bincount(situation) > 1
    for wrong, what in ((several & (count == 0), "no"), (count > 1, "more than one")):
        if wrong.any():
            raise _by_id(design, table, roles, wrong[situation], what)


def _by_id(
    design: Design, table: Table, roles: RowColumns, rows: npt.NDArray[np.bool_], what: str
) -> DataError:
    ids = _ids(table, roles, design.rows[rows])
    return DataError(
        f"{len(ids):,} of the choice situations {'has' if len(ids) == 1 else 'have'} {what} chosen "
        f"alternative: {_some(ids)}.",
        hint=f"one row of each with {design.outcome_name} = 1, or leave them out.",
        code="no-choice" if what == "no" else "two-choices",
        where=roles.situation,
    )


def refuse_twice(
    table: Table, roles: RowColumns, rows: Positions, situation: Positions, codes: Positions
) -> None:
    """Refuse a situation that lists an alternative twice, in some rows ``(m,)`` of a table."""
    pairs = situation * (int(codes.max(initial=0)) + 1) + codes
    if _increase(pairs):
        return
    twice = pd.Series(pairs).duplicated().to_numpy()
    if twice.any():
        row = int(rows[np.flatnonzero(twice)[0]])
        (situation_id,) = _ids(table, roles, np.array([row]))
        alternative = level_text(table.column(roles.alternatives).iloc[row])
        raise DataError(
            f"{situation_id} lists the alternative {shown(alternative)} twice.",
            hint="one row per alternative, or panel= for persons who choose several times.",
            code="alternative-twice",
            where=roles.alternatives,
        )


def _ids(table: Table, roles: RowColumns, rows: Positions) -> list[str]:
    """Name the situations of some rows, each once, as in ``id 3`` or ``person 2, id 3``."""
    names = [roles.situation] if roles.panel is None else [roles.panel, roles.situation]
    columns = [table.column(name).iloc[rows].tolist() for name in names]
    pairs = dict.fromkeys(zip(*columns, strict=True))
    return [
        ", ".join(f"{shown(n)} {shown(level_text(v))}" for n, v in zip(names, pair, strict=True))
        for pair in pairs
    ]


def _some(ids: Sequence[str]) -> str:
    return "; ".join(ids[:_IDS_NAMED]) + (", …" if len(ids) > _IDS_NAMED else "")


def _without_alone(design: Design, situation: Positions) -> Design:
    """Leave out situations of one alternative, which carry no information."""
    several = np.bincount(situation) > 1
    if several.all():
        return design
    keep = several[situation]
    if not keep.any():
        raise DataError(
            "Every choice situation has one alternative, so there is no choice.",
            hint="data with one row for each alternative that could have been chosen.",
            code="no-alternatives",
        )
    return _keeping(design, keep, ALONE)


# Sorting -----------------------------------------------------------------------------------------
def _sorted(
    design: Design,
    person: Positions,
    situation: Positions,
    codes: Positions,
    labels: tuple[str, ...],
    collinear: str,
) -> ChoiceData:
    regressors = [j for j, name in enumerate(design.names) if name != "Intercept"]
    matrix, outcome = design.matrix, design.outcome
    order = np.arange(len(codes))
    if not _in_order(person, situation, codes):
        order = np.lexsort((codes, situation, person))
        person, situation, codes = person[order], situation[order], codes[order]
        matrix, outcome = matrix[order], outcome[order]
    first = _begins(situation)
    person_first = _begins(person[first[:-1]])
    chosen = np.flatnonzero(outcome == 1)
    x = _columns(matrix, regressors)
    names = [design.names[j] for j in regressors]
    keep, left_out = _identified(x, first, chosen, names, collinear)
    return ChoiceData(
        design,
        order,
        _columns(x, keep),
        tuple(names[j] for j in keep),
        tuple(regressors[j] for j in keep),
        first,
        person_first,
        chosen,
        codes,
        labels,
        None,
        left_out,
    )


def _in_order(person: Positions, situation: Positions, codes: Positions) -> bool:
    """Return whether rows are sorted by person, situation and alternative."""
    pairs = situation * (int(codes.max(initial=0)) + 1) + codes
    return _increase(pairs) and bool((person[1:] >= person[:-1]).all())


def _increase(numbers: Positions) -> bool:
    return bool((numbers[1:] > numbers[:-1]).all())


def _columns(matrix: Numpy, kept: Sequence[int]) -> Numpy:
    """Return some columns, in increasing order; consecutive ones are copied faster."""
    stretch = slice(kept[0], kept[-1] + 1) if kept else slice(0)
    neighbours = stretch.stop - (stretch.start or 0) == len(kept)
    return np.ascontiguousarray(matrix[:, stretch if neighbours else kept])


def _begins(sorted_codes: Positions) -> Positions:
    """Return where each run of equal numbers begins, and the length, ``(groups + 1,)``."""
    changes = np.flatnonzero(np.diff(sorted_codes)) + 1
    return np.concatenate([[0], changes, [len(sorted_codes)]]).astype(np.int64)


def _identified(
    x: Numpy, first: Positions, chosen: Positions, names: Sequence[str], collinear: str
) -> tuple[list[int], tuple[str, ...]]:
    """Return the columns with identified coefficients, and why the others are left out."""
    moved, _ = differences(x, first, chosen)
    sentences = {j: _does_not_vary(names[j]) for j in range(len(names)) if _still(x, moved, j)}
    rest = [j for j in range(len(names)) if j not in sentences]
    if rest:
        used = _columns(moved, rest)
        for found in dependent_columns(used, gram(used, None)):
            partners = [names[rest[j]] for j in found.partners]
            sentences[rest[found.column]] = _is_collinear(names[rest[found.column]], partners)
    if sentences and collinear == "refuse":
        j = min(sentences)
        raise DataError(
            sentences[j],
            hint='leave it out of the formula, or collinear="drop".',
            code="collinear",
            where=names[j],
        )
    keep = [j for j in range(len(names)) if j not in sentences]
    if not keep:
        raise DataError(
            "No regressor differs between the alternatives of a choice situation: "
            + " ".join(sentences.values()),
            hint="attributes of the alternatives, or constants by C(alternative).",
            code="no-regressors",
        )
    return keep, tuple(sentences[j] for j in sorted(sentences))


def _still(x: Numpy, moved: Numpy, j: int) -> bool:
    """Return whether the differences of a column are only rounding errors."""
    reach = moved[:, j].max(initial=0.0) - moved[:, j].min(initial=0.0)
    low, high = x[:, j].min(initial=0.0), x[:, j].max(initial=0.0)
    return bool(reach <= _ROUNDING * max(high, -low))


def _does_not_vary(name: str) -> str:
    return (
        f"{name} is the same for all alternatives of each choice situation and was left out; "
        f"interacted with the alternatives, as in {name}:C(mode), it has coefficients."
    )


def _is_collinear(name: str, partners: Sequence[str]) -> str:
    listed = " and ".join(filter(None, [", ".join(partners[:-1]), *partners[-1:]]))
    return (
        f"{name} is collinear with {listed} in differences between alternatives and was left out."
    )
