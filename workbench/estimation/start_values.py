"""Start values given by the user in place of the default ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from workbench.errors import OptionError
from workbench.protocols import Numpy


def with_start_values(
    default: Numpy,
    given: Mapping[str, float] | None,
    names: Sequence[str],
    *,
    natural: Callable[[Numpy], Numpy],
    unconstrained: Callable[[Numpy], Numpy],
) -> Numpy:
    """Put start values in the place of the default ones, ``(k,)`` in unconstrained parameters.

    Parameters
    ----------
    default
        The model's own start, ``(k,)``.
    given
        Start values of some natural parameters, by name.
    names
        The names of the natural parameters.
    natural, unconstrained
        Functions from unconstrained to natural parameters, and back.

    Raises
    ------
    OptionError
        When a name is not a parameter, or a value is not a finite number inside the bounds.
    """
    if not given:
        return default
    params = natural(default)
    found = _inside(_with(params, given, names), unconstrained)
    if found is not None and np.isfinite(list(given.values())).all():
        return found
    alone = ({name: value} for name, value in given.items())
    wrong = (each for each in alone if not _valid(params, each, names, unconstrained))
    name = next(iter(next(wrong, given)))
    raise OptionError(
        f"The start value of {name} is {given[name]:g}.",
        hint="give a finite number inside its bounds; a standard deviation starts above zero.",
        code="start-not-finite",
        where=name,
    )


def _with(params: Numpy, given: Mapping[str, float], names: Sequence[str]) -> Numpy:
    """Return parameters ``(k,)`` with some of them replaced, by name."""
    found = params.copy()
    for name, value in given.items():
        if name not in names:
            raise OptionError(
                f'There is no parameter "{name}" to start.',
                hint=f"one of {list(names)}.",
                code="no-such-parameter",
                where=name,
            )
        found[list(names).index(name)] = value
    return found


def _valid(
    params: Numpy,
    given: Mapping[str, float],
    names: Sequence[str],
    unconstrained: Callable[[Numpy], Numpy],
) -> bool:
    """Whether start values are valid together with the default ones of the other parameters."""
    finite = np.isfinite(list(given.values())).all()
    return bool(finite) and _inside(_with(params, given, names), unconstrained) is not None


def _inside(params: Numpy, unconstrained: Callable[[Numpy], Numpy]) -> Numpy | None:
    """Return natural parameters in unconstrained parameters, or None outside their bounds."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = unconstrained(params)
    return found if np.isfinite(found).all() else None
