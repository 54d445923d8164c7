"""Choice situations drawn for tests, and a likelihood written out in full."""

from __future__ import annotations

import numpy as np

from workbench.kernels.choice.coefficients import RandomCoefficient, factor_pairs
from workbench.kernels.choice.situations import Situations

TRANSFORMS = {
    "lognormal": np.exp,
    "negative_lognormal": lambda u: -np.exp(u),
    "truncated_normal": lambda u: np.maximum(u, 0),
}


def situations(persons=40, columns=4, most=4, options=5, weighted=True, seed=1):
    """Draw up to so many situations per person and options per situation, so that blocks differ."""
    rng = np.random.default_rng(seed)
    count = rng.integers(1, most + 1, persons)
    person_first = np.concatenate([[0], np.cumsum(count)])
    first = np.concatenate([[0], np.cumsum(rng.integers(1, options + 1, person_first[-1]))])
    weights = rng.uniform(0.5, 2, persons) if weighted else None
    return Situations(rng.normal(size=(first[-1], columns)), first, person_first, weights)


def coefficients(columns, random, correlated, draws, wtp, theta):
    """Return the coefficients of utility for draws ``(R, q)``, shape ``(R, p)``."""
    lower = np.zeros((len(random), len(random)))
    pairs = factor_pairs(len(random), correlated)
    lower[pairs[:, 0], pairs[:, 1]] = theta[columns:]
    own = [coefficient.column for coefficient in random]
    index = theta[own] + draws @ lower.T
    beta = np.tile(theta[:columns], (len(draws), 1))
    for place, coefficient in enumerate(random):
        transform = TRANSFORMS.get(coefficient.kind, np.asarray)
        beta[:, coefficient.column] = transform(index[:, place])
    if wtp is None:
        return beta
    utility = -beta[:, [wtp]] * beta
    utility[:, wtp] = beta[:, wtp]
    return utility


def log_likelihoods(data, random, correlated, draws, wtp, theta):
    """Return the log of the average over draws ``(n, R, q)`` of each person's product, ``(n,)``."""
    found = np.empty(data.persons)
    for person in range(data.persons):
        beta = coefficients(data.columns, random, correlated, draws[person], wtp, theta)
        logs = np.zeros(len(beta))
        for t in range(data.person_first[person], data.person_first[person + 1]):
            utility = data.differences[data.first[t] : data.first[t + 1]] @ beta.T
            logs -= np.logaddexp(0, np.logaddexp.reduce(utility, axis=0))
        found[person] = np.logaddexp.reduce(logs) - np.log(len(logs))
    return found


def random_of(*pairs):
    return [RandomCoefficient(column, kind) for column, kind in pairs]
