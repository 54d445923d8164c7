"""What is chosen on the Setup tab, what it shows, and the run it describes."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from workbench.backends import devices
from workbench.backends.devices import Device
from workbench.errors import OptionError
from workbench.estimation.code import magic_cell, python_call
from workbench.estimation.specification import DataReference, Specification
from workbench.literals import Choice
from workbench.models.registry import MODELS, model_class
from workbench.notebook.setup import (
    check as setup_check,
    defaults as setup_opening,
    form as setup_form,
    page as setup_page,
    specification as setup_run,
)
from workbench.notebook.setup.available import available_here
from workbench.notebook.setup.chosen import Check, Chosen
from workbench.notebook.setup.data import open_frame, open_sample

MROZ = "inlf ~ nwifeinc + educ + exper + expersq + age + kidslt6 + kidsge6"


@pytest.fixture(scope="module")
def available():
    """Return what this machine has to offer."""
    return available_here()


@pytest.fixture(scope="module")
def mroz():
    """Open the sample of Mroz (1987), 753 married women."""
    return open_sample("mroz")


@pytest.fixture
def people():
    """Open 40 seeded rows: a text outcome, a number with two gaps, and a group."""
    draw = np.random.default_rng(20261122)
    wage = draw.normal(10, 2, 40)
    wage[[3, 7]] = np.nan
    frame = pd.DataFrame(
        {
            "worked": np.where(draw.random(40) < 0.5, "yes", "no"),
            "hourly wage": wage,
            "age": draw.integers(20, 60, 40),
            "region": np.tile(["a", "b", "c", "d"], 10),
        }
    )
    return open_frame(frame, "people")


def chosen_for(opened, available, **choices):
    chosen = setup_opening.opening(opened, available)
    for field, value in choices.items():
        chosen = setup_form.changed(chosen, field, value, opened)
    return chosen


def given(chosen, opened, of, **options):
    """Fill in fields of a group of options, one after the other."""
    for name, value in options.items():
        chosen = setup_form.with_option(chosen, of, name, value)
    return chosen


def form_of(page, of):
    """Return the fields that the page draws of a group, by name."""
    return {field["name"]: field for field in page["forms"][of]}


def test_a_sample_opens_with_the_textbooks_model(mroz, available):
    chosen = setup_opening.opening(mroz, available)
    check = setup_check.checked(chosen, mroz)

    assert (chosen.template, chosen.formula) == ("logit", MROZ)
    assert check.ok
    assert check.text == "8 parameters, 753 rows used, 0 dropped."
    assert check.detail == "inlf = 1 in 428 rows (56.8 %)."


def test_a_table_without_a_known_model_opens_with_one_that_can_run(available):
    frame = pd.DataFrame({"bought": [0, 1, 1, 0], "my price": [1.0, 2.0, 3.0, 2.5]})
    opened = open_frame(frame, "shop")
    chosen = setup_opening.opening(opened, available)

    assert (chosen.template, chosen.formula) == ("logit", "bought ~ `my price`")
    assert setup_check.checked(chosen, opened).ok


def test_without_data_the_page_asks_for_them(available):
    chosen = setup_opening.opening(None, available)
    check = setup_check.checked(chosen, None)
    page = setup_page.page(chosen, check, None, available)

    assert not check.ok
    assert page["check"]["text"] == "Choose a data source to begin."
    assert page["roles"] == {}


def test_an_unknown_column_is_named_with_the_nearest_and_one_press_repairs_it(mroz, available):
    chosen = chosen_for(mroz, available, formula=MROZ.replace("kidslt6", "kidslt5"))
    check = setup_check.checked(chosen, mroz)

    assert not check.ok
    assert check.text == "mroz has no column “kidslt5”."
    assert check.detail == "The nearest name is kidslt6."
    assert check.brief == "the formula names a column that mroz lacks"
    assert setup_form.repaired(chosen, check).formula == MROZ


def test_rows_that_are_left_out_are_counted_with_the_reason(people, available):
    chosen = chosen_for(people, available, template="gaussian", formula="age ~ `hourly wage`")
    check = setup_check.checked(chosen, people)

    assert check.text.startswith("3 parameters, 38 rows used, 2 dropped (2 ")
    assert "hourly wage" in check.text


def test_a_text_outcome_asks_which_level_is_one(people, available):
    chosen = chosen_for(people, available, template="logit", formula="worked ~ age")
    asked = setup_check.checked(chosen, people)
    answered = setup_form.changed(chosen, "positive", "yes", people)

    assert asked.text == "Which level of worked is 1?"
    assert asked.levels == ("no", "yes")
    assert setup_check.checked(answered, people).ok


def test_an_outcome_the_template_cannot_have_is_refused_with_a_count(mroz, available):
    chosen = chosen_for(mroz, available, formula="hours ~ educ")
    check = setup_check.checked(chosen, mroz)

    assert not check.ok
    assert check.text.startswith("Logit needs hours to be 0 or 1; 428 rows are not, the first")


def test_clustered_errors_ask_for_their_column(mroz, available):
    chosen = chosen_for(mroz, available, se="cluster")

    check = setup_check.checked(chosen, mroz)

    assert not check.ok
    assert check.text == "Clustered standard errors need a column to cluster by."


def test_a_cluster_column_brings_clustered_errors_and_takes_them_away(mroz, available):
    robust = chosen_for(mroz, available, se="robust")
    clustered = setup_form.assigned(robust, "age", "c")

    assert (clustered.se, clustered.cluster) == ("cluster", "age")
    assert setup_form.assigned(clustered, "age", "c") == robust


def test_the_list_and_the_formula_agree(mroz, available):
    chosen = chosen_for(mroz, available, formula="log(hours) ~ educ + I(age**2)", weights="wage")
    chosen = setup_form.assigned(chosen, "age", "c")

    assert setup_page.roles(chosen, mroz) == {
        "hours": "y",
        "educ": "x",
        "age": "xc",
        "wage": "w",
    }


def test_a_fixed_effect_is_put_behind_the_bar_and_checked(people, available):
    chosen = chosen_for(people, available, formula="age ~ `hourly wage`")

    chosen = setup_form.assigned(chosen, "region", "f")
    check = setup_check.checked(chosen, people)
    page = setup_page.page(chosen, check, people, available)

    assert (chosen.template, chosen.formula) == ("feols", "age ~ `hourly wage` | region")
    assert check.ok
    assert "Absorbed: region (4 levels)." in check.detail
    assert page["effects"] == "region"
    assert page["roles"]["region"] == "f"
    assert setup_form.assigned(chosen, "", "f").formula == "age ~ `hourly wage`"


def test_a_bar_typed_behind_least_squares_makes_it_least_squares_with_effects(people, available):
    chosen = chosen_for(people, available, template="ols", formula="age ~ `hourly wage`")

    typed = setup_form.changed(chosen, "formula", "age ~ `hourly wage` | region", people)

    assert typed.template == "feols"
    assert setup_check.checked(typed, people).ok


def test_the_demeaner_is_a_choice_that_comes_with_effects_and_names_what_automatic_is(
    people, available
):
    plain = chosen_for(people, available, formula="age ~ `hourly wage`")
    chosen = setup_form.assigned(plain, "region", "f")

    pages = [
        setup_page.page(each, setup_check.checked(each, people), people, available)
        for each in (plain, chosen, replace(chosen, device="cuda"))
    ]

    assert [page["absorbs"] for page in pages] == [False, True, True]
    listed = {item["key"]: item for item in pages[1]["demeaners"]}
    assert [*listed] == ["auto", "lsmr", "schur", "alternating", "within"]
    assert listed["auto"]["note"] == "Schur complement, conjugate gradients"
    away = {item["key"]: item for item in pages[2]["demeaners"]}
    assert away["auto"]["note"] == "LSMR"
    assert away["schur"]["reason"] == "runs on the CPU, not on cuda"
    assert [key for key, item in away.items() if item["enabled"]] == ["auto", "lsmr"]


def test_the_demeaner_chosen_is_in_the_code_and_in_the_cell(people, available):
    chosen = chosen_for(people, available, template="feols", formula="age ~ `hourly wage` | region")
    chosen = setup_form.changed(chosen, "demeaner", "alternating", people)

    check = setup_check.checked(chosen, people)
    spec = setup_run.specification(chosen, check, people.reference, "")

    assert 'demeaner="alternating"' in python_call(spec)
    assert "--demeaner alternating" in magic_cell(spec)


@pytest.mark.parametrize(
    ("choice", "value", "text"),
    [
        ("weights", "wages", "wages"),
        ("cluster", "wages", "wages"),
        ("demeaner", "shur", "There is no demeaner 'shur'."),
        ("optimizer", "newtn", "newtn"),
        ("weight_kind", "frequencies", "frequencies"),
    ],
)
def test_the_plan_refuses_at_its_field_what_a_run_would_refuse(
    people, available, choice, value, text
):
    chosen = chosen_for(people, available, template="feols", formula="age ~ `hourly wage` | region")

    check = setup_check.checked(replace(chosen, **{"weights": "age", choice: value}), people)

    assert (check.ok, check.of, check.field) == (False, "", choice)
    assert text in check.text


def test_a_demeaner_that_does_not_run_on_the_device_is_refused_before_the_run(people, available):
    chosen = chosen_for(people, available, template="feols", formula="age ~ `hourly wage` | region")

    check = setup_check.checked(replace(chosen, demeaner="schur", device="cuda:0"), people)

    assert (check.ok, check.field) == (False, "demeaner")
    assert check.text == "The demeaner 'schur' runs on the CPU only, and the run is on cuda:0."


@pytest.mark.parametrize("device", ["cuda:99", "tpu"])
def test_a_device_that_is_not_there_is_refused_before_the_run(mroz, available, device):
    chosen = replace(chosen_for(mroz, available), device=device)

    check = setup_check.checked(chosen, mroz)

    assert (check.ok, check.field) == (False, "device")
    assert f'The device "{device}" is not available' in check.text


def test_a_device_brings_the_library_and_the_numbers_that_run_there(mroz, available, monkeypatch):
    apple = Device("mps", "MPS", True, libraries=("torch",), dtypes=("float32",))
    monkeypatch.setattr(devices, "_mps", lambda: apple)
    chosen = chosen_for(mroz, available, library="jax")

    moved = setup_form.changed(chosen, "device", "mps", mroz)

    assert (moved.library, moved.dtype) == ("torch", "float32")
    assert setup_form.changed(chosen, "device", "cpu", mroz) == chosen


@pytest.mark.parametrize("template", ["fepois", "ols", "nested_logit", "logit"])
def test_a_library_that_the_run_does_not_use_is_greyed(mroz, available, template):
    chosen = chosen_for(mroz, available, template=template)

    page = setup_page.page(chosen, setup_check.checked(chosen, mroz), mroz, available)

    installed = [item.enabled for item in available.libraries]
    shown = [each for each, there in zip(page["libraries"], installed, strict=True) if there]
    assert {each["enabled"] for each in shown} == {template == "logit"}
    assert {each["reason"] for each in shown} == {chosen.model.without_library("cpu", "float64")}


def test_the_kind_of_weights_follows_the_model_unless_it_was_chosen(people, available):
    formula = "age ~ `hourly wage`"
    usual = chosen_for(people, available, template="gaussian", formula=formula, weights="age")
    own = setup_form.changed(usual, "weight_kind", "probability", people)

    there = [setup_form.changed(each, "template", "feols", people) for each in (usual, own)]
    back = [setup_form.changed(each, "template", "gaussian", people) for each in there]

    assert [each.weight_kind for each in there] == ["analytic", "probability"]
    assert [each.weight_kind for each in back] == ["frequency", "probability"]


def test_the_errors_of_least_squares_go_by_the_names_econometricians_use(people, available):
    chosen = chosen_for(people, available, template="logit", formula="worked ~ age", se="opg")

    linear = setup_form.changed(chosen, "template", "feols", people)
    page = setup_page.page(linear, setup_check.checked(linear, people), people, available)

    labels = {item["key"]: item["label"] for item in page["errors"]}
    assert (labels["hessian"], labels["robust"]) == ("iid", "HC1 (robust)")
    assert "opg" not in labels
    assert linear.se == "hessian"
    assert "iid errors" in page["sentence"]


def test_errors_across_time_name_their_columns(people, available):
    chosen = chosen_for(
        people, available, template="ols", formula="age ~ `hourly wage`", se="driscoll_kraay"
    )
    misspelled = replace(chosen, se_options={"time": "region2"})

    empty, unknown = (setup_check.checked(each, people) for each in (chosen, misspelled))
    fields = form_of(setup_page.page(chosen, empty, people, available), "se")

    assert (empty.ok, empty.of, empty.field) == (False, "se", "time")
    assert empty.text == "Driscoll-Kraay standard errors need time."
    assert empty.brief == "Driscoll-Kraay standard errors need time"
    assert empty.detail == ""  # it stands at the field that is to be filled in
    assert (unknown.ok, "region2" in unknown.text) == (False, True)
    assert [(each["name"], each["kind"]) for each in fields.values()] == [
        ("time", "column"),
        ("lag", "count"),
    ]
    assert setup_form.changed(misspelled, "se", "HC3", people).se_options == {}


def test_errors_across_time_are_those_of_the_run_and_can_be_edited(people, available):
    chosen = chosen_for(
        people, available, template="ols", formula="age ~ `hourly wage`", se="driscoll_kraay"
    )
    chosen = given(chosen, people, "se", time="age", lag=1)

    check = setup_check.checked(chosen, people)
    spec = setup_run.specification(chosen, check, people.reference, "a")

    assert check.ok, check.text
    assert spec.se_options == {"time": "age", "lag": 1}
    assert setup_run.from_specification(spec).se_options == {"time": "age", "lag": 1}


def test_a_jackknife_keeps_its_cluster(people, available):
    chosen = chosen_for(people, available, template="feols", formula="age ~ `hourly wage` | region")

    kind = setup_form.changed(chosen, "se", "CRV3", people)
    clustered = setup_form.changed(kind, "cluster", "region", people)

    assert setup_check.checked(kind, people).field == "cluster"
    assert (clustered.se, clustered.cluster) == ("CRV3", "region")
    assert setup_check.checked(clustered, people).ok
    assert setup_form.changed(clustered, "cluster", "", people).se == "hessian"


def test_a_template_without_the_jackknife_drops_its_cluster_too(people, available):
    formula = "age ~ `hourly wage` | region"
    chosen = chosen_for(
        people, available, template="feols", formula=formula, se="CRV3", cluster="region"
    )

    other = setup_form.changed(chosen, "template", "gaussian", people)

    assert (other.se, other.cluster) == ("hessian", "")


def test_fixed_effects_are_checked_while_they_are_typed(people, available):
    unknown = chosen_for(people, available, template="feols", formula="age ~ `hourly wage` | regio")
    half = chosen_for(people, available, template="feols", formula="age ~ `hourly wage` | region +")

    first, second = (setup_check.checked(chosen, people) for chosen in (unknown, half))

    assert (first.ok, first.suggestion) == (False, "region")
    assert not second.ok
    assert "cannot be read" in second.text


def test_a_run_with_fixed_effects_can_be_edited_in_setup(people):
    asked = Specification(
        Choice("feols"),
        people.reference,
        "age ~ `hourly wage` | region",
        se="cluster",
        cluster=("region", "worked"),
        demeaner=Choice("lsmr", {"tol": 1e-10}),
        fixef_rm="none",
    )

    chosen = setup_run.from_specification(asked)
    check = setup_check.checked(chosen, people)

    assert check.ok
    assert setup_run.specification(chosen, check, people.reference, "") == asked


@pytest.mark.parametrize(
    ("choice", "value"),
    [
        ("formula", 3),
        ("max_steps", "many"),
        ("max_steps", True),
        ("weights", 3),
        ("base", "x"),
        ("__class__", "x"),
    ],
)
def test_a_choice_of_the_wrong_kind_is_refused(mroz, available, choice, value):
    with pytest.raises(OptionError):
        setup_form.changed(setup_opening.opening(mroz, available), choice, value, mroz)


@pytest.mark.parametrize("limit", [0, -3])
def test_a_step_limit_below_one_is_refused_at_its_field(mroz, available, limit):
    chosen = setup_form.changed(setup_opening.opening(mroz, available), "max_steps", limit, mroz)

    check = setup_check.checked(chosen, mroz)

    assert (check.ok, check.field) == (False, "max_steps")
    assert str(limit) in check.text


def test_an_own_likelihood_starts_from_the_template_and_can_run(mroz, available):
    own = setup_form.own_likelihood(setup_opening.opening(mroz, available))
    check = setup_check.checked(own, mroz)

    assert own.body == "loglik = log_sigmoid((2*y - 1) * eta)"
    assert check.ok
    assert check.parameters == 8


def test_a_mistake_in_the_likelihood_is_reported_at_the_likelihood(mroz, available):
    own = setup_form.own_likelihood(setup_opening.opening(mroz, available))
    own = setup_form.changed(own, "body", "loglik = log_sigmoid((2*y - 1) * etta)", mroz)
    check = setup_check.checked(own, mroz)

    assert (check.ok, check.field, check.suggestion) == (False, "body", "")
    assert "etta" in check.text


def test_a_body_without_a_formula_counts_its_own_parameters(mroz, available):
    own = setup_form.own_likelihood(setup_opening.opening(mroz, available))
    own = setup_form.changed(own, "formula", "", mroz)
    body = "params: mu = 8, sigma > 0 = 2\nloglik = normal_logpdf(educ, mu, sigma)"
    own = setup_form.changed(own, "body", body, mroz)

    assert setup_check.checked(own, mroz).text == "2 parameters, 753 rows used, 0 dropped."


def test_automatic_means_newton_up_to_a_few_hundred_parameters():
    few = Check(True, "", parameters=8)
    many = Check(True, "", parameters=5_000)

    assert setup_run.optimizer_choice(Chosen(), few) == "newton"
    assert setup_run.optimizer_choice(Chosen(), many) == "l-bfgs-b"


def test_the_specification_is_what_was_chosen(mroz, available):
    chosen = chosen_for(mroz, available, se="robust", library="torch", max_steps=40)
    check = setup_check.checked(chosen, mroz)
    spec = setup_run.specification(chosen, check, mroz.reference, "Logit, robust")

    assert spec == Specification(
        Choice("logit"),
        mroz.reference,
        MROZ,
        se="robust",
        backend="torch",
        max_steps=40,
        name="Logit, robust",
    )


def test_edit_in_setup_brings_back_every_setting(mroz, available):
    asked = Specification(
        Choice("poisson"),
        mroz.reference,
        "hours ~ educ",
        se="cluster",
        cluster="age",
        weights="wage",
        weight_kind="probability",
        optimizer=Choice("l-bfgs-b", {"memory": 5}),
        backend="torch",
        dtype="float32",
        start={"educ": 0.1},
        max_steps=7,
        missing="raise",
        collinear="refuse",
        seed=3,
        ssc="stata",
        name="first",
    )
    chosen = setup_run.from_specification(asked)
    check = setup_check.checked(chosen, mroz)

    assert setup_run.specification(chosen, check, mroz.reference, "first") == asked


def test_runs_get_names_of_their_own(available):
    chosen = Chosen(template="logit", se="robust")

    assert setup_run.run_name(chosen, available) == "Logit, robust"
    assert setup_run.run_name(chosen, available, ["Logit, robust"]) == "Logit, robust 2"
    assert setup_run.run_name(Chosen(name="mine"), available, ["mine"]) == "mine"


def test_the_foot_describes_the_run(mroz, available):
    chosen = chosen_for(mroz, available, se="robust")

    sentence = setup_page.sentence(chosen, mroz, available)

    assert sentence == "Logit of `inlf` on 7 variables, robust errors, CPU"


def test_a_start_from_another_run_keeps_shared_parameters():
    check = Check(True, "", names=("Intercept", "educ"))
    params = pd.Series({"Intercept": 1.0, "educ": 2.0, "age": 3.0})

    assert setup_run.start_from(params, check) == {"Intercept": 1.0, "educ": 2.0}


def test_the_sentence_on_data_names_what_is_missing(mroz):
    about = setup_page.about_data(mroz)

    assert (about["rows"], about["columns"]) == (753, 22)
    assert about["missing"] == "`wage` and `lwage` have 325 missing."


def test_options_of_the_optimizer_are_those_of_the_run(mroz, available):
    chosen = chosen_for(mroz, available, optimizer="sgd")
    chosen = given(chosen, mroz, "optimizer", lr=0.2, momentum=0.9)
    check = setup_check.checked(chosen, mroz)
    spec = setup_run.specification(chosen, check, mroz.reference, "one")

    assert check.ok
    assert spec.optimizer == Choice("sgd", {"lr": 0.2, "momentum": 0.9})
    assert setup_run.from_specification(spec).optimizer_options == {"lr": 0.2, "momentum": 0.9}


@pytest.mark.parametrize(
    ("name", "value"), [("lr", "fast"), ("lr", -1), ("momentum", 1), ("reduction", "max")]
)
def test_options_that_the_optimizer_cannot_have_are_refused(name, value, mroz, available):
    chosen = given(chosen_for(mroz, available, optimizer="sgd"), mroz, "optimizer", **{name: value})
    check = setup_check.checked(chosen, mroz)

    assert (check.ok, check.of, check.field) == (False, "optimizer", name)


def test_an_option_that_the_optimizer_does_not_declare_is_no_field(mroz, available):
    chosen = chosen_for(mroz, available, optimizer="sgd")

    with pytest.raises(OptionError, match="no option 'speed'"):
        given(chosen, mroz, "optimizer", speed=2)


def test_another_optimizer_starts_without_options(mroz, available):
    chosen = given(chosen_for(mroz, available, optimizer="sgd"), mroz, "optimizer", lr=0.2)
    fields = {}
    for name in ("sgd", "newton"):
        chosen = setup_form.changed(chosen, "optimizer", name, mroz)
        page = setup_page.page(chosen, setup_check.checked(chosen, mroz), mroz, available)
        fields[name] = form_of(page, "optimizer")

    assert fields["sgd"]["lr"]["default"] == 0.1
    assert fields["sgd"]["lr"]["value"] is None
    assert (fields["newton"], chosen.optimizer_options) == ({}, {})


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize(("template", "words"), [("nested_logit", "compiled"), ("ols", "NumPy")])
def test_a_library_that_computes_nothing_is_greyed_with_the_reason(
    mroz, available, template, words
):
    page = setup_page.page(Chosen(template=template), Check(True, ""), mroz, available)

    assert [item["enabled"] for item in page["libraries"]] == [False, False]
    assert all(words in item["reason"] for item in page["libraries"])


def test_an_optimizer_says_its_library_once(available):
    assert all(item.note not in item.label for item in available.optimizers if item.note)


@pytest.mark.parametrize("name", [name for name in MODELS if model_class(name).no_setup])
def test_a_run_for_which_setup_has_no_fields_is_sent_to_its_code(name):
    spec = Specification(Choice(name), DataReference("sample", "staggered"), "y ~ treated")

    with pytest.raises(OptionError, match="cannot be edited here, since it") as caught:
        setup_run.from_specification(spec)

    assert caught.value.code == "not-in-setup"


# Models of discrete choice -----------------------------------------------------------------------
GREENE = "choice ~ ttme + gc + C(mode)"
PICKED = {"situation": "individual", "alternatives": "mode"}


@pytest.fixture(scope="module")
def travel():
    """Open Greene's 210 travellers between Sydney, Canberra and Melbourne, four modes each."""
    return open_sample("modechoice")


