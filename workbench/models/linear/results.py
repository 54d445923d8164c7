"""Results of linear regressions: R squared, predictions, and the wild bootstrap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from workbench.covariances.cluster import one_cluster
from workbench.errors import OptionError
from workbench.kernels.parallel.blas import one_blas_thread
from workbench.models.design.results import FormulaState, MeanFit
from workbench.protocols import Numpy
from workbench.results.fit import Availability
from workbench.results.wald import read_restrictions
from workbench.results.wild_bootstrap import (
    Question,
    WildBootstrap,
    check_question,
    wild_bootstrap,
)


@dataclass(frozen=True)
class LinearState(FormulaState):
    """What a linear regression keeps: the share of the variation that it explains too."""

    r2: float | None = None


@dataclass(frozen=True, repr=False)
class LinearFit(MeanFit):
    """The fit of a linear regression."""

    availability: ClassVar[Mapping[str, Availability]] = {
        "wild_bootstrap": Availability(
            "is not a linear regression, which the wild bootstrap needs",
            'se="robust" or se="cluster"; or the model "ols" or "feols".',
            "not-linear",
        ),
        "r2": Availability("has no R squared of least squares", "fit.pseudo_r2.", "no-r2"),
    }

    state: LinearState = field(default_factory=LinearState, repr=False)

    @property
    def r2(self) -> float | None:
        """The share of the outcome's variation explained, absorbed effects included."""
        return self.state.r2

    @property
    def df_resid(self) -> float:
        """Observations minus coefficients."""
        return self.nobs - self._parameters()

    def _mean(self, index: Numpy) -> Numpy:
        return index

    @one_blas_thread()
    def wild_bootstrap(
        self,
        restriction: str,
        *,
        cluster: str | None = None,
        draws: int = 9999,
        weights: str = "rademacher",
        seed: int | None = None,
        impose_null: bool = True,
        level: float = 0.95,
    ) -> WildBootstrap:
        """Test one linear restriction by the wild cluster bootstrap.

        Parameters
        ----------
        restriction
            As in ``"x = 0"`` or ``"x - z = 1"``.
        cluster
            The column of clusters; the run's own by default.
        draws
            Their number; where there are no more sign patterns of the clusters, each is drawn once.
        weights : {"rademacher", "webb", "mammen", "normal"}
            What multiplies the residuals of a cluster.
        seed
            Of the draws; the run's own by default.
        impose_null
            Whether the restriction holds in the draws (WCR) or not (WCU).
        level
            Of the confidence interval, which inverts the test.

        Raises
        ------
        OptionError
            When the restriction is not one, an option is invalid, or the model is not linear.
        InferenceError
            When the fit was read from the record, has instruments, or is not at a maximum.

        References
        ----------
        Cameron, Gelbach and Miller (2008), "Bootstrap-based improvements for inference with
        clustered errors", Review of Economics and Statistics 90(3); and those of the algorithm,
        `workbench.results.wild_bootstrap.wild_bootstrap`.
        """
        check_question(draws, weights, level)
        curvature, problem = (
            self._curvature_at_maximum("robust standard errors"),
            self._live_problem(),
        )
        names = (cluster,) if cluster is not None else self.specification.clusters
        column = one_cluster(names, "The wild bootstrap needs")
        matrix, right = read_restrictions(restriction, [str(name) for name in self.params.index])
        if len(matrix) != 1:
            raise OptionError(
                f"The wild bootstrap tests one restriction; there are {len(matrix)}.",
                hint='one at a time, as in "x = 0".',
                code="several-restrictions",
                where="restriction",
            )
        left, theta = matrix[0], problem.unconstrained(self.estimated.to_numpy())
        onto = self._averages
        gradient = left @ curvature.jacobian if onto is None else left @ onto @ curvature.jacobian
        codes = problem.codes_of(column)
        groups = int(codes.max()) + 1
        question = Question(
            restriction,
            gradient,
            float(left @ self.params.to_numpy()),
            float(right[0]),
            self._cluster_factor((column,), groups).value,
            column,
            draws,
            weights,
            self.specification.seed if seed is None else seed,
            impose_null,
            level,
        )
        return wild_bootstrap(problem.regression_rows(), theta, codes, question)
