"""Leverages of absorbed factors against the diagonal of the projection on explicit dummies."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.kernels.absorption.factors import Factor, Factors
from workbench.kernels.absorption.leverages import absorbed_leverages

# Rounding of an orthonormal basis.
ROUNDING = 1e-12


def diagonal(factors):
    """Square the rows of an orthonormal basis of the weighted dummies."""
    blocks = [
        np.eye(m.levels)[m.codes] * (1.0 if m.slope is None else m.slope[:, None])
        for m in factors.members
    ]
    basis, size, _ = np.linalg.svd(np.sqrt(factors.weights)[:, None] * np.hstack(blocks))
    return (basis[:, : np.count_nonzero(size > 1e-10 * size[0])] ** 2).sum(axis=1)


@pytest.mark.parametrize("seed", range(20))
def test_a_factor_that_another_one_holds_adds_nothing(seed):
    rng = np.random.default_rng(seed)
    fine, weights = rng.integers(0, 20, 60), rng.uniform(0.2, 3.0, 60)
    nested = (Factor.of("fine", fine), Factor.of("coarse", fine // 4))

    found = absorbed_leverages(Factors(nested, 60, weights)) * weights

    expected = diagonal(Factors(nested[:1], 60, weights))
    np.testing.assert_allclose(found, expected, atol=ROUNDING)


@pytest.mark.parametrize("seed", range(5))
def test_leverages_of_crossed_factors_and_slopes_are_those_of_dummies(seed):
    rng = np.random.default_rng(seed)
    a, b, slope = rng.integers(0, 12, 80), rng.integers(0, 5, 80), rng.normal(size=80)
    members = (Factor.of("a", a), Factor.of("b", b), Factor.of("b[x]", b, slope=slope))
    factors = Factors(members, 80, rng.uniform(0.2, 3.0, 80))

    found = absorbed_leverages(factors) * factors.weights

    np.testing.assert_allclose(found, diagonal(factors), atol=ROUNDING)