def test_choice_data_of_textbooks_open_with_their_situations_and_alternatives(travel, available):
    chosen = setup_opening.opening(travel, available)
    check = setup_check.checked(chosen, travel)
    page = setup_page.page(chosen, check, travel, available)

    assert (chosen.template, chosen.formula) == ("conditional_logit", GREENE)
    assert {role: form_of(page, "model")[role]["value"] for role in PICKED} == PICKED
    assert check.text == "5 parameters, 210 choice situations in 840 rows, 0 rows dropped."
    # Greene, Econometric Analysis, table of the travel mode data: air, train, bus and car.
    assert check.detail == "Chosen: 1 (58), 2 (63), 3 (30), 4 (59)."
    assert page["roles"]["individual"] == "s"
    assert page["roles"]["mode"] == "xa"
    assert page["letters"] == {"s": "situation", "a": "alternatives", "p": "panel"}
    assert [*form_of(page, "model")][:3] == ["situation", "alternatives", "panel"]
    assert [item["key"] for item in page["errors"]] == [
        "hessian", "opg", "robust", "cluster", "none",
    ]  # fmt: skip


def test_a_panel_counts_the_persons(travel, available):
    chosen = given(chosen_for(travel, available), travel, "model", panel="hinc")
    check = setup_check.checked(chosen, travel)

    incomes = travel.table.column("hinc").nunique()
    assert f"210 choice situations of {incomes} persons in 840 rows" in check.text


