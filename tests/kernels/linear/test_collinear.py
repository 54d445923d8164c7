"""Columns that are collinear with earlier ones."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.kernels.linear.collinear import dependent_columns


@pytest.fixture
def x():
    """Return an intercept and three normal columns of 60 rows, drawn with seed 5."""
    rng = np.random.default_rng(5)
    return np.column_stack([np.ones(60), rng.normal(size=(60, 3))])


def found(x):
    return [(d.column, d.partners) for d in dependent_columns(x, x.T @ x)]


def test_independent_columns_are_all_kept(x):
    assert found(x) == []


def test_the_later_column_of_a_set_is_named_with_its_partners(x):
    repeated = np.column_stack([x, x[:, 1] + 2 * x[:, 3]])

    assert found(repeated) == [(4, (1, 3))]


def test_a_constant_column_is_collinear_with_the_intercept(x):
    assert found(np.column_stack([x, np.full(60, 7.0)])) == [(4, (0,))]


def test_a_column_of_zeros_has_no_partners(x):
    assert found(np.column_stack([x[:, :2], np.zeros(60), x[:, 2:]])) == [(2, ())]


def test_two_sets_are_distinguished(x):
    repeated = np.column_stack([x[:, 1], 3 * x[:, 1], x[:, 2], x[:, 2] - x[:, 1], x[:, 3]])

    assert found(repeated) == [(1, (0,)), (3, (0, 2))]


def test_rank_is_that_of_numpy_whatever_the_scales(x):
    for factor in (1e-10, 1.0, 1e10):
        scaled = np.column_stack([x, factor * (x[:, 1] - x[:, 2])]) * [1, 1e6, 1e-6, 1, 1]
        rank = np.linalg.matrix_rank(scaled / np.linalg.norm(scaled, axis=0))
        assert len(found(scaled)) == 5 - rank == 1


def test_the_order_of_the_rows_does_not_matter(x):
    repeated = np.column_stack([x, x[:, 1] + x[:, 2]])

    assert found(repeated[::-1].copy()) == found(repeated)


@pytest.mark.parametrize(("noise", "kept"), [(1e-4, True), (1e-6, True), (1e-12, False)])
def test_a_nearly_collinear_column_is_kept_down_to_the_rounding(noise, kept, x):
    nearly = x[:, 1] + noise * np.random.default_rng(1).normal(size=60)

    assert (found(np.column_stack([x, nearly])) == []) == kept
