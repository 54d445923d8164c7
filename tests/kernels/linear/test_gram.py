"""Sums of outer products agree with numpy's, whatever the signs and the number of threads."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from workbench.kernels.linear.gram import cross_gram, cross_product, gram, times, weighted_gram

# Sums of some thousand products, in another order.
ROUNDING = 1e-12


@pytest.fixture(params=[(7, 3), (3_000, 1), (5_000, 40), (40_000, 20)], ids=str)
def rows(request):
    """Standard normal rows; the largest use several threads and several ranges."""
    return np.random.default_rng(3).standard_normal(request.param)


def test_the_sum_of_outer_products_is_that_of_numpy(rows):
    np.testing.assert_allclose(gram(rows), rows.T @ rows, rtol=ROUNDING, atol=ROUNDING)


def test_products_with_vectors_are_those_of_numpy(rows):
    tall, wide = rows[:, 0].copy(), rows[0].copy()

    np.testing.assert_allclose(times(rows, wide), rows @ wide, rtol=ROUNDING, atol=ROUNDING)
    np.testing.assert_allclose(cross_product(rows, tall), rows.T @ tall, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("signs", ["positive", "negative", "both"])
def test_weights_of_either_sign_weight_the_outer_products(rows, signs):
    drawn = np.random.default_rng(4).standard_normal(len(rows))
    weights = {"positive": abs(drawn), "negative": -abs(drawn), "both": drawn}[signs]

    found = weighted_gram(rows, weights)

    expected = rows.T @ (rows * weights[:, None])
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=1e-10)
    assert (found == found.T).all()


@pytest.mark.parametrize("width", [0, 1, 9])
def test_the_block_between_two_designs_is_that_of_numpy(rows, width):
    rng = np.random.default_rng(5)
    other, weights = rng.standard_normal((len(rows), width)), rng.standard_normal(len(rows))

    found = cross_gram(rows, weights, other)

    expected = rows.T @ (other * weights[:, None])
    assert found.shape == (rows.shape[1], width)
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=1e-10)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_finite_is_not_lost(rows, odd):
    weights = np.ones(len(rows))
    weights[1] = odd

    assert not np.isfinite(weighted_gram(rows, weights)).any()


def test_a_sum_can_still_be_formed_while_python_shuts_down():
    code = (
        "import atexit, numpy as np; from workbench.kernels.linear.gram import gram; "
        "atexit.register(lambda: print(gram(np.ones((30_000, 20))).sum()))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert (done.stdout.strip(), done.stderr) == ("12000000.0", "")
