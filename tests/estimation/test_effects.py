"""No option of a run is ignored in silence: it changes the fit, is noted, or is refused."""

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.estimation.effects import REQUIREMENTS, notes_on_idle
from workbench.estimation.families import FAMILIES
from workbench.estimation.specification import DataReference, RunOptions, Specification
from workbench.literals import Choice
from workbench.models.registry import MODELS, model_class
from workbench.options import options_of

MODELS_TRIED = {
    "ols": "y ~ x + twice",
    "feols": "y ~ x + twice",
    "logit": "b ~ x + twice",
    "fepois": "c ~ x + twice | g",
    "ordered_logit": "o ~ x + twice",
    "multinomial_logit": "s ~ x + twice",
}
VALUES = {
    "se": "robust",
    "cluster": "g",
    "se_options": {"lag": 2},
    "weights": "w",
    "weight_kind": "probability",
    "offset": "h",
    "subset": "x > -1",
    "optimizer": "bfgs",
    "demeaner": "lsmr",
    "backend": "torch",
    "device": "cuda:9",
    "dtype": "float32",
    "start": {"x": 0.3},
    "max_steps": 1,
    "missing": "raise",
    "collinear": "refuse",
    "positive": "yes",
    "fixef_rm": "none",
    "seed": 3,
    "ssc": "fixest",
    "name": "another",
}
"""A value of each option that is not its default."""
SAME_NUMBERS = {"backend", "name", "seed"}
"""Options after which a fit may be the same: another library, its label, and later draws."""


