"""Second moments and the Gaussian from them, against the rows themselves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import approx_fprime

from workbench.kernels.linear.moments import GaussianMoments, second_moments


@pytest.fixture
def rows():
    """Return 30 rows of two columns, an outcome and weights from 1 to 3, drawn with seed 3."""
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(30), rng.normal(size=30)])
    return x, x @ [1.0, -0.5] + rng.normal(size=30), rng.integers(1, 4, 30).astype(float)


# Far from the least squares too, where the quadratic's parts do not cancel.
POINTS = [np.array([0.4, -0.3, 0.9]), np.array([5.0, -7.0, 0.1]), np.array([-1.0, 2.0, 4.0])]


def by_rows(theta, x, y, weights):
    """Sum normal log densities in Olsen's coordinates."""
    h = theta[-1]
    return float(weights @ stats.norm.logpdf(y, x @ theta[:-1] / h, 1 / h))


@pytest.mark.parametrize("theta", POINTS, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gaussian_from_moments_is_the_sum_of_normal_densities(theta, weighted, rows):
    x, y, w = rows
    kernel = GaussianMoments(second_moments(x, y, w if weighted else None))
    weights = w if weighted else np.ones(30)

    totals = kernel.totals(theta, 2)

    assert totals.value == pytest.approx(by_rows(theta, x, y, weights), rel=1e-12)
    gradient = approx_fprime(theta, by_rows, 1e-7, x, y, weights)
    np.testing.assert_allclose(totals.gradient, gradient, rtol=1e-4, atol=1e-3)
    hessian = [
        approx_fprime(theta, lambda t, i=i: kernel.totals(t, 1).gradient[i]) for i in (0, 1, 2)
    ]
    np.testing.assert_allclose(totals.hessian, hessian, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        kernel.hessian_vector(theta, np.ones(3)), totals.hessian.sum(axis=1), rtol=1e-12
    )


def test_a_precision_below_zero_has_no_likelihood(rows):
    x, y, _ = rows

    totals = GaussianMoments(second_moments(x, y, None)).totals(np.array([0.0, 0.0, -1.0]), 2)

    assert totals.value == -np.inf
    assert np.isnan(totals.gradient).all()
