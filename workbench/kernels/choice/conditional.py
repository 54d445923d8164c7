"""The conditional logit: value, score, Hessian and the scores of persons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.backends import Backend
from workbench.kernels.choice.coefficients import RandomCoefficient
from workbench.kernels.choice.draws import Quadrature
from workbench.kernels.choice.passes.base import ChoiceTotals, Found, Pass
from workbench.kernels.choice.passes.select import pass_over
from workbench.kernels.choice.passes.structure import structure_of
from workbench.kernels.choice.situations import Situations
from workbench.kernels.totals import FormsHessian
from workbench.protocols import Numpy, Order

_REMEMBERED = 4
"""How many points are remembered: the maxima that are compared are evaluated again at the end."""


class ConditionalKernel(FormsHessian):
    r"""The sums of a conditional logit over persons.

    .. math:: \ell_n = \sum_t \log \frac{1}{1 + \sum_j \exp((x_{ntj} - x_{nty})^\top \beta)}

    Parameters
    ----------
    situations
        The choice situations of all persons.
    xp
        The backend that computes; on the CPU in float64 numba does, where it is installed.
    """

    def __init__(self, situations: Situations, xp: Backend) -> None:
        self._set_up(situations, xp)

    def _set_up(
        self,
        situations: Situations,
        xp: Backend,
        random: Sequence[RandomCoefficient] = (),
        correlated: bool = False,
        draws: Numpy | Quadrature | None = None,
        wtp: int | None = None,
    ) -> None:
        self.situations, self.xp = situations, xp
        structure = structure_of(situations.columns, random, correlated, wtp)
        self.size, self._random = structure.size, structure.random
        self._pass: Pass = pass_over(situations, structure, draws, xp)
        self._past: tuple[tuple[Numpy, Found], ...] = ()

    def totals(self, theta: Numpy, order: Order = 0) -> ChoiceTotals:
        """Sum the log-likelihood and its derivatives up to ``order`` at ``theta (k,)``."""
        return self._found(theta, order, scores=order == 2).totals

    def scores(self, theta: Numpy) -> Numpy:
        """Return the score of each person, unweighted, ``(n, k)``."""
        found = self._found(theta, 1, scores=True).scores
        assert found is not None
        return found

    def values(self, theta: Numpy) -> Numpy:
        """Return the log-likelihood of each person, unweighted, in nats, ``(n,)``."""
        return self._found(theta, 0).values

    def _found(
        self, theta: Numpy, order: Order, *, scores: bool = False, means: bool = False
    ) -> Found:
        """Sum over the persons, unless that has been done at this point."""
        for point, found in self._past:
            if found.has(order, scores=scores, means=means) and np.array_equal(point, theta):
                return found
        found = self._pass.run(theta, order, scores=scores, means=means)
        self._remember(theta.copy(), found)
        return found

    def _remember(self, theta: Numpy, found: Found) -> None:
        """Keep the last few points, and the arrays by person of the highest of them."""
        past = self._past[1 - _REMEMBERED :]
        if all(found.totals.value >= other.totals.value for _, other in past):
            past = tuple((point, other.summed()) for point, other in past)
        else:
            found = found.summed()
        self._past = (*past, (theta, found))
