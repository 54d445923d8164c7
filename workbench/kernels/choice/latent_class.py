r"""A logit with latent classes of persons: value, score, exact Hessian, and steps of EM.

With :math:`\pi_{nc}` the membership of person :math:`n` in class :math:`c`, a multinomial logit
of ``z``, and :math:`\ell_{nc}` the log-likelihood of all their choices in that class,

.. math:: \ell_n = \log\sum_c \pi_{nc} e^{\ell_{nc}}, \qquad
   q_{nc} = \pi_{nc} e^{\ell_{nc} - \ell_n}, \qquad
   s_n = \sum_c q_{nc} s_{nc},

where :math:`s_{nc}` is the score of :math:`\log\pi_{nc} + \ell_{nc}`, and the Hessian is
:math:`\sum_c q_{nc}(H_{nc} + s_{nc}s_{nc}^\top) - s_n s_n^\top`.

References
----------
Louis (1982), "Finding the observed information matrix when using the EM algorithm", Journal of
the Royal Statistical Society B 44(2); Greene and Hensher (2003), "A latent class model for
discrete choice analysis: contrasts with mixed logit", Transportation Research B 37(8).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from workbench.kernels.choice.situations import Situations
from workbench.kernels.linear.gram import weighted_gram
from workbench.kernels.totals import FormsHessian, Totals
from workbench.protocols import Numpy, Order

# Added to the diagonal of a class's weighted Hessian, relative, so that EM's steps exist.
_RIDGE = 1e-8


@dataclass(frozen=True, eq=False)
class _Class:
    """One class at one point: probabilities of the rows not chosen, values and scores."""

    shares: Numpy
    values: Numpy
    scores: Numpy


class LatentClassKernel(FormsHessian):
    """The sums of a latent-class logit over persons.

    Parameters
    ----------
    situations
        The choice situations of all persons.
    z
        The covariates of membership, ``(n, g)``.
    classes
        Their number ``C``; ``theta`` has ``p`` coefficients per class, and then ``g`` coefficients
        of membership for each class but the first.
    """

    def __init__(self, situations: Situations, z: Numpy, classes: int) -> None:
        self.situations, self.z, self.classes = situations, z, classes
        self.p, self.g = situations.columns, z.shape[1]
        self.size = classes * self.p + (classes - 1) * self.g
        self._rows = situations.first[:-1]
        self._persons = situations.person_first[:-1]
        self._sizes = np.diff(situations.first)
        self._of_situation = np.repeat(
            np.arange(situations.persons), np.diff(situations.person_first)
        )

    def slopes(self, theta: Numpy) -> Numpy:
        """Return the coefficients of each class, ``(C, p)``."""
        return theta[: self.classes * self.p].reshape(self.classes, self.p)

    def log_membership(self, theta: Numpy) -> Numpy:
        """Return the log of each person's membership in each class, ``(n, C)``."""
        index = np.zeros((len(self.z), self.classes))
        index[:, 1:] = self.z @ theta[self.classes * self.p :].reshape(-1, self.g).T
        return index - _log_sum(index)[:, None]

    def totals(self, theta: Numpy, order: Order = 0) -> Totals:
        """Sum the log-likelihood and its derivatives up to ``order`` at ``theta (k,)``."""
        weights = self.situations.person_weights
        classes, logs, values = self._at(theta)
        value = float(weights @ values)
        if order == 0:
            return Totals(value)
        posterior = np.exp(logs - values[:, None])
        each = [self._class_score(theta, c, classes[c]) for c in range(self.classes)]
        scores = sum(posterior[:, [c]] * each[c] for c in range(self.classes))
        gradient = np.asarray(weights @ scores)
        if order == 1:
            return Totals(value, gradient)
        hessian = -weighted_gram(np.asarray(scores), weights)
        for c in range(self.classes):
            share = weights * posterior[:, c]
            hessian += weighted_gram(each[c], share)
            block = slice(c * self.p, (c + 1) * self.p)
            hessian[block, block] += self._class_hessian(classes[c], share)
        first = self.classes * self.p
        hessian[first:, first:] += self._membership_hessian(theta, weights)
        return Totals(value, gradient, hessian)

    def values(self, theta: Numpy) -> Numpy:
        """Return the log-likelihood of each person, unweighted, ``(n,)``."""
        return self._at(theta)[2]

    def scores(self, theta: Numpy) -> Numpy:
        """Return the score of each person, unweighted, ``(n, k)``."""
        classes, logs, values = self._at(theta)
        posterior = np.exp(logs - values[:, None])
        parts = [
            posterior[:, [c]] * self._class_score(theta, c, classes[c]) for c in range(self.classes)
        ]
        return np.asarray(sum(parts))

    def posterior(self, theta: Numpy) -> Numpy:
        """Return the probability of each class given a person's choices, ``(n, C)``."""
        return self.expected(theta)[1]

    def expected(self, theta: Numpy) -> tuple[float, Numpy]:
        """Return the log-likelihood and the posterior of each person's class, ``(n, C)``."""
        _, logs, values = self._at(theta)
        value = float(self.situations.person_weights @ values)
        return value, np.exp(logs - values[:, None])

    # One class ----------------------------------------------------------------------------------

    def _at(self, theta: Numpy) -> tuple[list[_Class], Numpy, Numpy]:
        """Return each class, the logs of their terms ``(n, C)``, and the values ``(n,)``."""
        found = [self._of_class(beta) for beta in self.slopes(theta)]
        logs = self.log_membership(theta) + np.column_stack([each.values for each in found])
        return found, logs, _log_sum(logs)

    def _of_class(self, beta: Numpy) -> _Class:
        moved = self.situations.differences
        index = moved @ beta
        largest = np.maximum(np.maximum.reduceat(index, self._rows), 0.0)
        raised = np.exp(index - np.repeat(largest, self._sizes))
        sums = np.add.reduceat(raised, self._rows) + np.exp(-largest)
        shares = raised / np.repeat(sums, self._sizes)
        values = np.add.reduceat(-largest - np.log(sums), self._persons)
        begin = self._rows[self._persons]
        return _Class(shares, values, -np.add.reduceat(shares[:, None] * moved, begin, axis=0))

    def _class_score(self, theta: Numpy, c: int, found: _Class) -> Numpy:
        """Return the score of a class's term by all parameters, ``(n, k)``."""
        scores = np.zeros((len(self.z), self.size))
        scores[:, c * self.p : (c + 1) * self.p] = found.scores
        member = -np.exp(self.log_membership(theta))
        member[:, c] += 1.0
        first = self.classes * self.p
        scores[:, first:] = (member[:, 1:, None] * self.z[:, None, :]).reshape(len(self.z), -1)
        return scores

    def _class_hessian(self, found: _Class, weights: Numpy) -> Numpy:
        """Sum the Hessians of a class over persons with these weights ``(n,)``, ``(p, p)``."""
        moved = self.situations.differences
        of_situation = weights[self._of_situation]
        means = np.add.reduceat(found.shares[:, None] * moved, self._rows, axis=0)
        each = np.repeat(of_situation, self._sizes) * found.shares
        return weighted_gram(means, of_situation) - weighted_gram(moved, each)

    def _membership_hessian(self, theta: Numpy, weights: Numpy) -> Numpy:
        member = np.exp(self.log_membership(theta))[:, 1:]
        size, g = self.classes - 1, self.g
        hessian = np.empty((size, g, size, g))
        for c in range(size):
            for d in range(size):
                factor = weights * member[:, c] * (member[:, d] - (c == d))
                hessian[c, :, d, :] = self.z.T @ (self.z * factor[:, None])
        return hessian.reshape(size * g, size * g)

    # Steps of EM --------------------------------------------------------------------------------

    def raised(self, theta: Numpy, posterior: Numpy) -> Numpy:
        """Return the parameters after one Newton step on the expected log-likelihood.

        References
        ----------
        Lange (1995), "A gradient algorithm locally equivalent to the EM algorithm", Journal of the
        Royal Statistical Society B 57(2).
        """
        weights, new = self.situations.person_weights, theta.copy()
        for c, beta in enumerate(self.slopes(theta)):
            found, share = self._of_class(beta), weights * posterior[:, c]
            step = _solved(-self._class_hessian(found, share), share @ found.scores)
            new[c * self.p : (c + 1) * self.p] += step
        first = self.classes * self.p
        rest = (posterior - np.exp(self.log_membership(theta)))[:, 1:] * weights[:, None]
        step = _solved(-self._membership_hessian(theta, weights), (rest.T @ self.z).reshape(-1))
        new[first:] += step
        return new


def _solved(matrix: Numpy, right: Numpy) -> Numpy:
    lifted = matrix + np.diag(np.diag(matrix) * _RIDGE + np.finfo(float).tiny)
    try:
        factor = scipy.linalg.cho_factor(lifted)
        return np.asarray(scipy.linalg.cho_solve(factor, right), dtype=np.float64)
    except (np.linalg.LinAlgError, ValueError):
        return np.zeros(len(right))


def _log_sum(logs: Numpy) -> Numpy:
    largest = logs.max(axis=1)
    return np.asarray(largest + np.log(np.exp(logs - largest[:, None]).sum(axis=1)))
