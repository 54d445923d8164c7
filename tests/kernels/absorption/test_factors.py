"""Factors: codes, sums, adjoint, components and rank."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.errors import DataError
from workbench.kernels.absorption.factors import Factor, Factors


def dense(factors):
    """Write out the dummies of the factors, (n, levels)."""
    blocks = [
        np.eye(member.levels)[member.codes] * (1 if member.slope is None else member.slope[:, None])
        for member in factors.members
    ]
    return np.hstack(blocks)


@pytest.fixture
def factors():
    """40 rows of two factors and a varying slope of the first, normal."""
    rng = np.random.default_rng(3)
    first, second = rng.integers(0, 6, 40), rng.integers(0, 5, 40)
    slope = rng.normal(size=40)
    members = (Factor.of("a", first), Factor.of("b", second), Factor.of("a[x]", first, slope))
    return Factors(members, 40)


@pytest.mark.parametrize(
    "values",
    [[7, -2, 7, 10**12], [3, 1, 3, 2], ["u", "b", "u", "z"], [0.5, -1.0, 0.5, 2.0]],
    ids=["far apart", "small", "text", "numbers"],
)
def test_levels_are_numbered_in_sorted_order(values):
    factor = Factor.of("a", values)

    np.testing.assert_array_equal(factor.codes, np.unique(values, return_inverse=True)[1])
    assert factor.levels == 3
    assert factor.codes.dtype == np.int32
    np.testing.assert_array_equal(factor.sizes, np.bincount(factor.codes))


@pytest.mark.parametrize("values", [[1.0, np.nan], np.array(["a", None], dtype=object)])
def test_a_missing_level_is_refused_by_name(values):
    with pytest.raises(DataError, match="'firm'"):
        Factor.of("firm", values)


def test_an_infinite_slope_is_refused_by_name():
    with pytest.raises(DataError, match="firm"):
        Factor.of("firm[x]", [0, 1], [1.0, np.inf])


def test_effects_are_the_product_with_the_dummies(factors):
    effects = [np.random.default_rng(1).normal(size=(m.levels, 2)) for m in factors.members]

    total = factors.absorb(effects)

    np.testing.assert_allclose(total, dense(factors) @ np.vstack(effects))


@pytest.mark.parametrize("shape", [(40,), (40, 3)])
def test_sums_over_levels_are_the_product_with_the_transposed_dummies(factors, shape):
    values = np.random.default_rng(1).normal(size=shape)

    sums = np.concatenate(factors.adjoint(values))

    np.testing.assert_allclose(sums, dense(factors).T @ values, atol=1e-12)


def test_the_rank_of_two_factors_is_that_of_their_dummies():
    rng = np.random.default_rng(5)
    for draw in range(20):
        members = (Factor.of("a", rng.integers(0, 15, 30)), Factor.of("b", rng.integers(0, 15, 30)))
        factors = Factors(members, 30)

        rank = np.linalg.matrix_rank(dense(factors))

        assert factors.rank() == rank, draw


def test_the_rank_counts_intercepts_and_slopes(factors):
    assert factors.rank() == np.linalg.matrix_rank(dense(factors))


def test_a_nested_factor_absorbs_nothing_more():
    fine = np.repeat(np.arange(12), 3)
    factors = Factors((Factor.of("fine", fine), Factor.of("coarse", fine // 4)), 36)

    assert factors.rank() == 12


def test_components_are_those_that_share_no_level():
    factors = Factors((Factor.of("a", [0, 0, 1, 2, 2]), Factor.of("b", [0, 1, 1, 2, 3])), 5)

    np.testing.assert_array_equal(factors.components(), [0, 0, 0, 1, 1])
