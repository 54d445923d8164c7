"""What the kinds of standard errors that need more than a name are told: columns, lags, cutoffs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any, ClassVar

from workbench.errors import OptionError


@dataclass(frozen=True)
class Settings:
    """The settings of one kind of standard error; most kinds have none."""

    columns: ClassVar[tuple[str, ...]] = ()
    """The settings that name columns of the data."""
    choices: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    """The settings that are one of a few."""
    example: ClassVar[str] = ""

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns of the data that are named, each once."""
        named = (getattr(self, name) for name in self.columns)
        return tuple(dict.fromkeys(name for name in named if name is not None))


@dataclass(frozen=True)
class ClusterSettings(Settings):
    """Whose number of groups corrects each part of errors clustered in several directions.

    ``"min"`` is the smallest number for all parts, ``"conventional"`` each part's own.
    """

    choices: ClassVar = {"cluster_df": (None, "min", "conventional")}
    example: ClassVar[str] = 'cluster_df="min"'

    cluster_df: str | None = None


@dataclass(frozen=True)
class JackknifeSettings(Settings):
    """What the estimates without each cluster are compared with: the estimate, or their mean."""

    choices: ClassVar = {"centre": ("estimate", "mean")}
    example: ClassVar[str] = 'centre="mean"'

    centre: str = "estimate"


@dataclass(frozen=True)
class NeweyWestSettings(Settings):
    """The column of time, that of units where there are several, and the number of lags.

    Periods are the values of ``time`` that occur, in their order; ``lag`` counts periods, by
    default the fourth root of their number, rounded down.
    """

    columns: ClassVar = ("time", "unit")
    example: ClassVar[str] = 'time="year", unit="firm", lag=2'

    time: str
    unit: str | None = None
    lag: int | None = None


@dataclass(frozen=True)
class DriscollKraaySettings(Settings):
    """The column of time and the number of lags; see `NeweyWestSettings`."""

    columns: ClassVar = ("time",)
    example: ClassVar[str] = 'time="year", lag=2'

    time: str
    lag: int | None = None


@dataclass(frozen=True)
class ConleySettings(Settings):
    """Columns of latitude and longitude in degrees, and how far errors are related.

    ``cutoff`` is in kilometres.  The kernel ``"uniform"`` gives pairs up to it the weight 1,
    ``"bartlett"`` one minus the share of it that lies between them.  The distance is that on a
    sphere of mean radius 6371.0088 km, or ``"planar"``: longitudes shrunk by the cosine of the
    mean latitude of the pair.
    """

    columns: ClassVar = ("lat", "lon")
    choices: ClassVar = {
        "kernel": ("uniform", "bartlett"),
        "distance": ("great_circle", "planar"),
    }
    example: ClassVar[str] = 'lat="lat", lon="lon", cutoff=100'

    lat: str
    lon: str
    cutoff: float
    kernel: str = "uniform"
    distance: str = "great_circle"


SETTINGS: dict[str, type[Settings]] = {
    "cluster": ClusterSettings,
    "CRV3": JackknifeSettings,
    "newey_west": NeweyWestSettings,
    "driscoll_kraay": DriscollKraaySettings,
    "conley": ConleySettings,
}
"""The kinds that have settings."""

TITLES = {
    "cluster": "Clustered",
    "newey_west": "Newey-West",
    "driscoll_kraay": "Driscoll-Kraay",
    "conley": "Conley",
    "HC2": "HC2",
    "HC3": "HC3",
    "CRV3": "CRV3",
}
"""What sentences call the kinds of errors."""


def settings_of(kind: str, options: Mapping[str, Any]) -> Settings:
    """Read the options of a kind of standard error.

    Raises
    ------
    OptionError
        When one is unknown (the nearest is the suggestion), missing, or not what it must be.

    Examples
    --------
    >>> settings_of("newey_west", {"time": "year", "lag": 2})
    NeweyWestSettings(time='year', unit=None, lag=2)
    """
    known = SETTINGS.get(kind, Settings)
    names = [item.name for item in fields(known)]
    for name in options:
        if name not in names:
            raise _unknown(kind, name, names)
    for item in fields(known):
        if item.default is MISSING and options.get(item.name) is None:
            raise OptionError(
                f"{TITLES[kind]} standard errors need {item.name}.",
                hint=f"se_options=dict({known.example}).",
                code="missing-se-option",
                where="se_options",
            )
    for name, value in options.items():
        _check(known, name, value)
    return known(**options)


def plain_options(options: Any) -> dict[str, Any]:
    """Return options as plain texts and numbers, without those that are None.

    Raises
    ------
    OptionError
        When they are no mapping.
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
    if isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else value


def _unknown(kind: str, name: str, names: list[str]) -> OptionError:
    near = get_close_matches(name, names, n=1)
    return OptionError(
        f'{TITLES.get(kind, kind)} standard errors have no option "{name}".',
        hint=f"{near[0]}=?" if near else f"one of {names}." if names else "leave it out.",
        code="no-such-se-option",
        where="se_options",
        suggestion=near[0] if near else "",
    )


def _check(known: type[Settings], name: str, value: Any) -> None:
    if name in known.columns:
        good = value is None or isinstance(value, str)
        wanted = f'the name of a column: {name}="column"'
    elif name in known.choices:
        good = value in known.choices[name]
        wanted = f"one of {[choice for choice in known.choices[name] if choice]}"
    elif name == "lag":
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        good, wanted = value is None or (whole and value >= 0), "a whole number from 0: lag=2"
    else:
        number = isinstance(value, Real) and not isinstance(value, bool)
        good, wanted = number and 0 < value < float("inf"), "a positive number of km: cutoff=100"
    if not good:
        raise OptionError(
            f"The option {name} of the standard errors is {value!r}.",
            hint=f"{wanted}.",
            code="bad-se-option",
            where="se_options",
        )
