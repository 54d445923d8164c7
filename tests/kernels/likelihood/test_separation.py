"""Directions along which a likelihood has no maximum."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.kernels.likelihood.separation import (
    separating_direction,
    single_separator,
    vanishing_direction,
)

X = np.column_stack([np.ones(8), np.arange(8.0), [0, 1, 0, 1, 1, 0, 1, 0]])


def test_a_threshold_separates_completely():
    y = (X[:, 1] > 3).astype(float)

    found = separating_direction(y, X)

    assert found.complete
    assert found.rows == 8
    assert ((2 * y - 1) * (X / np.abs(X).max(axis=0) @ found.direction) > 0).all()


def test_a_dummy_that_is_only_seen_with_ones_separates_in_part():
    x = np.column_stack([X[:, :2], [0, 0, 0, 0, 0, 0, 1, 1]])
    y = np.array([0, 1, 0, 1, 0, 1, 1, 1.0])

    found = separating_direction(y, x)

    assert not found.complete
    assert found.rows == 2
    np.testing.assert_allclose(found.direction, [0, 0, 1], atol=1e-7)


def test_overlapping_outcomes_have_a_maximum():
    assert separating_direction(np.array([0, 1, 0, 1, 0, 1, 0, 1.0]), X) is None


@pytest.mark.parametrize("seed", range(5))
def test_separation_is_found_whatever_the_scales(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, 3)) * [1e-6, 1.0, 1e6]
    y = (x @ [1e6, -1.0, 1e-6] > 0).astype(float)

    assert separating_direction(y, x).complete


def test_a_dummy_of_zeros_alone_makes_a_count_vanish():
    x = np.column_stack([X[:, :2], [1, 0, 0, 0, 0, 0, 0, 1]])
    y = np.array([0, 2, 1, 0, 4, 0, 3, 0.0])

    found = vanishing_direction(y, x)

    assert found.rows == 2
    np.testing.assert_allclose(found.direction, [0, 0, -1], atol=1e-7)


def test_counts_have_a_maximum_where_a_positive_one_prevents_separation():
    x = np.column_stack([X[:, :2], [1, 0, 0, 0, 0, 0, 0, 1]])

    assert vanishing_direction(np.array([0, 2, 1, 0, 4, 0, 3, 1.0]), x) is None


def test_one_column_may_split_the_outcome_from_either_side():
    y = np.array([0, 0, 1, 1.0])

    assert single_separator(y, np.array([1, 2, 5, 7.0])) == (2, 5)
    assert single_separator(y, np.array([7, 5, 2, 1.0])) == (2, 5)
    assert single_separator(y, np.array([1, 3, 2, 4.0])) is None
    assert single_separator(y, np.array([1, 2, 2, 4.0])) is None