@pytest.fixture(scope="module")
def frame():
    """Return 101 rows with a repeated column, a gap, and a row alone in its group; seeded."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=101)
    made = pd.DataFrame({"x": x, "twice": 2 * x, "g": np.r_[np.arange(100) % 10, 10]})
    made["w"], made["h"] = rng.integers(1, 4, 101), rng.uniform(0, 1, 101)
    made["y"], made["c"] = x + rng.normal(size=101), rng.poisson(np.exp(0.3 * x))
    made["b"] = np.where(x + rng.normal(size=101) > 0, 1, 0)
    made["o"], made["s"] = np.digitize(made["y"], [-1, 1]), rng.choice(list("abc"), 101)
    made.loc[5, "x"] = np.nan
    return made


def told(fit):
    """Return what a fit shows: its estimates, its errors and its words."""
    errors = fit.standard_errors() if fit.outcome.at_maximum else [None]
    words = fit.notes, fit.message, str(fit.dropped), fit.left_out
    return [round(number, 9) for number in fit.params], [*map(str, errors)], words


def test_every_option_of_a_run_is_tried():
    assert set(VALUES) == {each.name for each in options_of(RunOptions)}


@pytest.mark.parametrize("model", MODELS_TRIED)
def test_every_option_changes_the_fit_or_is_noted_or_refused(model, frame):
    base = {"se": "robust"}
    plain = told(wb.fit(model, MODELS_TRIED[model], frame, **base))
    silent = []
    values = VALUES | ({"ssc": "none"} if model in {"ols", "feols"} else {"ssc": "stata"})
    for name, value in values.items():
        given = {**base, name: value} if name not in {"se", "cluster"} else {name: value}
        try:
            found = wb.fit(model, MODELS_TRIED[model], frame, **given)
        except wb.WorkbenchError:
            continue
        noted = any(note.startswith(f"{name} has no effect") for note in found.notes)
        changed = told(found) != plain or name in {"se", *SAME_NUMBERS}
        silent += [] if noted or changed else [name]
    assert not silent


def test_what_options_need_is_known():
    kinds = [RunOptions, *map(model_class, MODELS)]
    kinds += [kind for family in FAMILIES.values() for kind in family.members.values()]
    needed = {each.needs for kind in kinds for each in options_of(kind)} - {""}

    assert needed == set(REQUIREMENTS)


@pytest.mark.parametrize("model", ["ols", "gaussian"])
@pytest.mark.parametrize("se", ["hessian", "robust", "opg", "none"])
def test_a_cluster_with_errors_that_do_not_cluster_is_refused_with_both_readings(model, se, frame):
    with pytest.raises(wb.WorkbenchError) as refusal:
        wb.fit(model, "y ~ x", frame, se=se, cluster="g")

    assert 'se="cluster" with cluster="g"' in str(refusal.value)
    assert f'se="{se}" without cluster' in str(refusal.value)
    assert refusal.value.where == "cluster"


def test_a_cluster_alone_means_clustered_errors_before_and_after_the_fit(frame):
    found = wb.fit("ols", "y ~ x", frame, cluster="g")
    plain = wb.fit("ols", "y ~ x", frame, se="robust")

    assert found.specification.se == "cluster"
    np.testing.assert_allclose(plain.standard_errors(cluster="g"), found.standard_errors())
    with pytest.raises(wb.WorkbenchError, match="do not cluster"):
        plain.standard_errors("robust", cluster="g")
    assert found.standard_errors("robust").equals(plain.standard_errors("robust"))


def test_a_kind_of_weights_without_weights_is_refused(frame):
    with pytest.raises(wb.WorkbenchError, match="there are no weights") as refusal:
        wb.fit("logit", "b ~ x", frame, weight_kind="probability")

    assert refusal.value.where == "weight_kind"


@pytest.mark.parametrize(
    ("model", "formula", "option", "says"),
    [
        ("ols", "y ~ x", {"optimizer": "bfgs"}, "OLS has a closed form"),
        ("ols", "y ~ x", {"max_steps": 5}, "OLS has a closed form"),
        ("ols", "y ~ x", {"start": {"x": 1.0}}, "OLS has a closed form"),
        ("ols", "y ~ x", {"dtype": "float32"}, "OLS uses neither torch nor JAX"),
        ("ols", "y ~ x", {"device": "cuda"}, "numpy computes OLS on the CPU"),
        ("ols", "y ~ x", {"fixef_rm": "none"}, "there are no fixed effects"),
        ("feols", "y ~ x", {"demeaner": "lsmr"}, "there are no fixed effects"),
        ("logit", "b ~ x", {"demeaner": "lsmr"}, "there are no fixed effects"),
        ("logit", "b ~ x", {"seed": 7}, "nothing in Logit is random"),
        ("ordered_logit", "o ~ x", {"positive": "1"}, "two levels"),
        ("ols", "y ~ x", {"se": wb.Cluster(cluster_df="min"), "cluster": "g"}, "one direction"),
    ],
)
def test_an_option_without_an_effect_is_noted_with_the_reason(model, formula, option, says):
    specification = Specification(
        Choice(model),
        DataReference("sample", "mroz"),
        formula,
        **{
            **{k: Choice(v) if k in {"optimizer", "demeaner"} else v for k, v in option.items()},
            **({"se": "cluster", "se_options": {"cluster_df": "min"}} if "se" in option else {}),
        },
    )

    (note,) = notes_on_idle(specification)

    assert "has no effect here" in note
    assert says in note


def test_the_note_is_one_of_the_fits(frame):
    assert wb.fit("ols", "y ~ x", frame, max_steps=5).notes == (
        "max_steps has no effect here: OLS has a closed form.",
    )


@pytest.mark.parametrize("option", ["draws", "random", "panel", "situation", "nests", "base"])
def test_an_option_of_another_model_is_refused(option, frame):
    with pytest.raises(wb.WorkbenchError) as refusal:
        wb.fit("logit", "b ~ x", frame, **{option: 3})

    assert refusal.value.where == option


@pytest.mark.parametrize(
    ("se", "options"),
    [("robust", {"lag": 2}), ("hessian", {"time": "g"}), ("conley", {"lag": 1}), ("HC3", {"a": 1})],
)
def test_an_option_of_other_errors_is_refused(se, options, frame):
    with pytest.raises(wb.WorkbenchError):
        wb.fit("ols", "y ~ x", frame, se=se, se_options=options)
