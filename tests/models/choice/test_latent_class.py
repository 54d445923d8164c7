"""Logits with latent classes against a likelihood written a second time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp

import workbench as wb
from tests.models.choice.choices import by_person, gradient, logs_of_choices, rides, travel
from workbench.errors import DataError, OptionError
from workbench.kernels.choice.latent_class import LatentClassKernel
from workbench.kernels.choice.situations import Situations

RIDES = {"situation": "id", "alternatives": "ride", "panel": "person"}
RIDE = "chosen ~ price + comfort"
COLUMNS = ["price", "comfort"]


@pytest.fixture(scope="module")
def frame():
    """The rides."""
    return rides()


def log_likelihood(frame, params, z):
    """Return the log-likelihood of two classes from natural parameters."""
    x = frame[COLUMNS].to_numpy()
    each = [
        by_person(frame, logs_of_choices(frame, x @ beta)) for beta in (params[:2], params[2:4])
    ]
    member = log_softmax(np.column_stack([np.zeros(len(z)), z @ params[4:]]), axis=1)
    return float(logsumexp(np.column_stack(each) + member, axis=1).sum())


def members(frame):
    """Return the constant and the age of each person."""
    ages = frame.groupby("person")["age"].first().to_numpy()
    return np.column_stack([np.ones(len(ages)), ages])


def test_the_likelihood_is_the_textbook_sum(frame):
    found = wb.fit("latent_class", RIDE, frame, **RIDES, membership="~ age", starts=3)

    expected = log_likelihood(frame, found.params.to_numpy(), members(frame))

    assert found.converged
    assert found.loglik == pytest.approx(expected, rel=1e-12)


def test_no_maximum_that_scipy_finds_is_higher(frame):
    z = members(frame)[:, :1]
    found = wb.fit("latent_class", RIDE, frame, **RIDES)
    rng = np.random.default_rng(5)

    heights = [
        -minimize(lambda u: -log_likelihood(frame, u, z), rng.normal(0, 0.5, 5)).fun
        for _ in range(3)
    ]

    assert found.loglik >= max(heights) - 1e-5


def test_standard_errors_are_those_of_a_hessian_by_finite_differences(frame):
    found = wb.fit("latent_class", RIDE, frame, **RIDES)
    z, params = members(frame)[:, :1], found.params.to_numpy()

    slope = lambda u: gradient(lambda v: log_likelihood(frame, v, z), u, 1e-4)  # noqa: E731
    hessian = gradient(slope, params, 1e-4)

    expected = np.sqrt(np.diag(np.linalg.inv(-(hessian + hessian.T) / 2)))
    np.testing.assert_allclose(found.se, expected, rtol=1e-3)


def test_classes_are_ordered_by_their_share(frame):
    found = wb.fit("latent_class", RIDE, frame, **RIDES, classes=3, starts=5)

    shares = found.state.class_shares

    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)
    assert any(note.startswith("The best of 6 starts") for note in found.notes)


def test_a_class_that_is_predicted_exactly_is_noted_to_diverge():
    """With one choice per person, a class can consist of persons whose choices are separated."""
    found = wb.fit(
        "latent_class", "choice ~ gc + ttme + C(mode)", travel(), situation="individual",
        alternatives="mode", starts=2,
    )  # fmt: skip

    far = [c for c in (1, 2) if np.isnan(found.se[f"class{c}.C(mode)[T.bus]"])]
    assert len(far) == 1
    assert np.isfinite(found.se[f"class{3 - far[0]}.gc"])
    assert found.outcome.name == "BOUNDARY"
    assert f"class{far[0]}.C(mode)[T.bus]" in found.message
    assert "without end, so they have no standard error" in found.message
    assert any(f"coefficients of class {far[0]} grow without bound" in note for note in found.notes)


def test_derivatives_agree_with_finite_differences():
    rng = np.random.default_rng(2)
    situations = Situations(
        rng.normal(0, 1, (14, 2)),
        np.array([0, 2, 3, 6, 9, 10, 14]),
        np.array([0, 2, 3, 6]),
        np.array([1.0, 2.0, 0.5]),
    )
    kernel = LatentClassKernel(situations, rng.normal(0, 1, (3, 2)), 3)
    theta = rng.normal(0, 0.7, kernel.size)

    totals = kernel.totals(theta, 2)

    by_value = gradient(lambda u: kernel.totals(u).value, theta)
    by_score = gradient(lambda u: kernel.totals(u, 1).gradient, theta)
    np.testing.assert_allclose(totals.gradient, by_value, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(totals.hessian, by_score, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(kernel.scores(theta).T @ situations.weights, totals.gradient)


def test_classes_of_persons_follow_bayes(frame):
    found = wb.fit("latent_class", RIDE, frame, **RIDES)
    x, params = frame[COLUMNS].to_numpy(), found.params.to_numpy()
    logs = [
        by_person(frame, logs_of_choices(frame, x @ beta)) for beta in (params[:2], params[2:4])
    ]
    joint = np.column_stack([logs[0], logs[1] + params[4]])

    persons = found.choice.individual()

    expected = np.exp(joint - logsumexp(joint, axis=1)[:, None])
    np.testing.assert_allclose(persons[["class 1", "class 2"]], expected, rtol=1e-8)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"classes": 1}, OptionError, "classes is 1"),
        ({"classes": 2.5}, OptionError, "classes is 2.5"),
        ({"membership": "age"}, OptionError, "not a one-sided formula"),
        ({"membership": "~ price"}, DataError, "price differs between the rows of one person"),
    ],
)
def test_invalid_options_are_refused(frame, options, error, said):
    with pytest.raises(error, match=said):
        wb.fit("latent_class", RIDE, frame, **RIDES, **options)
