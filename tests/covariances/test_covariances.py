"""Covariances of the estimates from hand-made curvatures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workbench.covariances import ClusterMeat, Curvature
from workbench.covariances.cluster import cluster, cluster_factor
from workbench.covariances.hessian import hessian
from workbench.covariances.opg import opg
from workbench.covariances.robust import robust, robust_factor
from workbench.errors import InferenceError, OptionError, SingularHessianError

rng = np.random.default_rng(2)
SCORES = rng.normal(size=(50, 3))
INFORMATION = np.array([[40.0, 5, 1], [5, 60, -3], [1, -3, 20]])


def curvature(**changes):
    plain = Curvature(INFORMATION, np.eye(3), 50.0, SCORES.T @ SCORES)
    return replace(plain, **changes)


def test_each_kind_equals_its_formula():
    inverse, meat = np.linalg.inv(INFORMATION), SCORES.T @ SCORES

    np.testing.assert_allclose(hessian(curvature()), inverse, rtol=1e-12)
    np.testing.assert_allclose(opg(curvature()), np.linalg.inv(meat), rtol=1e-12)
    np.testing.assert_allclose(robust(curvature(), 2.0), 2 * inverse @ meat @ inverse, rtol=1e-12)


def test_clusters_of_one_row_give_the_robust_covariance():
    meats = {"id": ClusterMeat(SCORES.T @ SCORES, 50)}

    found = cluster(curvature(clusters=meats), "id")

    np.testing.assert_allclose(found, robust(curvature()), rtol=1e-14)


def test_a_covariance_is_transformed_to_the_natural_parameters():
    jacobian = np.array([[2.0, 0, 0], [1, 1, 0], [0, 0, -3]])

    found = hessian(curvature(jacobian=jacobian))

    np.testing.assert_allclose(found, jacobian @ np.linalg.inv(INFORMATION) @ jacobian.T)
    np.testing.assert_array_equal(found, found.T)


def test_columns_that_differ_by_twenty_orders_of_magnitude_keep_their_errors():
    units = np.array([1e-10, 1.0, 1e10])

    found = hessian(curvature(information=INFORMATION * np.outer(units, units)))

    expected = np.linalg.inv(INFORMATION) / np.outer(units, units)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


FLAT = np.array([[4.0, 4, 0], [4, 4, 0], [0, 0, 9]])


def test_only_the_parameters_of_a_flat_direction_have_no_standard_errors():
    at = curvature(information=FLAT)

    found = hessian(at)

    assert at.flat == (0, 1)
    assert not at.negative
    np.testing.assert_allclose(np.abs(at.flat_directions[:, 0]), [0.5**0.5, 0.5**0.5, 0], atol=1e-9)
    assert np.isnan(found[:2]).all()
    assert found[2, 2] == pytest.approx(1 / 9)


def test_a_flat_direction_is_given_in_the_natural_parameters():
    # Ending (a, b) show (a - b, b): only the second moves along a = b.
    jacobian = np.array([[1.0, -1, 0], [0, 1, 0], [0, 0, 1]])
    information = np.array([[4.0, -4, 0], [-4, 4, 0], [0, 0, 9]])

    at = curvature(information=information, jacobian=jacobian)
    other = curvature(information=FLAT, jacobian=jacobian)

    assert at.flat == (1,)
    assert np.isfinite(hessian(at)[0, 0]) == (0 not in at.flat)
    assert other.flat == (0, 1)


def test_a_score_along_a_flat_direction_is_not_convergence():
    at = curvature(information=FLAT)

    assert at.decrement(np.array([2.0, 2.0, 0.0])) == pytest.approx(1.0)
    assert at.decrement(np.array([1.0, -1.0, 0.0])) == np.inf


def test_upward_curvature_has_no_covariance():
    saddle = curvature(information=np.diag([3.0, -1.0, 2.0]))

    assert saddle.negative
    for kind in (hessian, robust):
        with pytest.raises(SingularHessianError, match="not that of a maximum"):
            kind(saddle)


def test_scores_that_were_not_kept_are_an_error_with_a_hint():
    with pytest.raises(InferenceError) as refused:
        robust(curvature(opg=None))
    assert refused.value.code == "no-scores"
    with pytest.raises(InferenceError, match='"town"'):
        cluster(curvature(), "town")


@pytest.mark.parametrize(
    ("convention", "family", "expected"),
    [
        (None, "likelihood", 1.0),
        (None, "least squares", 100 / 97),
        ("none", "least squares", 1.0),
        ("stata", "likelihood", 100 / 99),
        ("stata", "least squares", 100 / 97),
        ("statsmodels", "likelihood", 1.0),
        ("fixest", "likelihood", 100 / 97),
    ],
)
def test_robust_factors_follow_their_programs(convention, family, expected):
    assert robust_factor(convention, family, 100, 3).value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("convention", "family", "expected"),
    [
        (None, "likelihood", 10 / 9),
        (None, "least squares", 10 / 9 * 99 / 97),
        ("none", "likelihood", 1.0),
        ("stata", "likelihood", 10 / 9),
        ("statsmodels", "likelihood", 10 / 9 * 99 / 97),
        ("pyfixest", "least squares", 10 / 9 * 99 / 97),
    ],
)
def test_cluster_factors_follow_their_programs(convention, family, expected):
    assert cluster_factor(convention, family, 100, 3, 10).value == pytest.approx(expected)


def test_one_cluster_and_an_unknown_convention_are_refused():
    with pytest.raises(OptionError, match="at least two clusters"):
        cluster_factor(None, "likelihood", 100, 3, 1)
    with pytest.raises(OptionError, match='"SAS"'):
        robust_factor("SAS", "likelihood", 100, 3)
