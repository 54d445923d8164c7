"""Draws: evenly distributed, separate for each person, and reproducible by the seed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.stats import qmc

from workbench.kernels.choice.draws import DRAW_KINDS, base_draws, gauss_hermite

every_kind = pytest.mark.parametrize("kind", DRAW_KINDS)


@every_kind
@pytest.mark.parametrize(
    ("variate", "distribution"),
    [
        ("normal", stats.norm()),
        ("triangular", stats.triang(0.5, -1, 2)),
        ("uniform", stats.uniform(-1, 2)),
    ],
)
def test_draws_follow_their_distribution(kind, variate, distribution):
    draws = base_draws(kind, 100, 50, 2, 7, [variate] * 2)

    assert draws.shape == (100, 50, 2)
    for column in range(2):
        found = stats.kstest(draws[..., column].ravel(), distribution.cdf)
        assert found.pvalue > 0.001


@every_kind
def test_no_two_persons_share_draws(kind):
    draws = base_draws(kind, 200, 8, 1, 3)

    assert len(np.unique(draws.reshape(200, -1).round(12), axis=0)) == 200
    assert len(np.unique(draws.round(12))) == draws.size


@every_kind
def test_the_seed_determines_the_draws(kind):
    first, again, other = (base_draws(kind, 10, 6, 2, seed) for seed in (4, 4, 5))

    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_halton_draws_are_the_stretches_of_scipys_sequence_after_a_burn_in():
    sequence = qmc.Halton(3, scramble=False)
    sequence.fast_forward(100)
    expected = 2 * sequence.random(40 * 25) - 1

    draws = base_draws("halton", 40, 25, 3, 0, ["uniform"] * 3)

    np.testing.assert_allclose(draws.reshape(-1, 3), expected, atol=1e-13)


def test_later_halton_seeds_continue_where_earlier_ones_end():
    long = base_draws("halton", 20, 10, 2, 0)

    np.testing.assert_allclose(base_draws("halton", 10, 10, 2, 1), long[10:], atol=1e-12)


def test_antithetic_draws_mirror_each_other():
    draws = base_draws("antithetic", 5, 10, 2, 1)

    np.testing.assert_allclose(draws[:, :5], -draws[:, 5:], atol=1e-12)


def test_mlhs_has_one_draw_in_each_cell_of_a_persons_grid():
    draws = (base_draws("mlhs", 9, 16, 2, 1, ["uniform"] * 2) + 1) / 2

    cells = np.sort(np.floor(draws * 16), axis=1)
    np.testing.assert_array_equal(cells, np.broadcast_to(np.arange(16)[:, None], cells.shape))


def test_quadrature_gives_the_moments_of_a_normal():
    rule = gauss_hermite(7)

    found = [rule.weights @ rule.nodes**power for power in (0, 1, 2, 4, 6)]
    np.testing.assert_allclose(found, [1, 0, 1, 3, 15], atol=1e-12)
