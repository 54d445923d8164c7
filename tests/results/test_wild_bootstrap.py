"""The wild cluster bootstrap against every draw estimated anew."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import InferenceError, OptionError, WorkbenchError

# The draws' statistics are put together from sums; a p-value is a count of them.
SAME = 1e-8


@pytest.fixture(scope="module")
def people():
    """Draw 90 people in 6 towns that lie in 3 counties, with firms and years across towns."""
    rng = np.random.default_rng(12)
    frame = pd.DataFrame({"town": rng.integers(0, 6, 90), "firm": rng.integers(0, 7, 90)})
    frame["county"], frame["street"] = frame.town % 3, frame.town * 10 + rng.integers(0, 3, 90)
    frame["year"] = rng.integers(0, 4, 90)
    frame["x"] = rng.normal(size=90) + 0.7 * rng.normal(size=6)[frame.town]
    frame["z"] = rng.normal(size=90)
    frame["w"] = rng.uniform(0.5, 2, 90)
    shock = rng.normal(size=6)[frame.town] * frame.x
    frame["y"] = 0.3 * frame.x + 0.1 * frame.z + 0.5 * shock + rng.normal(size=90)
    return frame


class BruteForce:
    """Least squares with dummies written out, estimated again for each draw."""

    def __init__(self, frame, effects, weights):
        root = np.ones(len(frame)) if weights is None else np.sqrt(frame[weights].to_numpy())
        ones = [np.ones(len(frame))] if not effects else []
        dummies = [pd.get_dummies(frame[e], dtype=float).to_numpy() for e in effects]
        design = np.column_stack([frame.x, frame.z, *ones, *dummies]) * root[:, None]
        self.x, self.y, self.towns = design, frame.y.to_numpy() * root, frame.town.to_numpy()
        self.inverse = np.linalg.pinv(design, rcond=1e-12)  # dependent dummies, up to rounding
        self.bread = self.inverse @ self.inverse.T

    def t(self, y, value):
        """Return the t of the first coefficient being ``value``, clustered without a factor."""
        beta = self.inverse @ y
        rows = self.inverse[0] * (y - self.x @ beta)
        variance = sum(rows[self.towns == town].sum() ** 2 for town in range(6))
        return (beta[0] - value) / np.sqrt(variance)

    def pvalue(self, value, *, imposed):
        """Return the share of the 64 sign patterns with a t further from zero."""
        beta = self.inverse @ self.y
        if imposed:
            beta = beta - self.bread[:, 0] / self.bread[0, 0] * (beta[0] - value)
        fitted, rest = self.x @ beta, self.y - self.x @ beta
        t, centre = abs(self.t(self.y, value)), value if imposed else beta[0]
        signs = np.array(list(product([-1, 1], repeat=6)))
        drawn = [abs(self.t(fitted + rest * v[self.towns], centre)) for v in signs]
        return np.mean(np.array(drawn) > t * (1 + 1e-9))


CASES = [
    ("y ~ x + z", [], None),
    ("y ~ x + z", [], "w"),
    ("y ~ x + z | town", ["town"], None),
    ("y ~ x + z | street", ["street"], "w"),
    ("y ~ x + z | firm", ["firm"], None),
    ("y ~ x + z | firm + year", ["firm", "year"], "w"),
    ("y ~ x + z | street + year", ["street", "year"], None),
]


@pytest.mark.parametrize("imposed", [True, False])
@pytest.mark.parametrize(("formula", "effects", "weights"), CASES)
def test_every_draw_is_the_one_estimated_anew(people, formula, effects, weights, imposed):
    brute = BruteForce(people, effects, weights)
    fit = wb.fit("feols", formula, people, weights=weights, ssc="none", demeaner=wb.LSMR(tol=1e-12))

    found = fit.wild_bootstrap("x = 0", cluster="town", impose_null=imposed)

    assert (found.draws, found.enumerated, found.clusters) == (64, True, 6)
    assert found.estimate == pytest.approx(fit.params["x"])
    assert found.statistic == pytest.approx(brute.t(brute.y, 0.0), rel=SAME)
    assert found.pvalue == brute.pvalue(0.0, imposed=imposed)
    for end, outwards in ((found.lower, -1), (found.upper, 1)):
        assert brute.pvalue(end + 1e-6 * outwards, imposed=imposed) <= 0.05
        assert brute.pvalue(end - 1e-6 * outwards, imposed=imposed) > 0.05


def test_ols_has_the_same_bootstrap(people):
    far = people.assign(x=1e4 + people.x)

    one, other = (
        wb.fit(model, "y ~ x + z", far).wild_bootstrap("x = 0.2", cluster="town", draws=64)
        for model in ("ols", "feols")
    )

    assert one.statistic == pytest.approx(other.statistic, rel=1e-6)
    assert one.pvalue == other.pvalue
    assert one.lower == pytest.approx(other.lower, rel=1e-6)


def test_a_restriction_may_join_parameters(people):
    """Tested is a sum, as the coefficient of a column rewritten."""
    joined = people.assign(both=people.x, rest=people.z - people.x)

    one = wb.fit("ols", "y ~ x + z", people).wild_bootstrap("x + z = 0.5", cluster="town")
    other = wb.fit("ols", "y ~ both + rest", joined).wild_bootstrap("both = 0.5", cluster="town")

    assert one.estimate == pytest.approx(other.estimate)
    assert (one.statistic, one.pvalue) == (pytest.approx(other.statistic), other.pvalue)
    assert one.upper == pytest.approx(other.upper)


@pytest.mark.parametrize("weights", ["rademacher", "webb", "mammen", "normal"])
def test_draws_of_many_clusters_are_near_the_t_test(weights):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"g": np.repeat(np.arange(80), 5), "x": rng.normal(size=400)})
    frame["y"] = 0.08 * frame.x + rng.normal(size=400)
    fit = wb.fit("feols", "y ~ x | g", frame, cluster="g", seed=5)

    found = fit.wild_bootstrap("x = 0", draws=4999, weights=weights)

    # About three standard deviations of a share of 4,999 draws, and the normal's error.
    assert found.pvalue == pytest.approx(fit.pvalues["x"], abs=0.035)
    assert found.statistic == pytest.approx(fit.tvalues["x"])
    low, high = fit.conf_int().loc["x"]
    assert (found.lower, found.upper) == (
        pytest.approx(low, abs=0.012),
        pytest.approx(high, abs=0.012),
    )
    assert not found.enumerated
    assert found == fit.wild_bootstrap("x = 0", draws=4999, weights=weights, seed=5)
    assert found != fit.wild_bootstrap("x = 0", draws=4999, weights=weights, seed=6)


def test_the_sentence_describes_the_test(people):
    fit = wb.fit("ols", "y ~ x + z", people, cluster="town")

    said = repr(fit.wild_bootstrap("x = 0"))

    assert said.startswith("Wild cluster bootstrap of x = 0: t = ")
    assert said.endswith("all 64 rademacher draws over 6 clusters of town, seed 0")


BAD = [
    ({"weights": "radmacher"}, "weights of the wild bootstrap is 'radmacher'"),
    ({"draws": 0}, "draws of the wild bootstrap is 0"),
    ({"level": 95}, "level of the wild bootstrap is 95"),
    ({"cluster": "twon"}, 'no column "twon"'),
    ({"cluster": None}, "one column of clusters, not 0"),
    ({"restriction": "x = 0, z = 0"}, "there are 2"),
    ({"restriction": "q = 0"}, "cannot be read"),
    ({"cluster": "one"}, "at least two clusters"),
]


@pytest.mark.parametrize(("options", "said"), BAD)
def test_invalid_input_is_refused_in_a_sentence(people, options, said):
    fit = wb.fit("ols", "y ~ x + z", people.assign(one=1))
    asked = {"restriction": "x = 0", "cluster": "town"} | options

    with pytest.raises(WorkbenchError, match=said):
        fit.wild_bootstrap(asked.pop("restriction"), **asked)


def test_other_models_have_no_such_bootstrap(people):
    with pytest.raises(InferenceError, match="two-stage"):
        wb.fit("feols", "y ~ z | firm | x ~ w", people).wild_bootstrap("x = 0", cluster="town")
    with pytest.raises(OptionError, match="not a linear regression"):
        wb.fit("gaussian", "y ~ z", people).wild_bootstrap("z = 0", cluster="town")
    again = wb.Fit.from_dict(wb.fit("ols", "y ~ z", people).to_dict())
    with pytest.raises(InferenceError, match="read from the record"):
        again.wild_bootstrap("z = 0", cluster="town")
