"""The mixed logit by simulation or quadrature: value, exact Hessian, scores of persons."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.backends import Backend
from workbench.kernels.choice.coefficients import RandomCoefficient
from workbench.kernels.choice.conditional import ConditionalKernel
from workbench.kernels.choice.draws import Quadrature
from workbench.kernels.choice.situations import Situations
from workbench.protocols import Numpy


class MixedKernel(ConditionalKernel):
    r"""The sums of a mixed logit over persons, with the methods of `ConditionalKernel`.

    .. math:: \ell_n = \log \sum_r \pi_r \prod_t P(y_{nt} \mid \beta_{nr})

    ``theta`` holds the ``p`` coefficients in the order of the columns (of a random one, the mean
    of the underlying variate), then one standard deviation per random coefficient, or the rows
    of the lower triangle of the Cholesky factor.

    Parameters
    ----------
    situations
        The choice situations of all persons.
    random
        The coefficients that vary, in the order of the draws.
    correlated
        Whether they are correlated, with a full Cholesky factor.
    draws
        Base variates of each person, ``(n, R, q)``, or a quadrature for one coefficient.
    wtp
        The column of the price, for willingness-to-pay space: its coefficient is
        :math:`\alpha`, and every other one is :math:`-\alpha \omega_k` with :math:`\omega_k`
        in ``theta``.
    xp
        The backend that computes; on the CPU in float64 numba does.
    """

    def __init__(
        self,
        situations: Situations,
        random: Sequence[RandomCoefficient],
        correlated: bool,
        draws: Numpy | Quadrature,
        wtp: int | None,
        xp: Backend,
    ) -> None:
        self._set_up(situations, xp, random, correlated, draws, wtp)

    def conditional_means(self, theta: Numpy) -> Numpy:
        """Return the mean of each random coefficient given a person's choices, ``(n, q)``."""
        means = self._found(theta, 0, means=True).means
        assert means is not None
        return means[:, self._random]
