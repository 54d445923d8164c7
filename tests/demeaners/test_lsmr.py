"""LSMR as a demeaner, against explicit dummies, scipy and pyfixest's own LSMR in torch."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from itertools import islice

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import lsmr as scipy_lsmr

from workbench.backends import backend_named
from workbench.demeaners import demeaner_named, describe
from workbench.demeaners.base import finish
from workbench.demeaners.lsmr import DEVICE_SETTINGS, LSMR
from workbench.errors import DeviceError, OptionError
from workbench.kernels.absorption.factors import Factor, Factors

# The error is at most the tolerance over the smallest singular value of the scaled dummies.
NEAR = 1e-7
CLOSE = 1e-9
# Two or three, by the order in which the processor's vectors add.
FEW_PASSES = r"\b[23] passes with the residual in float64"

MEMBERS = {
    "torch": LSMR(tol=1e-11),
    "torch in float32": LSMR(tol=1e-11, dtype="float32"),
    "jax": LSMR(tol=1e-11, library="jax"),
}
every_member = pytest.mark.parametrize("demeaner", MEMBERS.values(), ids=MEMBERS)


@pytest.fixture
def theirs(torch):
    """Pyfixest's own LSMR, which is written in torch."""
    return import_module("pyfixest.estimation.torch.demean_torch_")


def crossed(rng, n=600, levels=(40, 12, 5), **kwargs):
    members = tuple(Factor.of(f"f{i}", rng.integers(0, count, n)) for i, count in enumerate(levels))
    return Factors(members, n, **kwargs)


def weighted(rng):
    return crossed(rng, weights=rng.uniform(0.1, 5.0, 600))


def sloped(rng):
    plain = crossed(rng)
    first = plain.members[0]
    slope = Factor("f0[x]", first.codes, first.levels, rng.normal(size=600))
    return Factors((*plain.members, slope), 600)


def slopes_only(rng):
    first = crossed(rng).members[0]
    return Factors((Factor("f0[x]", first.codes, first.levels, rng.normal(size=600)),), 600)


def disconnected(rng):
    """Two graphs that share no level, and a level of a single row."""
    a, b = rng.integers(0, 20, 600), rng.integers(0, 10, 600)
    later = np.arange(600) >= 300
    a, b = a + 20 * later, b + 10 * later
    a[0] = 99
    return Factors((Factor.of("a", a), Factor.of("b", b)), 600)


