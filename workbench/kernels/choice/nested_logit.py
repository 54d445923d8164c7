r"""The nested logit that follows from utility maximisation: value, score and exact Hessian.

With :math:`u_j = V_j/\tau_k` for alternative :math:`j` of nest :math:`k`,
:math:`I_k = \log\sum_{j\in k} e^{u_j}` and :math:`W_k = \tau_k I_k`,

.. math:: \log P(i) = u_i - I_k + W_k - \log\sum_l e^{W_l}.

``theta`` holds the ``p`` coefficients and then :math:`\log\tau` of each nest, so that
:math:`\partial u_j/\partial\log\tau_k = -u_j`.

References
----------
McFadden (1978), "Modelling the choice of residential location"; Hensher and Greene (2002),
"Specification and estimation of the nested logit model: alternative normalisations",
Transportation Research B 36(1), section 3 (RU2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.kernels.linear.gram import weighted_gram
from workbench.kernels.totals import FormsHessian, Totals
from workbench.protocols import Numpy, Order

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class NestedSets:
    """Choice sets whose rows are sorted by person, situation and nest.

    Attributes
    ----------
    x
        Attributes, ``(m, p)``.
    occurrence_first
        Where each nest of each situation begins among the rows, ``(o + 1,)``.
    nest
        The nest of each occurrence, ``(o,)``.
    situation_first
        Where each situation begins among the occurrences, ``(s + 1,)``.
    person_first
        Where each person begins among the situations, ``(n + 1,)``.
    chosen
        The row chosen in each situation, ``(s,)``.
    nests
        The number ``K`` of nests.
    """

    x: Numpy
    occurrence_first: Int64
    nest: Int64
    situation_first: Int64
    person_first: Int64
    chosen: Int64
    nests: int

    @property
    def occurrence_of(self) -> Int64:
        """The occurrence of each row, ``(m,)``."""
        return np.repeat(np.arange(len(self.nest)), np.diff(self.occurrence_first))

    @property
    def situation_of(self) -> Int64:
        """The situation of each occurrence, ``(o,)``."""
        return np.repeat(np.arange(len(self.chosen)), np.diff(self.situation_first))

    def of(self, persons: Int64) -> NestedSets:
        """Return the sets of some persons, in their order."""
        keep = np.zeros(len(self.person_first) - 1, dtype=bool)
        keep[persons] = True
        situations = np.repeat(keep, np.diff(self.person_first))
        occurrences = np.repeat(situations, np.diff(self.situation_first))
        rows = np.repeat(occurrences, np.diff(self.occurrence_first))
        place = np.cumsum(rows) - 1
        return NestedSets(
            np.ascontiguousarray(self.x[rows]),
            _firsts(np.diff(self.occurrence_first)[occurrences]),
            self.nest[occurrences],
            _firsts(np.diff(self.situation_first)[situations]),
            _firsts(np.diff(self.person_first)[keep]),
            place[self.chosen[situations]],
            self.nests,
        )


def _firsts(sizes: Int64) -> Int64:
    """Return where each of consecutive stretches begins, and their end, ``(sizes + 1,)``."""
    return np.concatenate([[0], np.cumsum(sizes)])


def nested_sets(
    x: Numpy, nest: Int64, nests: int, situation: Int64, person_first: Int64, chosen: Int64
) -> tuple[NestedSets, Int64]:
    """Sort rows by nest within situations.

    Parameters
    ----------
    x, nest, situation
        Attributes ``(m, p)``, nest and situation of each row, ``(m,)``, situations increasing.
    nests
        Their number.
    person_first, chosen
        As `NestedSets` has them, of the rows given.

    Returns
    -------
    The sets, and the position of each of their rows among the rows given, ``(m,)``.
    """
    order = np.lexsort((nest, situation))
    pair = situation[order] * nests + nest[order]
    begin = np.concatenate([[0], np.flatnonzero(np.diff(pair)) + 1, [len(pair)]])
    of = situation[order][begin[:-1]]
    first = np.concatenate([[0], np.flatnonzero(np.diff(of)) + 1, [len(of)]])
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    moved, each = np.ascontiguousarray(x[order]), nest[order][begin[:-1]]
    return NestedSets(moved, begin, each, first, person_first, place[chosen], nests), order


def nested_probabilities(sets: NestedSets, beta: Numpy, tau: Numpy) -> Numpy:
    """Return the probability of each row, ``(m,)``, from natural parameters."""
    at = _Point(sets, beta, tau)
    return at.within * at.between[sets.occurrence_of]


class _Point:
    """The terms that derivatives of all orders share at one point."""

    def __init__(self, sets: NestedSets, beta: Numpy, tau: Numpy) -> None:
        begin, row_of = sets.occurrence_first[:-1], sets.occurrence_of
        self.tau = tau[sets.nest]
        self.u = (sets.x @ beta) / self.tau[row_of]
        self.inclusive, self.within = _log_sums(self.u, begin, row_of)
        self.value = self.tau * self.inclusive
        self.total, self.between = _log_sums(
            self.value, sets.situation_first[:-1], sets.situation_of
        )


def _log_sums(values: Numpy, begin: Int64, group: Int64) -> tuple[Numpy, Numpy]:
    """Return the log of each group's sum of exponentials, and the shares within groups."""
    largest = np.maximum.reduceat(values, begin)
    raised = np.exp(values - largest[group])
    sums = np.add.reduceat(raised, begin)
    return largest + np.log(sums), raised / sums[group]


