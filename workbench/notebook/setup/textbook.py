"""A first model of any data: that of a textbook, or a simple one."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from workbench.data.names import quoted
from workbench.data.table import ColumnSummary
from workbench.models.registry import listed
from workbench.notebook.setup.available import usual_model

_FEW_REGRESSORS = 5
_CALLED = re.compile(r"\w+\(")


def first_model(summaries: Sequence[ColumnSummary]) -> tuple[str, str, Mapping[str, Any]]:
    """Return a template, a formula and options: a textbook's, else a first model of any table."""
    known = textbook([item.name for item in summaries])
    return known or (*_simple_model(summaries), {})


def textbook(
    names: Collection[str], needed: Collection[str] = ()
) -> tuple[str, str, Mapping[str, Any]] | None:
    """Return the template, formula and options of a textbook's data with these columns.

    Parameters
    ----------
    names
        The columns of the data.
    needed
        Options that the model must give.
    """
    found = [
        (name, formula, options)
        for name, kind in listed().items()
        for formula, options in kind.textbook.items()
        if options.keys() >= {*needed} and {*names} >= _columns(formula, options)
    ]
    found.sort(key=lambda each: -len(each[2]))  # options name columns that identify data sets
    return next(iter(found), None)


def _columns(formula: str, options: Mapping[str, Any]) -> set[str]:
    """Return the columns that a model of a textbook reads."""
    return {*re.findall(r"\w+", _CALLED.sub("", formula)), *options.values()}


def _simple_model(summaries: Sequence[ColumnSummary]) -> tuple[str, str]:
    """Return a template and a formula that suit the likely outcome."""
    numeric = [item for item in summaries if _is_number(item)]
    usable = [item for item in numeric if not item.missing] or numeric
    outcome = _likely_outcome(usable)
    if outcome is None:
        return usual_model("number"), ""
    others = [quoted(item.name) for item in usable if item is not outcome]
    if not all(re.fullmatch(r"x\d+", name) for name in others):
        others = others[
            :_FEW_REGRESSORS
        ]  # in a table of y and x1 to x100 all columns are regressors
    counts = outcome.kind == "integer" and outcome.minimum == 0
    kind = outcome.kind if outcome.kind == "0/1" or counts else "number"
    return usual_model(kind), f"{quoted(outcome.name)} ~ {' + '.join(others) or '1'}"


def _likely_outcome(usable: Sequence[ColumnSummary]) -> ColumnSummary | None:
    called_y = (item for item in usable if item.name.lower() == "y")
    binary = (item for item in usable if item.kind == "0/1")
    return next(called_y, None) or next(binary, None) or next(iter(usable), None)


def _is_number(item: ColumnSummary) -> bool:
    return item.kind in {"0/1", "integer", "number"} and item.minimum != item.maximum
