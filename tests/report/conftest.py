"""Fits on the labour-force data of Mroz (1987), computed by statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from linearmodels.datasets import mroz as mroz_data

from tests.report.stand_in import StandIn, fitted
from workbench.estimation.outcome import Outcome


@pytest.fixture(scope="session")
def mroz() -> pd.DataFrame:
    """Return the 753 women of Mroz (1987)."""
    return mroz_data.load()


@pytest.fixture(scope="session")
def logit(mroz: pd.DataFrame) -> StandIn:
    """Return the logit of labour-force participation with Hessian errors."""
    return fitted("logit", mroz, name="Logit")


@pytest.fixture(scope="session")
def robust(mroz: pd.DataFrame) -> StandIn:
    """Return the same logit with robust errors."""
    fit = fitted("logit", mroz, name="Logit, robust", se_label="robust", ssc_label="n/(n-1)")
    return fit.but(se=fit.kinds["robust"])


@pytest.fixture(scope="session")
def probit(mroz: pd.DataFrame) -> StandIn:
    """Return the probit with Hessian errors."""
    return fitted("probit", mroz, name="Probit")


@pytest.fixture(scope="session")
def stopped(logit: StandIn) -> StandIn:
    """Return a run that its step limit ended, with standard errors that must not be shown."""
    return logit.but(
        name="Logit, short",
        params=logit.params * 0.5,
        outcome=Outcome.STEP_LIMIT,
        message="The limit of 12 steps was reached; the Newton decrement is 126.6.",
        decrement=126.6,
        loglik=-474.502,
        steps=12,
    )


@pytest.fixture(scope="session")
def separated(logit: StandIn) -> StandIn:
    """Return a run that separation ended, with the diverging numbers it holds."""
    return logit.but(
        name="Logit + hours",
        params=pd.Series({"Intercept": -987.654, "hours": 123.456789}),
        se=pd.Series({"Intercept": np.nan, "hours": np.nan}),
        outcome=Outcome.SEPARATED,
        message="No maximum exists: hours predicts inlf exactly.",
        evidence={
            "regressors": ("hours",),
            "table": {
                "columns": ["hours = 0", "hours 12 to 4,950"],
                "rows": [["inlf = 0", 325, 0], ["inlf = 1", 0, 428]],
            },
        },
        decrement=None,
        eigenvalues=None,
    )
