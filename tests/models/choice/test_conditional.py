"""The conditional logit against published tables, statsmodels and closed forms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.discrete.conditional_models import ConditionalLogit

import workbench as wb
from tests.models.choice.choices import TRAVEL, rides, travel
from workbench.errors import DataError, OptionError
from workbench.models.choice import problem as choice_problem

# Both sides solve the same equations in float64.
ESTIMATES, ERRORS = 1e-7, 1e-5
# Tables print five digits.
PRINTED = 5e-4
ROLES = {"situation": "individual", "alternatives": "mode"}
RIDES = {"situation": "id", "alternatives": "ride"}
RIDE = "chosen ~ price + time + comfort"


@pytest.fixture(scope="module")
def trips():
    """The travel data."""
    return travel()


@pytest.fixture(scope="module")
def frame():
    """The rides."""
    return rides()


def by_hand(frame, beta, columns=("price", "time", "comfort")):
    """Return score of each situation and information at ``beta``, from the textbook's sums."""
    scores, information = [], 0.0
    for _, rows in frame.groupby("id"):
        x, y = rows[list(columns)].to_numpy(), rows["chosen"].to_numpy()
        shares = np.exp(x @ beta) / np.exp(x @ beta).sum()
        moved = x - shares @ x
        scores.append((y - shares) @ x)
        information = information + moved.T @ (moved * shares[:, None])
    return np.array(scores), information


def test_the_travel_data_give_the_published_table(trips):
    found = wb.fit("conditional_logit", TRAVEL, trips, **ROLES)

    # Greene (2003), "Econometric Analysis", 5th ed., section 21.7.8: estimates, errors.
    published = {
        "gc": (-0.01550, 0.00441),
        "ttme": (-0.09612, 0.01044),
        "C(mode, Treatment('car'))[T.air]": (5.2074, 0.7791),
        "C(mode, Treatment('car'))[T.train]": (3.8690, 0.4431),
        "C(mode, Treatment('car'))[T.bus]": (3.1632, 0.4503),
        "hinc:air": (0.01329, 0.01026),
    }
    for name, (estimate, error) in published.items():
        assert found.params[name] == pytest.approx(estimate, rel=PRINTED)
        assert found.se[name] == pytest.approx(error, rel=2 * PRINTED)
    assert found.loglik == pytest.approx(-199.1284, abs=1e-4)
    assert found.loglik_null == pytest.approx(-291.1218, abs=1e-4)
    assert found.nobs == 210


def test_estimates_are_those_of_statsmodels(frame):
    columns = ["price", "time", "comfort"]
    other = ConditionalLogit(frame["chosen"], frame[columns], groups=frame["id"])
    other = other.fit(method="newton", disp=0)

    found = wb.fit("conditional_logit", RIDE, frame, **RIDES)

    np.testing.assert_allclose(found.params[columns], other.params, rtol=ESTIMATES)
    np.testing.assert_allclose(found.se[columns], other.bse, rtol=ERRORS)
    assert found.loglik == pytest.approx(other.llf, rel=1e-10)


@pytest.mark.parametrize("panel", [None, "person"])
@pytest.mark.parametrize("kind", ["opg", "robust", "cluster"])
def test_scores_are_summed_by_person_before_anything_else(frame, panel, kind):
    found = wb.fit("conditional_logit", RIDE, frame, **RIDES, panel=panel, ssc="none")
    scores, information = by_hand(frame, found.params.to_numpy())
    first = frame.groupby("id").first()
    unit = {"cluster": first["town"], "person": first["person"]}.get(kind, panel and first[panel])
    if kind != "cluster" and panel is None:
        summed = scores
    else:
        summed = pd.DataFrame(scores, index=first.index).groupby(unit).sum().to_numpy()
    bread, meat = np.linalg.inv(information), summed.T @ summed
    expected = np.linalg.inv(meat) if kind == "opg" else bread @ meat @ bread

    covariance = found.covariance(kind, cluster="town" if kind == "cluster" else None)

    np.testing.assert_allclose(covariance, expected, rtol=1e-6)


def test_labels_say_by_which_unit_scores_are_summed(frame):
    single = wb.fit("conditional_logit", RIDE, frame, **RIDES, se="robust")
    panel = wb.fit("conditional_logit", RIDE, frame, **RIDES, panel="person", se="opg")

    assert single.se_label == "robust by choice situation"
    assert panel.se_label == "scores (OPG) by person"
    assert "which are summed by person" in str(panel)
    kinds = panel.choice.standard_errors().columns.tolist()
    assert kinds == [
        "Hessian",
        "scores (OPG) by person",
        "robust by person",
        "scores (OPG) by situation",
    ]


def test_scores_by_situation_are_shown_for_comparison_only(frame):
    found = wb.fit("conditional_logit", RIDE, frame, **RIDES, panel="person")
    scores, _ = by_hand(frame, found.params.to_numpy())

    shown = found.choice.standard_errors()["scores (OPG) by situation"]

    expected = np.sqrt(np.diag(np.linalg.inv(scores.T @ scores)))
    np.testing.assert_allclose(shown, expected, rtol=1e-6)


