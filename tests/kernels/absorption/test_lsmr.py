"""LSMR's arithmetic against scipy's, on every library, and on simulated devices."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from scipy.sparse.linalg import lsmr as scipy_lsmr

from workbench.backends import backend_named
from workbench.demeaners.base import finish
from workbench.kernels.absorption.factors import Factor, Factors
from workbench.kernels.absorption.lsmr import (
    FIGURES,
    Limits,
    _report,
    _residual,
    advance,
    begin,
    refined,
    rotate,
    step,
)
from workbench.kernels.absorption.lsmr_operators import (
    Codes,
    GatherSum,
    SparseProducts,
    column_scale,
    gather_sum,
    grouping,
    reordered,
    sparse_products,
)

# Two implementations of one recurrence in float64 differ by rounding only.
SAME_RECURRENCE = 1e-9
# The tolerance of 1e-8 over the smallest singular value of these designs.
REFINED = 5e-8
# Sums in another order.
ROUNDING = 1e-12

LAYOUTS = {
    "torch, gathers": ("torch", "gather", False),
    "torch, compressed": ("torch", "csr", False),
    "torch, coordinates": ("torch", "coo", False),
    "torch, numbers on the device": ("torch", "csr", True),
    "jax, compiled": ("jax", "gather", True),
}
every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


def operator_of(factors, layout, dtype="float64", precondition=True):
    library, kind, compiled = layout
    xp = backend_named(library, "cpu", dtype)
    scale = column_scale(factors, precondition=precondition)
    with xp.scope():
        if kind == "gather":
            return gather_sum(factors, scale, xp, compiled=compiled)
        return sparse_products(factors, scale, xp, compiled=compiled, compressed=kind == "csr")


def dense(factors, precondition=True):
    """Write the weighted, scaled dummies out."""
    blocks = [
        np.eye(member.levels)[member.codes]
        * (1.0 if member.slope is None else member.slope[:, None])
        for member in factors.members
    ]
    design = np.sqrt(factors.weights)[:, None] * np.hstack(blocks)
    return design * column_scale(factors, precondition=precondition)


@pytest.fixture
def factors():
    """Draw 400 rows, two crossed factors and a slope, in random order, with weights."""
    rng = np.random.default_rng(5)
    firm, year = rng.integers(0, 30, 400), rng.integers(0, 6, 400)
    members = (
        Factor.of("firm", firm),
        Factor.of("year", year),
        Factor.of("firm[trend]", firm, slope=rng.normal(size=400)),
    )
    return Factors(members, 400, rng.uniform(0.5, 2.0, 400))


@pytest.fixture
def columns():
    """Draw three columns that differ in size by twelve orders."""
    return np.random.default_rng(6).normal(size=(400, 3)) * [1.0, 1e6, 1e-6]


@every_layout
def test_products_equal_those_of_the_dense_matrix(layout, factors):
    operator, design = operator_of(factors, layout), dense(factors)
    xp, rng = operator.xp, np.random.default_rng(0)
    u, v = rng.normal(size=(400, 2)), rng.normal(size=(design.shape[1], 2))
    a, b = np.array([2.0, -1.0]), np.array([0.5, 3.0])

    with xp.scope():
        placed = (xp.array(a), xp.array(b)) if operator.compiled else (a, b)
        forward = operator.forward(xp.array(v.copy()), placed[0], xp.array(u.copy()), placed[1])
        backward = operator.backward(xp.array(u.copy()), placed[0], xp.array(v.copy()), placed[1])

    np.testing.assert_allclose(xp.numpy(forward), design @ v * a + u * b, atol=ROUNDING)
    np.testing.assert_allclose(xp.numpy(backward), design.T @ u * a + v * b, atol=ROUNDING)


@every_layout
def test_every_figure_of_every_step_is_scipys(layout, factors, columns):
    operator, design = operator_of(factors, layout), dense(factors)
    b = columns[:, :1]

    steps = list(refined(operator, operator, b, tol=1e-10, max_iterations=12))

    assert len(steps) == 12
    for number, figures in enumerate(steps, start=1):
        _, _, _, *theirs = scipy_lsmr(design, b[:, 0], atol=0, btol=0, conlim=0, maxiter=number)
        ours = dict(zip(FIGURES, figures[:, 0], strict=True))
        # scipy lets the condition's estimate begin with a one that is not in the paper.
        for name, value in zip(FIGURES, theirs, strict=True):
            if name != "condA":
                assert ours[name] == pytest.approx(value, rel=SAME_RECURRENCE)


def test_the_condition_is_estimated_from_below():
    rng = np.random.default_rng(2)
    members = (Factor.of("a", np.arange(60) // 3), Factor.of("b", rng.integers(0, 3, 60)))
    factors = Factors(members, 60, np.ones(60))
    singular = np.linalg.svd(dense(factors), compute_uv=False)
    singular = singular[singular > 1e-9]
    operator = operator_of(factors, LAYOUTS["torch, compressed"])

    *_, last = refined(operator, operator, rng.normal(size=(60, 1)), 1e-12, 1000)

    condition = last[FIGURES.index("condA"), 0]
    assert 0.5 * singular[0] / singular[-1] < condition < 1.01 * singular[0] / singular[-1]


@every_layout
def test_the_solution_is_numpys_of_least_norm(layout, factors, columns):
    operator, design = operator_of(factors, layout), dense(factors)

    solved = finish(refined(operator, operator, columns, tol=1e-13, max_iterations=500))

    expected, *_ = np.linalg.lstsq(design, columns, rcond=None)
    scale = np.linalg.norm(expected, axis=0)
    np.testing.assert_allclose(solved.x / scale, expected / scale, atol=1e-10)
    assert solved.converged.all()


@every_layout
def test_columns_together_are_those_one_by_one(layout, factors, columns):
    operator = operator_of(factors, layout)

    together = finish(refined(operator, operator, columns, tol=1e-9, max_iterations=500))
    alone = [
        finish(refined(operator, operator, columns[:, [k]], tol=1e-9, max_iterations=500))
        for k in range(3)
    ]

    expected = np.hstack([each.residual for each in alone])
    size = np.abs(expected).max(axis=0)
    np.testing.assert_allclose(together.residual / size, expected / size, atol=SAME_RECURRENCE)


@every_layout
def test_a_column_that_has_converged_stays_while_others_continue(layout, factors):
    operator, design = operator_of(factors, layout), dense(factors)
    easy, hard = design[:, :1], np.random.default_rng(3).normal(size=(400, 1))
    steps = list(refined(operator, operator, np.hstack([0 * easy, hard]), 1e-10, 500))

    normx = np.stack([figures[FIGURES.index("normx")] for figures in steps])

    assert (normx[:, 0] == 0).all()
    assert (normx[:, 1] > 0).all()


@every_layout
@pytest.mark.parametrize("tol", [1e-15, 0.0])
def test_a_tolerance_below_rounding_ends_at_the_floor(layout, tol, factors, columns):
    operator = operator_of(factors, layout)

    solved = finish(refined(operator, operator, columns, tol, max_iterations=2000))

    assert solved.passes <= 3
    assert (solved.measure < 1e-13).all()


def test_float32_refined_reaches_what_float64_does(factors, columns):
    layout = LAYOUTS["torch, compressed"]
    exact, inner = operator_of(factors, layout), operator_of(factors, layout, "float32")

    solved = finish(refined(exact, inner, columns, tol=1e-8, max_iterations=500))

    design = dense(factors)
    expected = columns - design @ np.linalg.lstsq(design, columns, rcond=None)[0]
    size = np.abs(expected).max(axis=0)
    np.testing.assert_allclose(solved.residual / size, expected / size, atol=REFINED)
    assert solved.passes == 2


def test_the_bound_of_iterations_holds_over_all_passes(factors, columns):
    operator = operator_of(factors, LAYOUTS["jax, compiled"])

    steps = refined(operator, operator, columns, tol=1e-10, max_iterations=11)

    assert len(list(steps)) == 11


def test_rows_in_group_order_are_the_same_rows(factors):
    order = grouping(factors)

    grouped = reordered(factors, order)

    assert (np.diff(grouped.members[0].codes) >= 0).all()
    assert grouping(grouped) is None
    np.testing.assert_allclose(dense(grouped), dense(factors)[order], rtol=ROUNDING)


# Simulated devices -----------------------------------------------------------------------------


@pytest.mark.parametrize("platform", ["cuda", "rocm"])
def test_the_compiled_steps_lower_to_a_device_without_one(platform, factors, columns):
    operator = operator_of(factors, LAYOUTS["jax, compiled"])
    xp, levels = operator.xp, operator.levels

    def iterated(arrays, state, limits):
        return advance(GatherSum(xp, levels, arrays, compiled=True), state, limits)

    with xp.scope():
        limits = Limits(*(xp.array(np.full(3, bound)) for bound in (1e-8, 1e-14)))
        state = operator.run(begin, xp.array(columns), xp.array(np.ones((66, 3))), limits)
        arguments = jax.tree.leaves((operator.arrays, state, limits))
        outline = jax.tree.structure((operator.arrays, state, limits))
        flat = jax.jit(lambda *leaves: iterated(*jax.tree.unflatten(outline, leaves))[1])
        lowered = jax.export.export(flat, platforms=[platform])(*arguments)

    assert lowered.platforms == (platform,)
    assert lowered.out_avals[0].shape == (operator.steps, 6, 3)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_beginning_and_the_residual_lower_to_a_device_without_one(dtype, factors, columns):
    operator = operator_of(factors, LAYOUTS["jax, compiled"], dtype)
    xp, levels = operator.xp, operator.levels

    def opened(arrays, right, x, limits, one):
        there = GatherSum(xp, levels, arrays, compiled=True)
        r, g = _residual(there, right, x, one)
        return r, begin(there, r, g, limits).x

    with xp.scope():
        bound = xp.array(np.full(3, 1e-8))
        arguments = (operator.arrays, xp.array(columns), xp.array(np.zeros((66, 3))))
        exported = jax.export.export(jax.jit(opened), platforms=["cuda", "rocm"])
        lowered = exported(*arguments, Limits(bound, bound), xp.array(np.ones(3)))

    assert lowered.platforms == ("cuda", "rocm")
    assert [str(out) for out in lowered.out_avals] == [f"{dtype}[400,3]", f"{dtype}[66,3]"]


def test_an_iteration_stays_on_a_simulated_cuda_device(factors, torch):
    from workbench.backends.torch_backend import TorchBackend

    xp = TorchBackend("cuda:0", "float64")
    make = lambda *shape: torch.ones(shape, dtype=torch.float64, device="cuda:0")  # noqa: E731

    with torch._subclasses.fake_tensor.FakeTensorMode():
        codes = tuple(torch.zeros(400, dtype=torch.int32, device="cuda:0") for _ in range(3))
        arrays = Codes(codes, (None, None, make(400, 1)), make(66, 1), make(400, 1))
        operator = GatherSum(xp, (30, 6, 30), arrays, compiled=True)
        limits = Limits(make(3), make(3))
        state = begin(operator, make(400, 3), make(66, 3), limits)
        state, reports = advance(operator, state, limits)

    devices = {part.device.type for part in (state.u, state.x, reports, *state.numbers)}
    assert devices == {"cuda"}
    assert reports.shape == (operator.steps, 6, 3)


def test_sparse_products_stay_on_a_simulated_cuda_device(monkeypatch, torch):
    from workbench.backends.torch_backend import TorchBackend

    # FakeTensorMode of torch 2.13 has no sparse tensors and no out=: dense ones stand for the
    # matrix, and the sum is made in place.  The compiler has a test of its own below.
    xp = TorchBackend("cuda:0", "float64")
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    monkeypatch.setattr(torch, "addmm", lambda _, matrix, x, out: out.addmm_(matrix, x))
    make = lambda *shape: torch.ones(shape, dtype=torch.float64, device="cuda:0")  # noqa: E731

    with torch._subclasses.fake_tensor.FakeTensorMode():
        operator = SparseProducts(xp, make(400, 66), make(66, 400), compiled=True)
        limits = Limits(make(3), make(3))
        state = begin(operator, make(400, 3), make(66, 3), limits)
        state = step(operator, state, limits)
        report = _report(operator, state)
        r, g = _residual(operator, make(400, 3), make(66, 3), make(3))

    devices = {part.device.type for part in (state.u, state.x, report, r, g, *state.numbers)}
    assert devices == {"cuda"}
    assert report.shape == (6, 3)
    assert (r.shape, g.shape) == ((400, 3), (66, 3))


@pytest.mark.parametrize("layout", ["gathers", "products"])
def test_an_iteration_on_meta_tensors_has_the_shapes_of_a_real_one(layout, monkeypatch, torch):
    from workbench.backends.torch_backend import TorchBackend

    xp = TorchBackend("meta", "float32")
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    make = lambda *shape: torch.ones(shape, device="meta")  # noqa: E731
    if layout == "products":
        operator = SparseProducts(xp, make(400, 66), make(66, 400), compiled=True)
    else:
        codes = tuple(torch.zeros(400, dtype=torch.int32, device="meta") for _ in range(3))
        arrays = Codes(codes, (None, None, make(400, 1)), make(66, 1), make(400, 1))
        operator = GatherSum(xp, (30, 6, 30), arrays, compiled=True)

    limits = Limits(make(2), make(2))
    before = begin(operator, make(400, 2), make(66, 2), limits)
    after, reports = advance(operator, before, limits)

    shapes = [tuple(part.shape) for part in (after.u, after.v, after.h, after.hbar, after.x)]
    assert shapes == [(400, 2), *[(66, 2)] * 4]
    assert {tuple(part.shape) for part in after.numbers} == {(2,)}
    assert reports.shape == (operator.steps, 6, 2)


def test_the_rotation_is_one_graph_for_the_compiler(torch):
    xp = backend_named("torch")
    operator = operator_of(
        Factors((Factor.of("a", [0, 0, 1]),), 3, np.ones(3)), LAYOUTS["torch, compressed"]
    )
    host = begin(operator, xp.array(np.ones((3, 2))), xp.array(np.ones((2, 2))), bounds(np))
    numbers = type(host.numbers)(*(torch.as_tensor(part) for part in host.numbers))
    beta, alpha = torch.tensor([0.5, 0.1]), torch.tensor([0.2, 0.9])

    graph = torch.compile(
        lambda *parts: rotate(*parts, bounds(torch), xp), backend="eager", fullgraph=True
    )

    for ours, plain in zip(
        graph(numbers, beta, alpha),
        rotate(host.numbers, beta.numpy(), alpha.numpy(), bounds(np), np),
        strict=True,
    ):
        np.testing.assert_allclose(ours.numpy(), plain, rtol=1e-6)


def bounds(library):
    return Limits(*(library.full((2,), bound) for bound in (1e-8, 1e-14)))
