"""The demeaners: generators of steps that project columns off absorbed factors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from workbench.demeaners.alternating import AlternatingProjections
from workbench.demeaners.automatic import Automatic
from workbench.demeaners.base import Demeaner
from workbench.demeaners.lsmr import LSMR
from workbench.demeaners.schur import Schur
from workbench.demeaners.within import Within
from workbench.errors import OptionError
from workbench.extras import install_command
from workbench.options import options_from, unknown_member

_MEMBERS: tuple[type[Demeaner], ...] = (Automatic, LSMR, Schur, AlternatingProjections, Within)

DEMEANERS: dict[str, type[Demeaner]] = {member.name: member for member in _MEMBERS}
"""Every demeaner by its name in a cell or a menu."""


@dataclass(frozen=True)
class Description:
    """A demeaner in a menu.

    ``reason`` says why it is not available, and how to change that; ``uses`` is the title of the
    demeaner that is used in its place.
    """

    name: str
    title: str
    available: bool
    reason: str
    uses: str = ""


def describe(device: str = "cpu") -> list[Description]:
    """List every demeaner, those that are not available on a device with the reason."""
    return [_described(kind, device) for kind in DEMEANERS.values()]


def _described(kind: Any, device: str) -> Description:
    gap = _missing(kind)
    reason = f"needs {gap}: {install_command(gap)}" if gap else ""
    if device != "cpu" and kind.cpu_only:
        reason = reason or f"runs on the CPU, not on {device}"
    uses = kind.title_on(device) if issubclass(kind, Automatic) else ""
    return Description(kind.name, kind.title, not reason, reason, uses)


def demeaner_named(name: str, settings: Mapping[str, Any] | None = None) -> Demeaner:
    """Make the demeaner of that name with these settings.

    Raises
    ------
    OptionError
        When the name or a setting is unknown (the nearest known one is the suggestion), or when
        its library is not installed.

    Examples
    --------
    >>> demeaner_named("schur", {"tol": 1e-10}).tol
    1e-10
    """
    if name not in DEMEANERS:
        raise unknown_member("demeaner", name, DEMEANERS)
    kind: Any = DEMEANERS[name]
    if gap := _missing(kind):
        raise OptionError(
            f"{kind.title} needs {gap}.",
            install_command(gap),
            code="missing-library",
            where="demeaner",
        )
    demeaner: Demeaner = options_from(kind, settings or {})
    _check_library(demeaner)
    return demeaner


def as_demeaner(given: object, settings: Mapping[str, Any] | None = None) -> Demeaner:
    """Return the demeaner for a name (with these settings), a class or an object.

    Raises
    ------
    OptionError
        When it is not a demeaner, or `demeaner_named` refuses it.

    Examples
    --------
    >>> as_demeaner(Schur)  # doctest: +ELLIPSIS
    Schur(tol=1e-08, ...)
    """
    if isinstance(given, str):
        return demeaner_named(given, settings)
    if isinstance(given, type) and given in _MEMBERS:
        given = given()
    if isinstance(given, _MEMBERS):
        return given
    raise OptionError(
        f"The demeaner is {given!r}.",
        'a name as in "lsmr", or one with settings as in wb.LSMR(tol=1e-10).',
        code="bad-option",
        where="demeaner",
    )


def choice_of(demeaner: Demeaner) -> tuple[str, dict[str, Any]]:
    """Return a demeaner's name and the settings that differ from its defaults.

    Examples
    --------
    >>> choice_of(demeaner_named("schur", {"tol": 1e-10}))
    ('schur', {'tol': 1e-10})
    """
    options: Any = demeaner
    return demeaner.name, options.changed()


def _missing(kind: Any) -> str:
    """Return the first library that the demeaner needs and that is missing; else an empty text."""
    missing = [name for name in kind.requires if find_spec(name) is None]
    either = getattr(kind, "libraries", ())
    if either and not any(map(find_spec, either)):
        missing.append(either[0])
    return next(iter(missing), "")


def _check_library(demeaner: Any) -> None:
    """Refuse a library that is not installed, and name those that are."""
    library = getattr(demeaner, "library", "")
    if not library or find_spec(library) is not None:
        return
    others = [name for name in demeaner.libraries if find_spec(name) is not None]
    raise OptionError(
        f"{demeaner.title} is set to compute in {library}, which is not installed.",
        " or ".join([*(f"library={name!r}" for name in others), install_command(library)]) + ".",
        code="missing-library",
        where="demeaner",
    )
