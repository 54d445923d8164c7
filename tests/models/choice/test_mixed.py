"""Mixed logits against quadrature, xlogit on the same draws, and finite differences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import norm

import workbench as wb
from tests.models.choice.choices import by_person, gradient, logs_of_choices, rides
from workbench.errors import OptionError
from workbench.optimizers.newton import Newton
from workbench.runs.run import Run

RIDES = {"situation": "id", "alternatives": "ride", "panel": "person"}
RIDE = "chosen ~ price + time + comfort"
COLUMNS = ["price", "time", "comfort"]
KINDS = ("normal", "lognormal", "negative_lognormal", "truncated_normal", "triangular", "uniform")


@pytest.fixture(scope="module")
def frame():
    """The rides."""
    return rides()


def turned(kind, u):
    """Return a coefficient from its underlying variate."""
    if "lognormal" in kind:
        return np.exp(u) if kind == "lognormal" else -np.exp(u)
    return np.maximum(u, 0) if kind == "truncated_normal" else u


def logs_of_draws(frame, coefficients, scale=1.0):
    """Return the log-likelihood of each draw and person, of coefficients ``(R, n, p)``."""
    x, place = frame[COLUMNS].to_numpy(), frame["person"].to_numpy()
    utilities = (scale * np.sum(x * each[place], axis=1) for each in coefficients)
    return np.array([by_person(frame, logs_of_choices(frame, each)) for each in utilities])


def simulated(frame, coefficients, scale=1.0):
    """Return the log-likelihood with coefficients ``(R, n, p)`` of each draw and person."""
    logs = logs_of_draws(frame, coefficients, scale)
    return float((logsumexp(logs, axis=0) - np.log(len(logs))).sum())


def drawn(found, kinds, *, price=None):
    """Return coefficients of each draw and person, from natural parameters and the draws."""
    draws, params = found.live.draws, found.params
    names = list(kinds)
    beta = np.tile(params[COLUMNS].to_numpy(), (draws.shape[1], draws.shape[0], 1))
    for k, name in enumerate(names):
        sds = np.zeros(draws.shape[:2])
        for j in range(k + 1):
            full = f"chol.{names[j]}.{name}"
            value = params.get(full, params[f"sd.{name}"] if j == k and full not in params else 0)
            sds = sds + value * draws[:, :, j]
        beta[:, :, COLUMNS.index(name)] = turned(kinds[name], params[name] + sds.T)
    if price is not None:
        p = COLUMNS.index(price)
        alpha = beta[:, :, [p]].copy()
        beta = -alpha * beta
        beta[:, :, [p]] = alpha
    return beta


@pytest.mark.parametrize("kind", KINDS)
def test_the_likelihood_of_each_distribution_is_the_average_over_draws(frame, kind):
    name = "time" if kind == "negative_lognormal" else "comfort"
    found = wb.fit("mixed_logit", RIDE, frame, **RIDES, random={name: kind}, draws=40)

    expected = simulated(frame, drawn(found, {name: kind}))

    assert found.converged
    assert found.loglik == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize("price", [None, "price"])
def test_the_likelihood_of_several_is_the_average_over_draws(frame, correlated, price):
    kinds = {"price": "negative_lognormal", "comfort": "normal"}
    found = wb.fit(
        "mixed_logit",
        RIDE,
        frame,
        **RIDES,
        random=kinds,
        correlated=correlated,
        draws=30,
        wtp_price=price,
    )

    expected = simulated(frame, drawn(found, kinds, price=price))

    assert found.loglik == pytest.approx(expected, rel=1e-10)
    sds = (
        ["chol.price.price", "chol.price.comfort", "chol.comfort.comfort"]
        if correlated
        else ["sd.price", "sd.comfort"]
    )
    assert list(found.params.index) == [*COLUMNS, *sds]


def test_standard_errors_are_those_of_a_hessian_by_finite_differences(frame):
    kinds = {"price": "normal", "time": "negative_lognormal"}
    found = wb.fit("mixed_logit", RIDE, frame, **RIDES, random=kinds, draws=15)
    problem = found.live
    theta = problem.unconstrained(found.params.to_numpy())

    hessian = gradient(problem.score, theta, 1e-5)

    onto = problem.coordinates.jacobian(theta)
    expected = onto @ np.linalg.inv(-(hessian + hessian.T) / 2) @ onto.T
    np.testing.assert_allclose(found.covariance("hessian"), expected, rtol=1e-4, atol=1e-9)
    slope = gradient(problem.loglik, theta, 1e-5)
    np.testing.assert_allclose(slope, problem.score(theta), atol=1e-4)


def test_gauss_hermite_is_the_integral(frame):
    found = wb.fit(
        "mixed_logit",
        RIDE,
        frame,
        **RIDES,
        random={"price": "normal"},
        draws=30,
        draw_kind="gauss_hermite",
    )
    params, grid = found.params, np.linspace(-8, 8, 801)
    beta = np.tile(params[COLUMNS].to_numpy(), (801, frame["person"].nunique(), 1))
    beta[:, :, 0] += params["sd.price"] * grid[:, None]
    logs = logs_of_draws(frame, beta)

    integral = logsumexp(logs + norm.logpdf(grid)[:, None], axis=0) + np.log(grid[1] - grid[0])

    assert found.loglik == pytest.approx(integral.sum(), rel=1e-8)


@pytest.mark.parametrize("kind", ["halton", "sobol", "mlhs", "antithetic", "random"])
def test_every_kind_of_draws_comes_near_the_integral(frame, kind):
    exact = wb.fit(
        "mixed_logit",
        RIDE,
        frame,
        **RIDES,
        random={"price": "normal"},
        draws=30,
        draw_kind="gauss_hermite",
    )

    found = wb.fit(
        "mixed_logit", RIDE, frame, **RIDES, random={"price": "normal"}, draws=256, draw_kind=kind
    )

    # The noise of 256 draws, which the result states, is below a fifth of a standard error.
    gap = (found.params - exact.params) / exact.se
    assert gap.abs().max() < 0.5
    assert max(found.state.simulation["share"].values()) < 0.2


def test_xlogit_has_the_same_maximum_on_the_same_draws(frame, monkeypatch):
    xlogit = pytest.importorskip("xlogit")
    whole = rides(there=2)
    kinds = {"price": "normal", "comfort": "normal"}
    found = wb.fit("mixed_logit", RIDE, whole, **RIDES, random=kinds, draws=40)
    ours = found.live.draws.transpose(0, 2, 1)
    monkeypatch.setattr(xlogit.MixedLogit, "_generate_draws", lambda *_, **__: ours.copy())

    other = xlogit.MixedLogit()
    other.fit(
        X=whole[COLUMNS],
        y=whole["chosen"],
        varnames=COLUMNS,
        alts=whole["ride"],
        ids=whole["id"],
        panels=whole["person"],
        randvars={"price": "n", "comfort": "n"},
        n_draws=40,
        init_coeff=found.params.to_numpy(),
        num_hess=True,
        verbose=0,
    )

    assert found.loglik == pytest.approx(other.loglikelihood, rel=1e-6)
    np.testing.assert_allclose(found.params, other.coeff_, rtol=1e-3)


@pytest.mark.parametrize("optimizer", ["bfgs", "l-bfgs-b", "trust-exact", "trust-region"])
def test_every_kind_of_optimizer_reaches_the_maximum(frame, optimizer):
    options = {**RIDES, "random": {"price": "normal"}, "draws": 50}
    newton = wb.fit("mixed_logit", RIDE, frame, **options)

    other = wb.fit("mixed_logit", RIDE, frame, **options, optimizer=optimizer)

    assert other.converged
    assert other.loglik == pytest.approx(newton.loglik, rel=1e-9)


def test_few_draws_come_first_in_one_trace(frame):
    found = wb.fit("mixed_logit", RIDE, frame, **RIDES, random={"price": "normal"}, draws=200)

    steps = found.trace.to_frame()

    stages = list(dict.fromkeys(steps["stage"]))
    assert stages[:2] == ["25 draws", "optimize"]
    assert steps["number"].tolist() == list(range(len(steps)))


def test_the_better_of_both_signs_is_reported_as_a_positive_one(frame):
    options = {**RIDES, "random": {"price": "normal", "comfort": "normal"}, "draws": 12}
    found = wb.fit("mixed_logit", RIDE, frame, **options)
    problem = found.live
    theta = problem.unconstrained(found.params.to_numpy())

    others = []
    for sign in ([-1, 1], [1, -1], [-1, -1]):
        begin = {"sd.price": sign[0] * 0.3, "sd.comfort": sign[1] * 0.8}
        others.append(wb.fit("mixed_logit", RIDE, frame, **options, start=begin).loglik)

    assert (found.params[["sd.price", "sd.comfort"]] > 0).all()
    assert problem.loglik(theta) == pytest.approx(found.loglik, rel=1e-12)
    assert found.loglik >= max(others) - 1e-6


@pytest.mark.parametrize(("seed", "wins"), [(5, True), (6, False)])
def test_both_signs_are_tried_and_the_note_says_how_far_the_other_one_is_below(frame, seed, wins):
    """The two maxima are those that scipy finds of the average over draws, from either sign."""
    options = {"random": {"price": "normal"}, "draws": 12, "draw_kind": "random", "seed": seed}
    found = wb.fit("mixed_logit", RIDE, frame, **RIDES, **options)
    (sign,), draws = found.state.signs, found.live.draws[:, :, 0]

    def negative(params):
        beta = np.tile(params[:3], (draws.shape[1], draws.shape[0], 1))
        beta[:, :, 0] += params[3] * draws.T
        return -simulated(frame, beta)

    start = [*(found.params[COLUMNS] * 0.9), 0.3]
    kept, other = (-minimize(negative, np.array(start) * [1, 1, 1, s]).fun for s in (1, -1))

    assert (sign < 0) == wins
    assert found.loglik == pytest.approx(kept, abs=1e-4)
    (below,) = (found.loglik - value for value in found.state.rejected_modes.values())
    # The optimization of the other sign stops early; its extrapolation is off by hundredths.
    assert below == pytest.approx(kept - other, abs=0.05)
    assert kept - other > 1
    stages = found.trace.to_frame()["stage"].drop_duplicates().tolist()
    assert stages == ["optimize", "other sign of sd.price"]
    said = f"The other sign of sd.price ends about {below:.2f} log-likelihood units lower"
    assert any(note.startswith(said) for note in found.notes)


def test_a_comparison_of_maxima_that_is_stopped_keeps_the_one_it_has(frame):
    options = {"random": {"price": "normal"}, "draws": 12, "draw_kind": "random", "seed": 6}
    whole = wb.fit("mixed_logit", RIDE, frame, **RIDES, **options)
    run = Run(whole.live, Newton())
    run.trace.listen(lambda step: run.stop() if step.stage.startswith("other sign") else None)

    stopped = run.begin().result()

    assert stopped.outcome.name == "STOPPED"
    assert stopped.loglik == pytest.approx(whole.loglik, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_mirrored_draws_of_two_coefficients_have_modes_too(frame, seed):
    random = {"price": "normal", "comfort": "normal"}
    found = wb.fit(
        "mixed_logit", RIDE, frame, **RIDES, random=random, draws=6, draw_kind="antithetic",
        seed=seed,
    )  # fmt: skip
    problem = found.live
    other = problem.unconstrained(found.params.to_numpy()) * [1, 1, 1, 1, -1]

    climbed = minimize(
        lambda theta: -problem.loglik(theta), other, jac=lambda theta: -problem.score(theta)
    )

    assert -climbed.fun <= found.loglik + 1e-6


def test_a_run_continues_from_the_sign_at_which_it_ended(frame):
    """A negative standard deviation is shown as positive, with the signs of the draws changed."""
    options = {"random": {"price": "normal"}, "draws": 100, "draw_kind": "random"}
    for seed in range(20):
        run = wb.start("mixed_logit", RIDE, frame, **RIDES, **options, seed=seed)
        if run.result().state.signs == [-1.0]:
            break
    assert run.result().params["sd.price"] > 0

    on = run.continue_with()

    assert on.result().loglik == pytest.approx(run.result().loglik, rel=1e-12)
    first = on.trace[0]
    assert -first.objective * on.observations == pytest.approx(run.result().loglik, rel=1e-12)
    assert first.params[3] < 0


def test_the_result_carries_its_simulation_error(frame):
    found = wb.fit("mixed_logit", RIDE, frame, **RIDES, random={"comfort": "normal"}, draws=10)

    kept = found.state.simulation

    assert kept["draws"] == 10
    assert kept["loglik"] == pytest.approx(found.loglik)
    assert kept["loglik_twice"] != kept["loglik"]
    assert max(kept["share"].values()) > 0.1
    assert any("Simulation noise is" in note for note in found.notes)


def test_the_simulation_noise_that_is_reported_is_that_of_other_draws(frame):
    options = {**RIDES, "random": {"comfort": "normal"}, "draws": 20, "draw_kind": "random"}
    fits = [wb.fit("mixed_logit", RIDE, frame, **options, seed=seed) for seed in range(12)]
    sd = np.std([each.params["sd.comfort"] for each in fits], ddof=1)

    reported = np.median([each.state.simulation["noise"]["sd.comfort"] for each in fits])

    # A standard deviation of 12 draws is known to about a fifth.
    assert 0.5 < reported / sd < 2


def test_scores_by_situation_add_up_to_those_by_person(frame):
    found = wb.fit(
        "mixed_logit",
        RIDE,
        frame,
        **RIDES,
        random={"price": "negative_lognormal", "comfort": "triangular"},
        draws=20,
        wtp_price="price",
    )

    problem = found.live
    theta = problem.unconstrained(found.params.to_numpy())
    each = problem.situation_scores(theta)

    summed = np.add.reduceat(each, problem.data.person_first[:-1])
    np.testing.assert_allclose(summed, problem.kernel.scores(theta), atol=1e-9)
    assert "scores (OPG) by situation" in found.choice.standard_errors()


def test_individual_parameters_are_means_given_the_choices(frame):
    kinds = {"price": "normal", "time": "negative_lognormal"}
    found = wb.fit("mixed_logit", RIDE, frame, **RIDES, random=kinds, draws=25)
    beta = drawn(found, kinds)
    logs = logs_of_draws(frame, beta)
    weight = np.exp(logs - logsumexp(logs, axis=0))

    persons = found.choice.individual()

    expected = np.einsum("rn,rnk->nk", weight, beta[:, :, :2])
    np.testing.assert_allclose(persons[["price", "time"]], expected, rtol=1e-8)


def test_fitted_probabilities_average_the_logit_over_draws(frame):
    kinds = {"price": "normal"}
    found = wb.fit("mixed_logit", RIDE, frame, **RIDES, random=kinds, draws=25)
    beta, x, place = drawn(found, kinds), frame[COLUMNS].to_numpy(), frame["person"].to_numpy()
    raised = np.exp(np.array([(x * b[place]).sum(axis=1) for b in beta]))
    sums = np.array([frame.assign(v=v).groupby("id")["v"].transform("sum") for v in raised])

    chances = found.predict()

    np.testing.assert_allclose(chances, (raised / sums).mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(found.predict(frame), chances, rtol=1e-12)


def test_fixed_parameters_are_not_estimated(frame):
    found = wb.fit(
        "mixed_logit",
        RIDE,
        frame,
        **RIDES,
        random={"price": "normal"},
        draws=30,
        fixed={"sd.price": 0.3, "comfort": 1.0},
    )

    assert list(found.params.index) == ["price", "time"]
    assert found.converged


def test_weights_count_persons(frame):
    options = {**RIDES, "random": {"price": "normal"}, "draws": 20, "draw_kind": "gauss_hermite"}
    again = frame.assign(person=frame["person"] + 1000, id=frame["id"] + 100_000)
    heavy = frame["weight"] > 1
    twice = pd.concat([frame, again[heavy]], ignore_index=True)
    counted = frame.assign(weight=np.minimum(frame["weight"], 2))

    weighted = wb.fit("mixed_logit", RIDE, counted, **options, weights="weight", se="robust")
    repeated = wb.fit("mixed_logit", RIDE, twice, **options, se="robust")

    np.testing.assert_allclose(weighted.params, repeated.params, rtol=1e-7)
    np.testing.assert_allclose(weighted.se, repeated.se, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "needs the option random"),
        ({"random": {"speed": "normal"}}, '"speed" is not in the formula'),
        ({"random": {"price": "gaussian"}}, 'The value of random for price is "gaussian"'),
        ({"random": {"price": "normal"}, "draws": 0}, "draws is 0"),
        ({"random": {"price": "normal"}, "draw_kind": "hallton"}, 'draw_kind is "hallton"'),
        ({"random": {"price": "normal"}, "correlated": 1}, "correlated is 1"),
        ({"random": {"price": "normal"}, "wtp_price": "cost"}, 'price "cost" is not in the'),
        (
            {"random": {"price": "uniform"}, "draw_kind": "gauss_hermite"},
            "for one random coefficient",
        ),
        ({"random": {"price": "normal"}, "draws": 10**12}, "GB; this machine has"),
        ({"random": {f"x{i}": "normal" for i in range(23)}}, "are for up to 22 random"),
    ],
)
def test_invalid_options_are_refused(frame, options, said):
    with pytest.raises(OptionError, match=said) as refused:
        wb.fit("mixed_logit", RIDE, frame, **RIDES, **options)

    assert refused.value.hint


def test_a_random_coefficient_that_was_left_out_is_refused_with_the_reason(frame):
    with pytest.raises(OptionError, match="age is the same for all alternatives"):
        wb.fit("mixed_logit", f"{RIDE} + age", frame, **RIDES, random={"age": "normal"})


def test_a_lognormal_coefficient_of_the_wrong_sign_is_at_its_bound_and_not_converged():
    fit = wb.fit(
        "mixed_logit",
        "choice ~ ttme + gc + C(mode)",
        "modechoice",
        situation="individual",
        alternatives="mode",
        random={"ttme": "lognormal"},
        draws=50,
    )

    assert fit.outcome.name == "BOUNDARY"
    assert not fit.converged
    assert np.isnan(fit.se["ttme"])
    assert "ttme lies at the bound" in fit.message
    assert any('"negative_lognormal"' in note for note in fit.notes)


@pytest.fixture(scope="module")
def crowd():
    """Return 5,000 persons, of whom the 800 evenly spaced never take the third of three shops."""
    random = np.random.default_rng(12)
    persons, spaced = 5_000, np.linspace(0, 4_999, 800).astype(int)
    price = random.normal(size=(persons, 3))
    slope = -1 + 0.8 * random.normal(size=(persons, 1))
    utility = slope * price + random.gumbel(size=(persons, 3))
    utility[spaced, 2] = -np.inf
    return pd.DataFrame(
        {
            "id": np.repeat(np.arange(persons), 3),
            "shop": np.tile(["a", "b", "c"], persons),
            "price": price.ravel(),
            "chosen": (np.arange(3) == utility.argmax(axis=1)[:, None]).ravel().astype(int),
        }
    )


@pytest.mark.parametrize("formula", ["chosen ~ price", "chosen ~ price + C(shop)"])
def test_a_start_at_the_maximum_of_some_persons_ends_at_that_of_all(crowd, formula):
    """The scores of quadrature written a second time are zero there; the second is separated."""
    found = wb.fit(
        "mixed_logit",
        formula,
        crowd,
        situation="id",
        alternatives="shop",
        random={"price": "normal"},
        draw_kind="gauss_hermite",
        draws=15,
    )

    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    shops = pd.get_dummies(crowd["shop"]).to_numpy(dtype=float)[:, 1:].reshape(-1, 3, 2)
    price, chosen = (crowd[name].to_numpy().reshape(-1, 3) for name in ("price", "chosen"))

    def loglik(params):
        mean, *constants, sd = params
        constant = shops @ np.array(constants) if constants else 0.0
        logs = []
        for node in nodes:
            index = (mean + sd * node) * price + constant
            logs.append((index * chosen).sum(axis=1) - logsumexp(index, axis=1))
        return float(logsumexp(np.array(logs), axis=0, b=(weights / weights.sum())[:, None]).sum())

    params = found.params.to_numpy()
    assert found.converged
    assert found.loglik == pytest.approx(loglik(params), rel=1e-10)
    assert np.abs(gradient(loglik, params)).max() < 1e-3
