"""Likelihoods with several equations, or with parameters of their own, against statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.miscmodels.ordinal_model import OrderedModel

import workbench as wb
from workbench.backends import BACKENDS

# Both sides solve the same equations in float64; statsmodels differentiates the Hessian of its
# ordered and zero-inflated models numerically.
ESTIMATES, ERRORS, NUMERICAL = 1e-7, 1e-6, 1e-4
KINDS = ("hessian", "opg", "robust", "cluster")

every_library = pytest.mark.parametrize("library", BACKENDS)
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def counts():
    """Return 600 people with overdispersed and zero-inflated counts, drawn with seed 8."""
    rng = np.random.default_rng(8)
    n = 600
    x, z = rng.normal(size=(2, n))
    mean = np.exp(0.4 + 0.5 * x)
    inflated = rng.uniform(size=n) < 1 / (1 + np.exp(0.5 - 0.8 * z))
    return pd.DataFrame(
        {
            "x": x,
            "z": z,
            "nb": rng.poisson(mean * rng.gamma(1.5, 1 / 1.5, n)),
            "zi": np.where(inflated, 0, rng.poisson(mean)),
            "level": np.digitize(0.9 * x - 0.4 * z + rng.logistic(size=n), [-1.5, 0.2, 1.4]),
            "town": rng.integers(0, 40, n),
        }
    )


def errors_of(information, scores, groups, kind):
    """Return standard errors without any small-sample factor."""
    inverse = np.linalg.inv(information)
    if kind == "cluster":
        scores = np.array([scores[groups == g].sum(axis=0) for g in np.unique(groups)])
    meat = scores.T @ scores
    if kind == "hessian":
        return np.sqrt(np.diag(inverse))
    found = np.linalg.inv(meat) if kind == "opg" else inverse @ meat @ inverse
    return np.sqrt(np.diag(found))


def asked(kind):
    """Ask for a kind of error without small-sample factors."""
    return {"se": kind, "cluster": "town" if kind == "cluster" else None, "ssc": "none"}
