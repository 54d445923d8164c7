"""Schur complements and their approximate factors, against least squares of numpy."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from workbench.demeaners.base import finish
from workbench.demeaners.schur import Schur
from workbench.kernels.absorption.approximate_cholesky import factor_laplacian
from workbench.kernels.absorption.cells import Cells, merge_cells, turn
from workbench.kernels.absorption.factors import Factor, Factors
from workbench.kernels.absorption.grouping import group
from workbench.kernels.absorption.schur import border, reduce
from workbench.kernels.absorption.schur_operator import Bordered, by_cells, form
from workbench.kernels.parallel import compiled as segments

# The tolerance is 1e-8 on the residual.
ACCURACY = 1e-7


def ring(n=6_000, wide=5, shift=3):
    """Two large factors and a small one: windows that move around a ring, slow to converge."""
    rows = np.arange(n)
    return [rows // wide, (rows // shift) % 401, rows % wide]


def sparse_mobility(n=6_000):
    """Workers in 10 periods of whom few move, to nearby firms, and nobody to the far half."""
    rng = np.random.default_rng(2)
    worker = np.repeat(np.arange(n // 10), 10)
    home = rng.integers(0, 150, n // 10) + 150 * rng.integers(0, 2, n // 10)
    moved = (rng.random(n // 10) < 0.4)[worker] & (np.tile(np.arange(10), n // 10) >= 5)
    firm = np.where(moved, home[worker] // 150 * 150 + (home[worker] + 1) % 150, home[worker])
    return [worker, firm]


def three_large(n=6_000):
    """A third factor with many levels, added to the ring."""
    worker, firm, _ = ring(n)
    return [worker, firm, np.random.default_rng(4).integers(0, 150, n)]


def shuffled(n=6_000):
    """The ring, its rows in no order."""
    order = np.random.default_rng(5).permutation(n)
    return [codes[order] for codes in ring(n)]


def few_alike(n=6_000):
    """Groups of three rows, of which some in a hundred share their other level."""
    return [np.arange(n) // 3, np.random.default_rng(6).integers(0, 210, n)]


def unbalanced(n=6_000):
    """The ring in no order with a second small factor, and a tenth of its rows missing."""
    left = np.random.default_rng(7).permutation(n)[: n - n // 10]
    return [codes[left] for codes in (*ring(n), np.arange(n) % 7)]


def many(n=6_000):
    """More factors, in no order, than fit into one number of 32 bits."""
    rng = np.random.default_rng(8)
    return [rng.integers(0, levels, n) for levels in (900, 80, 79, 78, 77, 76)]


def lopsided(n=6_000):
    """More than half of the rows in the last level, and small factors of 64 levels in all."""
    rng = np.random.default_rng(9)
    level = np.minimum(np.arange(n) // 4, n // 10)
    return [level, rng.integers(0, 90, n), rng.integers(0, 40, n), np.arange(n) % 24]


def full_load(n=6_000):
    """Factors in no order whose codes take 32 bits together, and one of a single level."""
    rng = np.random.default_rng(10)
    return [rng.integers(0, levels, n) for levels in (900, 300, 290, 120, 110, 1)]


DESIGNS = {
    "ring": ring,
    "sparse mobility": sparse_mobility,
    "three large": three_large,
    "shuffled": shuffled,
    "few alike": few_alike,
    "unbalanced": unbalanced,
    "many": many,
    "lopsided": lopsided,
    "full load": full_load,
}
every_design = pytest.mark.parametrize("codes", [make() for make in DESIGNS.values()], ids=DESIGNS)


def factors_of(codes, weights=None):
    members = tuple(Factor.of(str(place), code) for place, code in enumerate(codes))
    return Factors(members, len(codes[0]), weights)


def dummies(factors):
    n = factors.rows
    return sparse.hstack(
        [
            sparse.csr_array((np.ones(n), (np.arange(n), m.codes)), shape=(n, m.levels))
            for m in factors.members
        ],
        format="csr",
    )


def demeaned_by_lstsq(factors, columns):
    """Subtract means by the first factor, and regress on the other dummies less their means."""
    weights = np.ones(factors.rows) if factors.weights is None else factors.weights
    first = dummies(replace(factors, members=factors.members[:1]))
    rest = dummies(replace(factors, members=factors.members[1:]))
    mass = first.T @ weights

    def centred(values):
        means = (first.T @ (weights[:, None] * values)) / mass[:, None]
        return np.sqrt(weights)[:, None] * (values - first @ means)

    design, columns = centred(rest.toarray()), centred(columns)
    left = columns - design @ np.linalg.lstsq(design, columns, rcond=1e-10)[0]
    return left / np.sqrt(weights)[:, None]


def columns_of(factors, count):
    rng = np.random.default_rng(9)
    effects = [rng.normal(size=(m.levels, count)) for m in factors.members]
    return rng.normal(size=(factors.rows, count)) + factors.absorb(effects)


@every_design
@pytest.mark.parametrize("form", [True, False, None], ids=["formed", "by cells", "automatic"])
@pytest.mark.parametrize(("count", "weighted"), [(1, True), (1, False), (6, False)])
def test_demeaning_equals_least_squares_on_dummies(codes, form, count, weighted):
    weights = np.random.default_rng(1).uniform(0.5, 2, len(codes[0])) if weighted else None
    factors = factors_of(codes, weights)
    columns = columns_of(factors, count)
    expected = demeaned_by_lstsq(factors, columns)

    found = finish(Schur(form=form).solve(factors, columns))

    error = np.linalg.norm(found.columns - expected, axis=0) / np.linalg.norm(expected, axis=0)
    assert found.converged
    assert error.max() < ACCURACY


@pytest.fixture
def many_threads(monkeypatch):
    """Let small data be shared by threads as large data are."""
    monkeypatch.setattr(segments, "_WORTH_A_THREAD", 500)


@every_design
@pytest.mark.parametrize(("count", "weighted"), [(1, True), (1, False), (6, False)])
@pytest.mark.usefixtures("many_threads")
def test_several_threads_find_the_same(codes, count, weighted):
    weights = np.random.default_rng(1).uniform(0.5, 2, len(codes[0])) if weighted else None
    factors = factors_of(codes, weights)
    columns = columns_of(factors, count)
    expected = demeaned_by_lstsq(factors, columns)

    found = finish(Schur().solve(factors, columns))

    error = np.linalg.norm(found.columns - expected, axis=0) / np.linalg.norm(expected, axis=0)
    assert error.max() < ACCURACY


@pytest.mark.usefixtures("many_threads")
def test_two_solves_at_once_do_not_wait_for_each_other():
    weights = np.random.default_rng(1).uniform(0.5, 2, 6_000)
    factors = [factors_of(ring(), weights) for _ in range(8)]
    columns = columns_of(factors[0], 1)

    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(finish, Schur().solve(one, columns)) for one in factors]
        found = [future.result(timeout=60).columns for future in waiting]

    for one in found[1:]:
        np.testing.assert_allclose(one, found[0], atol=1e-12)


@pytest.mark.parametrize("form", [True, False, None], ids=["formed", "by cells", "automatic"])
def test_factors_with_a_level_for_every_row_leave_rounding(form):
    rows = np.arange(4_000)
    factors = factors_of([rows // 2, (rows + 1) // 2])
    columns = np.random.default_rng(0).normal(size=(4_000, 2)) + 100 * np.sin(rows / 640)[:, None]

    steps = list(Schur(form=form).solve(factors, columns))
    found = finish(Schur(form=form).solve(factors, columns))

    assert np.isfinite([step.residuals for step in steps]).all()
    assert found.converged
    assert np.abs(found.columns).max() < 1e-10


@pytest.mark.parametrize("count", [1, 3])
def test_a_constant_far_from_zero_costs_no_more_digits_than_it_takes_up(count):
    worker, year = np.repeat(np.arange(6_000), 10), np.tile(np.arange(10), 6_000)
    drawn = np.random.default_rng(3).normal(size=(6_000, 10, count))
    twice = drawn - drawn.mean(axis=0) - drawn.mean(axis=1, keepdims=True) + drawn.mean(axis=(0, 1))

    found = finish(
        Schur().solve(factors_of([worker, year]), 1e8 + drawn.reshape(60_000, count))
    ).columns

    # Each number of 1e8 is rounded by up to 0.75e-8, which the closed form does not see.
    assert np.abs(found - twice.reshape(60_000, count)).max() < 6e-8


def test_approximate_factors_save_most_of_the_iterations():
    factors = factors_of(ring())
    columns = columns_of(factors, 1)

    plain = finish(Schur(form=False).solve(factors, columns))
    factored = finish(Schur(form=True).solve(factors, columns))

    assert factored.iterations < plain.iterations / 4
    assert "explicit Schur complement" in factored.record


def test_the_automatic_choice_forms_the_matrix_when_the_contraction_stalls():
    factors = factors_of(ring())

    found = finish(Schur().solve(factors, columns_of(factors, 1)))

    assert "explicit" in found.record


def test_the_automatic_choice_forms_nothing_on_well_mixed_data():
    rng = np.random.default_rng(0)
    factors = factors_of([np.arange(30_000) // 10, rng.integers(0, 1500, 30_000)])

    found = finish(Schur().solve(factors, columns_of(factors, 1)))

    assert "explicit" not in found.record


def test_two_solves_give_the_same_bits():
    factors = factors_of(sparse_mobility())
    columns = columns_of(factors, 2)

    first, second = (finish(Schur(form=True).solve(factors, columns)) for _ in range(2))

    np.testing.assert_array_equal(first.columns, second.columns)


@every_design
def test_the_matrix_by_cells_and_formed_is_the_schur_complement(codes):
    factors = factors_of([code[:900] for code in codes])
    eliminated, *others = factors.members
    system = reduce(eliminated, others, None)
    matrix, edge = by_cells(system), border(system)
    x = np.random.default_rng(0).normal(size=(system.split, 4))

    rest = dummies(replace(factors, members=system.terms)).toarray()
    first = dummies(replace(factors, members=(eliminated,))).toarray()
    projected = rest - first @ np.linalg.lstsq(first, rest, rcond=None)[0]
    large, small = projected[:, : system.split], projected[:, system.split :]
    if small.shape[1]:
        large = large - small @ np.linalg.lstsq(small, large, rcond=1e-10)[0]
    expected = large.T @ (large @ x)

    np.testing.assert_allclose(Bordered(matrix, edge).multiply(x), expected, atol=1e-9)
    np.testing.assert_allclose(Bordered(form(matrix), edge).multiply(x), expected, atol=1e-9)
    np.testing.assert_allclose(
        Bordered(form(matrix), edge).multiply(x[:, :1]), expected[:, :1], atol=1e-9
    )


def laplacian_of(matrix):
    return sparse.diags_array(np.asarray(matrix.sum(axis=1)).ravel()) - matrix


def cells_of(matrix):
    matrix = matrix.tocsr()
    return Cells(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data)


def grid(side):
    path = sparse.diags_array([np.ones(side - 1)] * 2, offsets=[-1, 1])
    return sparse.kron(path, sparse.eye_array(side)) + sparse.kron(sparse.eye_array(side), path)


def test_a_tree_is_factored_exactly():
    rng = np.random.default_rng(0)
    parents = np.array([rng.integers(0, max(1, child)) for child in range(1, 200)])
    half = sparse.coo_array((rng.random(199) + 0.1, (np.arange(1, 200), parents)), shape=(200, 200))
    graph = half + half.T
    right = laplacian_of(graph) @ rng.normal(size=(200, 1))

    found = factor_laplacian(cells_of(graph), samples=1).solve(right)

    np.testing.assert_allclose(laplacian_of(graph) @ found, right, atol=1e-9)


@pytest.mark.parametrize("samples", [1, 2, 4])
def test_the_preconditioned_condition_of_a_grid_is_small(samples):
    graph = grid(14)
    factors = factor_laplacian(cells_of(graph), samples)
    laplacian = laplacian_of(graph).toarray()

    inverse = np.hstack([factors.solve(column[:, None]) for column in np.eye(196)])
    centre = np.eye(196) - 1 / 196
    product = np.linalg.eigvals(centre @ inverse @ centre @ laplacian).real
    kept = np.sort(product)[1:]

    assert kept[0] > 0
    assert kept[-1] / kept[0] < 12
    assert np.linalg.cond(laplacian[1:, 1:]) > 300


def test_more_samples_than_neighbours_give_the_exact_factors():
    graph = grid(8)
    right = laplacian_of(graph) @ np.random.default_rng(0).normal(size=(64, 3))

    found = factor_laplacian(cells_of(graph), samples=64).solve(right)

    np.testing.assert_allclose(laplacian_of(graph) @ found, right, atol=1e-9)


def test_the_same_seed_gives_the_same_factors():
    graph = cells_of(grid(10))

    first, second, other = (factor_laplacian(graph, 1, seed) for seed in (5, 5, 6))

    np.testing.assert_array_equal(first.index, second.index)
    assert not np.array_equal(first.pivot, other.pivot)


@pytest.mark.parametrize(
    ("rows", "levels"),
    [(100, 7), (300_000, 3), (300_000, 512), (300_000, 513), (300_000, 1_500)],
)
def test_rows_are_grouped_stably(rows, levels):
    codes = np.random.default_rng(0).integers(0, levels, rows).astype(np.int32)

    grouping = group(codes, levels)

    order = grouping.take(np.arange(rows))
    np.testing.assert_array_equal(order, np.argsort(codes, kind="stable"))
    np.testing.assert_array_equal(np.diff(grouping.starts), np.bincount(codes, minlength=levels))
    assert not grouping.in_place
    assert group(np.sort(codes), levels).in_place


def test_rows_that_leave_their_order_late_are_sorted():
    codes = np.repeat(np.arange(5_000, dtype=np.int32), 2)
    codes[-1] = 0

    grouping = group(codes, 5_000)

    np.testing.assert_array_equal(grouping.order, np.argsort(codes, kind="stable"))
    np.testing.assert_array_equal(np.diff(grouping.starts), np.bincount(codes))


def test_cells_are_the_product_of_two_sets_of_dummies():
    rng = np.random.default_rng(0)
    first, second = np.sort(rng.integers(0, 30, 400)).astype(np.int32), rng.integers(0, 9, (400, 2))
    weights, slopes = rng.random(400), rng.normal(size=(400, 2))
    rows = group(first, 30)

    cells = merge_cells(rows.starts, second.astype(np.int32), slopes, weights, 9)
    turned = turn(cells, 9)

    expected = np.zeros((30, 9))
    for column in range(2):
        np.add.at(expected, (first, second[:, column]), weights * slopes[:, column])
    found = sparse.csr_array((cells.value, cells.index, cells.starts), shape=(30, 9)).toarray()
    np.testing.assert_allclose(found, expected, atol=1e-12)
    backward = sparse.csr_array(
        (cells.value[turned.places], turned.groups, turned.starts), shape=(9, 30)
    )
    np.testing.assert_allclose(backward.toarray(), expected.T, atol=1e-12)
