"""Kinds of covariance as objects: their options, what they need, and what models offer."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.covariances.conley import Conley
from workbench.covariances.kinds import COVARIANCES, covariance_class, covariance_of
from workbench.errors import OptionError
from workbench.models.registry import model_class
from workbench.options import Kind, options_of

ROWS = 120


@pytest.fixture(scope="module")
def panel():
    """Draw 12 firms in 10 years and 7 towns, with places and noise that firms share."""
    rng = np.random.default_rng(5)
    firm, year = (part.ravel() for part in np.meshgrid(np.arange(12), np.arange(10)))
    frame = pd.DataFrame({"firm": firm, "year": year, "town": rng.integers(0, 7, ROWS)})
    frame["lat"], frame["lon"] = rng.uniform(-60, 60, ROWS), rng.uniform(-180, 180, ROWS)
    frame["x"] = rng.normal(size=ROWS)
    frame["y"] = frame.x + rng.normal(size=12)[firm] + rng.normal(size=ROWS)
    return frame


# Options ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", COVARIANCES)
def test_a_kind_goes_by_its_name_and_its_schema_is_plain_json(name):
    kind = covariance_class(name)

    schema = [each.schema() for each in options_of(kind)]

    assert kind.name == name
    assert json.loads(json.dumps(schema)) == schema
    assert [each["name"] for each in schema] == [each.name for each in options_of(kind)]
    assert all(each["help"] and each["label"] for each in schema)


@pytest.mark.parametrize("name", COVARIANCES)
def test_the_example_of_a_kind_is_valid_and_comes_back_from_its_record(name):
    kind = covariance_class(name)
    examples = {e.name: e.example for e in options_of(kind) if e.example is not None}

    made = covariance_of(name, examples)

    assert covariance_of(name, json.loads(json.dumps(made.to_dict()))) == made
    assert covariance_of(name, made.changed()) == made
    assert {e.name for e in options_of(kind) if e.required} <= examples.keys()
    assert set(made.columns) == {v for v in examples.values() if isinstance(v, str)} - {
        e.example for e in options_of(kind) if e.kind is not Kind.COLUMN
    }


SCHEMAS = {
    "cluster": [("cluster_df", "choice", False)],
    "CRV3": [("centre", "choice", False)],
    "newey_west": [("time", "column", True), ("lag", "count", False), ("unit", "column", False)],
    "driscoll_kraay": [("time", "column", True), ("lag", "count", False)],
    "conley": [
        ("lat", "column", True),
        ("lon", "column", True),
        ("cutoff", "number", True),
        ("kernel", "choice", False),
        ("distance", "choice", False),
    ],
}


@pytest.mark.parametrize("name", COVARIANCES)
def test_the_page_is_given_a_control_for_each_option(name):
    schema = [each.schema() for each in options_of(covariance_class(name))]

    controls = [(each["name"], each["kind"], each["required"]) for each in schema]

    assert controls == SCHEMAS.get(name, [])


REFUSED = [
    ("newey-west", {}, "no-such-covariance", "newey_west"),
    ("HC0", {}, "no-such-covariance", "robust"),
    ("newey_west", {"time": "year", "lags": 1}, "no-such-se-option", "lag"),
    ("newey_west", {}, "missing-se-option", ""),
    ("newey_west", {"time": ""}, "missing-se-option", ""),
    ("newey_west", {"time": 3}, "bad-se-option", ""),
    ("driscoll_kraay", {"time": "year", "lag": True}, "bad-se-option", ""),
    ("conley", {"lat": "a", "lon": "b", "cutoff": float("inf")}, "bad-se-option", ""),
    ("conley", {"lat": "a", "lon": "b", "cutoff": 9, "kernel": "x"}, "bad-se-option", ""),
    ("hessian", {"lag": 1}, "no-such-se-option", ""),
]


@pytest.mark.parametrize(("name", "options", "code", "suggestion"), REFUSED)
def test_what_is_invalid_is_refused_with_the_nearest_name(name, options, code, suggestion):
    with pytest.raises(OptionError) as refused:
        covariance_of(name, options)

    assert (refused.value.code, refused.value.suggestion) == (code, suggestion)
    assert refused.value.hint


# Calls ------------------------------------------------------------------------------------------
CALLS = [
    (wb.NeweyWest(time="year", unit="firm", lag=2), {}),
    (wb.DriscollKraay(time="year"), {}),
    (wb.Conley(lat="lat", lon="lon", cutoff=1500), {}),
    (wb.CRV3(centre="mean"), {"cluster": "firm"}),
    (wb.Cluster(cluster_df="conventional"), {"cluster": ["firm", "town"]}),
    (wb.HC2(), {}),
    (wb.Robust, {}),
]


@pytest.mark.parametrize(("kind", "more"), CALLS, ids=lambda part: str(part)[:40])
def test_a_kind_with_its_options_is_the_call_by_name(panel, kind, more):
    options = kind.changed() if not isinstance(kind, type) else {}

    by_object = wb.fit("ols", "y ~ x", panel, se=kind, **more)
    by_name = wb.fit("ols", "y ~ x", panel, se=kind.name, se_options=options, **more)

    assert by_object.code() == by_name.code()
    assert by_object.specification == by_name.specification
    pd.testing.assert_series_equal(by_object.se, by_name.se)
    later = wb.fit("ols", "y ~ x", panel).standard_errors(kind, **more)
    np.testing.assert_allclose(later, by_name.se, rtol=1e-12)


def test_options_at_their_defaults_are_not_recorded(panel):
    options = {"lat": "lat", "lon": "lon", "cutoff": 1500.0, "kernel": "uniform"}

    fit = wb.fit("ols", "y ~ x", panel, se="conley", se_options=options)

    assert fit.specification.se_options == {"lat": "lat", "lon": "lon", "cutoff": 1500}
    assert "cutoff=1500" in fit.code().magic


def test_options_given_twice_are_refused(panel):
    with pytest.raises(OptionError, match="se is an object that has its own options"):
        wb.fit("ols", "y ~ x", panel, se=wb.DriscollKraay(time="year"), se_options={"lag": 1})
    with pytest.raises(OptionError, match="se is a list"):
        wb.fit("ols", "y ~ x", panel, se=["robust"])


def test_a_record_with_options_as_they_were_typed_is_read(panel):
    """Earlier records hold options at their defaults, and whole numbers as they were given."""
    options = {"lat": "lat", "lon": "lon", "cutoff": 1500}
    fit = wb.fit("ols", "y ~ x", panel, se="conley", se_options=options)
    stored = json.loads(json.dumps(fit.to_dict()))
    typed = {**options, "cutoff": 1500.0, "kernel": "uniform"}
    stored["specification"]["se_options"] = typed
    [meat] = stored["curvature"]["kept"].values()
    stored["curvature"]["kept"] = {f"conley {json.dumps(typed, sort_keys=True)} []": meat}

    read = type(fit).from_dict(stored)

    pd.testing.assert_series_equal(read.se, fit.se, check_index_type=False)
    assert read.se_label == "Conley (1500 km)"


def test_one_of_several_directions_has_its_own_number_of_clusters(panel):
    both = wb.fit("ols", "y ~ x", panel, cluster=["firm", "town"])

    for name in ("firm", "town"):
        alone = wb.fit("ols", "y ~ x", panel, cluster=name)
        later = both.standard_errors("cluster", cluster=name)
        np.testing.assert_allclose(later, alone.se, rtol=1e-12)


# What models have -------------------------------------------------------------------------------
BY_ROW = ["hessian", "opg", "robust", "cluster", "newey_west", "driscoll_kraay", "conley", "none"]
LINEAR = ["hessian", "robust", "HC2", "HC3", "cluster", "CRV3", *BY_ROW[4:]]
BY_PERSON = ["hessian", "opg", "robust", "cluster", "none"]


@pytest.mark.parametrize(
    ("model", "kinds"),
    [
        *((name, LINEAR) for name in ("ols", "feols")),
        *((name, BY_ROW) for name in ("logit", "poisson", "fepois", "multinomial_logit", "body")),
        *((name, BY_PERSON) for name in ("conditional_logit", "mixed_logit", "latent_class")),
        ("did2s", ["cluster", "none"]),
    ],
)
def test_a_model_offers_the_kinds_that_it_has_the_evidence_for(model, kinds):
    assert list(model_class(model).covariances()) == kinds


def test_families_have_words_of_their_own():
    linear, choice = (model_class(name).covariances() for name in ("ols", "mixed_logit"))

    assert (linear["hessian"], linear["robust"]) == ("iid", "HC1 (robust)")
    assert choice["opg"] == "Scores (OPG) by person"
    assert choice["robust"] == "Robust by person"
    assert choice["cluster"] == linear["cluster"] == "Cluster"


def test_a_model_without_scores_by_row_is_refused_before_it_runs():
    travel = wb.load("modechoice")
    roles = {"situation": "individual", "alternatives": "mode"}

    with pytest.raises(OptionError, match="not those of rows") as refused:
        wb.start(
            "conditional_logit", "choice ~ ttme", travel, se=wb.DriscollKraay(time="gc"), **roles
        )

    assert refused.value.code == "no-score-rows"


def test_every_kind_with_errors_is_public():
    kinds = [covariance_class(name) for name in COVARIANCES]

    missing = [k for k in kinds if k.estimates_errors and getattr(wb, k.__name__, None) is not k]

    assert not missing


# Layers -----------------------------------------------------------------------------------------
def test_no_module_outside_compares_with_the_name_of_a_kind():
    package = Path(wb.__file__).parent
    own = {*COVARIANCES} - {"none", "cluster", "hessian"}  # words of other things too
    places = [
        f"{path.relative_to(package)}:{node.lineno}"
        for path in package.rglob("*.py")
        if "covariances" not in path.parts and "frontend" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare)
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and each.value in own
    ]

    assert not places


def test_degrees_beyond_the_pole_are_refused_by_their_row(panel):
    far = panel.assign(lat=panel.lat.where(panel.index != 7, 91.0))

    with pytest.raises(wb.WorkbenchError, match="lat is 91 in row 7"):
        wb.fit("ols", "y ~ x", far, se=Conley(lat="lat", lon="lon", cutoff=9))
