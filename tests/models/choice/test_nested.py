"""The nested logit against the generating function it comes from, and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

import workbench as wb
from tests.models.choice.choices import TRAVEL, gradient, rides, travel
from workbench.errors import OptionError
from workbench.kernels.choice.nested_logit import NestedKernel, NestedSets

ROLES = {"situation": "individual", "alternatives": "mode"}
NESTS = {"fly": ["air"], "ground": ["train", "bus", "car"]}
RIDES = {"situation": "id", "alternatives": "ride"}
RIDE = "chosen ~ price + time + comfort"
# Minimized there by a method without a Hessian.
SAME_MAXIMUM = 1e-6


@pytest.fixture(scope="module")
def frame():
    """The rides."""
    return rides()


def generating(frame, utility, nests, tau):
    """Return the log-probability of each choice, by McFadden's generating function.

    ``G = sum_k (sum_j y_j^(1/tau_k))^tau_k`` and ``P_i = y_i G_i / G``, McFadden (1978).
    """
    begin = np.flatnonzero(np.diff(frame["id"], prepend=-1))
    situation = np.repeat(np.arange(len(begin)), np.diff([*begin, len(frame)]))
    power, inside, total = np.ones(len(frame)), np.zeros(len(frame)), 0.0
    for name, members in nests.items():
        mine = frame["ride"].isin(members).to_numpy()
        raised = np.where(mine, np.exp(utility / tau[name]), 0.0)
        sums = np.add.reduceat(raised, begin)
        inside[mine], power[mine] = sums[situation][mine], tau[name]
        total = total + sums ** tau[name]
    derivative = np.exp(utility * (1 / power - 1)) * inside ** (power - 1)
    probability = np.exp(utility) * derivative / total[situation]
    return np.log(probability[(frame["chosen"] == 1).to_numpy()])


def test_the_likelihood_is_that_of_the_generating_function(frame):
    nests = {"one": ["a", "b"], "two": ["c", "d"]}
    found = wb.fit("nested_logit", RIDE, frame, **RIDES, nests=nests)

    x = frame[["price", "time", "comfort"]].to_numpy()
    tau = {"one": found.params["tau.one"], "two": found.params["tau.two"]}

    logs = generating(frame, x @ found.params[["price", "time", "comfort"]].to_numpy(), nests, tau)
    assert found.loglik == pytest.approx(logs.sum(), rel=1e-12)


def test_the_maximum_is_the_one_found_by_scipy(frame):
    nests = {"one": ["a", "b"], "two": ["c", "d"]}
    x = frame[["price", "time", "comfort"]].to_numpy()

    def minus(theta):
        tau = {"one": np.exp(theta[3]), "two": np.exp(theta[4])}
        return -generating(frame, x @ theta[:3], nests, tau).sum()

    other = minimize(minus, np.zeros(5), method="BFGS", options={"gtol": 1e-6})
    found = wb.fit("nested_logit", RIDE, frame, **RIDES, nests=nests)

    assert found.converged
    assert found.loglik == pytest.approx(-other.fun, rel=SAME_MAXIMUM)
    expected = [*other.x[:3], *np.exp(other.x[3:])]
    np.testing.assert_allclose(found.params, expected, rtol=1e-3)


def test_tau_of_one_is_the_conditional_logit():
    held = wb.fit("nested_logit", TRAVEL, travel(), **ROLES, nests=NESTS, fixed={"tau.ground": 1.0})
    plain = wb.fit("conditional_logit", TRAVEL, travel(), **ROLES)

    np.testing.assert_allclose(held.params, plain.params, rtol=1e-6)
    np.testing.assert_allclose(held.se, plain.se, rtol=1e-6)


def test_the_tau_of_a_nest_of_one_alternative_is_fixed_at_one_and_noted():
    found = wb.fit("nested_logit", TRAVEL, travel(), **ROLES, nests=NESTS)

    assert "tau.fly" not in found.params.index
    assert "tau.fly is fixed at 1: no situation has two alternatives of its nest." in found.notes


def test_a_tau_above_one_is_noted_to_contradict_utility_maximisation():
    nests = {"public": ["air", "train", "bus"], "private": ["car"]}

    found = wb.fit("nested_logit", TRAVEL, travel(), **ROLES, nests=nests)

    assert found.params["tau.public"] > 1
    assert any("tau.public is above 1" in note for note in found.notes)


def test_derivatives_agree_with_finite_differences():
    rng = np.random.default_rng(2)
    occurrences = np.array([0, 1, 3, 4, 6, 8, 9, 11])
    sets = NestedSets(
        rng.normal(0, 1, (11, 2)),
        occurrences,
        np.array([0, 1, 1, 2, 0, 1, 2]),
        np.array([0, 2, 4, 7]),
        np.array([0, 2, 3]),
        np.array([1, 4, 10]),
        3,
    )
    kernel = NestedKernel(sets, np.array([0.5, 2.0]))
    theta = rng.normal(0, 0.5, 5)

    totals = kernel.totals(theta, 2)

    by_value = gradient(lambda u: kernel.totals(u).value, theta)
    by_score = gradient(lambda u: kernel.totals(u, 1).gradient, theta)
    np.testing.assert_allclose(totals.gradient, by_value, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(totals.hessian, by_score, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(kernel.scores(theta).T @ [0.5, 2.0], totals.gradient)
    np.testing.assert_allclose(kernel.values(theta) @ [0.5, 2.0], totals.value)


def test_fitted_probabilities_give_the_log_likelihood_back(frame):
    found = wb.fit("nested_logit", RIDE, frame, **RIDES, nests={"x": ["a", "c"], "y": ["b", "d"]})

    chances = found.predict()

    assert np.log(chances[frame["chosen"] == 1]).sum() == pytest.approx(found.loglik, rel=1e-12)
    np.testing.assert_allclose(chances.groupby(frame["id"]).sum(), 1)


@pytest.mark.parametrize(
    ("nests", "said"),
    [
        ({}, "option nests is empty"),
        ({"fly": ["air"]}, "miss the alternative bus"),
        ({"fly": ["air", "boat"], "ground": ["train", "bus", "car"]}, "boat, which is not in"),
        ({"fly": "air"}, "not a list of names"),
        ({"fly": ["air"], "all": ["air", "train"]}, "air is in two nests"),
    ],
)
def test_invalid_nests_are_refused(nests, said):
    with pytest.raises(OptionError, match=said):
        wb.fit("nested_logit", TRAVEL, travel(), **ROLES, nests=nests)


@pytest.mark.parametrize("number", [float, int, np.float64, np.int64])
def test_alternatives_that_are_numbers_are_named_by_their_values(number):
    codes = {"air": 0, "train": 1, "bus": 2, "car": 3}
    trips = travel()
    trips["mode"] = trips["mode"].map(codes).astype(number)
    nests = {name: [number(codes[each]) for each in of] for name, of in NESTS.items()}

    found = wb.fit("nested_logit", "choice ~ gc + ttme", trips, **ROLES, nests=nests)

    named = wb.fit("nested_logit", "choice ~ gc + ttme", travel(), **ROLES, nests=NESTS)
    assert found.loglik == pytest.approx(named.loglik, rel=1e-12)
    after = found.choice.counterfactual(without=[number(2)])["after"]
    assert after["2"] == 0


@pytest.mark.parametrize("value", [0, -0.5])
def test_a_fixed_tau_must_be_positive(value):
    with pytest.raises(OptionError, match="it must be above 0"):
        wb.fit("nested_logit", TRAVEL, travel(), **ROLES, nests=NESTS, fixed={"tau.ground": value})


def test_start_values_of_tau_must_be_positive(frame):
    with pytest.raises(OptionError, match="it must be above 0"):
        wb.fit(
            "nested_logit",
            RIDE,
            frame,
            **RIDES,
            nests={"x": ["a", "c"], "y": ["b", "d"]},
            start={"tau.x": -1.0},
        )