@pytest.mark.parametrize(
    ("choices", "problem", "field"),
    [
        (
            {"situation": ""},
            "Conditional logit needs the option situation: column that identifies a choice "
            "situation.",
            "situation",
        ),
        ({"alternatives": "gc"}, "individual 1 lists the alternative 70 twice.", "alternatives"),
        ({"formula": "choice ~ gc + tme"}, "modechoice has no column “tme”.", "formula"),
        ({"offset": "gc"}, "Conditional logit has no offset.", "offset"),
    ],
)
def test_a_missing_role_of_choice_data_is_reported_at_its_field(
    travel, available, choices, problem, field
):
    of_model = {name: value for name, value in choices.items() if name in PICKED}
    others = {name: value for name, value in choices.items() if name not in PICKED}
    chosen = given(chosen_for(travel, available, **others), travel, "model", **of_model)
    check = setup_check.checked(chosen, travel)

    assert not check.ok
    assert (check.text, check.field) == (problem, field)
    assert check.of == ("model" if of_model else "")


@pytest.mark.parametrize(
    ("template", "options", "problem", "field"),
    [
        ("mixed_logit", {}, "Mixed logit needs the option random: ", "random"),
        ("mixed_logit", {"random": {"ttme": "norml"}}, 'for ttme is "norml".', "random"),
        (
            "mixed_logit",
            {"random": {"invc": "normal"}},
            'The random coefficient "invc" is not in the formula.',
            "random",
        ),
        (
            "mixed_logit",
            {"random": {"ttme": "normal"}, "draws": "many"},
            "Mixed logit: the option draws is 'many'.",
            "draws",
        ),
        (
            "nested_logit",
            {"nests": {"a": ["1"], "b": ["2", "3"]}},
            "The nests miss the alternative 4.",
            "nests",
        ),
        ("latent_class", {"classes": 1}, "The option classes is 1.", "classes"),
        ("conditional_logit", {"scale": "~ hnc"}, "hnc", "scale"),
    ],
)
def test_options_that_a_model_cannot_have_are_refused_at_their_field(
    travel, available, template, options, problem, field
):
    chosen = given(chosen_for(travel, available, template=template), travel, "model", **options)
    check = setup_check.checked(chosen, travel)

    assert not check.ok
    assert problem.lower() in check.text.lower()
    assert (check.of, check.field) == ("model", field)


