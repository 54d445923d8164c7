r"""The multinomial logit with one row per person: value, gradient, Hessian and scores by BLAS.

With :math:`p_{ij}` the probabilities and :math:`y_{ij}` the choices, the gradient by
:math:`\beta_j` is :math:`X^\top(y_j - p_j)`, and the Hessian's block is
:math:`-X^\top \mathrm{diag}(p_j(\delta_{jl} - p_l)) X`.

References
----------
McFadden (1974), "Conditional logit analysis of qualitative choice behavior", in Zarembka (ed.),
"Frontiers in Econometrics".
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.kernels.totals import Totals
from workbench.protocols import Numpy, Order


class MultinomialKernel:
    """The sums of a multinomial logit over rows.

    Parameters
    ----------
    x
        Design, ``(n, p)``.
    level
        The level chosen in each row, ``(n,)``: 0 is the base, then 1 to ``levels - 1``.
    levels
        The number ``J`` of levels; ``theta`` has ``(J - 1) p`` elements, level by level.
    weights
        One per row, ``(n,)``, or None.
    """

    def __init__(
        self, x: Numpy, level: npt.NDArray[np.int64], levels: int, weights: Numpy | None = None
    ) -> None:
        self.x, self.level, self.levels, self._weights = x, level, levels, weights
        self.size = (levels - 1) * x.shape[1]

    def index(self, theta: Numpy) -> Numpy:
        """Return the linear index of each level, zero for the base, ``(n, J)``."""
        slopes = theta.reshape(self.levels - 1, self.x.shape[1])
        found = np.zeros((len(self.x), self.levels))
        found[:, 1:] = self.x @ slopes.T
        return found

    def _at(self, theta: Numpy) -> tuple[Numpy, Numpy]:
        """Return the log-likelihood of each row, ``(n,)``, and the probabilities, ``(n, J)``."""
        index = self.index(theta)
        largest = index.max(axis=1, keepdims=True)
        shares = np.exp(index - largest)
        sums = shares.sum(axis=1, keepdims=True)
        chosen = index[np.arange(len(index)), self.level]
        return chosen - largest[:, 0] - np.log(sums[:, 0]), shares / sums

    def _weighted(self, values: Numpy) -> Numpy:
        if self._weights is None:
            return values
        return values * (self._weights if values.ndim == 1 else self._weights[:, None])

    def _rest(self, shares: Numpy) -> Numpy:
        """Return choice minus probability of the levels other than the base, ``(n, J - 1)``."""
        rest = -shares[:, 1:]
        others = np.flatnonzero(self.level > 0)
        rest[others, self.level[others] - 1] += 1.0
        return rest

    def totals(self, theta: Numpy, order: Order = 0) -> Totals:
        """Sum the log-likelihood and its derivatives up to ``order`` at ``theta (k,)``."""
        values, shares = self._at(theta)
        value = float(self._weighted(values).sum())
        if order == 0:
            return Totals(value)
        gradient = (self._weighted(self._rest(shares)).T @ self.x).reshape(-1)
        return Totals(value, gradient, self._hessian(shares) if order == 2 else None)

    def _hessian(self, shares: Numpy) -> Numpy:
        x, p = self.x, self.x.shape[1]
        hessian = np.empty((self.levels - 1, p, self.levels - 1, p))
        for j in range(self.levels - 1):
            for other in range(j + 1):
                share = self._weighted(shares[:, j + 1])
                factor = share * ((j == other) - shares[:, other + 1])
                block = -(x.T @ (x * factor[:, None]))
                hessian[j, :, other, :] = hessian[other, :, j, :] = block
        return hessian.reshape(self.size, self.size)

    def hessian_vector(self, theta: Numpy, vector: Numpy) -> Numpy:
        """Multiply the Hessian of the summed log-likelihood with ``vector (k,)``."""
        shares = self._at(theta)[1][:, 1:]
        pushed = self.x @ vector.reshape(self.levels - 1, -1).T
        moved = shares * (pushed - np.sum(shares * pushed, axis=1, keepdims=True))
        return np.asarray(-(self._weighted(moved).T @ self.x).reshape(-1))

    def values(self, theta: Numpy) -> Numpy:
        """Return the log-likelihood of each row, unweighted, ``(n,)``."""
        return self._at(theta)[0]

    def scores(self, theta: Numpy) -> Numpy:
        """Return the score of each row, unweighted, ``(n, k)``."""
        rest = self._rest(self._at(theta)[1])
        return np.asarray((rest[:, :, None] * self.x[:, None, :]).reshape(len(rest), -1))

    def probabilities(self, theta: Numpy) -> Numpy:
        """Return the probability of each level, ``(n, J)``."""
        return self._at(theta)[1]
