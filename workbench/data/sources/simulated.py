"""Simulated samples: drawn at each call from a fixed seed, so always the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.protocols import Numpy


def gaussian(
    rows: int = 50_000, columns: int = 100, sigma: float = 1.0, seed: int = 20240501
) -> pd.DataFrame:
    r"""Draw a Gaussian linear model, :math:`y = \alpha + X\beta + \sigma\varepsilon`.

    ``X`` (rows, columns), the intercept and slopes (1 + columns,), and the noise (rows,) are
    independent standard normal draws, in this order.

    Returns
    -------
    The columns ``y, x1, ..., x100``; the true values are in ``attrs["intercept"]``,
    ``attrs["slopes"]`` and ``attrs["sigma"]``.
    """
    random = np.random.default_rng(seed)
    x = random.standard_normal((rows, columns))
    truth = random.standard_normal(1 + columns)
    y = truth[0] + x @ truth[1:] + sigma * random.standard_normal(rows)
    frame = _frame(y, x, truth)
    frame.attrs["sigma"] = sigma
    return frame


def logit(rows: int = 5_000, seed: int = 20240502) -> pd.DataFrame:
    r"""Draw a binary logit, :math:`P(y = 1) = \Lambda(-0.5 + x_1 - 0.5 x_2 + 0.25 x_3)`.

    The regressors are independent standard normal; ``group`` is one of 50 groups, drawn with
    equal chances and without influence, to cluster by.
    """
    random = np.random.default_rng(seed)
    x = random.standard_normal((rows, 3))
    truth = np.array([-0.5, 1.0, -0.5, 0.25])
    chance = 1 / (1 + np.exp(-truth[0] - x @ truth[1:]))
    frame = _frame((random.random(rows) < chance).astype(np.int64), x, truth)
    return frame.assign(group=random.integers(1, 51, rows))


def poisson(rows: int = 5_000, seed: int = 20240503) -> pd.DataFrame:
    r"""Draw Poisson counts with mean :math:`\exp(0.5 + 0.3 x_1 - 0.2 x_2 + 0.1 x_3)`.

    The regressors are independent standard normal; ``group`` is one of 50 groups, drawn with
    equal chances and without influence, to cluster by.
    """
    random = np.random.default_rng(seed)
    x = random.standard_normal((rows, 3))
    truth = np.array([0.5, 0.3, -0.2, 0.1])
    frame = _frame(random.poisson(np.exp(truth[0] + x @ truth[1:])), x, truth)
    return frame.assign(group=random.integers(1, 51, rows))


def staggered(units: int = 240, seed: int = 20240504) -> pd.DataFrame:
    r"""Draw a panel of units that are treated in different years, or never.

    .. math:: y_{it} = \alpha_i + \gamma_t + 0.5\,x_{it}
              + \mathrm{effect}_{it} + \varepsilon_{it}

    A quarter of the units each is first treated in 2007, 2010 and 2013, and a quarter never; the
    effect grows by 0.3, 0.15 and 0.05 per year, so that a two-way regression with one effect for
    all cohorts is wrong.  Units are in 24 regions and share the shocks of their region.

    Returns
    -------
    12 years, 2004 to 2015, of each unit: ``unit, region, year, first_treated`` (10000 for never),
    ``time_to_treatment`` (-1000 for never), ``ever_treated, treated, x, effect, y``.
    """
    random, years = np.random.default_rng(seed), np.arange(2004, 2016)
    unit, year = np.repeat(np.arange(units), len(years)), np.tile(years, units)
    first, growth = np.array([2007, 2010, 2013, 10_000]), np.array([0.3, 0.15, 0.05, 0.0])
    cohort, region = unit % 4, unit // 4 % 24
    level, shock = random.standard_normal(units), 0.2 * random.standard_normal((24, len(years)))
    x, noise = random.standard_normal((2, len(unit)))
    treated = year >= first[cohort]
    effect = np.where(treated, growth[cohort] * (year - first[cohort] + 1), 0.0)
    time = year - years[0]
    y = level[unit] - 0.5 * cohort + 0.1 * time + 0.5 * x + effect + shock[region, time]
    return pd.DataFrame(
        {
            "unit": unit + 1,
            "region": region + 1,
            "year": year,
            "first_treated": first[cohort],
            "time_to_treatment": np.where(cohort == 3, -1000, year - first[cohort]),
            "ever_treated": (cohort < 3).astype(np.int64),
            "treated": treated.astype(np.int64),
            "x": x,
            "effect": effect,
            "y": y + 0.5 * noise,
        }
    )


def _frame(y: npt.NDArray[Any], x: Numpy, truth: Numpy) -> pd.DataFrame:
    names = [f"x{j}" for j in range(1, x.shape[1] + 1)]
    frame = pd.DataFrame(x, columns=names)
    frame.insert(0, "y", y)
    frame.attrs = {"intercept": float(truth[0]), "slopes": truth[1:].tolist()}
    return frame