def test_an_option_that_a_model_does_not_declare_is_no_field(travel, available):
    chosen = chosen_for(travel, available, template="latent_class")

    with pytest.raises(OptionError, match="no option 'drows'"):
        given(chosen, travel, "model", drows=9)


def test_options_of_a_model_are_those_of_the_run(travel, available):
    options = {"random": {"ttme": "normal", "gc": "lognormal"}, "correlated": True, "draws": 50}
    chosen = given(
        chosen_for(travel, available, template="mixed_logit"), travel, "model", **options
    )
    check = setup_check.checked(chosen, travel)
    asked = setup_run.specification(chosen, check, travel.reference, "mixed")
    page = setup_page.page(chosen, check, travel, available)

    assert asked.model == Choice("mixed_logit", PICKED | options)
    assert check.names[-3:] == ("chol.ttme.ttme", "chol.ttme.gc", "chol.gc.gc")
    assert page["sentence"].startswith(
        "Mixed logit of `choice` on 3 variables, 2 random coefficients, Hessian errors"
    )
    assert "--situation individual --alternatives mode" in magic_cell(asked)
    assert 'random={"ttme": "normal", "gc": "lognormal"}' in python_call(asked)


def test_another_model_starts_without_the_options_of_the_last_and_keeps_the_columns(
    travel, available
):
    chosen = given(chosen_for(travel, available, template="mixed_logit"), travel, "model", draws=9)

    chosen = setup_form.changed(chosen, "template", "nested_logit", travel)

    assert chosen.model_options == PICKED
    page = setup_page.page(chosen, setup_check.checked(chosen, travel), travel, available)
    proposed = form_of(page, "model")["nests"]
    assert proposed["example"] == {"alone": ["1"], "together": ["2", "3", "4"]}
    assert proposed["names"] == ["1", "2", "3", "4"]
    written = given(chosen, travel, "model", nests=proposed["example"])
    assert setup_check.checked(written, travel).ok


