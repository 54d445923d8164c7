"""The fields of the Setup page that are drawn from declared options.

Each group of fields belongs to what is chosen: the model, the optimizer, the demeaner, the standard
errors, or the run itself.  Nothing here knows an option by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from workbench.covariances.kinds import covariance_class
from workbench.data.formula.parser import formula_roles
from workbench.demeaners import DEMEANERS
from workbench.errors import OptionError, WorkbenchError
from workbench.estimation.model import MOST_LEVELS_LISTED, Suggestion, model_class
from workbench.estimation.specification import RunOptions, Specification
from workbench.models.drafts import CELLS_AT_ONCE
from workbench.notebook.setup.chosen import Chosen
from workbench.notebook.setup.data import Opened
from workbench.notebook.setup.formula_text import sides
from workbench.optimizers import OPTIMIZERS
from workbench.options import Kind, Option, options_of, plain

GROUPS = ("model", "optimizer", "demeaner", "se", "run")
"""What the drawn fields belong to."""

OF_THE_PAGE = {
    *("se", "cluster", "se_options", "weights", "weight_kind", "offset", "positive"),
    *("optimizer", "demeaner", "backend", "device", "dtype", "start", "max_steps", "name"),
}
"""The options of a run that have a separate field on the page."""

_LIMIT = "max_steps"
"""The option of optimizers that has a separate field on the page."""
_TEXT, _NUMBER = (str,), (int, float, str)
_SHAPES: Mapping[Kind, tuple[type, ...]] = {
    Kind.COUNT: _NUMBER,
    Kind.NUMBER: _NUMBER,
    Kind.FLAG: (bool,),
    Kind.CHOICE: (str, int, float, bool),
    Kind.COLUMNS: (list,),
    Kind.NUMBERS: (dict,),
    Kind.CHOICES: (dict,),
    Kind.GROUPS: (dict,),
    Kind.SETTINGS: (dict,),
}
"""What the page sends for each kind of option; texts for all others."""


def declared(of: str, chosen: Chosen) -> tuple[Option, ...]:
    """Return the options that belong to a group, in the order in which they are declared."""
    if of == "model":
        return options_of(model_class(chosen.template))
    if of == "optimizer":
        return _options_of(OPTIMIZERS.get(chosen.optimizer))
    if of == "demeaner":
        return _options_of(DEMEANERS.get(chosen.demeaner))
    if of == "se":
        return options_of(covariance_class(chosen.se))
    return tuple(each for each in options_of(RunOptions) if each.name not in OF_THE_PAGE)


def _options_of(kind: type | None) -> tuple[Option, ...]:
    return () if kind is None else options_of(kind)


def shown(of: str, chosen: Chosen) -> tuple[Option, ...]:
    """Return the options of a group that have an effect on the run, each of which is a field."""
    model = model_class(chosen.template)
    if of == "optimizer" and not model.optimizer_is_chosen():
        return ()
    if of == "demeaner" and not sides(chosen.formula).tail:
        return ()
    return tuple(
        each
        for each in declared(of, chosen)
        if each.kind is not Kind.MEMBER
        and not (of == "optimizer" and each.name == _LIMIT)
        and getattr(model, each.needs, True)
    )


def values_of(of: str, chosen: Chosen) -> Mapping[str, Any]:
    """Return the values in the fields of a group, by option."""
    values: Mapping[str, Any] = getattr(chosen, f"{of}_options")
    return values


def accepted(each: Option, value: Any) -> Any:
    """Return a value that a field may hold; None where the field is emptied.

    Raises
    ------
    OptionError
        When the value is of another type than the option's kind.
    """
    if value is None or value in ("", {}, []):
        return None
    types = _SHAPES.get(each.kind, _TEXT)
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise OptionError(
            f"The option {each.name} has no value of that type.", code="bad-choice", where=each.name
        )
    return value


def drafted(options: Sequence[Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that differ from the defaults, in plain form where they are valid."""
    given = [
        (each, _plain(each, values[each.name]))
        for each in options
        if values.get(each.name) is not None
    ]
    return {
        each.name: value for each, value in given if each.required or value != plain(each.default)
    }


def _plain(each: Option, value: Any) -> Any:
    with suppress(OptionError):
        return plain(each.checked(value))
    return value  # refused by the plan, at its field


# What the page draws -----------------------------------------------------------------------------
def forms(
    chosen: Chosen, spec: Specification | None, opened: Opened | None
) -> dict[str, list[dict[str, Any]]]:
    """Return the fields of each group, as plain JSON types."""
    proposed = suggestions(chosen, spec, opened)
    return {
        of: [_field(each, values_of(of, chosen), proposed) for each in shown(of, chosen)]
        for of in GROUPS
    }


def _field(
    each: Option, values: Mapping[str, Any], proposed: Mapping[str, Suggestion]
) -> dict[str, Any]:
    suggestion = proposed.get(each.name, Suggestion())
    example = each.example if suggestion.example is None else suggestion.example
    return each.schema() | {
        "value": plain(values.get(each.name)),
        "example": plain(example),
        "names": list(suggestion.names),
    }


def suggestions(
    chosen: Chosen, spec: Specification | None, opened: Opened | None
) -> dict[str, Suggestion]:
    """Return what the model's options may be in the data, by option."""
    if opened is None or spec is None or opened.table.nrows > CELLS_AT_ONCE:
        return {}
    roles = formula_roles(chosen.formula, opened.table.names)
    regressors = tuple(name for name, role in roles.items() if role == "x")
    outcome = next((name for name, role in roles.items() if role == "y"), "")
    found = {
        each.name: Suggestion(names=_levels(opened, outcome))
        if each.kind is Kind.LEVEL
        else Suggestion(names=regressors)
        for each in declared("model", chosen)
        if each.kind in {Kind.LEVEL, Kind.NUMBERS, Kind.CHOICES}
    }
    with suppress(WorkbenchError):  # while the formula is half typed
        found |= model_class(chosen.template).suggestions(spec, opened.table)
    return found


def _levels(opened: Opened, column: str) -> tuple[str, ...]:
    if column not in opened.table.names:
        return ()
    levels = opened.table.column(column).dropna().unique()
    return tuple(sorted(map(str, levels))) if len(levels) <= MOST_LEVELS_LISTED else ()


def letters(chosen: Chosen) -> dict[str, Option]:
    """Return a letter for each option of the model that names columns, as lists mark them."""
    found: dict[str, Option] = {}
    for each in declared("model", chosen):
        if each.kind in {Kind.COLUMN, Kind.COLUMNS}:
            free = (letter for letter in each.name if letter not in {*"yxwcf", "_", *found})
            found[next(free, "•")] = each
    return found
