"""What a covariance is computed from: what it needs, and what a model has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Protocol

import numpy.typing as npt
import pandas as pd

from workbench.covariances.curvature import ClusterMeat
from workbench.covariances.regression_rows import RegressionRows
from workbench.errors import InferenceError, OptionError, WorkbenchError
from workbench.names import either
from workbench.protocols import Numpy


class Need(Enum):
    """What a covariance may need of a model, and a model may have."""

    INFORMATION = "an information matrix that can be inverted to a covariance"
    SCORES = "sums of products of scores"
    CLUSTER_SCORES = "scores summed by cluster"
    ROW_SCORES = "scores by row"
    REGRESSION_ROWS = "rows of a linear regression"


BY_UNIT = frozenset({Need.INFORMATION, Need.SCORES, Need.CLUSTER_SCORES})
"""What a likelihood with scores by units of several rows, such as persons, has."""
BY_ROW = BY_UNIT | {Need.ROW_SCORES}
"""What a likelihood with scores by rows has."""
LINEAR_REGRESSION = BY_ROW | {Need.REGRESSION_ROWS}


class Evidence(Protocol):
    """What a model gives to a covariance, in unconstrained parameters.

    Before a run has ended, everything but scores, rows of a regression and curvature is available.
    """

    @property
    def title(self) -> str:
        """The title of the model."""

    @property
    def has(self) -> frozenset[Need]:
        """What the model has."""

    def models_with(self, need: Need) -> tuple[str, ...]:
        """Return the names of the models that have something, for messages."""

    @property
    def clusters(self) -> tuple[str, ...]:
        """The columns to cluster by."""

    @property
    def rows(self) -> npt.NDArray[Any]:
        """The positions of the rows used, ``(n,)``."""

    @property
    def estimate(self) -> Numpy:
        """The estimates, ``(k,)``."""

    @property
    def information(self) -> Numpy:
        """Minus the Hessian of the total log-likelihood, ``(k, k)``, in nats."""

    @property
    def residual_variance(self) -> float:
        """What divides the scores of a linear regression."""

    def column(self, name: str) -> pd.Series | None:
        """Return a column over the rows used, ``(n,)``; None where there is none of that name."""

    def codes_of(self, name: str) -> npt.NDArray[Any]:
        """Return the cluster of each row used, from 0, ``(n,)``."""

    def groups(self, names: Sequence[str]) -> Mapping[str, npt.NDArray[Any]]:
        """Return the codes ``(n,)`` of each grouping by columns and by their combinations."""

    def cluster_meat(self, codes: npt.NDArray[Any]) -> ClusterMeat:
        """Return the outer products of the scores summed by cluster."""

    def score_rows(self) -> Numpy:
        """Return the score of each row times its weight, ``(n, k)``."""

    def regression_rows(self) -> RegressionRows:
        """Return the rows of a linear regression."""

    def check_leverages(self) -> None:
        """Refuse a regression with leverages that do not exist or are too many to compute.

        Raises
        ------
        WorkbenchError
            Naming the reason.
        """


def missing_need(need: Need, title: str, who: str, models: Sequence[str] = ()) -> WorkbenchError:
    """Return the error of a covariance that needs what a model does not have.

    Parameters
    ----------
    need
        What is missing.
    title
        The title of the model.
    who
        What needs it, in the plural, as in ``"Conley standard errors"``.
    models
        The models that have it.
    """
    if need is Need.ROW_SCORES:
        return OptionError(
            f"The scores of the model {title} are not those of rows, which {who} need.",
            hint='se="robust" or se="cluster".',
            code="no-score-rows",
            where="se",
        )
    if need is Need.REGRESSION_ROWS:
        others = f"; or the model {either(models)}" if models else ""
        return OptionError(
            f"The model {title} is not a linear regression, which {who} need.",
            hint=f'se="robust" or se="cluster"{others}.',
            code="not-linear",
            where="se",
        )
    return InferenceError(
        f"{title} has no {who}: it does not have {need.value}.",
        hint='se="cluster" with a column, or se="none".',
        code="no-such-covariance",
        where="se",
    )


def column_of(evidence: Evidence, name: str, option: str) -> pd.Series:
    """Return the column that an option names, over the rows used, ``(n,)``.

    Raises
    ------
    InferenceError
        When there is none, or a row used has no value in it.
    """
    column = evidence.column(name)
    if column is None:
        raise InferenceError(
            f'There is no column "{name}" for the option {option} of the standard errors.',
            hint="name a column of the data.",
            code="no-such-column",
            where=name,
        )
    if missing := int(column.isna().sum()):
        raise InferenceError(
            f"{missing:,} of the rows used have no {name}.",
            hint="run the model again with these standard errors, which leaves them out.",
            code="missing-se-column",
            where=name,
        )
    return column
