"""Separated rows: hand-made examples, and the iterative rectifier against linear programs."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.demeaners import demeaner_named
from workbench.demeaners.base import finish
from workbench.kernels.absorption.factors import Factor, Factors
from workbench.models.fixed_effects.families import LogitFamily, PoissonFamily
from workbench.models.fixed_effects.separation import separated_by_simplex, separated_rows


def both(y, x, factors=(), kind=PoissonFamily):
    """Return what the rectifier and the linear programs find."""
    absorbed, divergence = Factors(tuple(factors), len(y)), kind.divergence(y)

    def demean(columns, weights, tolerance):
        if not absorbed.members or not columns.shape[1]:
            return columns
        demeaner = demeaner_named("schur", {"tol": tolerance})
        return finish(demeaner.solve(absorbed.weighted(weights), columns)).columns

    guess = np.abs(divergence)
    return separated_rows(divergence, x, guess, demean), separated_by_simplex(
        divergence, x, absorbed
    )


EXAMPLES = {
    "a dummy for zeros": ([0, 0, 0, 1, 2], [[1], [1], [0], [0], [0]], [1, 1, 0, 0, 0]),
    "a dummy for a zero and a one": ([0, 0, 0, 1, 2], [[1], [0], [0], [1], [0]], [0] * 5),
    "zeros on either side": ([0, 0, 0, 1, 2], [[1], [-1], [0], [0], [0]], [0] * 5),
    "a difference of two": (
        [0, 0, 0, 1, 2, 5],
        [[3, 1], [1, 1], [2, 2], [1, 1], [4, 4], [2, 2]],
        [1, 0, 0, 0, 0, 0],
    ),
    "a difference of two on either side": (
        [0, 0, 0, 1, 2, 5],
        [[3, 1], [1, 2], [2, 2], [1, 1], [4, 4], [2, 2]],
        [0] * 6,
    ),
    "one direction after another": (
        [0, 0, 0, 1, 2],
        [[1, 0], [-1, 1], [0, 0], [0, 0], [0, 0]],
        [1, 1, 0, 0, 0],
    ),
}


@pytest.mark.parametrize(("y", "x", "expected"), EXAMPLES.values(), ids=EXAMPLES)
def test_both_methods_find_the_rows_found_by_hand(y, x, expected):
    y, x = np.array(y, dtype=float), np.array(x, dtype=float)

    rectifier, simplex = both(y, x)

    assert simplex.tolist() == [bool(e) for e in expected]
    if any(expected) or rectifier is not None:  # it may leave open that nothing is separated
        assert rectifier.tolist() == simplex.tolist()


def test_a_regressor_that_differs_from_an_effect_in_zeros_alone_separates_them():
    firm = np.repeat(np.arange(4), 5)
    y = np.tile([0.0, 0, 1, 2, 3], 4)
    x = np.array([0.5, -1.0, 2.0, 0.1])[firm] + (y == 0) * np.tile([1.0, 0, 0, 0, 0], 4)

    found = both(y, x[:, None], [Factor.of("firm", firm)])

    for rows in found:
        assert np.flatnonzero(rows).tolist() == [0, 5, 10, 15]


def test_levels_that_only_zeros_connect_are_separated():
    """Worker 2 has positive outcomes in firm 1 alone, and firm 0 none with it."""
    firm, worker = np.array([0, 0, 0, 1, 1, 1, 0]), np.array([0, 0, 1, 2, 2, 3, 2])
    y = np.array([1.0, 2, 1, 3, 1, 2, 0])

    found = both(y, np.empty((7, 0)), [Factor.of("firm", firm), Factor.of("worker", worker)])

    for rows in found:
        assert np.flatnonzero(rows).tolist() == [6]


@pytest.mark.parametrize("seed", range(12))
def test_the_rectifier_agrees_with_linear_programs(seed):
    rng = np.random.default_rng(seed)
    rows = 60
    factors = [Factor.of(name, rng.integers(0, 6, rows)) for name in "ab"]
    y = rng.poisson(0.7, rows).astype(float)
    effects = rng.normal(size=(2, 6))
    pushed = (y == 0) * (rng.random(rows) < 0.3) * rng.exponential(size=rows)
    sign = 1.0 if seed % 2 else rng.choice([-1.0, 1.0], rows)
    own = effects[0][factors[0].codes] + effects[1][factors[1].codes] + sign * pushed
    x = np.column_stack([own, rng.normal(size=rows)])

    rectifier, simplex = both(y, x, factors)

    assert simplex.any() == bool(seed % 2)
    if simplex.any() or rectifier is not None:  # it may leave open that nothing is separated
        assert rectifier.tolist() == simplex.tolist()


def test_a_logit_split_by_one_column_is_separated_in_every_row():
    x = np.arange(10.0)

    found = both((x > 4).astype(float), np.column_stack([np.ones(10), x]), kind=LogitFamily)

    for rows in found:
        assert rows.all()
