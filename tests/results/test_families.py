"""Each family of models has its own results; a missing method names the models that have it."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from tests.models.choice.choices import rides
from workbench.errors import NotOfferedError, OptionError
from workbench.models.registry import MODELS, class_of_stored
from workbench.results.fit import Fit

LONG = {"situation": "id", "alternatives": "ride"}
BODY = "params: a, s > 0 = 3\nloglik = normal_logpdf(wage, a, s)"
LACKING = [
    ("logit", "r2", "no-r2", "ols and feols have r2"),
    ("logit", "absorbed", "no-fixed-effects", "feols, fepois, felogit and fenegbin have absorbed"),
    ("ols", "fixed_effects", "no-fixed-effects", "feols, fepois, felogit and fenegbin have fix"),
    ("ols", "choice", "no-choices", "latent_class have choice"),
    ("poisson", "wild_bootstrap", "not-linear", "ols and feols have wild_bootstrap"),
    ("logit", "aggregate", "no-cohorts", "fits of a formula with sunab"),
    ("fepois", "first_stage", "no-instruments", "feols has first_stage"),
    ("fepois", "r2_within", "no-fixed-effects", "feols has r2_within"),
    ("body", "predict", "no-mean", "multinomial_logit"),
    ("body", "residuals", "no-residuals", "poisson"),
    ("mixed_logit", "fixed_effects", "no-fixed-effects", "felogit"),
]


@pytest.fixture(scope="module")
def fits(people_once):
    """Return a fit of a model of each family, by the model's name."""
    frame = people_once
    formulas = {
        "ols": "wage ~ educ",
        "logit": "works ~ educ",
        "poisson": "visits ~ educ",
        "feols": "wage ~ educ | town",
        "fepois": "visits ~ educ | town",
    }
    found = {name: wb.fit(name, formula, frame) for name, formula in formulas.items()}
    random = {"random": {"price": "normal"}, "draws": 20}
    found["mixed_logit"] = wb.fit("mixed_logit", "chosen ~ price", rides(), **LONG, **random)
    found["multinomial_logit"] = wb.fit("multinomial_logit", "copies ~ educ", frame)
    found["body"] = wb.fit(wb.likelihood(BODY), None, frame)
    study = "y ~ sunab(first_treated, year) | unit + year"
    found["sunab"] = wb.fit("feols", study, "staggered", cluster="unit")
    return found


@pytest.fixture(scope="module")
def people_once():
    rng = np.random.default_rng(1)
    educ, town = rng.normal(12, 2, 200), rng.integers(0, 9, 200)
    return pd.DataFrame(
        {
            "educ": educ,
            "town": town,
            "wage": 3 + 0.5 * educ + rng.normal(0, 2, 200),
            "works": (educ + rng.logistic(12, 2, 200) > 24).astype(float),
            "visits": rng.poisson(np.exp(0.1 * educ)),
            "copies": rng.integers(1, 4, 200),
        }
    )


@pytest.mark.parametrize(("model", "name", "code", "who"), LACKING)
def test_what_fits_of_other_models_have_is_refused_with_who_has_it(fits, model, name, code, who):
    fit = fits[model]

    with pytest.raises(NotOfferedError, match=who) as refused:
        getattr(fit, name)

    assert isinstance(refused.value, AttributeError)
    assert isinstance(refused.value, OptionError)
    assert refused.value.code == code
    assert refused.value.hint
    assert fit.model_title in str(refused.value)
    assert not hasattr(fit, name)


def test_what_no_fit_has_is_refused_as_python_does(fits):
    with pytest.raises(AttributeError, match="no attribute 'r3'") as refused:
        _ = fits["ols"].r3

    assert not isinstance(refused.value, NotOfferedError)


def test_an_error_inside_a_property_is_not_taken_for_a_lack_of_it(fits, monkeypatch):
    def broken(_):
        raise AttributeError("inside")

    monkeypatch.setattr(Fit, "flat", property(broken))

    with pytest.raises(AttributeError, match="inside"):
        _ = fits["ols"].flat


def test_every_model_has_its_class_of_results(fits):
    for fit in fits.values():
        stored = {"specification": fit.specification.to_dict(), "state": {}}

        assert isinstance(fit, wb.Fit)
        assert isinstance(fit, class_of_stored(stored))


@pytest.mark.parametrize("name", MODELS)
def test_every_model_names_a_class_of_results(name):
    stored = {"specification": {"model": {"name": name}}, "state": {}}

    assert issubclass(class_of_stored(stored), Fit)
    assert class_of_stored(stored) is not Fit


def test_every_fit_is_kept_and_read_as_what_it_is(fits):
    for fit in fits.values():
        again = Fit.from_dict(json.loads(json.dumps(fit.to_dict())))

        assert type(again) is type(fit)
        assert again.state.to_dict().keys() == fit.state.to_dict().keys()
        assert json.dumps(again.state.to_dict()) == json.dumps(fit.state.to_dict())
        np.testing.assert_array_equal(again.params, fit.params)
        np.testing.assert_array_equal(again.se, fit.se)


def test_every_fit_can_be_copied_and_pickled(fits):
    for fit in fits.values():
        for again in (pickle.loads(pickle.dumps(fit)), copy.copy(fit)):
            assert type(again) is type(fit)
            np.testing.assert_array_equal(again.params, fit.params)


def test_a_record_of_a_model_that_is_not_known_is_a_plain_fit(fits):
    stored = fits["ols"].to_dict()
    stored["specification"]["model"]["name"] = "of tomorrow"

    again = Fit.from_dict(stored)

    assert type(again) is Fit
    np.testing.assert_array_equal(again.params, fits["ols"].params)
