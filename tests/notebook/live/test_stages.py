"""The stages of a simulated likelihood, as a run's card tells them."""

from __future__ import annotations

import json

import numpy as np
import pytest

import workbench as wb
from tests.notebook.fake_run import OBSERVATIONS, FakeRun
from workbench.demeaners.base import DemeanStep
from workbench.estimation.outcome import Outcome
from workbench.literals import Choice
from workbench.notebook.live.cards import card_of
from workbench.notebook.live.stages import COMPILING

ROLES = {"situation": "id", "alternatives": "mode"}
NOISE = "Simulation noise is 0.30 of the standard error of sd.educ."


def mixed(**options):
    """Return a run of a mixed logit that waits for its first step."""
    run = FakeRun(parameters=("educ", "sd.educ"))
    model = Choice("mixed_logit", ROLES | {"random": {"educ": "normal"}} | options)
    run.specification = run.specification.replace(model=model)
    return run


def take_steps(run, stage, *objectives):
    """Record steps of one stage."""
    for objective in objectives:
        run.step(objective, stage=stage)


def test_few_draws_all_draws_and_another_sign_are_three_stages():
    run = mixed(draws=400)
    take_steps(run, "50 draws", 0.9, 0.7, 0.6)
    take_steps(run, "optimize", 0.65, 0.64)
    take_steps(run, "other sign of sd.educ", 0.66)

    stages = card_of(run)["stages"]

    labels = ["50 draws", "400 draws", "other sign of sd.educ"]
    assert [stage["label"] for stage in stages] == labels
    assert [stage["first"] for stage in stages] == [0, 3, 5]
    assert [stage["steps"] for stage in stages] == [2, 2, 1]
    assert [stage["rough"] for stage in stages] == [True, False, False]
    assert [stage["other_mode"] for stage in stages] == [False, False, True]
    best = [-0.6 * OBSERVATIONS, -0.64 * OBSERVATIONS, -0.66 * OBSERVATIONS]
    assert [stage["loglik"] for stage in stages] == pytest.approx(best)


def test_the_card_of_a_real_run_shows_both_signs_and_the_rejected_one():
    run = wb.start(
        "mixed_logit", "choice ~ ttme + gc + C(mode)", "modechoice", situation="individual",
        alternatives="mode", random={"ttme": "normal"}, draws=20, draw_kind="random",
    )  # fmt: skip
    fit = run.result()

    card = card_of(run)

    whole, other = card["stages"]
    assert [whole["label"], other["label"]] == ["20 draws", "other sign of sd.ttme"]
    assert [whole["other_mode"], other["other_mode"]] == [False, True]
    assert max(whole["loglik"], other["loglik"]) == pytest.approx(fit.loglik, abs=1e-6)
    gap = abs(whole["loglik"] - other["loglik"])
    assert gap > 0.1
    said = float(card["sentence"].split("ends about ")[1].split()[0])
    assert said == pytest.approx(gap, abs=0.05)


@pytest.mark.parametrize(
    ("model", "labels"),
    [
        (Choice("conditional_logit", ROLES), ["float32", "float64"]),
        (
            Choice("mixed_logit", ROLES | {"random": {"educ": "normal"}, "draws": 50}),
            ["50 draws in float32", "50 draws in float64"],
        ),
    ],
)
def test_an_optimization_in_float32_that_float64_completes_has_two_stages(model, labels):
    run = mixed()
    run.specification = run.specification.replace(model=model, dtype="float32")
    take_steps(run, "float32", 0.9, 0.6)
    take_steps(run, "optimize", 0.65, 0.64)

    stages = card_of(run)["stages"]

    assert [stage["label"] for stage in stages] == labels
    assert [stage["rough"] for stage in stages] == [True, False]


def test_draws_are_written_like_other_counts():
    run = mixed(draws=20_000)
    take_steps(run, "2500 draws", 0.9)
    take_steps(run, "optimize", 0.9)

    labels = [stage["label"] for stage in card_of(run)["stages"]]

    assert labels == ["2,500 draws", "20,000 draws"]


def test_a_quadrature_has_nodes():
    run = mixed(draws=30, draw_kind="gauss_hermite")
    take_steps(run, "optimize", 0.9)

    assert [stage["label"] for stage in card_of(run)["stages"]] == ["30 nodes"]


def test_a_stage_without_a_finite_value_has_no_log_likelihood():
    run = mixed()
    take_steps(run, "62 draws", float("nan"), float("inf"))

    card = card_of(run)

    assert card["stages"][0]["loglik"] is None
    json.dumps(card["stages"], allow_nan=False)


def test_other_models_have_no_stages():
    run = FakeRun()
    run.step()

    assert card_of(run)["stages"] == []


def test_what_simulation_adds_is_shown_on_the_card_of_a_run_that_converged():
    run = mixed()
    take_steps(run, "optimize", 0.6)
    run.end(notes=(NOISE,))

    assert card_of(run)["sentence"].endswith(f"10⁻²⁴. {NOISE}")


def test_what_simulation_adds_is_not_shown_without_a_maximum():
    run = mixed()
    take_steps(run, "optimize", 0.6)
    run.end(Outcome.STOPPED, notes=(NOISE,))

    assert NOISE not in card_of(run)["sentence"]


def test_a_long_wait_for_the_first_step_is_explained():
    run = mixed()
    at_once = card_of(run)["sentence"]
    run.started -= 10

    assert at_once == ""
    assert card_of(run)["sentence"] == COMPILING
    take_steps(run, "optimize", 0.9, 0.8)
    assert card_of(run)["sentence"] != COMPILING


def test_a_long_wait_for_the_first_iteration_of_demeaning_is_explained():
    run = FakeRun()
    run.phases |= {"demean": ("current", None), "optimize": ("waiting", None)}
    run.demeaning.begin(["y"], 1e-8)
    run.started -= 10

    assert card_of(run)["sentence"] == COMPILING
    run.demeaning.take(DemeanStep(1, np.array([0.5])), seconds=9.0)
    assert card_of(run)["sentence"].startswith("Demeaning, iteration 1")
