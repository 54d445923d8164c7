"""The first stage: predict untreated outcomes of all rows by a regression over untreated rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from workbench.errors import DataError, InferenceError
from workbench.kernels.absorption.factors import Factor
from workbench.protocols import Numpy

_TOLERANCE = 1e-14
_MOST_ITERATIONS = 20_000
# What least squares leave of a consistent system is rounding of its iterations.
_CONSISTENT = 1e-7


@dataclass(frozen=True, eq=False)
class Imputation:
    """A regression over untreated rows that predicts the untreated outcome of all rows.

    Attributes
    ----------
    design
        Dummies of all levels and the covariates side by side, sparse ``(n, p)``.
    rows
        Which rows are untreated, ``(n,)``.
    root_weights
        The roots of the weights, ``(n,)``; ones without weights.
    """

    design: sparse.csr_array
    rows: npt.NDArray[np.bool_]
    root_weights: Numpy

    @classmethod
    def of(
        cls,
        factors: Sequence[Factor],
        covariates: Numpy,
        rows: npt.NDArray[np.bool_],
        weights: Numpy | None,
    ) -> Imputation:
        """Put the factors and covariates ``(n, q)`` side by side, each of unit length below."""
        root = np.ones(len(rows)) if weights is None else np.sqrt(weights)
        parts = [factor.dummies() for factor in factors]
        if covariates.shape[1]:
            parts.append(sparse.csr_array(covariates))
        design = sparse.hstack(parts, format="csr")
        seen = sparse.diags_array(root * rows) @ design
        lengths = np.sqrt(np.asarray(seen.multiply(seen).sum(axis=0)).ravel())
        lengths[lengths == 0] = 1.0
        return cls(sparse.csr_array(design @ sparse.diags_array(1 / lengths)), rows, root)

    @property
    def _seen(self) -> sparse.csr_array:
        return sparse.csr_array(sparse.diags_array(self.root_weights * self.rows) @ self.design)

    def residuals(self, outcome: Numpy) -> Numpy:
        """Return outcome minus what the untreated rows predict, for every row, ``(n,)``."""
        found = _solved(self._seen, self.root_weights * self.rows * outcome)
        return np.asarray(outcome - self.design @ found)

    def first_stage_part(self, columns: Numpy) -> Numpy:
        r"""Return how the first stage's errors enter sums of ``columns (n, k)``.

        .. math:: Z = W_0^{1/2} D_0 (D_0^\top W_0 D_0)^{-} D^\top W X

        with the rows of :math:`D_0` zero where treated.  A column of :math:`Z` is the shortest
        solution of :math:`D_0^\top W_0^{1/2} z = D^\top W x`.

        Returns
        -------
        Array ``(n, k)``, zero in treated rows; times the root of the weight and the first stage's
        residual it is what a row adds to the score.

        Raises
        ------
        DataError
            When the untreated rows do not determine the effects of some treated row.
        """
        across = sparse.csr_array(self._seen.T)
        wanted = self.design.T @ (columns * self.root_weights[:, None] ** 2)
        found = np.column_stack([_solved(across, column) for column in wanted.T])
        left = np.linalg.norm(across @ found - wanted, axis=0)
        if (left > _CONSISTENT * np.maximum(np.linalg.norm(wanted, axis=0), 1.0)).any():
            raise DataError(
                "The untreated rows do not connect the fixed effects of the treated ones, so "
                "their untreated outcome cannot be predicted.",
                hint="leave out units and periods that no untreated row connects.",
                code="not-connected",
                where="first_stage",
            )
        return np.asarray(found)


def _solved(matrix: sparse.csr_array, right: Numpy) -> Numpy:
    """Return the shortest least-squares solution.

    References
    ----------
    Fong and Saunders (2011), "LSMR: An iterative algorithm for sparse least-squares problems".
    """
    found = sparse.linalg.lsmr(
        matrix, right, atol=_TOLERANCE, btol=_TOLERANCE, conlim=0, maxiter=_MOST_ITERATIONS
    )
    if found[1] == 7:
        raise InferenceError(
            f"The first stage was not solved within {found[2]:,} iterations.",
            hint="fixed effects that untreated rows connect better.",
            code="first-stage",
        )
    solution: Numpy = found[0]
    return solution
