"""The kernels of choice against explicit likelihoods, finite differences and references."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate
from statsmodels.discrete.conditional_models import ConditionalLogit

from tests.kernels.choice.samples import log_likelihoods, random_of, situations
from workbench.backends import backend_named
from workbench.kernels.choice.coefficients import KINDS
from workbench.kernels.choice.conditional import ConditionalKernel
from workbench.kernels.choice.draws import base_draws, gauss_hermite
from workbench.kernels.choice.mixed import MixedKernel
from workbench.kernels.choice.passes.blocked import BlockedPass
from workbench.kernels.choice.passes.compiled import CompiledPass
from workbench.kernels.choice.passes.structure import structure_of
from workbench.kernels.choice.situations import Situations

# Sums of a few hundred terms in float64.
ROUNDING = 1e-11
# Central differences with a step of 1e-5 lose five digits, second derivatives more.
DIFFERENCES = 1e-6
# Differences between the exp and sums of two libraries.
LIBRARIES = 1e-10

THREE = random_of((3, "normal"), (0, "lognormal"), (2, "negative_lognormal"))
ALL_KINDS = random_of(*enumerate(KINDS))
MODELS = {
    **{kind: (random_of((2, kind)), False, None) for kind in KINDS},
    "three kinds": (THREE, False, None),
    "three kinds, correlated": (THREE, True, None),
    "random price, willingness to pay": (THREE, False, 0),
    "fixed price, willingness to pay": (THREE, False, 1),
    "correlated, willingness to pay": (THREE, True, 0),
    "all kinds, correlated": (ALL_KINDS, True, None),
}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def xp(name="torch"):
    return backend_named(name)


def set_up(model, persons=40, draws=7, most=4):
    """Data, base variates ``(n, R, q)`` and parameters away from zero for one model."""
    random, correlated, _ = model
    columns = max(4, len(random))
    data = situations(persons, columns, most)
    rng = np.random.default_rng(5)
    q = len(random)
    factor = q * (q + 1) // 2 if correlated else q
    theta = np.concatenate([rng.normal(size=columns) * 0.4, rng.normal(size=factor) * 0.6])
    return data, rng.normal(size=(persons, draws, q)), theta


def slopes(function, theta, step=1e-5):
    """Return central differences of a function by each parameter, ``(..., k)``."""
    moves = step * np.eye(len(theta))
    return np.stack(
        [(function(theta + move) - function(theta - move)) / (2 * step) for move in moves], axis=-1
    )


@every_model
def test_value_score_hessian_and_outer_products_are_those_of_the_formula(model):
    random, correlated, wtp = model
    data, draws, theta = set_up(model)

    kernel = MixedKernel(data, random, correlated, draws, wtp, xp())
    totals = kernel.totals(theta, 2)
    scores = kernel.scores(theta)

    def formula(at):
        return log_likelihoods(data, random, correlated, draws, wtp, at)

    hessian = slopes(lambda at: kernel.totals(at, 1).gradient, theta)
    np.testing.assert_allclose(kernel.values(theta), formula(theta), rtol=ROUNDING)
    np.testing.assert_allclose(totals.value, data.weights @ formula(theta), rtol=ROUNDING)
    np.testing.assert_allclose(scores, slopes(formula, theta), rtol=DIFFERENCES, atol=DIFFERENCES)
    np.testing.assert_allclose(totals.gradient, data.weights @ scores, rtol=ROUNDING, atol=1e-10)
    np.testing.assert_allclose(
        totals.hessian, hessian, rtol=DIFFERENCES, atol=DIFFERENCES * np.abs(hessian).max()
    )
    np.testing.assert_allclose(
        totals.opg, (scores.T * data.weights) @ scores, rtol=1e-9, atol=ROUNDING * totals.opg.max()
    )


@every_model
@pytest.mark.parametrize("name", ["torch", "jax"])
def test_libraries_find_what_compiled_code_finds(model, name):
    random, correlated, wtp = model
    data, draws, theta = set_up(model)
    structure = structure_of(data.columns, random, correlated, wtp)

    ours = CompiledPass(data, structure, draws).run(theta, 2, scores=True, means=True)
    other = BlockedPass(data, structure, draws, xp(name)).run(theta, 2, scores=True, means=True)

    for found, expected in (
        (other.values, ours.values),
        (other.scores, ours.scores),
        (other.means, ours.means),
        (other.totals.gradient, ours.totals.gradient),
        (other.totals.hessian, ours.totals.hessian),
        (other.totals.opg, ours.totals.opg),
    ):
        np.testing.assert_allclose(
            found, expected, rtol=LIBRARIES, atol=LIBRARIES * np.abs(expected).max()
        )


def test_a_conditional_logit_is_that_of_statsmodels():
    data = situations(persons=60, columns=3, most=1, weighted=False)
    theta = np.array([0.3, -0.5, 0.2])
    kernel = ConditionalKernel(data, xp())

    rows = [
        (person, int(j == 0), x)
        for person in range(data.persons)
        for j, x in enumerate(
            [np.zeros(3), *data.differences[data.first[person] : data.first[person + 1]]]
        )
    ]
    groups, chosen, x = (np.array(part) for part in zip(*rows, strict=True))
    reference = ConditionalLogit(chosen, x, groups=groups)

    totals = kernel.totals(theta, 2)
    np.testing.assert_allclose(totals.value, reference.loglike(theta), rtol=ROUNDING)
    # statsmodels divides sums of exponentials that it has not shifted.
    np.testing.assert_allclose(totals.gradient, reference.score(theta), rtol=1e-9)
    np.testing.assert_allclose(totals.hessian, reference.hessian(theta), rtol=DIFFERENCES)


def test_quadrature_is_the_integral_over_a_dense_grid():
    data = situations(persons=6, columns=2)
    random, theta = random_of((1, "normal")), np.array([0.4, -0.3, 0.8])
    kernel = MixedKernel(data, random, False, gauss_hermite(40), None, xp())

    def of_person(person):
        def density(z):
            draws = np.full((data.persons, 1, 1), z)
            logs = log_likelihoods(data, random, False, draws, None, theta)[person]
            return np.exp(logs - z * z / 2) / np.sqrt(2 * np.pi)

        return np.log(integrate.quad(density, -9, 9, epsabs=1e-13, epsrel=1e-11)[0])

    expected = [of_person(person) for person in range(data.persons)]
    # Forty nodes are exact for polynomials of degree 79, and close for these logits.
    np.testing.assert_allclose(kernel.values(theta), expected, rtol=1e-7)


def test_a_point_evaluated_again_costs_no_pass(monkeypatch):
    random, correlated, wtp = MODELS["normal"]
    data, draws, theta = set_up(MODELS["normal"])
    kernel = MixedKernel(data, random, correlated, draws, wtp, xp())
    passes = []
    run = kernel._pass.run
    monkeypatch.setattr(
        kernel._pass,
        "run",
        lambda *args, **more: (passes.append(args), run(*args, **more))[1],
    )

    here = kernel.totals(theta, 2)
    there = kernel.totals(theta * 1.1, 2)
    again = [kernel.totals(theta, 1).value, kernel.totals(theta * 1.1).value]
    kernel.scores(theta if here.value > there.value else theta * 1.1)

    assert again == [here.value, there.value]
    assert len(passes) == 2


def test_long_panels_and_steep_utilities_neither_overflow_nor_underflow():
    data = situations(persons=5, columns=4, most=60, options=3)
    random = random_of((3, "normal"), (0, "normal"))
    draws = 3 * np.random.default_rng(1).normal(size=(5, 9, 2))
    theta = np.array([30.0, -20.0, 40.0, 10.0, 50.0, 20.0, 30.0])

    kernel = MixedKernel(data, random, True, draws, None, xp())
    found, scores = kernel.values(theta), kernel.scores(theta)

    expected = log_likelihoods(data, random, True, draws, None, theta)
    assert expected.min() < -1000
    np.testing.assert_allclose(found, expected, rtol=ROUNDING)
    assert np.isfinite(scores).all()
    assert np.isfinite(kernel.totals(theta, 2).hessian).all()


def test_a_weight_of_two_is_the_person_twice():
    model = MODELS["three kinds"]
    data, draws, theta = set_up(model, persons=1)
    twice = Situations(
        np.tile(data.differences, (2, 1)),
        np.concatenate([data.first, data.first[1:] + data.first[-1]]),
        np.concatenate([data.person_first, data.person_first[1:] + data.person_first[-1]]),
    )
    heavy = Situations(data.differences, data.first, data.person_first, np.array([2.0]))

    one = MixedKernel(heavy, model[0], False, draws, None, xp()).totals(theta, 2)
    two = MixedKernel(twice, model[0], False, np.tile(draws, (2, 1, 1)), None, xp())

    np.testing.assert_allclose(one.value, two.totals(theta).value, rtol=ROUNDING)
    np.testing.assert_allclose(one.hessian, two.totals(theta, 2).hessian, rtol=1e-10)


def test_mean_coefficients_are_weighted_with_the_likelihood_of_their_draws():
    model = MODELS["three kinds"]
    data, draws, theta = set_up(model, persons=12, draws=5)
    random = model[0]
    kernel = MixedKernel(data, random, False, draws, None, xp())

    logs = np.stack(
        [log_likelihoods(data, random, False, draws[:, [r]], None, theta) for r in range(5)]
    )
    index = theta[[3, 0, 2]] + draws * theta[4:]
    values = np.stack([index[..., 0], np.exp(index[..., 1]), -np.exp(index[..., 2])], axis=-1)
    weights = np.exp(logs - logs.max(axis=0)).T
    expected = (weights[..., None] * values).sum(axis=1) / weights.sum(axis=1)[:, None]

    np.testing.assert_allclose(kernel.conditional_means(theta), expected, rtol=1e-9)


def test_two_threads_find_what_one_finds(monkeypatch):
    model = MODELS["three kinds, correlated"]
    data, draws, theta = set_up(model, persons=100)
    kernel = MixedKernel(data, model[0], True, draws, None, xp())
    one = kernel.totals(theta, 2)

    monkeypatch.setattr("workbench.kernels.choice.passes.compiled.parts", lambda _: 2)
    two = MixedKernel(data, model[0], True, draws, None, xp()).totals(theta, 2)

    np.testing.assert_allclose(two.value, one.value, rtol=ROUNDING)
    np.testing.assert_allclose(two.hessian, one.hessian, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("kind", "theirs"),
    [
        ("normal", "n"),
        ("lognormal", "ln"),
        ("truncated_normal", "tn"),
        ("triangular", "t"),
        ("uniform", "u"),
    ],
)
def test_likelihood_and_score_are_those_of_xlogit(kind, theirs):
    mixed_logit = pytest.importorskip("xlogit").MixedLogit
    rng = np.random.default_rng(3)
    persons, options, columns = 30, 4, 3
    x = rng.normal(size=(persons, options - 1, columns))
    data = Situations(
        x.reshape(-1, columns), np.arange(persons + 1) * (options - 1), np.arange(persons + 1)
    )
    random = random_of((1, kind))
    draws = base_draws("halton", persons, 20, 1, 0, [random[0].variate])
    theta = np.array([0.4, 0.3, -0.2, 0.7])

    peer = mixed_logit()
    peer._rvidx, peer._rvdist = np.array([False, True, False]), [theirs]
    value, gradient, _ = peer._loglik_gradient(
        theta, x, None, np.moveaxis(draws, 1, 2), None, None, None, None, None
    )
    ours = MixedKernel(data, random, False, draws, None, xp()).totals(theta, 1)

    np.testing.assert_allclose(ours.value, -value, rtol=ROUNDING)
    np.testing.assert_allclose(ours.gradient, -gradient, rtol=1e-9)
