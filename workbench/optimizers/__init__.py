"""The optimizers: generators of iterates, listed here by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.optimizers.adam import Adam
from workbench.optimizers.base import why_not
from workbench.optimizers.newton import Newton
from workbench.optimizers.scipy_minimize import (
    BFGS,
    CG,
    LBFGSB,
    SLSQP,
    TNC,
    NelderMead,
    NewtonCG,
    TrustConstr,
    TrustExact,
)
from workbench.optimizers.sgd import SGD
from workbench.optimizers.torchmin_minimize import (
    TorchminBFGS,
    TorchminCG,
    TorchminDogleg,
    TorchminLBFGS,
    TorchminNewtonCG,
    TorchminNewtonExact,
    TorchminTrustExact,
    TorchminTrustNCG,
)
from workbench.optimizers.trust_region import TrustRegion
from workbench.options import options_from, unknown_member
from workbench.protocols import Optimizer

_MEMBERS: tuple[type[Optimizer], ...] = (
    Newton,
    TrustRegion,
    SGD,
    Adam,
    BFGS,
    LBFGSB,
    CG,
    NewtonCG,
    TNC,
    SLSQP,
    TrustExact,
    TrustConstr,
    NelderMead,
    TorchminBFGS,
    TorchminLBFGS,
    TorchminCG,
    TorchminNewtonCG,
    TorchminNewtonExact,
    TorchminTrustNCG,
    TorchminTrustExact,
    TorchminDogleg,
)

OPTIMIZERS: dict[str, type[Optimizer]] = {member.name: member for member in _MEMBERS}
"""Every optimizer by its name in a cell or a menu."""

_NEWTON_UP_TO = 300
"""Parameters up to which Newton's method is proposed: beyond, each Hessian costs too much."""


def proposed(parameters: int) -> str:
    """Return the name of the optimizer that a page proposes for a number of parameters.

    Examples
    --------
    >>> proposed(8), proposed(5000)
    ('newton', 'l-bfgs-b')
    """
    return Newton.name if parameters <= _NEWTON_UP_TO else LBFGSB.name


# Their names in Stata and statsmodels.
_ELSEWHERE = {"lbfgs": "l-bfgs-b", "nm": "nelder-mead", "ncg": "newton-cg", "nr": "newton"}


@dataclass(frozen=True)
class Description:
    """An optimizer in a menu.

    ``derivatives`` is the highest order that it uses (0, 1 or 2); ``reason`` says why it is not
    available and how to change that.
    """

    name: str
    title: str
    library: str
    derivatives: int
    available: bool
    reason: str


def describe() -> list[Description]:
    """List every optimizer, the unavailable ones with their reason."""
    return [_description(kind) for kind in OPTIMIZERS.values()]


def optimizer_named(name: str, settings: Mapping[str, Any] | None = None) -> Optimizer:
    """Make the optimizer of that name with these settings.

    Raises
    ------
    OptionError
        When the name or a setting is unknown; the nearest known one is the suggestion.

    Examples
    --------
    >>> optimizer_named("l-bfgs-b", {"memory": 5})
    LBFGSB(max_steps=None, memory=5)
    """
    if name not in OPTIMIZERS:
        raise unknown_member("optimizer", name, OPTIMIZERS, _ELSEWHERE)
    kind: Any = OPTIMIZERS[name]
    optimizer: Optimizer = options_from(kind, settings or {})
    return optimizer


def choice_of(optimizer: Optimizer) -> tuple[str, dict[str, Any]]:
    """Return an optimizer's name and the settings that differ from its defaults.

    Examples
    --------
    >>> choice_of(optimizer_named("l-bfgs-b", {"memory": 5}))
    ('l-bfgs-b', {'memory': 5})
    """
    options: Any = optimizer
    return optimizer.name, options.changed()


def _description(kind: Any) -> Description:
    reason = why_not(getattr(kind, "requires", ()))
    library, order = getattr(kind, "library", "workbench"), getattr(kind, "derivatives", 2)
    return Description(kind.name, kind.title, library, order, not reason, reason)