def nested(rng):
    fine = rng.integers(0, 60, 600)
    return Factors((Factor.of("fine", fine), Factor.of("coarse", fine // 6)), 600)


def zipf(rng):
    return Factors(tuple(Factor.of(name, np.minimum(rng.zipf(1.5, 600), 50)) for name in "ab"), 600)


def chained(rng):
    """Each level of one factor shares a row with two neighbours of the other, as in a chain."""
    rows = np.arange(600)
    return Factors((Factor.of("a", rows // 20), Factor.of("b", (rows + 10) // 20)), 600)


def single(rng):
    return crossed(rng, levels=(30,))


DESIGNS = {
    design.__name__: design
    for design in (
        crossed,
        weighted,
        sloped,
        slopes_only,
        disconnected,
        nested,
        zipf,
        chained,
        single,
    )
}
every_design = pytest.mark.parametrize("design", DESIGNS.values(), ids=DESIGNS)


def dummies(factors):
    return np.hstack(
        [
            np.eye(member.levels)[member.codes]
            * (1.0 if member.slope is None else member.slope[:, None])
            for member in factors.members
        ]
    )


def projected(factors, columns):
    """Partial out explicit dummies by numpy's least squares."""
    root = np.ones(factors.rows) if factors.weights is None else np.sqrt(factors.weights)
    design = dummies(factors)
    effects, *_ = np.linalg.lstsq(root[:, None] * design, root[:, None] * columns, rcond=None)
    return columns - design @ effects


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture
def columns(rng):
    """Draw four columns, the second with a mean far larger than its standard deviation."""
    return rng.normal(loc=[0.0, 100.0, -3.0, 0.0], size=(600, 4))


@every_member
@every_design
def test_columns_are_those_of_least_squares_on_dummies(demeaner, design, rng, columns):
    factors = design(rng)

    found = finish(demeaner.solve(factors, columns))

    np.testing.assert_allclose(found.columns, projected(factors, columns), atol=NEAR)
    assert found.converged
    assert (found.residuals <= demeaner.tol).all()


@every_member
@every_design
def test_effects_and_columns_add_up_to_the_original(demeaner, design, rng, columns):
    factors = design(rng)

    found = finish(demeaner.solve(factors, columns))

    effects = factors.absorb(list(found.coefficients))
    np.testing.assert_allclose(found.columns + effects, columns, rtol=1e-12, atol=1e-12)


@every_member
def test_the_original_columns_are_not_changed(demeaner, rng, columns):
    factors = weighted(rng)
    before = columns.copy()
    columns.flags.writeable = False

    finish(demeaner.solve(factors, columns))

    np.testing.assert_array_equal(columns, before)


@every_member
def test_many_columns_are_those_one_by_one(demeaner, rng, columns):
    factors = weighted(rng)

    together = finish(demeaner.solve(factors, columns)).columns
    alone = [finish(demeaner.solve(factors, columns[:, [k]])).columns for k in range(4)]

    np.testing.assert_allclose(together, np.hstack(alone), atol=NEAR)


@every_member
def test_the_order_of_rows_does_not_matter(demeaner, rng, columns):
    factors, order = weighted(rng), rng.permutation(600)
    members = tuple(Factor(m.name, m.codes[order], m.levels) for m in factors.members)
    shuffled = Factors(members, 600, factors.weights[order])

    found = finish(demeaner.solve(shuffled, columns[order])).columns

    expected = finish(demeaner.solve(factors, columns)).columns[order]
    np.testing.assert_allclose(found, expected, atol=NEAR)


@every_member
def test_a_clean_column_takes_no_iterations(demeaner, rng, columns):
    factors = crossed(rng)
    clean = projected(factors, columns)

    found = finish(demeaner.solve(factors, clean))

    assert found.iterations == 0
    assert found.converged
    np.testing.assert_allclose(found.columns, clean, atol=CLOSE)


def test_a_clean_column_stays_next_to_one_that_is_not(rng, columns):
    factors = crossed(rng)
    clean = projected(factors, columns[:, :1])

    steps = list(LSMR().solve(factors, np.hstack([clean, columns[:, :1]])))

    assert len(steps) > 3
    assert all(step.residuals[0] <= 1e-8 for step in steps)
    assert all(step.figures["normx"][0] == 0 for step in steps)


@every_member
def test_a_column_of_effects_alone_is_absorbed(demeaner, rng):
    factors = crossed(rng)
    effects = factors.absorb([rng.normal(size=(member.levels, 1)) for member in factors.members])

    found = finish(demeaner.solve(factors, effects))

    assert found.converged
    assert np.abs(found.columns).max() < 1e-12 * np.abs(effects).max()


@every_member
def test_zeros_stay_zeros(demeaner, rng):
    found = finish(demeaner.solve(crossed(rng), np.zeros((600, 2))))

    assert found.converged
    assert not found.columns.any()


@pytest.mark.parametrize("tol", [1e-13, 1e-16, 0.0])
@pytest.mark.parametrize("library", ["torch", "jax"])
def test_a_tolerance_below_rounding_ends_converged(tol, library, rng, columns):
    found = finish(LSMR(tol=tol, library=library).solve(crossed(rng), columns))

    assert found.converged
    assert found.iterations < 500


def test_the_bound_of_iterations_is_distinguished_from_convergence(rng, columns):
    found = finish(LSMR(max_iterations=3).solve(crossed(rng), columns))

    assert found.iterations == 3
    assert not found.converged
    assert (found.residuals > 1e-8).any()


@every_member
def test_without_preconditioning_the_answer_is_the_same(demeaner, rng, columns):
    factors = zipf(rng)
    plain = LSMR(
        tol=demeaner.tol, library=demeaner.library, dtype=demeaner.dtype, precondition=False
    )

    slow, fast = (finish(each.solve(factors, columns)) for each in (plain, demeaner))

    np.testing.assert_allclose(slow.columns, fast.columns, atol=NEAR)
    assert slow.iterations > fast.iterations


def test_steps_have_every_figure_of_every_column(rng, columns):
    factors = weighted(rng)

    steps = list(LSMR().solve(factors, columns))

    assert [step.iteration for step in steps] == list(range(1, len(steps) + 1))
    assert (steps[-1].residuals <= 1e-8).all()
    for step in steps:
        assert set(step.figures) == {"normr", "normar", "normA", "condA", "normx"}
        assert all(figure.shape == (4,) for figure in step.figures.values())


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_a_closed_solve_stops(library, rng, columns):
    solve = LSMR(library=library).solve(crossed(rng), columns)

    taken = list(islice(solve, 3))
    solve.close()

    assert len(taken) == 3
    assert next(solve, None) is None


def test_the_norms_are_those_of_scipy(rng, columns):
    factors = single(rng)
    design = dummies(factors) / np.sqrt(factors.members[0].sizes)

    *_, last = LSMR(tol=1e-10).solve(factors, columns[:, :1])

    _, _, _, normr, _, norm_a, _, normx = scipy_lsmr(
        sparse.csr_array(design), columns[:, 0], atol=1e-12, btol=1e-12
    )
    assert last.figures["normr"][0] == pytest.approx(normr, rel=CLOSE)
    assert last.figures["normx"][0] == pytest.approx(normx, rel=CLOSE)
    assert last.figures["normA"][0] == pytest.approx(norm_a, rel=CLOSE)


@pytest.mark.filterwarnings("ignore:Sparse")  # torch, of how pyfixest makes its matrices
@pytest.mark.parametrize("design", [crossed, weighted, disconnected, zipf])
def test_columns_agree_with_pyfixests_lsmr(design, rng, columns, theirs):
    factors = design(rng)
    codes = np.stack([member.codes for member in factors.members], axis=1).astype(np.uint64)

    found = finish(LSMR(tol=1e-12).solve(factors, columns)).columns

    expected, converged = theirs.demean_torch_cpu(columns, codes, factors.weights, tol=1e-13)
    assert converged
    np.testing.assert_allclose(found, expected, atol=NEAR)


def test_jax_in_float32_is_refined_too(rng, columns):
    factors = weighted(rng)

    found = finish(LSMR(tol=1e-11, library="jax", dtype="float32").solve(factors, columns))

    np.testing.assert_allclose(found.columns, projected(factors, columns), atol=NEAR)


def test_the_record_says_what_was_done(rng, columns):
    found = finish(LSMR(dtype="float32").solve(crossed(rng), columns))

    assert found.record.startswith("LSMR in torch on cpu, float32, ")
    assert re.search(FEW_PASSES, found.record)


def test_an_unavailable_device_is_refused(rng, columns):
    with pytest.raises(DeviceError, match="cuda:9"):
        next(LSMR(device="cuda:9").solve(crossed(rng), columns))


def test_every_choice_has_a_reason_and_the_cpus_are_measured():
    assert all(len(choice.because.split()) > 8 for choice in DEVICE_SETTINGS.values())
    assert {key for key, choice in DEVICE_SETTINGS.items() if choice.source == "measured"} == {
        ("torch", "cpu"),
        ("jax", "cpu"),
    }
    assert DEVICE_SETTINGS["torch", "mps"].dtype == "float32"


def test_what_is_not_measured_says_whether_it_is_pyfixests_or_nobodys():
    sources = {"-".join(key): choice.source for key, choice in DEVICE_SETTINGS.items()}

    assert (sources["torch-cuda"], sources["torch-mps"]) == ("pyfixest", "pyfixest")
    assert sources["jax-cuda"] == "assumed"


def test_the_choices_taken_from_pyfixest_are_those_of_its_source(theirs):
    cuda, mps = DEVICE_SETTINGS["torch", "cuda"], DEVICE_SETTINGS["torch", "mps"]

    assert cuda.batch_from == theirs._BATCHED_K_THRESHOLD_CUDA
    assert mps.batch_from == theirs._BATCHED_K_THRESHOLD_MPS
    for choice in (cuda, mps):
        assert choice.layout == ("coo" if choice is mps else "csr")
        assert choice.compiled is (choice is cuda)


@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_other_weights_on_the_same_factors_find_the_structure_that_is_there(
    library, dtype, rng, columns, monkeypatch
):
    factors, demeaner = sloped(rng), LSMR(tol=1e-11, library=library, dtype=dtype)
    finish(demeaner.solve(factors, columns))
    for name in ("grouping", "reordered"):
        monkeypatch.setattr(f"workbench.demeaners.lsmr.{name}", None)
    monkeypatch.setattr("workbench.kernels.absorption.lsmr_operators._pattern", None)
    heavier = factors.weighted(rng.uniform(0.1, 5.0, 600))

    found = finish(demeaner.solve(heavier, columns))

    np.testing.assert_allclose(found.columns, projected(heavier, columns), atol=NEAR)


def test_lsmr_in_jax_does_not_need_torch(rng, columns, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)

    rows = {row.name: row for row in describe()}
    demeaner = demeaner_named("lsmr", {"library": "jax"})
    found = finish(demeaner.solve(crossed(rng), columns))

    assert found.converged
    assert rows["lsmr"].available
    with pytest.raises(OptionError, match="torch, which is not installed") as caught:
        demeaner_named("lsmr")
    assert caught.value.hint.startswith("library='jax'")


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_a_few_float64_residuals_bring_float32_to_1e_8(library, rng, columns):
    factors = crossed(rng)
    exact = projected(factors, columns)
    size = np.linalg.norm(exact, axis=0)

    found = finish(LSMR(dtype="float32", library=library).solve(factors, columns))

    assert re.search(FEW_PASSES, found.record)
    assert (np.linalg.norm(found.columns - exact, axis=0) / size).max() < 1e-8


@pytest.mark.parametrize("kind", ["torch-cuda", "torch-mps"])
def test_the_choices_of_other_devices_give_the_same_columns_on_a_cpu(
    kind, monkeypatch, rng, columns
):
    choice = DEVICE_SETTINGS[tuple(kind.split("-"))]
    monkeypatch.setitem(DEVICE_SETTINGS, ("torch", "cpu"), choice)
    factors = weighted(rng)
    assert backend_named("torch").device == "cpu"

    found = finish(LSMR(tol=1e-11, dtype=choice.dtype).solve(factors, columns))

    np.testing.assert_allclose(found.columns, projected(factors, columns), atol=NEAR)
