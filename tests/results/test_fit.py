"""What a fit says after the run: kept, carried and refused."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

import workbench as wb
from workbench.errors import InferenceError, OptionError, WorkbenchError
from workbench.results.fit import Fit


@pytest.fixture(scope="module")
def fit(people):
    """Return a clustered logit."""
    return wb.fit(
        "logit", "works ~ poly(educ, 2) + C(copies)", people, cluster="town", backend="torch"
    )


def test_a_fit_survives_json_and_predicts_from_it(fit, people):
    again = Fit.from_dict(json.loads(json.dumps(fit.to_dict())))

    np.testing.assert_array_equal(again.params, fit.params)
    for kind in ("hessian", "opg", "robust", "cluster"):
        np.testing.assert_array_equal(again.standard_errors(kind), fit.standard_errors(kind))
    np.testing.assert_array_equal(again.predict(people), fit.predict(people))
    assert again.message == fit.message
    assert again.specification == fit.specification
    assert len(again.trace) == len(fit.trace)


def test_the_former_name_of_the_further_parameters_works_with_a_warning(people):
    fit = wb.fit("gaussian", "educ ~ copies", people, backend="torch")

    with pytest.warns(FutureWarning, match="nuisance is called further_parameters now"):
        assert fit.nuisance == fit.further_parameters == ("sigma",)


def test_a_fit_stored_under_the_former_name_of_the_further_parameters_is_read(people):
    fit = wb.fit("gaussian", "educ ~ copies", people, backend="torch")
    stored = fit.to_dict()
    stored["nuisance"] = stored.pop("further_parameters")

    assert Fit.from_dict(stored).further_parameters == ("sigma",)


def test_a_fit_survives_pickling_without_its_data(fit):
    again = pickle.loads(pickle.dumps(fit))

    assert again.live is None
    np.testing.assert_array_equal(again.se, fit.se)
    with pytest.raises(InferenceError, match="does not keep the data"):
        _ = again.residuals


def test_other_clusters_need_the_live_data(fit, people):
    live = fit.standard_errors("cluster", cluster="copies")
    direct = wb.fit(
        "logit", "works ~ poly(educ, 2) + C(copies)", people, cluster="copies", backend="torch"
    )

    np.testing.assert_allclose(live, direct.se, rtol=1e-9)
    with pytest.raises(InferenceError, match='"copies"'):
        Fit.from_dict(fit.to_dict()).standard_errors("cluster", cluster="copies")
    with pytest.raises(InferenceError, match='"nowhere"'):
        fit.standard_errors("cluster", cluster="nowhere")


def test_a_fit_cannot_be_changed(fit):
    with pytest.raises(AttributeError):
        fit.loglik = 0.0


@pytest.mark.parametrize(
    "text", ["nonsense = 0", "educ", "=", "", "1 = 1", "x" * 3000, "Intercept = = 1"]
)
def test_restrictions_that_cannot_be_read_are_refused_in_words(text, fit):
    with pytest.raises(OptionError) as refused:
        fit.test(text)
    assert refused.value.hint


def test_linearly_dependent_restrictions_are_refused(fit):
    with pytest.raises(InferenceError, match="linearly dependent"):
        fit.test("Intercept = 0, 2*Intercept = 0")


def test_levels_kinds_and_tables_that_are_not_there_are_refused(fit, people):
    for call in (
        lambda: fit.conf_int(95),
        lambda: fit.conf_int(0.05),
        lambda: fit.covariance("white"),
        lambda: fit.predict(people.drop(columns="educ")),
    ):
        with pytest.raises(WorkbenchError) as refused:
            call()
        assert refused.value.hint


def test_provenance_says_what_computed_where(people, library):
    found = wb.fit("logit", "works ~ educ", people, backend=library, seed=7).provenance

    assert found["backend"] == library
    assert found["device"] == "cpu"
    assert found["dtype"] == "float64"
    assert found["seed"] == 7
    assert {"python", "numpy", library} <= set(found["versions"])


def test_figures_of_the_trace_belong_to_their_steps(people, library):
    found = wb.fit("poisson", "visits ~ educ + exper", people, backend=library)
    frame = found.trace.to_frame()

    assert frame["number"].tolist() == list(range(found.steps + 1))
    assert (np.diff(frame["objective"]) <= 1e-12).all()
    assert (np.diff(frame["seconds"]) >= 0).all()
    assert (np.diff(frame["evaluations"]) > 0).all()
    assert frame["objective"].iloc[-1] == pytest.approx(-found.loglik / found.nobs, rel=1e-12)
    np.testing.assert_allclose(frame[found.params.index].iloc[-1], found.params, rtol=1e-9)
    assert found.timing["total"] > 0
