"""The conditional logit: value, score, Hessian and the scores of people."""

from __future__ import annotations

from workbench.backends import Backend
from workbench.kernels.choice.situations import Situations
from workbench.kernels.linear_index import Totals
from workbench.protocols import Numpy, Order


class ConditionalKernel:
    """The sums of a conditional logit over people.

    Parameters
    ----------
    situations
        What people chose from.
    xp
        The backend that computes; on the CPU in float64 numba does.
    """

    def __init__(self, situations: Situations, xp: Backend) -> None:
        self.situations, self.xp, self.size = situations, xp, situations.columns

    def totals(self, theta: Numpy, order: Order = 0) -> Totals:
        """Sum the log-likelihood and its derivatives up to ``order`` at ``theta (k,)``."""
        raise NotImplementedError

    def hessian_vector(self, theta: Numpy, vector: Numpy) -> Numpy:
        """Multiply the Hessian of the summed log-likelihood with ``vector (k,)``."""
        raise NotImplementedError

    def scores(self, theta: Numpy) -> Numpy:
        """Return the score of each person, unweighted, ``(n, k)``."""
        raise NotImplementedError

    def values(self, theta: Numpy) -> Numpy:
        """Return the log-likelihood of each person, unweighted, in nats, ``(n,)``."""
        raise NotImplementedError