def test_the_errors_of_a_panel_are_clustered_by_person(frame):
    panel = wb.fit("conditional_logit", RIDE, frame, **RIDES, panel="person", ssc="none")
    single = wb.fit("conditional_logit", RIDE, frame, **RIDES, ssc="none")

    robust = panel.standard_errors("robust")

    clustered = single.standard_errors("cluster", cluster="person")
    np.testing.assert_allclose(robust, clustered, rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_badly_scaled_columns_give_the_same_statistics(frame, scale):
    plain = wb.fit("conditional_logit", RIDE, frame, **RIDES)

    scaled = wb.fit("conditional_logit", RIDE, frame.assign(time=frame["time"] * scale), **RIDES)

    np.testing.assert_allclose(scaled.tvalues, plain.tvalues, rtol=1e-6)
    assert scaled.loglik == pytest.approx(plain.loglik, rel=1e-12)


def test_a_large_level_shared_by_all_does_not_matter(frame):
    plain = wb.fit("conditional_logit", RIDE, frame, **RIDES)

    moved = wb.fit("conditional_logit", RIDE, frame.assign(price=frame["price"] + 1e6), **RIDES)

    np.testing.assert_allclose(moved.params, plain.params, rtol=1e-6)


def test_a_weight_of_two_is_a_person_twice(frame):
    again = frame.assign(person=frame["person"] + 1000, id=frame["id"] + 100_000)
    heavy = frame["weight"] > 1
    twice = pd.concat([frame, again[heavy]], ignore_index=True)
    counted = frame.assign(weight=np.minimum(frame["weight"], 2))

    weighted = wb.fit(
        "conditional_logit", RIDE, counted, **RIDES, panel="person", weights="weight", se="robust"
    )
    repeated = wb.fit("conditional_logit", RIDE, twice, **RIDES, panel="person", se="robust")

    np.testing.assert_allclose(weighted.params, repeated.params, rtol=1e-9)
    np.testing.assert_allclose(weighted.se, repeated.se, rtol=1e-8)
    np.testing.assert_allclose(
        weighted.standard_errors("opg"), repeated.standard_errors("opg"), rtol=1e-8
    )
    assert weighted.nobs == repeated.nobs


def test_probability_weights_force_the_sandwich_and_have_no_scale(frame):
    options = {**RIDES, "weights": "weight", "weight_kind": "probability"}
    one = wb.fit("conditional_logit", RIDE, frame, **options)
    ten = wb.fit("conditional_logit", RIDE, frame.assign(weight=frame["weight"] * 10.0), **options)

    assert one.se_label == "robust by choice situation"
    assert one.nobs == frame["id"].nunique()
    np.testing.assert_allclose(one.se, ten.se, rtol=1e-9)


def test_a_parameter_fixed_at_its_estimate_leaves_the_others_unchanged(frame):
    free = wb.fit("conditional_logit", RIDE, frame, **RIDES)

    held = wb.fit(
        "conditional_logit", RIDE, frame, **RIDES, fixed={"time": float(free.params["time"])}
    )

    assert list(held.params.index) == ["price", "comfort"]
    np.testing.assert_allclose(held.params, free.params[["price", "comfort"]], rtol=1e-7)
    assert held.loglik == pytest.approx(free.loglik, rel=1e-12)
    assert "time is fixed at" in held.notes[-1]


@pytest.mark.parametrize(
    "optimizer", ["bfgs", "l-bfgs-b", "trust-exact", "newton-cg", "torchmin:bfgs"]
)
def test_every_kind_of_optimizer_reaches_the_maximum(frame, optimizer):
    newton = wb.fit("conditional_logit", RIDE, frame, **RIDES)

    other = wb.fit("conditional_logit", RIDE, frame, **RIDES, optimizer=optimizer)

    assert other.converged
    np.testing.assert_allclose(other.params, newton.params, rtol=1e-3)


def test_choices_that_are_predicted_exactly_are_reported_as_separated(frame):
    cheapest = frame["price"] == frame.groupby("id")["price"].transform("min")

    found = wb.fit("conditional_logit", RIDE, frame.assign(chosen=cheapest * 1), **RIDES)

    assert found.outcome.name == "SEPARATED"
    assert found.evidence["regressors"] == ["price"]
    assert found.params.isna().all()


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("conditional_logit", {}),
        ("conditional_logit", {"optimizer": "l-bfgs-b"}),
        ("conditional_logit", {"fixed": {"price": -0.5}}),
        ("mixed_logit", {"random": {"price": "normal"}, "draws": 30}),
        ("mixed_logit", {"random": {"price": "negative_lognormal"}, "draws": 30}),
        ("nested_logit", {"nests": {"ab": ["a", "b"], "cd": ["c", "d"]}}),
        ("latent_class", {"starts": 1}),
    ],
)
def test_an_alternative_that_nobody_chose_has_no_constant(frame, model, options):
    """The constant goes to minus infinity, whatever else a model of choice says."""
    by_id = frame["id"].map(frame[frame["chosen"] == 1].set_index("id")["ride"])
    others = frame[by_id != "d"]

    found = wb.fit(model, f"{RIDE} + C(ride)", others, **RIDES, **options)

    assert found.outcome.name == "SEPARATED"
    assert found.evidence["regressors"] == ["C(ride)[T.d]"]
    assert "Nobody chose d." in found.notes


