"""The kinds of covariance by name: one line each, loaded when it is first used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from numbers import Real
from typing import Any

from workbench.covariances.base import Covariance
from workbench.covariances.evidence import Need
from workbench.errors import OptionError
from workbench.names import nearest
from workbench.options import check_names, options_of

COVARIANCES = {
    "hessian": "workbench.covariances.hessian:Hessian",
    "opg": "workbench.covariances.opg:OPG",
    "robust": "workbench.covariances.robust:Robust",
    "HC2": "workbench.covariances.leverage:HC2",
    "HC3": "workbench.covariances.leverage:HC3",
    "cluster": "workbench.covariances.cluster:Cluster",
    "CRV3": "workbench.covariances.jackknife:CRV3",
    "newey_west": "workbench.covariances.newey_west:NeweyWest",
    "driscoll_kraay": "workbench.covariances.driscoll_kraay:DriscollKraay",
    "conley": "workbench.covariances.conley:Conley",
    "none": "workbench.covariances.none:NoErrors",
}
"""Every kind by name, in the order of menus, as ``module:class``."""


@lru_cache
def covariance_class(name: str) -> type[Covariance]:
    """Return the class of a kind.

    Raises
    ------
    OptionError
        When there is none of that name; the nearest one is the suggestion.

    Examples
    --------
    >>> covariance_class("conley").example()
    'lat="lat", lon="lon", cutoff=100'
    """
    if name not in COVARIANCES:
        raise no_such_covariance(name)
    module, _, class_name = COVARIANCES[name].partition(":")
    found: type[Covariance] = getattr(import_module(module), class_name)
    return found


def covariances() -> dict[str, type[Covariance]]:
    """Return every kind by name, in the order of menus."""
    return {name: covariance_class(name) for name in COVARIANCES}


def first_kind(names: Iterable[str], *, by_cluster: bool) -> str:
    """Return the first of some kinds that needs a column to cluster by, or the first without.

    Where they have none, it is the first of all kinds.

    Examples
    --------
    >>> first_kind(["none", "robust"], by_cluster=False), first_kind([], by_cluster=True)
    ('none', 'cluster')
    """
    kinds = (*names, *COVARIANCES)
    return next(name for name in kinds if covariance_class(name).by_cluster is by_cluster)


def no_such_covariance(name: str) -> OptionError:
    """Return the error for an unknown kind of covariance."""
    near = suggested(name)
    kinds = [each for each, kind in covariances().items() if kind.estimates_errors]
    return OptionError(
        f'There is no covariance "{name}".',
        hint=f'"{near}"?' if near else f"one of {kinds}.",
        code="no-such-covariance",
        where="se",
        suggestion=near,
    )


def suggested(name: str) -> str:
    """Return the kind that another program calls by a name, or the nearest one; or nothing.

    >>> suggested("sandwich"), suggested("newey-west"), suggested("xyz")
    ('robust', 'newey_west', '')
    """
    elsewhere = (kind.name for kind in covariances().values() if name in kind.elsewhere)
    return next(elsewhere, "") or nearest(name, COVARIANCES)


def covariance_of(name: str, options: Mapping[str, Any]) -> Covariance:
    """Return a covariance from its name and options; options that are None are left out.

    Raises
    ------
    OptionError
        When there is none of that name, or an option is unknown (the nearest is the suggestion),
        missing, or not what it must be.

    Examples
    --------
    >>> covariance_of("newey_west", {"time": "year", "lag": 2})
    NeweyWest(time='year', lag=2, unit=None)
    """
    kind = covariance_class(name)
    check_names(kind, options)
    values = {key: value for key, value in options.items() if value is not None}
    for each in options_of(kind):
        if each.required and each.name not in values:
            raise kind.missing(each)
    return kind(**values)


def name_and_options(se: Any, options: Any) -> tuple[str | None, dict[str, Any]]:
    """Return the name, None without one, and the options in plain types, as a user gave them.

    Parameters
    ----------
    se
        A name, or a covariance with its options.
    options
        The options by name where the first is a name, or None.

    Raises
    ------
    OptionError
        When options are not a mapping, or are given twice.

    Examples
    --------
    >>> from workbench.covariances.conley import Conley
    >>> name_and_options(Conley(lat="lat", lon="lon", cutoff=100), None)
    ('conley', {'lat': 'lat', 'lon': 'lon', 'cutoff': 100})
    """
    if isinstance(se, type) and issubclass(se, Covariance):
        return se.name, plain_options(options)
    if se is None or isinstance(se, str):
        return se, plain_options(options)
    if not isinstance(se, Covariance):
        raise OptionError(
            f"The option se is a {type(se).__name__}.",
            hint='a name as in "robust", or a kind with its options as in wb.CRV3(centre="mean").',
            code="bad-option",
            where="se",
        )
    if options:
        raise OptionError(
            "The option se_options is given, and se is an object that has its own options.",
            hint=f"se={type(se).__name__}({type(se).example()}) alone.",
            code="bad-option",
            where="se_options",
        )
    return se.name, plain_options(se.changed())


def plain_options(options: Any) -> dict[str, Any]:
    """Return options as plain texts and numbers, without those that are None.

    Raises
    ------
    OptionError
        When they are not a mapping.
    """
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise OptionError(
            f"The option se_options is a {type(options).__name__}, not a mapping.",
            hint='se_options=dict(time="year", lag=2).',
            code="bad-option",
            where="se_options",
        )
    return {str(name): _plain(value) for name, value in options.items() if value is not None}


def _plain(value: Any) -> Any:
    """Return a number as int or float, whole numbers as int."""
    if isinstance(value, bool | str) or not isinstance(value, Real):
        return value
    number = float(value)
    return int(number) if number.is_integer() else number


def menu(has: frozenset[Need], words: Mapping[str, str], unit: str = "") -> dict[str, str]:
    """Return the kinds that a menu offers for a model, by name, with their words.

    Parameters
    ----------
    has
        What the model has.
    words
        What the model's family calls some kinds; an empty word leaves a kind out.
    unit
        By what scores are summed, where that is not the row.

    Examples
    --------
    >>> from workbench.covariances.evidence import BY_UNIT
    >>> menu(BY_UNIT, {"hessian": "iid", "opg": ""}, "person")
    {'hessian': 'iid', 'robust': 'Robust by person', 'cluster': 'Cluster', 'none': 'None'}
    """
    offered = {
        name: words.get(name, f"{kind.title} by {unit}" if kind.by_unit and unit else kind.title)
        for name, kind in covariances().items()
        if kind.needs <= has
    }
    return {name: word for name, word in offered.items() if word}


def without_options(names: Iterable[str], clusters: Sequence[str] = ()) -> list[str]:
    """Return those kinds of standard errors that can be computed without a further option.

    Parameters
    ----------
    names
        Names of kinds.
    clusters
        The columns to cluster by; without any, clustered errors cannot be computed.

    Examples
    --------
    >>> without_options(["hessian", "cluster", "conley", "none"], ["firm"])
    ['hessian', 'cluster']
    """
    kinds = {name: covariance_class(name) for name in names}
    return [
        name
        for name, kind in kinds.items()
        if kind.estimates_errors
        and (clusters or not kind.by_cluster)
        and not any(each.required for each in options_of(kind))
    ]
