"""Sandwiches with residuals corrected by each row's leverage (HC2 and HC3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from workbench.covariances.base import Facts, SumOfRows
from workbench.covariances.curvature import ClusterMeat
from workbench.covariances.evidence import Evidence, Need
from workbench.covariances.score_sums import score_sums
from workbench.covariances.small_sample import NO_FACTOR, Factor, checked
from workbench.errors import InferenceError
from workbench.protocols import Numpy

# A row that keeps less than this share of its residual is fitted by a parameter of its own.
_FITTED_ALONE = 1e-9


@dataclass(frozen=True, kw_only=True)
class _ByLeverage(SumOfRows):
    """A sandwich with residuals corrected by each row's leverage."""

    needs: ClassVar[frozenset[Need]] = frozenset({Need.REGRESSION_ROWS})

    def check_evidence(self, evidence: Evidence) -> None:
        """Refuse instruments, and effects with too many levels."""
        super().check_evidence(evidence)
        evidence.check_leverages()

    def meat(self, evidence: Evidence) -> ClusterMeat:
        """Sum the outer products of scores with corrected residuals."""
        rows = evidence.regression_rows()
        residuals = rows.y - rows.x @ evidence.estimate
        corrected = corrected_residuals(residuals, rows.leverages(), self.name)
        first = [corrected / evidence.residual_variance]
        factor = rows.weights if rows.counts or rows.weights is None else rows.weights**2
        return ClusterMeat(score_sums(rows.x, first, factor, np.eye(rows.x.shape[1])), 0)

    def factor(self, convention: str | None, facts: Facts) -> Factor:
        """Return the factor of pyfixest; else there is none."""
        return leverage_factor(convention, facts.observations, facts.parameters)


@dataclass(frozen=True, kw_only=True)
class HC2(_ByLeverage):
    """The sandwich with squared residuals over one minus leverage."""

    name: ClassVar[str] = "HC2"
    title: ClassVar[str] = "HC2"

    def note(self, facts: Facts) -> str:
        """State the correction."""
        return "HC2: squared residuals over one minus leverage"


@dataclass(frozen=True, kw_only=True)
class HC3(_ByLeverage):
    """The sandwich with residuals over one minus leverage."""

    name: ClassVar[str] = "HC3"
    title: ClassVar[str] = "HC3"

    def note(self, facts: Facts) -> str:
        """State the correction."""
        return "HC3: residuals over one minus leverage, squared"


def corrected_residuals(residuals: Numpy, leverages: Numpy, kind: str) -> Numpy:
    r"""Divide residuals by :math:`\sqrt{1-h_i}` for HC2, by :math:`1-h_i` for HC3.

    Parameters
    ----------
    residuals
        Of the least-squares fit, ``(n,)``.
    leverages
        The diagonal ``h`` of the projection on all regressors, absorbed effects included, ``(n,)``.
    kind
        ``"HC2"`` or ``"HC3"``.

    Raises
    ------
    InferenceError
        When a row has leverage one, so that it has no residual to correct.

    References
    ----------
    MacKinnon and White (1985), "Some heteroskedasticity-consistent covariance matrix estimators
    with improved finite sample properties", Journal of Econometrics 29(3), section 2.
    """
    left = 1 - leverages
    alone = np.flatnonzero(left < _FITTED_ALONE)
    if len(alone):
        rows = "1 row has" if len(alone) == 1 else f"{len(alone):,} rows have"
        raise InferenceError(
            f"{rows} leverage one (the first is row {int(alone[0])} of those used), so {kind} "
            "standard errors do not exist.",
            hint='se="HC1"; or leave out rows that are alone in a combination of fixed effects.',
            code="leverage-one",
        )
    return residuals / (np.sqrt(left) if kind == "HC2" else left)


def leverage_factor(convention: str | None, n: float, k: int) -> Factor:
    """Return the factor on HC2 and HC3: none, but n/(n-k) by the convention of pyfixest."""
    return Factor(n / (n - k), "n/(n−k)") if checked(convention) == "pyfixest" else NO_FACTOR