class NestedKernel(FormsHessian):
    """The sums of a nested logit over persons.

    Parameters
    ----------
    sets
        The choice sets of all persons.
    weights
        One per person, ``(n,)``, or None.
    """

    def __init__(self, sets: NestedSets, weights: Numpy | None = None) -> None:
        self.sets, self._p = sets, sets.x.shape[1]
        self.size = self._p + sets.nests
        each = np.diff(sets.person_first)
        self._weights = None if weights is None else np.repeat(weights, each)
        self._occurrence_of, self._situation_of = sets.occurrence_of, sets.situation_of
        self._mine = self._occurrence_of[sets.chosen]

    def _at(self, theta: Numpy) -> _Point:
        return _Point(self.sets, theta[: self._p], np.exp(theta[self._p :]))

    def totals(self, theta: Numpy, order: Order = 0) -> Totals:
        """Sum the log-likelihood and its derivatives up to ``order`` at ``theta (k,)``."""
        at = self._at(theta)
        values = self._situation_values(at)
        weights = np.ones(len(values)) if self._weights is None else self._weights
        value = float(weights @ values)
        if order == 0:
            return Totals(value)
        parts = self._parts(at)
        gradient = self._situation_scores(at, parts).T @ weights
        return Totals(value, gradient, self._hessian(at, parts, weights) if order == 2 else None)

    def values(self, theta: Numpy) -> Numpy:
        """Return the log-likelihood of each person, unweighted, ``(n,)``."""
        return self._by_person(self._situation_values(self._at(theta)))

    def scores(self, theta: Numpy) -> Numpy:
        """Return the score of each person, unweighted, ``(n, k)``."""
        return self._by_person(self.situation_scores(theta))

    def situation_scores(self, theta: Numpy) -> Numpy:
        """Return the score of each situation, unweighted, ``(s, k)``."""
        at = self._at(theta)
        return self._situation_scores(at, self._parts(at))

    def _by_person(self, values: Numpy) -> Numpy:
        return np.asarray(np.add.reduceat(values, self.sets.person_first[:-1], axis=0))

    def _situation_values(self, at: _Point) -> Numpy:
        mine = self._mine
        return at.u[self.sets.chosen] - at.inclusive[mine] + at.value[mine] - at.total

    def _parts(self, at: _Point) -> tuple[Numpy, Numpy, Numpy]:
        """Return the derivatives of utilities, ``(m, k)``, inclusive values and nests, ``(o, k)``.

        The last is the derivative of ``W``, whose part by ``log tau`` is
        ``tau (I + dI/d log tau)``.
        """
        sets, p, occurrence = self.sets, self._p, self._occurrence_of
        z = np.zeros((len(at.u), self.size))
        z[:, :p] = sets.x / at.tau[occurrence][:, None]
        z[np.arange(len(z)), p + sets.nest[occurrence]] = -at.u
        means = np.add.reduceat(z * at.within[:, None], sets.occurrence_first[:-1], axis=0)
        moved = means * at.tau[:, None]
        moved[np.arange(len(moved)), p + sets.nest] += at.value
        return z, means, moved

    def _situation_scores(self, at: _Point, parts: tuple[Numpy, Numpy, Numpy]) -> Numpy:
        z, means, moved = parts
        mine = self._mine
        return z[self.sets.chosen] - means[mine] + moved[mine] - self._mean_over_nests(at, moved)

    def _mean_over_nests(self, at: _Point, moved: Numpy) -> Numpy:
        weighted = moved * at.between[:, None]
        return np.asarray(np.add.reduceat(weighted, self.sets.situation_first[:-1], axis=0))

    def _hessian(self, at: _Point, parts: tuple[Numpy, Numpy, Numpy], weights: Numpy) -> Numpy:
        """Sum second derivatives of the chosen utility, of ``I``, of ``W`` and of the log sum.

        ``lift`` is the weight of the second derivative of each occurrence's ``W``: one for the
        nest chosen, less its probability; ``excess`` is that of its ``I``.
        """
        z, means, moved = parts
        sets, mine = self.sets, self._mine
        lift = -at.between * weights[self._situation_of]
        square = weighted_gram(moved, lift)
        centre = self._mean_over_nests(at, moved)
        square += weighted_gram(centre, weights)
        lift[mine] += weights
        excess = lift * at.tau
        excess[mine] -= weights
        square -= weighted_gram(means, excess)
        square += weighted_gram(z, excess[self._occurrence_of] * at.within)
        crossed = self._by_nest(-excess[:, None] * means)
        np.add.at(crossed, sets.nest[mine], -weights[:, None] * z[sets.chosen])
        raised = self._by_nest((lift * at.tau)[:, None] * means)
        own = np.bincount(sets.nest, weights=lift * at.value, minlength=sets.nests)
        for k in range(sets.nests):
            r = self._p + k
            square[r] += crossed[k] + raised[k]
            square[:, r] += crossed[k] + raised[k]
            square[r, r] += own[k] - crossed[k, r]
        return square

    def _by_nest(self, values: Numpy) -> Numpy:
        """Sum the rows of occurrences by nest, ``(K, k)``."""
        sums = np.zeros((self.sets.nests, values.shape[1]))
        np.add.at(sums, self.sets.nest, values)
        return sums
