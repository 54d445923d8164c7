"""What a run would do with its data, said before it starts and however incomplete it is."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from workbench.data.sources.samples import load
from workbench.data.table import Table, as_table
from workbench.estimation.specification import DataReference, Source, Specification
from workbench.literals import Choice
from workbench.models.drafts import plan_of
from workbench.models.registry import listed, model_class
from workbench.options import options_of

DATA = DataReference("frame", "data")
TRAVEL = "choice ~ ttme + gc + C(mode)"
PICKED = {"situation": "individual", "alternatives": "mode"}
MANY = 20_000_000
A_SECOND = 1.0


@pytest.fixture(scope="module")
def mroz():
    """Return the sample of Mroz (1987), 753 married women."""
    return Table(load("mroz"), "sample", "mroz")


@pytest.fixture(scope="module")
def travel():
    """Return Greene's 210 travellers, four modes each."""
    return Table(load("modechoice"), "sample", "modechoice")


@pytest.fixture(scope="module")
def many():
    """Return 20 million rows of columns that repeat a short pattern."""
    short = np.arange(MANY, dtype=np.int32)
    return as_table(
        {"y": (short % 2).astype(np.int8), "x": (short % 7).astype(np.int8), "g": short}
    )


def draft(model, formula="", **options):
    """Describe a run, its model by name or with options."""
    choice = model if isinstance(model, Choice) else Choice(model)
    return Specification(choice, DATA, formula or None, **options)


def test_a_plan_names_parameters_and_rows_and_describes_the_outcome(mroz):
    plan = plan_of(draft("ols", "lwage ~ educ + age"), mroz)

    assert plan.ready
    assert plan.names == ("Intercept", "educ", "age")
    assert len(plan.rows) == 428
    assert sum(plan.dropped.values()) == 325
    assert plan.notes == ("lwage runs from −2.054 to 3.219, mean 1.19.",)


def test_a_plan_counts_what_the_effects_of_a_model_absorb(mroz):
    plan = plan_of(draft("feols", "hours ~ educ | kidslt6"), mroz)

    assert "Absorbed: kidslt6 (4 levels)." in plan.notes


@pytest.mark.parametrize(
    ("specification", "of", "option", "said"),
    [
        (draft("logit"), "", "", "needs a formula"),
        (draft("logit", "inlf ~ educ", se="cluster"), "run", "cluster", "need a column"),
        (draft("logit", "inlf ~ educ", max_steps=0), "run", "max_steps", "max_steps is 0"),
        (draft("logit", "inlf ~ educ", seed=-1), "run", "seed", "seed is -1"),
        (
            draft("logit", "inlf ~ educ", optimizer=Choice("sgd", {"lr": -1.0})),
            "optimizer",
            "lr",
            "lr is -1.0",
        ),
        (
            draft("feols", "hours ~ educ | age", demeaner=Choice("schur", {"tol": "small"})),
            "demeaner",
            "tol",
            "tol is 'small'",
        ),
        (draft("ols", "hours ~ educ", se="newey_west"), "se", "time", "need time"),
        (
            draft("ols", "hours ~ educ", se="newey_west", se_options={"time": "year"}),
            "se",
            "time",
            "year",
        ),
        (draft("logit", "inlf ~ educ", offset="lwag"), "run", "offset", "lwag"),
        (draft("mixed_logit", "inlf ~ educ"), "model", "situation", "needs the option situation"),
    ],
)
def test_what_keeps_a_run_from_starting_is_found_with_its_place(
    mroz, specification, of, option, said
):
    plan = plan_of(specification, mroz)

    assert not plan.ready
    (finding, *_) = plan.findings
    assert said in finding.error.problem
    assert (finding.of, finding.option) == (of, option)


def test_every_option_that_is_refused_is_found(travel):
    model = Choice("mixed_logit", PICKED | {"random": {"ttme": "norml"}, "draws": 0})

    plan = plan_of(draft(model, TRAVEL), travel)

    assert [finding.option for finding in plan.findings] == ["random", "draws"]


