"""The contract of every demeaner, against least squares on the dummies."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

import numpy as np
import pytest

from tests.demeaners.conftest import demeaned_by_lstsq, dummies
from workbench.demeaners import DEMEANERS, automatic, choice_of, demeaner_named, describe
from workbench.demeaners.alternating import AlternatingProjections
from workbench.demeaners.automatic import Automatic
from workbench.demeaners.base import finish
from workbench.demeaners.lsmr import LSMR
from workbench.demeaners.schur import Schur
from workbench.errors import OptionError
from workbench.kernels.absorption.factors import Factor, Factors
from workbench.options import Kind, option

every_demeaner = pytest.mark.parametrize("name", DEMEANERS)
# The tolerance bounds the residual; the error may exceed it by the root of the condition.
TIGHT, CLOSE = 1e-11, 1e-8


def largest_error(found, panel):
    return np.abs(found.columns - panel.expected).max()


def relative_residuals(factors, columns):
    """Measure the normal equations by explicit dummies scaled to unit norm."""
    root = np.sqrt(factors.weights)[:, None]
    scaled = root * dummies(factors)
    norms = np.linalg.norm(scaled, axis=0)
    scaled = scaled[:, norms > 0] / norms[norms > 0]
    left = root * columns
    return np.linalg.norm(scaled.T @ left, axis=0) / np.linalg.norm(left, axis=0)


@every_demeaner
@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
def test_demeaning_equals_least_squares_on_dummies(name, design, weighted, panel):
    drawn = panel(design, weighted=weighted)
    demeaner = demeaner_named(name, {"tol": TIGHT})

    found = finish(demeaner.solve(drawn.factors, drawn.columns))

    assert found.converged
    assert largest_error(found, drawn) < CLOSE
    assert found.residuals.shape == (3,)
    assert found.record


@every_demeaner
def test_the_order_of_the_rows_does_not_matter(name, panel):
    drawn = panel("three", shuffled=True)

    found = finish(demeaner_named(name, {"tol": TIGHT}).solve(drawn.factors, drawn.columns))

    assert largest_error(found, drawn) < CLOSE


@every_demeaner
def test_one_column_is_as_good_as_many(name, panel):
    drawn = panel("difficult")
    demeaner = demeaner_named(name, {"tol": TIGHT})

    alone = finish(demeaner.solve(drawn.factors, drawn.columns[:, :1]))

    assert alone.columns.shape == (800, 1)
    assert np.abs(alone.columns - drawn.expected[:, :1]).max() < CLOSE


@every_demeaner
def test_the_columns_given_are_left_as_they_are(name, panel):
    drawn = panel("two")
    before = drawn.columns.copy()

    finish(demeaner_named(name).solve(drawn.factors, drawn.columns))

    np.testing.assert_array_equal(drawn.columns, before)


@every_demeaner
@pytest.mark.parametrize("tol", [1e-5, 1e-9])
@pytest.mark.parametrize("name_of_panel", ["difficult", "four", "slopes-of-both"])
def test_the_tolerance_means_the_same_to_every_demeaner(name, tol, name_of_panel, panel):
    drawn = panel(name_of_panel, weighted=True)

    found = finish(demeaner_named(name, {"tol": tol}).solve(drawn.factors, drawn.columns))

    assert (relative_residuals(drawn.factors, found.columns) <= tol).all()
    assert (found.residuals <= tol).all()


@pytest.mark.parametrize("seed", range(5))
def test_within_continues_where_its_own_measure_ends_just_above_ours(seed, panel):
    drawn = panel("four", weighted=True, seed=seed)

    found = finish(demeaner_named("within", {"tol": TIGHT}).solve(drawn.factors, drawn.columns))

    assert found.converged
    assert (relative_residuals(drawn.factors, found.columns) <= TIGHT).all()


@every_demeaner
def test_a_column_of_effects_alone_ends_at_the_rounding_of_its_own_length(name, panel):
    drawn = panel("difficult", weighted=True)
    effects = 1e3 * (drawn.columns - drawn.expected)

    found = finish(demeaner_named(name).solve(drawn.factors, effects))

    assert found.converged
    assert (found.residuals == 0).all()
    left = np.linalg.norm(found.columns, axis=0) / np.linalg.norm(effects, axis=0)
    assert left.max() < 1e-10


@every_demeaner
def test_a_clean_column_stops_at_once(name, panel):
    drawn = panel("difficult")
    clean = drawn.columns.copy()
    clean[:, 0] = drawn.expected[:, 0]
    clean[:, 1] = 0
    clean[:, 2] = 5

    found = finish(demeaner_named(name).solve(drawn.factors, clean))

    assert found.converged
    assert found.iterations <= 5
    assert np.abs(found.columns[:, 1:]).max() < 1e-12


@every_demeaner
def test_effects_and_residual_add_up_to_the_column(name, design, panel):
    drawn = panel(design, weighted=True)

    found = finish(demeaner_named(name).solve(drawn.factors, drawn.columns))

    if found.coefficients is None:
        assert name == "within"
        return
    total = found.columns + drawn.factors.absorb(list(found.coefficients))
    np.testing.assert_allclose(total, drawn.columns, atol=1e-9)


@every_demeaner
def test_steps_are_counted_and_carry_a_residual_for_each_column(name, panel):
    drawn = panel("difficult")

    steps = list(demeaner_named(name).solve(drawn.factors, drawn.columns))

    assert steps
    if name != "within":
        assert [step.iteration for step in steps] == list(range(1, len(steps) + 1))
    assert all(step.residuals.shape == (3,) for step in steps)
    assert steps[-1].residuals.max() <= 1e-8


@every_demeaner
def test_a_solve_can_be_closed_before_its_end(name, panel):
    drawn = panel("difficult")

    with closing(demeaner_named(name).solve(drawn.factors, drawn.columns)) as steps:
        first = next(steps)

    assert first.iteration >= 1


def test_an_extrapolation_that_increases_the_length_is_not_used():
    rng = np.random.default_rng(20)
    a, b, trend = rng.integers(0, 11, 40), rng.integers(0, 4, 40), rng.normal(size=40)
    terms = (("a", a, None), ("a[t]", a, trend), ("b", b, None), ("b[t]", b, trend))
    factors = Factors(tuple(Factor.of(name, codes, slope) for name, codes, slope in terms), 40)
    columns = rng.normal(size=(40, 2))

    found = finish(AlternatingProjections(max_iterations=500).solve(factors, columns))

    assert found.converged  # taken all the same, they need 3,375 sweeps
    assert np.abs(found.columns - demeaned_by_lstsq(factors, columns)).max() < 1e-6


def test_a_step_limit_ends_without_the_tolerance(panel):
    drawn = panel("difficult")

    found = finish(
        demeaner_named("schur", {"max_iterations": 2, "form": False}).solve(
            drawn.factors, drawn.columns
        )
    )

    assert not found.converged
    assert found.iterations == 2
    assert found.residuals.max() > 1e-8


def test_a_choice_names_what_differs_from_the_defaults():
    demeaner = demeaner_named("schur", {"form": True})

    assert choice_of(demeaner) == ("schur", {"form": True})


def test_an_unknown_demeaner_is_refused_with_the_nearest():
    with pytest.raises(OptionError) as caught:
        demeaner_named("shur")

    assert caught.value.suggestion == "schur"


def test_an_unknown_setting_is_refused_with_the_nearest():
    with pytest.raises(OptionError) as caught:
        demeaner_named("alternating", {"acelerate": True})

    assert caught.value.suggestion == "accelerate"


def test_the_family_lists_its_members_with_what_they_need():
    rows = {row.name: row for row in describe()}

    assert [*rows] == ["auto", "lsmr", "schur", "alternating", "within"]
    assert all(row.available or row.reason for row in rows.values())


def test_the_automatic_choice_hands_on_every_option_that_demeaners_share(monkeypatch):
    @dataclass(frozen=True)
    class WithMore(Automatic):
        passes: int = option(1, kind=Kind.COUNT, help="an option that all demeaners have")

    @dataclass(frozen=True)
    class Method(LSMR):
        passes: int = option(1, kind=Kind.COUNT, help="an option that all demeaners have")

    monkeypatch.setattr(automatic, "Schur", Method)
    monkeypatch.setattr(automatic, "LSMR", Method)
    given = WithMore(tol=1e-5, passes=3)

    assert given.chosen == Method(tol=1e-5, passes=3)
    assert given.on("cuda:0", "jax") == Method(tol=1e-5, passes=3, device="cuda:0", library="jax")


def test_the_menu_of_a_gpu_lists_what_runs_there():
    rows = {row.name: row for row in describe("cuda:0")}

    assert [name for name, row in rows.items() if row.available] == [
        kind.name for kind in DEMEANERS.values() if not kind.cpu_only
    ]
    assert rows["schur"].reason == "runs on the CPU, not on cuda:0"
    assert rows["auto"].uses == "LSMR"
    for name, kind in DEMEANERS.items():
        if kind.cpu_only:
            with pytest.raises(OptionError, match=f"'{name}' runs on the CPU only"):
                kind().on("cuda:0", "torch")
        else:
            assert kind().on("cuda:0", "torch").device == "cuda:0"


def test_a_run_off_the_cpu_is_demeaned_by_lsmr_there():
    usual = demeaner_named("auto", {"tol": 1e-9}).on("cuda:1", "jax")
    named = LSMR(max_iterations=7).on("mps", "torch")

    assert usual == LSMR(tol=1e-9, device="cuda:1", library="jax")
    assert named == LSMR(max_iterations=7, device="mps", library="torch")
    assert Schur().on("cpu", "jax") == Schur()
    with pytest.raises(OptionError, match="'schur' runs on the CPU only, and the run is on mps"):
        Schur().on("mps", "torch")
