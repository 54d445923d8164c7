"""Scales of utility against scipy's maxima, separate samples, and finite differences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

import workbench as wb
from tests.models.choice.choices import TRAVEL, gradient, logs_of_choices, rides, travel
from tests.models.choice.test_mixed import COLUMNS, RIDE, RIDES, drawn, logs_of_draws, simulated
from tests.models.choice.test_nested import generating
from workbench.errors import WorkbenchError

NESTS = {"one": ["a", "b"], "two": ["c", "d"]}
MODELS = {
    "conditional": ("conditional_logit", {}),
    "nested": ("nested_logit", {"nests": NESTS}),
    "mixed": ("mixed_logit", {"random": {"price": "normal", "comfort": "triangular"}, "draws": 15}),
    "correlated": (
        "mixed_logit",
        {
            "random": {"price": "normal", "time": "negative_lognormal"},
            "correlated": True,
            "draws": 15,
        },
    ),
    "willingness": (
        "mixed_logit",
        {
            "random": {"price": "negative_lognormal", "time": "normal"},
            "wtp_price": "price",
            "draws": 15,
        },
    ),
    "quadrature": (
        "mixed_logit",
        {"random": {"price": "normal"}, "draws": 9, "draw_kind": "gauss_hermite"},
    ),
}
every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(scope="module")
def frame():
    """The rides, where every second person states and does not reveal, and is 1.5 times as sure."""
    found = rides(persons=120)
    stated = (found["person"] % 2).astype(float)
    rng = np.random.default_rng(2)
    utility = 0.5 * found["utility"] * (1 + 0.5 * stated) + rng.gumbel(size=len(found))
    best = utility.groupby(found["id"]).transform("max")
    return found.assign(stated=stated, chosen=(utility == best) * 1)


def fitted(name, frame, scale="~ stated", **options):
    """Return the fit of a model with a scale."""
    model, own = MODELS[name]
    return wb.fit(model, RIDE, frame, **RIDES, **own, **options, scale=scale)


def scales(found, frame):
    """Return the scale of each row."""
    return np.exp(found.params["scale.stated"] * frame["stated"].to_numpy())


def test_the_maximum_and_its_errors_are_those_of_scipy(frame):
    found = wb.fit("conditional_logit", RIDE, frame, **RIDES, scale="~ stated + C(weight)")
    heavy = [frame["weight"] == weight for weight in (2, 3)]
    x, z = frame[COLUMNS].to_numpy(), np.column_stack([frame["stated"], *heavy])

    def negative(params):
        return -logs_of_choices(frame, np.exp(z @ params[3:]) * (x @ params[:3])).sum()

    best = minimize(negative, np.zeros(3 + z.shape[1]), options={"gtol": 1e-4})
    names = [*COLUMNS, "scale.stated", "scale.C(weight)[T.2]", "scale.C(weight)[T.3]"]
    hessian = gradient(lambda at: gradient(negative, at, 1e-4), best.x, 1e-3)

    assert found.loglik == pytest.approx(-best.fun, rel=1e-8)
    np.testing.assert_allclose(found.params[names], best.x, rtol=1e-3, atol=1e-4)
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    np.testing.assert_allclose(found.se[names], errors, rtol=1e-3)


def test_with_one_attribute_the_scale_is_the_ratio_of_separate_coefficients(frame):
    """Swait and Louviere (1993): two samples of one coefficient each pool without a loss."""
    apart = [
        wb.fit("conditional_logit", "chosen ~ price", frame[frame["stated"] == each], **RIDES)
        for each in (0, 1)
    ]
    revealed, stated = (each.params["price"] for each in apart)

    found = wb.fit("conditional_logit", "chosen ~ price", frame, **RIDES, scale="~ stated")

    assert found.params["price"] == pytest.approx(revealed, rel=1e-6)
    assert found.params["scale.stated"] == pytest.approx(np.log(stated / revealed), rel=1e-6)
    assert found.loglik == pytest.approx(sum(each.loglik for each in apart), rel=1e-10)


def test_biogeme_finds_the_same_scale_of_travellers_in_company():
    """Biogeme 3.3.2, utilities times exp(scale party): estimates and robust errors as printed."""
    frame = travel()
    frame = frame.assign(party=(frame["psize"] > 1) * 1.0)
    theirs = {
        "scale.party": (-0.230126, 0.539935),
        "C(mode, Treatment('car'))[T.air]": (5.673125, 1.247912),
        "gc": (-0.019334, 0.011872),
        "ttme": (-0.104542, 0.021999),
        "hinc:air": (0.016843, 0.016675),
        "C(mode, Treatment('car'))[T.train]": (4.204378, 0.893143),
        "C(mode, Treatment('car'))[T.bus]": (3.422146, 0.732957),
    }

    found = wb.fit(
        "conditional_logit", TRAVEL, frame, situation="individual", alternatives="mode",
        scale="~ party", se="robust",
    )  # fmt: skip

    estimates, errors = zip(*theirs.values(), strict=True)
    assert found.loglik == pytest.approx(-198.78950815687668, rel=1e-12)
    np.testing.assert_allclose(found.params[[*theirs]], estimates, atol=1e-6)
    np.testing.assert_allclose(found.se[[*theirs]], errors, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "price"), [("mixed", None), ("correlated", None), ("willingness", "price")]
)
def test_the_mixed_likelihood_averages_scaled_utilities(frame, name, price):
    found = fitted(name, frame)
    beta = drawn(found, MODELS[name][1]["random"], price=price)

    expected = simulated(frame, beta, scales(found, frame))

    assert found.converged
    assert found.loglik == pytest.approx(expected, rel=1e-10)


def test_the_nested_likelihood_is_that_of_scaled_utilities(frame):
    found = fitted("nested", frame)
    utility = frame[COLUMNS].to_numpy() @ found.params[COLUMNS].to_numpy()
    tau = {name: found.params[f"tau.{name}"] for name in NESTS}

    expected = generating(frame, scales(found, frame) * utility, NESTS, tau).sum()

    assert found.loglik == pytest.approx(expected, rel=1e-12)
    assert found.predict()[frame["chosen"] == 1].map(np.log).sum() == pytest.approx(expected)


@every_model
def test_derivatives_are_those_by_finite_differences(frame, name):
    problem = fitted(name, frame, "~ stated + weight").live
    theta = problem.start + 0.1

    score = gradient(problem.loglik, theta)
    hessian = gradient(problem.score, theta)
    each = gradient(problem.kernel.values, theta).T

    np.testing.assert_allclose(problem.score(theta), score, rtol=1e-5, atol=1e-4)
    curvature = problem.curvature(theta)
    np.testing.assert_allclose(-curvature.information, hessian, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(problem.kernel.scores(theta), each, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(curvature.opg, each.T @ each, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("name", ["conditional", "nested", "quadrature"])
def test_weights_count_persons_of_each_scale(frame, name):
    again = frame.assign(person=frame["person"] + 1000, id=frame["id"] + 100_000)
    twice = pd.concat([frame, again[frame["weight"] > 1]], ignore_index=True)
    counted = frame.assign(weight=np.minimum(frame["weight"], 2))

    weighted, repeated = fitted(name, counted, weights="weight"), fitted(name, twice)

    np.testing.assert_allclose(weighted.params, repeated.params, rtol=1e-6)
    np.testing.assert_allclose(weighted.se, repeated.se, rtol=1e-6)


def test_probabilities_and_elasticities_are_those_of_scaled_utilities(frame):
    found, x = fitted("conditional", frame), frame[COLUMNS].to_numpy()
    scale = scales(found, frame)
    raised = np.exp(scale * (x @ found.params[COLUMNS].to_numpy()))
    chance = raised / pd.Series(raised).groupby(frame["id"]).transform("sum")

    np.testing.assert_allclose(found.predict(), chance, rtol=1e-10)
    np.testing.assert_allclose(found.predict(frame.drop(columns="chosen")), chance, rtol=1e-10)
    rows = found.choice.elasticities("price", kind="rows")
    mine = frame["ride"] == "a"
    own = scale * found.params["price"] * frame["price"] * (1 - chance)
    np.testing.assert_allclose(rows.loc[mine, "a"], own[mine], rtol=1e-6)


def test_individual_coefficients_are_those_without_the_scale(frame):
    found = fitted("willingness", frame)
    beta = drawn(found, MODELS["willingness"][1]["random"], price="price")
    logs = logs_of_draws(frame, beta, scales(found, frame))
    weight = np.exp(logs - logsumexp(logs, axis=0))

    persons = found.choice.individual()

    price, time = beta[:, :, 0], -beta[:, :, 1] / beta[:, :, 0]
    np.testing.assert_allclose(persons["price"], np.sum(weight * price, axis=0), rtol=1e-8)
    np.testing.assert_allclose(persons["time"], np.sum(weight * time, axis=0), rtol=1e-8)


def test_a_scale_parameter_fixed_at_zero_leaves_the_model_unscaled(frame):
    plain = wb.fit("conditional_logit", RIDE, frame, **RIDES)

    held = fitted("conditional", frame, fixed={"scale.stated": 0.0})

    np.testing.assert_allclose(held.params, plain.params, rtol=1e-9)
    np.testing.assert_allclose(held.se, plain.se, rtol=1e-7)


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_libraries_in_float32_find_the_same_sums(frame, backend):
    problem = fitted("mixed", frame, backend=backend, dtype="float32").live
    theta = problem.start + 0.1

    single = problem.coarser("float32")

    assert problem.precision == "float64"
    np.testing.assert_allclose(single.score(theta), problem.score(theta), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(
        single.curvature(theta).information, problem.curvature(theta).information, rtol=1e-3
    )


@pytest.mark.parametrize(
    ("model", "scale", "said"),
    [
        ("conditional", "stated", "not a one-sided formula"),
        ("conditional", "~ 1", "The scale ~ 1 is the same for all persons"),
        ("conditional", "~ price", "price differs between the rows of one person"),
        ("nested", "~ nobody", "nobody"),
    ],
)
def test_an_invalid_scale_is_refused(frame, model, scale, said):
    with pytest.raises(WorkbenchError, match=said) as refused:
        fitted(model, frame, scale)

    assert refused.value.hint


def test_too_many_different_scales_are_refused(frame):
    twice = pd.concat([frame, frame.assign(id=frame["id"] + 600)])
    roles = {"situation": "id", "alternatives": "ride"}

    with pytest.raises(WorkbenchError, match="has 1,200 values over persons; up to 1,000 are"):
        wb.fit("conditional_logit", RIDE, twice, **roles, scale="~ id")


def test_tests_and_models_that_assume_one_scale_are_refused(frame):
    found = fitted("conditional", frame)

    with pytest.raises(WorkbenchError, match="one scale, and this one has several"):
        found.choice.hausman_mcfadden("a")
    with pytest.raises(WorkbenchError, match="scale"):
        wb.fit("latent_class", RIDE, frame, **RIDES, scale="~ stated")