def test_a_plan_of_choices_counts_situations(travel):
    plan = plan_of(draft(Choice("conditional_logit", PICKED), TRAVEL), travel)

    assert plan.units == "210 choice situations in 840 rows"
    assert plan.names == ("ttme", "gc", "C(mode)[T.2]", "C(mode)[T.3]", "C(mode)[T.4]")


@pytest.mark.parametrize(
    ("model", "formula", "names"),
    [
        ("negbin2", "kidslt6 ~ educ", ("Intercept", "educ", "alpha")),
        (
            Choice("zip", {"inflation": "~ age"}),
            "kidslt6 ~ educ",
            ("Intercept", "educ", "inflation:Intercept", "inflation:age"),
        ),
        ("ordered_logit", "kidslt6 ~ educ", ("educ", "0|1", "1|2", "2|3")),
    ],
)
def test_a_plan_names_the_parameters_of_every_equation(mroz, model, formula, names):
    assert plan_of(draft(model, formula), mroz).names == names


def test_a_plan_says_which_levels_are_ordered(mroz):
    plan = plan_of(draft("ordered_logit", "kidslt6 ~ educ"), mroz)

    assert "kidslt6 has 4 levels, from 0 up to 3." in plan.notes


@pytest.mark.parametrize("inflation", ["age", "~ agee", "~ age | educ"])
def test_a_wrong_formula_of_an_equation_is_found_at_its_option(mroz, inflation):
    model = Choice("zip", {"inflation": inflation})

    (finding,) = plan_of(draft(model, "kidslt6 ~ educ"), mroz).findings

    assert (finding.of, finding.option) == ("model", "inflation")


def test_a_body_that_is_not_finished_is_found_without_an_option(mroz):
    plan = plan_of(draft("body", "inlf ~ educ", source=Source("loglik = log(etta)")), mroz)

    (finding,) = plan.findings
    assert (finding.of, finding.option) == ("", "")
    assert "etta" in finding.error.problem


def options_of_many(name):
    """Give the options that a model needs columns of the many rows for."""
    declared = model_class(name).__dataclass_fields__
    columns = {"situation": "g", "alternatives": "x"}
    own = {"random": {"x": "normal"}, "nests": {"a": ["1"], "b": ["2", "3"]}}
    return Choice(name, {key: v for key, v in (columns | own).items() if key in declared})


@pytest.mark.parametrize("name", [name for name, kind in listed().items() if kind.recorded])
def test_many_rows_are_not_read_before_the_run(many, name):
    formula = "y ~ x | g" if model_class(name).absorbs else "y ~ x"
    source = (
        Source("loglik = log_sigmoid((2*y - 1) * eta)") if model_class(name).from_source else None
    )
    specification = draft(options_of_many(name), formula, source=source)

    began = time.perf_counter()
    plan = plan_of(specification, many)
    took = time.perf_counter() - began

    assert plan.ready, plan.findings
    assert plan.rows is None
    assert plan.notes == (
        "20,000,000 rows; parameters and missing rows are counted when the run starts.",
    )
    assert took < A_SECOND


def test_an_unknown_column_of_many_rows_is_found_at_once(many):
    plan = plan_of(draft("ols", "y ~ z"), many)

    (finding,) = plan.findings
    assert finding.error.code == "unknown-column"


@pytest.mark.parametrize("name", [*listed(), "body"])
def test_suggestions_are_values_that_their_options_take(name):
    frame = pd.DataFrame(
        {"y": [0, 1, 0, 1], "x": [1.0, 2.0, 3.0, 4.0], "alt": ["a", "b", "a", "b"]}
    )
    model = Choice(name, {"alternatives": "alt"})

    found = model_class(name).suggestions(draft(model, "y ~ x"), as_table(frame))

    assert all(isinstance(each.names, tuple) for each in found.values())
    declared = {each.name: each for each in options_of(model_class(name))}
    for option in found.keys() & declared.keys():
        assert declared[option].checked(found[option].example) is not None
