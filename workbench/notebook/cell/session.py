"""The named fits of this session, which a later cell can show in the same table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.errors import OptionError
from workbench.names import nearest

if TYPE_CHECKING:
    from workbench.results.fit import Fit

_fits: dict[str, Fit] = {}


def remember(fit: Fit) -> None:
    """Keep a fit under its name; the newest of a name wins.  A fit without a name is not kept."""
    if fit.name:
        _fits.pop(fit.name, None)
        _fits[fit.name] = fit


def remembered() -> tuple[str, ...]:
    """Return the names that are known, newest last."""
    return tuple(_fits)


def fit_named(name: str, namespace: Mapping[str, Any]) -> Fit:
    """Return the session's fit of that name, or the notebook's variable of that name.

    Raises
    ------
    OptionError
        When there is neither; the nearest known name is the suggestion.
    """
    from workbench.results.fit import Fit  # loads pandas

    variable = namespace.get(name)
    if name in _fits:
        return _fits[name]
    if isinstance(variable, Fit):
        return variable
    raise OptionError(
        f'No fit of this session is named "{name}".',
        f"one of {list(_fits)}." if _fits else "run a cell with --name first.",
        code="no-such-fit",
        where="beside",
        suggestion=nearest(name, _fits),
    )