def test_columns_come_back_with_a_model_that_needs_them(travel, available):
    chosen = given(chosen_for(travel, available), travel, "model", panel="hinc")

    chosen = setup_form.changed(chosen, "template", "logit", travel)
    chosen = setup_form.changed(chosen, "template", "latent_class", travel)

    assert chosen.model_options == PICKED | {"panel": "hinc"}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("conditional_logit", {"fixed": {"gc": -0.02}, "scale": "~ hinc"}),
        ("mixed_logit", {"random": {"C(mode)[T.2]": "uniform"}, "draw_kind": "sobol", "draws": 64}),
        ("nested_logit", {"nests": {"fly": ["1"], "on the ground": ["2", "3", "4"]}}),
        ("latent_class", {"classes": 3, "membership": "~ hinc + psize", "starts": 2}),
    ],
)
def test_a_run_of_discrete_choice_can_be_edited_in_setup(travel, name, options):
    model = Choice(name, PICKED | {"panel": "hinc"} | options)
    asked = Specification(model, travel.reference, GREENE, se="opg", name="choice")

    chosen = setup_run.from_specification(asked)
    check = setup_check.checked(chosen, travel)

    assert setup_run.specification(chosen, check, travel.reference, "choice") == asked


def test_a_model_of_levels_asks_for_no_columns(people, available):
    chosen = chosen_for(people, available, template="multinomial_logit", formula="region ~ age")
    chosen = given(chosen, people, "model", base="b")
    check = setup_check.checked(chosen, people)
    fields = form_of(setup_page.page(chosen, check, people, available), "model")

    assert [*fields] == ["base"]
    assert (fields["base"]["example"], fields["base"]["names"]) == ("a", ["a", "b", "c", "d"])
    assert check.ok
    assert check.text == "6 parameters, 40 rows used, 0 rows dropped."  # (4 - 1) levels of two


# Many rows ---------------------------------------------------------------------------------------
MANY = 20_000_000


@pytest.fixture(scope="module")
def many():
    """Open 20 million rows of columns that repeat a short pattern."""
    rows = np.arange(MANY, dtype=np.int32)
    short = {"y": (rows % 2).astype(np.int8), "x": (rows % 7).astype(np.int8), "g": rows}
    return open_frame(pd.DataFrame(short), "many")


@pytest.mark.parametrize("template", ["logit", "feols", "mixed_logit", "body"])
def test_the_page_answers_within_a_second_of_many_rows(many, available, template):
    chosen = replace(Chosen(template), formula="y ~ x", body="loglik = log_sigmoid((2*y - 1)*eta)")
    columns = {"situation": "g", "alternatives": "x", "random": {"x": "normal"}}
    if template == "mixed_logit":
        chosen = given(chosen, many, "model", **columns)

    began = time.perf_counter()
    check = setup_check.checked(chosen, many)
    page = setup_page.page(chosen, check, many, available)
    took = time.perf_counter() - began

    assert check.ok, check.text
    assert page["check"]["text"].startswith("20,000,000 rows; parameters and missing rows are")
    assert took < 1.0