def test_one_person_alone_is_predicted_exactly(frame):
    one = frame[frame["id"] == frame["id"].iloc[0]]

    found = wb.fit("conditional_logit", "chosen ~ price", one, **RIDES)

    assert found.outcome.name == "SEPARATED"


def test_a_situation_with_a_wrong_number_of_choices_is_refused_by_id_in_a_fit(frame):
    nobody = frame.assign(chosen=np.where(frame["id"] == 4, 0, frame["chosen"]))
    with pytest.raises(DataError, match=r"no chosen alternative: id 4\."):
        wb.fit("conditional_logit", RIDE, nobody, **RIDES)
    both = frame.assign(chosen=np.where(frame["id"] == 4, 1, frame["chosen"]))
    with pytest.raises(DataError, match=r"more than one chosen alternative: id 4\."):
        wb.fit("conditional_logit", RIDE, both, **RIDES)


def test_a_situation_of_one_alternative_is_left_out_and_noted(frame):
    alone = pd.concat([frame, frame.iloc[[0]].assign(id=99_999, chosen=1)], ignore_index=True)

    found = wb.fit("conditional_logit", RIDE, alone, **RIDES)

    assert found.nobs == frame["id"].nunique()
    assert "1 rows are left out: the only alternative of their choice situation." in str(found)


def test_a_cluster_that_differs_within_a_person_is_refused(frame):
    with pytest.raises(DataError, match="ride differs between the rows of one id"):
        wb.fit("conditional_logit", RIDE, frame, **RIDES, cluster="ride")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"situation": "id"}, "needs the option alternatives"),
        ({"alternatives": "ride"}, "needs the option situation"),
        ({**RIDES, "panel": 3}, "The option panel is a int, not a text"),
        ({**RIDES, "fixed": {"speed": 1.0}}, 'no parameter "speed" to hold'),
        ({**RIDES, "fixed": 3}, "not numbers by name"),
        ({**RIDES, "seed": -1}, "The option seed is -1"),
        ({**RIDES, "fixed": {"price": float("nan")}}, "fixed has nan for price"),
        ({**RIDES, "fixed": {"price": float("inf")}}, "fixed has inf for price"),
        ({**RIDES, "fixed": dict.fromkeys(["price", "time", "comfort"], 0)}, "All parameters are"),
        ({**RIDES, "offset": "price"}, "has no offset"),
        ({**RIDES, "draws": 5}, 'no option "draws"'),
        ({**RIDES, "se": "HC3"}, "not a linear regression"),
        ({**RIDES, "start": {"speed": 1.0}}, 'no parameter "speed" to start'),
    ],
)
def test_invalid_options_are_refused_in_a_sentence(frame, options, said):
    with pytest.raises(OptionError, match=said) as refused:
        wb.fit("conditional_logit", RIDE, frame, **options)

    assert refused.value.hint


def test_an_unknown_column_is_refused_with_its_nearest_name(frame):
    with pytest.raises(DataError, match="nearest name is person"):
        wb.fit("conditional_logit", RIDE, frame, **RIDES, panel="persn")


@pytest.mark.parametrize("backend", ["torch", "jax"])
@pytest.mark.parametrize("model", ["conditional_logit", "mixed_logit"])
def test_an_optimization_in_float32_ends_in_float64(model, backend):
    frame, own = rides(), {"situation": "id", "alternatives": "ride", "panel": "person"}
    if model == "mixed_logit":
        own |= {"random": {"price": "normal"}, "draws": 200}
    whole = wb.fit(model, "chosen ~ price + time + comfort", frame, **own)

    found = wb.fit(
        model, "chosen ~ price + time + comfort", frame, **own, backend=backend, dtype="float32"
    )

    few = ["25 draws"] if model == "mixed_logit" else []
    stages = found.trace.to_frame()["stage"].drop_duplicates().tolist()
    assert stages[: len(few) + 2] == [*few, "float32", "optimize"]
    assert found.converged
    np.testing.assert_allclose(found.params, whole.params, rtol=1e-8)
    np.testing.assert_allclose(found.se, whole.se, rtol=1e-6)
    assert any("last steps and all results are in float64" in n for n in found.notes)


def test_a_device_without_float64_keeps_float32(monkeypatch):
    monkeypatch.setattr(choice_problem, "dtypes_of", lambda _: ("float32",))
    roles = {"situation": "id", "alternatives": "ride", "panel": "person"}

    found = wb.fit(
        "conditional_logit", "chosen ~ price + time + comfort", rides(persons=2000), **roles,
        dtype="float32",
    )  # fmt: skip

    assert found.live.precision == "float32"
    assert found.outcome.name in {"PRECISION", "CONVERGED"}
    assert found.trace.to_frame()["stage"].unique().tolist() == ["optimize"]
    assert not any("float64" in note for note in found.notes)
