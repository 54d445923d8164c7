"""Simulated samples: drawn anew at each call from a fixed seed, so always the same numbers."""

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
    The columns ``y, x1, ..., x100``; the truth stands in ``attrs["intercept"]``,
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


def _frame(y: npt.NDArray[Any], x: Numpy, truth: Numpy) -> pd.DataFrame:
    names = [f"x{j}" for j in range(1, x.shape[1] + 1)]
    frame = pd.DataFrame(x, columns=names)
    frame.insert(0, "y", y)
    frame.attrs = {"intercept": float(truth[0]), "slopes": truth[1:].tolist()}
    return frame
