"""Shared parts of optimizers: figures of a step, checks of settings and of libraries."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from workbench.errors import OptionError
from workbench.extras import install_command
from workbench.options import Kind, Options, option
from workbench.protocols import Iterate, Numpy

Alternatives = tuple[tuple[str, ...], ...]
"""Sets of libraries of which any one is enough: ``(("torch",), ("jax", "optax"))``."""


@dataclass(frozen=True, kw_only=True)
class OptimizerOptions(Options):
    """The options of all optimizers.

    Parameters
    ----------
    max_steps
        The step limit of a run; None for the caller's default.
    """

    name: ClassVar[str] = ""
    refusal_code: ClassVar[str] = "bad-setting"
    unknown_code: ClassVar[str] = "unknown-setting"
    chosen_by: ClassVar[str] = "optimizer"

    max_steps: int | None = option(None, kind=Kind.COUNT, least=1, help="step limit of a run")


class StateBox:
    """The state that a resumed run needs in addition to its point, such as the moments of Adam.

    Parameters
    ----------
    content
        The result of :meth:`to_dict` before the run was interrupted; empty for a new run.
    """

    def __init__(self, content: Mapping[str, Any] | None = None) -> None:
        self._read: Callable[[], dict[str, Any]] = lambda: dict(content or {})

    def watch(self, read: Callable[[], dict[str, Any]]) -> None:
        """Set the function that reads the optimizer's present state."""
        self._read = read

    def to_dict(self) -> dict[str, Any]:
        """Return the state as plain JSON types; call it between two steps."""
        return self._read()


def next_iterate(last: Iterate | None, params: Numpy, value: float, gradient: Numpy) -> Iterate:
    """Return the iterate of a step from ``last`` to ``params``, or of the start without ``last``.

    ``gradient`` is that of the mean objective, shape ``(k,)``; its norm is the largest absolute
    element.  The length of the step is Euclidean.
    """
    number = 0 if last is None else last.number + 1
    length = 0.0 if last is None else math.dist(params, last.params)
    return Iterate(number, params, value, float(np.max(np.abs(gradient), initial=0.0)), length)


def why_not(alternatives: Alternatives) -> str:
    """Say what is missing and how to install it; empty when one alternative is installed."""
    gaps = [[name for name in names if find_spec(name) is None] for names in alternatives]
    if not gaps or not all(gaps):
        return ""
    ways = dict.fromkeys(install_command(gap[0]) for gap in gaps)
    return f"needs {' or '.join(' and '.join(gap) for gap in gaps)}: {' or '.join(ways)}"


def require(title: str, alternatives: Alternatives) -> None:
    """Refuse an optimizer whose library is missing.

    Raises
    ------
    OptionError
        With the command that installs what is missing.
    """
    if reason := why_not(alternatives):
        needs, _, hint = reason.partition(": ")
        raise OptionError(f"{title} {needs}.", hint, code="missing-library", where="optimizer")
