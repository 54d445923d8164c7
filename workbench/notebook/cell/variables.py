"""The variable of the notebook that a named fit becomes."""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping
from keyword import iskeyword
from types import ModuleType
from typing import Any

from workbench.errors import OptionError
from workbench.results.fit import Fit

_OF_IPYTHON = re.compile(
    r"In|Out|get_ipython|exit|quit|display|_+|_i{0,3}\d*|_[iod]h|__\w*__|_exit_code"
)


def identifier(name: str) -> str:
    """Return the variable that a run's name becomes, or nothing when it has no letters.

    Examples
    --------
    >>> identifier("by hand"), identifier("2 stage"), identifier("class"), identifier("…")
    ('by_hand', '_2_stage', 'class_', '')
    """
    variable = re.sub(r"\W+", "_", name).strip("_")
    if variable[:1].isdigit():
        variable = f"_{variable}"
    return f"{variable}_" if iskeyword(variable) else variable


def check_name(name: str, namespace: Mapping[str, Any]) -> None:
    """Refuse a name of a run whose variable would hide a part of Python, IPython or a module.

    Raises
    ------
    OptionError
        Naming what has the name, with a free one.
    """
    variable = identifier(name)
    if owner := _owner(variable, namespace):
        free = _free(variable, namespace)
        raise OptionError(
            f'The fit of a run named "{name}" would be the variable {variable}, which is {owner}.',
            hint=f"--name {free}.",
            code="name-taken",
            where="name",
            suggestion=free,
        )


def place_for(name: str, namespace: Mapping[str, Any]) -> tuple[str, str]:
    """Return the variable for a fit, and a sentence where it is not the one of the run's name.

    A variable with an earlier fit is used again; one with anything else is left alone.
    """
    variable = identifier(name)
    if not variable:
        return "", ""
    if not _owner(variable, namespace) and isinstance(namespace.get(variable, _NO_VALUE), _OURS):
        return variable, ""
    free = _free(variable, namespace)
    kind = _owner(variable, namespace) or f"a {type(namespace[variable]).__name__}"
    return free, f"{variable} is {kind} and stays as it is; the fit is the variable {free}."


class _Nothing:
    """The value of a variable that does not exist."""


_NO_VALUE = _Nothing()
_OURS = (Fit, _Nothing)


def _owner(variable: str, namespace: Mapping[str, Any]) -> str:
    """Say what has a name that a fit must not take; empty where nothing has."""
    if _OF_IPYTHON.fullmatch(variable):
        return "IPython's own"
    value = namespace.get(variable)
    if isinstance(value, ModuleType):
        return f"the module {value.__name__}"
    if hasattr(builtins, variable) and not isinstance(value, Fit):
        return "Python's own"
    return ""


def _free(variable: str, namespace: Mapping[str, Any]) -> str:
    """Return a name like a variable's that nothing else has."""
    stem = f"{variable.strip('_')}_fit" if variable.strip("_")[:1].isalpha() else "fit"
    names = (stem, *(f"{stem}_{number}" for number in range(2, len(namespace) + 3)))
    return next(n for n in names if isinstance(namespace.get(n, _NO_VALUE), _OURS))
