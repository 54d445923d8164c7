r"""The scores of single choice situations in a mixed logit, for comparison with other software.

A person's log-likelihood is that of all their choices together; its score is the sum of
:math:`s_{nt} = \sum_r q_{nr}\,\partial\log P_{ntr}`, with :math:`q_{nr}` the weight of draw
``r`` given the choices.  Outer products of these, and not of their sums by person, give what some
programs call the BHHH or OPG errors of a panel.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from workbench.kernels.choice.coefficients import EXPONENTIAL, LINEAR, MINUS_EXPONENTIAL
from workbench.kernels.choice.draws import Quadrature
from workbench.kernels.choice.situations import Int64, Situations
from workbench.models.choice.prediction import Mixture
from workbench.protocols import Numpy


def mixed_situation_scores(
    sets: Situations, mixed: Mixture, draws: Numpy | Quadrature, pairs: Int64
) -> Numpy:
    """Return the score of each situation by all parameters, unweighted, ``(s, K)``.

    Parameters
    ----------
    sets
        The choice situations of all persons.
    mixed
        The distribution of the coefficients of the scaled columns.
    draws
        Of each person, ``(n, R, q)``, or quadrature nodes.
    pairs
        The row and column of each element of the Cholesky factor, ``(e, 2)``.
    """
    logs = np.array(
        [
            np.add.reduceat(_choices(sets, mixed.coefficients(z))[0], sets.person_first[:-1])
            + np.log(weight)
            for z, weight in _each(draws, sets.persons)
        ]
    )
    raised = np.exp(logs - logs.max(axis=0))
    posterior = raised / raised.sum(axis=0)
    person = np.repeat(np.arange(sets.persons), np.diff(sets.person_first))
    found = np.zeros((len(person), len(mixed.means) + len(pairs)))
    for r, (z, _) in enumerate(_each(draws, sets.persons)):
        found += posterior[r][person][:, None] * _scores(sets, mixed, z, person, pairs)
    return found


def _each(draws: Numpy | Quadrature, persons: int) -> Iterator[tuple[Numpy, float]]:
    """Yield the variates of persons, ``(n, q)``, and the weight, draw by draw."""
    if isinstance(draws, Quadrature):
        for node, weight in zip(draws.nodes.tolist(), draws.weights.tolist(), strict=True):
            yield np.full((persons, 1), node), weight
    else:
        for r in range(draws.shape[1]):
            yield draws[:, r], 1 / draws.shape[1]


def _choices(sets: Situations, beta: Numpy) -> tuple[Numpy, Numpy]:
    """Return the log-probability of each choice, ``(s,)``, and its derivative, ``(s, p)``."""
    sizes = np.diff(sets.first)
    of_row = np.repeat(np.repeat(np.arange(sets.persons), np.diff(sets.person_first)), sizes)
    index = np.sum(sets.differences * beta[of_row], axis=1)
    begin = sets.first[:-1]
    largest = np.maximum(np.maximum.reduceat(index, begin), 0.0)
    raised = np.exp(index - np.repeat(largest, sizes))
    sums = np.add.reduceat(raised, begin) + np.exp(-largest)
    shares = (raised / np.repeat(sums, sizes))[:, None] * sets.differences
    return -largest - np.log(sums), -np.add.reduceat(shares, begin, axis=0)


def _scores(sets: Situations, mixed: Mixture, z: Numpy, person: Int64, pairs: Int64) -> Numpy:
    """Return the score of each situation at one draw of each person, ``(s, K)``."""
    beta = mixed.coefficients(z)
    score = _choices(sets, beta)[1]
    if mixed.price is not None:
        price = beta[:, mixed.price][person]
        worth = -beta / beta[:, [mixed.price]]
        worth[:, mixed.price] = -1.0
        own = -np.sum(score * worth[person], axis=1)
        score = -score * price[:, None]
        score[:, mixed.price] = own
    u = mixed.means[mixed.columns] + z @ mixed.factor.T
    values, slopes = mixed.values(z), np.ones_like(u)
    for k, each in enumerate(mixed.random):
        if each.shape in {EXPONENTIAL, MINUS_EXPONENTIAL}:
            slopes[:, k] = values[:, k]
        elif each.shape != LINEAR:
            slopes[:, k] = u[:, k] > 0
        score[:, each.column] *= slopes[person, k]
    by_sd = [score[:, mixed.columns[row]] * z[person, column] for row, column in pairs.tolist()]
    return np.column_stack([score, *by_sd])
