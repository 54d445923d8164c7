"""The sums behind standard errors that are computed from rows: HC2, HC3, CRV3, time and space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from workbench.covariances import (
    BY_ROWS,
    LINEAR,
    TITLES,
    ClusterMeat,
    Curvature,
    Factor,
    Settings,
    conley,
    corrected_residuals,
    default_lag,
    driscoll_kraay,
    jackknife,
    jackknife_factor,
    leverage_factor,
    meat_key,
    newey_west,
    settings_of,
    space_factor,
    time_factor,
)
from workbench.covariances.delete_cluster import estimates_without
from workbench.covariances.regression_rows import Codes, no_leverages
from workbench.covariances.settings import (
    ConleySettings,
    DriscollKraaySettings,
    JackknifeSettings,
    NeweyWestSettings,
)
from workbench.covariances.small_sample import Family
from workbench.data.columns import content, numbers
from workbench.errors import DataError, InferenceError, OptionError
from workbench.estimation.problem import Problem, score_sums
from workbench.estimation.specification import Specification
from workbench.kernels.absorption.leverages import refuse_many
from workbench.protocols import Numpy

_ACROSS_TIME = (NeweyWestSettings, DriscollKraaySettings)


def columns_of_errors(asked: Specification) -> tuple[str, ...]:
    """Return the columns that the standard errors read beside clusters.

    Raises
    ------
    OptionError
        When their options cannot be read.
    """
    return settings_of(asked.se, asked.se_options).reads


def check_errors(problem: Problem) -> None:
    """Refuse columns and models that the errors asked for cannot use, before anything is solved.

    Raises
    ------
    WorkbenchError
        In one sentence that names the column and the value found.
    """
    asked = problem.specification
    if asked.se not in BY_ROWS:
        return
    settings = settings_of(asked.se, asked.se_options)
    if asked.se in LINEAR and problem.family != "least squares":
        problem.linear_rows()  # which says that there are none
    if asked.se in {"HC2", "HC3"} and problem.design.instruments is not None:
        raise no_leverages()
    factors = getattr(problem, "factors", None)
    if asked.se in {"HC2", "HC3"} and factors is not None and factors.members:
        refuse_many(factors)
    if asked.se == "CRV3":
        one_cluster(asked.clusters)
    if isinstance(settings, _ACROSS_TIME):
        _periods(problem, settings)
    if isinstance(settings, ConleySettings):
        _places(problem, settings)


def with_asked(problem: Problem, theta: Numpy, curvature: Curvature) -> Curvature:
    """Add to a curvature the sum of the errors asked for, where it is one of rows."""
    asked = problem.specification
    if asked.se not in BY_ROWS:
        return curvature
    key = meat_key(asked.se, asked.se_options, asked.clusters)
    meat = row_meat(problem, theta, asked.se, asked.se_options, asked.clusters)
    return replace(curvature, kept={**curvature.kept, key: meat})


def row_meat(
    problem: Problem,
    theta: Numpy,
    kind: str,
    options: Mapping[str, Any],
    clusters: Sequence[str] = (),
) -> ClusterMeat:
    """Return the middle of the sandwich of a kind, with its number of clusters or periods.

    Raises
    ------
    WorkbenchError
        When options, columns or the model cannot serve.
    """
    settings = settings_of(kind, options)
    if kind in {"HC2", "HC3"}:
        return ClusterMeat(_leverage_meat(problem, theta, kind), 0)
    if isinstance(settings, JackknifeSettings):
        return _jackknife_meat(problem, theta, one_cluster(clusters), settings.centre)
    scores = problem.score_rows(theta)
    if isinstance(settings, ConleySettings):
        places = _places(problem, settings)
        how = settings.kernel, settings.distance
        meat = conley(scores, *places, settings.cutoff, kernel=how[0], distance=how[1])
        return ClusterMeat(meat, 0)
    assert isinstance(settings, _ACROSS_TIME)
    periods, units = _periods(problem, settings)
    count = int(periods.max(initial=-1)) + 1
    lag = default_lag(count) if settings.lag is None else settings.lag
    if isinstance(settings, DriscollKraaySettings):
        return ClusterMeat(driscoll_kraay(scores, periods, lag), count)
    return ClusterMeat(newey_west(scores, periods, units, lag), count)


def _leverage_meat(problem: Problem, theta: Numpy, kind: str) -> Numpy:
    rows = problem.linear_rows()
    residuals = rows.y - rows.x @ theta
    corrected = corrected_residuals(residuals, rows.leverages(), kind)
    variance = problem.residual_variance(theta)
    change = np.eye(rows.x.shape[1])
    factor = rows.weights if rows.counts or rows.weights is None else rows.weights**2
    return score_sums(rows.x, [corrected / variance], factor, change)


def _jackknife_meat(problem: Problem, theta: Numpy, name: str, centre: str) -> ClusterMeat:
    rows, codes = problem.linear_rows(), problem.codes_of(name)
    without = estimates_without(rows, codes, name)
    information = problem.curvature(theta, scores=False).information
    spread = jackknife(without, theta, centre)
    return ClusterMeat(information @ spread @ information, len(without))


def one_cluster(clusters: Sequence[str], who: str = "CRV3 standard errors need") -> str:
    """Return the one column of clusters, or refuse none and several."""
    if len(clusters) != 1:
        raise OptionError(
            f"{who} one column of clusters, not {len(clusters)}.",
            hint='cluster="region", or --cluster region in a cell.',
            code="no-cluster",
            where="cluster",
        )
    return clusters[0]


# Columns ----------------------------------------------------------------------------------------
def _column(problem: Problem, name: str, option: str) -> pd.Series:
    """Return a column over the rows used."""
    table = problem.table
    if table is None or name not in table.names:
        raise InferenceError(
            f'There is no column "{name}" for the option {option} of the standard errors.',
            hint="name a column of the data.",
            code="no-such-column",
            where=name,
        )
    column = table.column(name).iloc[problem.design.rows]
    if missing := int(column.isna().sum()):
        raise InferenceError(
            f"{missing:,} of the rows used have no {name}.",
            hint="run the model again with these standard errors, which leaves them out.",
            code="missing-se-column",
            where=name,
        )
    return column


def _periods(
    problem: Problem, settings: NeweyWestSettings | DriscollKraaySettings
) -> tuple[Codes, Codes]:
    """Give periods in their order, and units, numbers from 0."""
    name = settings.time
    times = _column(problem, name, "time")
    if content(times) not in {"number", "date"}:
        raise DataError(
            f'The column of time "{name}" holds text, such as {times.iloc[0]!r}, which has no '
            "order in time.",
            hint=f"numbers or dates: pd.to_datetime(df[{name!r}]).",
            code="time-is-text",
            where=name,
        )
    periods = pd.factorize(times, sort=True)[0]
    if not periods.any():
        raise DataError(
            f"Standard errors across time need at least two periods; {name} is {times.iloc[0]} in "
            "every row.",
            hint='another column of time, or se="HC1".',
            code="one-period",
            where=name,
        )
    if isinstance(settings, DriscollKraaySettings):
        return periods, np.zeros_like(periods)
    unit = settings.unit
    units = np.zeros_like(periods)
    if unit is not None:
        units = pd.factorize(_column(problem, unit, "unit"))[0]
    _refuse_twice(periods, units, times, settings)
    return periods, units


def _refuse_twice(
    periods: Codes, units: Codes, times: pd.Series, settings: NeweyWestSettings
) -> None:
    place = units * (int(periods.max(initial=0)) + 1) + periods
    twice = pd.Series(place).duplicated().to_numpy()
    if not twice.any():
        return
    first = times.iloc[int(np.flatnonzero(twice)[0])]
    whose = f"{settings.unit} and {settings.time}" if settings.unit else settings.time
    raise DataError(
        f"{int(twice.sum()):,} rows repeat the {whose} of an earlier one, first at "
        f"{settings.time} = {first}.",
        hint='name the unit, as in unit="firm", or use se="driscoll_kraay".'
        if settings.unit is None
        else 'one row a unit and period, or se="driscoll_kraay".',
        code="repeated-periods",
        where=settings.time,
    )


def _places(problem: Problem, settings: ConleySettings) -> tuple[Numpy, Numpy]:
    found = []
    for option, name, most in (("lat", settings.lat, 90), ("lon", settings.lon, 360)):
        degrees = numbers(_column(problem, name, option), name)
        if len(beyond := np.flatnonzero(~(np.abs(degrees) <= most))):
            raise DataError(
                f"{name} is {degrees[beyond[0]]:g} in row {int(problem.design.rows[beyond[0]])}, "
                f"beyond {most} degrees.",
                hint=f"degrees from -{most} to {most}.",
                code="bad-degrees",
                where=name,
            )
        found.append(degrees)
    return found[0], found[1]


# Factors and labels -----------------------------------------------------------------------------
def row_factor(
    kind: str,
    settings: Settings,
    convention: str | None,
    family: Family,
    n: float,
    k: int,
    groups: int,
) -> Factor:
    """Return the small-sample factor of a kind of rows."""
    if kind in {"HC2", "HC3"}:
        return leverage_factor(convention, n, k)
    if kind == "CRV3":
        return jackknife_factor(convention, n, k, groups)
    if kind == "conley":
        return space_factor(convention, family, n, k)
    if not isinstance(settings, NeweyWestSettings):
        return time_factor(convention, family, n, k, groups, "sums")
    over: Literal["series", "units"] = "series" if settings.unit is None else "units"
    return time_factor(convention, family, n, k, groups, over)


def nesting(settings: Settings, clusters: Sequence[str], convention: str | None) -> tuple[str, ...]:
    """Return the columns within which fixed effects count as one parameter.

    Across time and space these are the columns named, as in fixest; pyfixest counts all.
    """
    if isinstance(settings, JackknifeSettings):
        return tuple(clusters)
    return () if convention == "pyfixest" else settings.reads


def row_label(kind: str, settings: Settings, clusters: Sequence[str], groups: int) -> str:
    """Return what tables call a kind of rows, with its lags, distance or clusters."""
    if isinstance(settings, JackknifeSettings):
        return f"CRV3 {' & '.join(clusters)}"
    if isinstance(settings, ConleySettings):
        return f"Conley ({settings.cutoff:g} km)"
    if isinstance(settings, _ACROSS_TIME):
        lag = default_lag(groups) if settings.lag is None else settings.lag
        return f"{TITLES[kind]} ({lag} lag{'s' * (lag != 1)})"
    return kind
