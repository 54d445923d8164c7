"""LSMR on any device: the demeaner that runs in torch and in JAX."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from workbench.backends import Backend, backend_named
from workbench.demeaners.base import Demeaned, DemeanerOptions, DemeanStep
from workbench.kernels.absorption.factors import ROUNDING, Factors, Int32
from workbench.kernels.absorption.lsmr import FIGURES, Operator, Solved, refined
from workbench.kernels.absorption.lsmr_operators import (
    column_scale,
    gather_sum,
    grouping,
    reordered,
    sparse_products,
)
from workbench.options import Kind, option
from workbench.protocols import Numpy
from workbench.sentences import counted


@dataclass(frozen=True)
class DeviceSettings:
    """How LSMR runs on one device.

    Attributes
    ----------
    layout
        ``"gather"``: gathers and segment sums over codes; ``"csr"``, ``"coo"``: sparse products.
    compiled
        Whether the step is compiled and its numbers stay on the device.
    batch_from
        The number of columns from which they are solved together; None: one by one.
    dtype
        The default precision.
    source
        Where the choice comes from: ``"measured"`` here; ``"pyfixest"``, taken from the source
        of pyfixest 0.60 until it is measured; ``"assumed"``, from neither, until it is measured.
    because
        The reasons.
    """

    layout: Literal["gather", "csr", "coo"]
    compiled: bool
    batch_from: int | None
    dtype: Literal["float64", "float32"]
    source: Literal["measured", "pyfixest", "assumed"]
    because: str


DEVICE_SETTINGS = {
    ("torch", "cpu"): DeviceSettings(
        layout="csr",
        compiled=False,
        batch_from=3,
        dtype="float64",
        source="measured",
        because="""
        At a million rows and three factors MKL's products with 32-bit indices took 2 and 4 ms,
        with 64-bit ones 8 and 7, gathers and index_add 4 and 6 with their temporaries on top.
        Inductor compiles for 17 s what takes 0.1 ms.  Two columns took as long together as one
        by one; ten took 0.6 of the time.
        """,
    ),
    ("torch", "cuda"): DeviceSettings(
        layout="csr",
        compiled=True,
        batch_from=2,
        dtype="float64",
        source="pyfixest",
        because="""
        cuSPARSE has kernels for CSR.  Some sixty operations on a few numbers would each be a
        launch; compiled they are one, and no number comes to the host but those of the report.
        """,
    ),
    ("torch", "mps"): DeviceSettings(
        layout="coo",
        compiled=False,
        batch_from=5,
        dtype="float32",
        source="pyfixest",
        because="""
        Metal has no kernels for CSR, and no float64; compiling is not reliable there.
        """,
    ),
    ("jax", "cpu"): DeviceSettings(
        layout="gather",
        compiled=True,
        batch_from=3,
        dtype="float64",
        source="measured",
        because="""
        XLA fuses the gathers of all factors into one pass: at a million rows 2 ms, and 3 ms for
        the sums; sorted or blocked segment sums took three times that.  Ten columns together
        took 0.8 of the time of one by one.
        """,
    ),
    ("jax", "cuda"): DeviceSettings(
        layout="gather",
        compiled=True,
        batch_from=2,
        dtype="float64",
        source="assumed",
        because="""
        pyfixest has no such solver.  The layout is the one XLA runs best on a CPU; the threshold
        is that of torch on CUDA, where every launch costs as much for one column as for two.
        """,
    ),
}
"""How LSMR runs on each device and library."""


@dataclass(frozen=True)
class LSMR(DemeanerOptions):
    r"""Least squares on the dummies by bidiagonalization, with all figures of its convergence.

    A column has converged when :math:`\lVert M D^\top W r\rVert \le` ``tol``
    :math:`\lVert W^{1/2} r\rVert`, where :math:`M` scales the weighted dummies to unit norm, or
    when it is at the rounding error of the original column.

    Parameters
    ----------
    tol
        The relative residual of the normal equations at which a column has converged.
    device
        ``"cpu"``, ``"cuda:0"``, ``"mps"``.
    dtype
        ``"float64"`` or ``"float32"``; ``"auto"`` is the best of the device.  In float32
        the residual is computed in float64, and refined until it is within ``tol``.
    library
        ``"torch"`` or ``"jax"``.
    max_iterations
        The bound of the iterations of a column.
    precondition
        Whether the columns of the dummies are scaled to unit norm.

    References
    ----------
    Fong and Saunders (2011), "LSMR: an iterative algorithm for sparse least-squares problems",
    SIAM J. Sci. Comput. 33(5).
    """

    name: ClassVar[str] = "lsmr"
    title: ClassVar[str] = "LSMR"
    requires: ClassVar[tuple[str, ...]] = ()
    libraries: ClassVar[tuple[str, ...]] = ("torch", "jax")
    cpu_only: ClassVar[bool] = False

    device: str = option("cpu", kind=Kind.TEXT, help="where it runs", example="cuda:0")
    dtype: Literal["auto", "float64", "float32"] = option(
        "auto",
        kind=Kind.CHOICE,
        choices=("auto", "float64", "float32"),
        help="precision; auto is the best of the device",
    )
    library: Literal["torch", "jax"] = option(
        "torch", kind=Kind.CHOICE, choices=("torch", "jax"), help="library that computes"
    )
    max_iterations: int = option(
        100_000, kind=Kind.COUNT, least=1, help="largest number of iterations"
    )
    precondition: bool = option(
        True, kind=Kind.FLAG, help="whether columns of the dummies are scaled to unit norm"
    )

    @property
    def choice(self) -> DeviceSettings:
        """How LSMR runs on this device."""
        kind = self.device.partition(":")[0]
        return DEVICE_SETTINGS.get((self.library, kind), DEVICE_SETTINGS[self.library, "cpu"])

    def on(self, device: str, library: str) -> LSMR:
        """Return it for a device; one that has a device of its own stays there."""
        if device == "cpu" or self.device != "cpu":
            return self
        return replace(self, device=device, library=library)  # type: ignore[arg-type]

    def solve(self, factors: Factors, columns: Numpy) -> Generator[DemeanStep, None, Demeaned]:
        """Yield each iteration over ``columns (n, K)``, and return the result.

        Raises
        ------
        DeviceError
            When the library, the device or the precision is not available.
        """
        order, grouped = _grouped(factors)
        scale = column_scale(grouped, precondition=self.precondition)
        exact, inner = self._operators(grouped, scale)
        root = 1.0 if grouped.weights is None else np.sqrt(grouped.weights)[:, None]
        right = (columns if order is None else columns[order]) * root
        solves = [
            refined(exact, inner, part, self.tol, self.max_iterations)
            for part in self._batches(right)
        ]
        floors = ROUNDING * np.linalg.norm(right, axis=0)
        del right
        solved, iterations = yield from _together(solves, floors)
        found = np.concatenate([each.residual for each in solved], axis=1) / root
        effects = np.concatenate([each.x for each in solved], axis=1) * scale[:, None]
        ends = np.cumsum([member.levels for member in factors.members])[:-1]
        return Demeaned(
            columns=found if order is None else _scattered(found, order),
            iterations=iterations,
            residuals=np.concatenate([_measure(each, self.tol) for each in solved]),
            converged=all(each.converged.all() for each in solved),
            record=self._record(iterations, max(each.passes for each in solved)),
            coefficients=tuple(np.split(effects, ends)),
        )

    def _operators(self, factors: Factors, scale: Numpy) -> tuple[Operator, Operator]:
        """Return the products in float64, on the CPU if needed, and those of the iterations."""
        dtype = self.choice.dtype if self.dtype == "auto" else self.dtype
        inner = _operator(factors, scale, self.choice, self.library, self.device, dtype)
        if dtype == "float64":
            return inner, inner
        if self.choice.dtype == "float64":
            return _operator(
                factors, scale, self.choice, self.library, self.device, "float64"
            ), inner
        cpu = DEVICE_SETTINGS[self.library, "cpu"]
        return _operator(factors, scale, cpu, self.library, "cpu", "float64"), inner

    def _batches(self, columns: Numpy) -> list[Numpy]:
        """Split the columns into those that are solved together."""
        width, start = columns.shape[1], self.choice.batch_from
        together = start is not None and width >= start
        return [np.ascontiguousarray(part) for part in np.hsplit(columns, 1 if together else width)]

    def _record(self, iterations: int, passes: int) -> str:
        dtype = self.choice.dtype if self.dtype == "auto" else self.dtype
        where = f"{self.library} on {self.device}, {dtype}"
        again = f", {passes} passes with the residual in float64" if passes > 1 else ""
        return f"LSMR in {where}, {counted(iterations, 'iteration')}{again}"


def _operator(
    factors: Factors, scale: Numpy, choice: DeviceSettings, library: str, device: str, dtype: str
) -> Operator:
    xp: Backend = backend_named(library, device, dtype)
    with xp.scope():
        if choice.layout == "gather":
            return gather_sum(factors, scale, xp, compiled=choice.compiled)
        compressed = choice.layout == "csr"
        return sparse_products(factors, scale, xp, compiled=choice.compiled, compressed=compressed)


def _together(
    solves: Sequence[Generator[Numpy, None, Solved]], floors: Numpy
) -> Generator[DemeanStep, None, tuple[list[Solved], int]]:
    """Take a step of each solve in turn until all end; each step has the figures of all."""
    solved: dict[int, Solved] = {}
    figures: dict[int, Numpy] = {}
    iteration = 0
    while True:
        for position, solve in enumerate(solves):
            if position in solved:
                continue
            try:
                figures[position] = next(solve)
            except StopIteration as end:
                solved[position] = end.value
        if len(solved) == len(solves):
            return [solved[position] for position in range(len(solves))], iteration
        iteration += 1
        yield _step(iteration, figures, solved, floors)


def _step(
    iteration: int, figures: dict[int, Numpy], solved: dict[int, Solved], floors: Numpy
) -> DemeanStep:
    """Join the figures of all solves."""
    still = {position: _figures_at_end(end) for position, end in solved.items()}
    latest = {**still, **figures}
    table = np.concatenate([latest[position] for position in sorted(latest)], axis=1)
    normr, normar = table[:2]
    above = (normr > 0) & (normar > floors)
    residuals = np.divide(normar, normr, out=np.zeros_like(normr), where=above)
    return DemeanStep(iteration, residuals, dict(zip(FIGURES, table, strict=True)))


def _measure(solved: Solved, tol: float) -> Numpy:
    """Return the relative residual of each column, zero for one at the floor."""
    return np.where(solved.converged & (solved.measure > tol), 0.0, solved.measure)


def _grouped(factors: Factors) -> tuple[Int32 | None, Factors]:
    """Return the order of the rows, found once for all weights, and the factors in it."""
    if "grouped" not in factors.kept:
        order, plain = grouping(factors), factors.weighted(None)
        factors.kept["grouped"] = (order, None if order is None else reordered(plain, order))
    order, members = factors.kept["grouped"]
    if members is None:
        return None, factors
    weights = None if factors.weights is None else factors.weights[order]
    return order, members.weighted(weights)


def _figures_at_end(solved: Solved) -> Numpy:
    """Return the figures of columns without iterations, ``(5, K)``."""
    normr = np.linalg.norm(solved.residual, axis=0)
    unknown = np.full_like(normr, np.nan)
    return np.stack([normr, solved.measure * normr, unknown, unknown, np.zeros_like(normr)])


def _scattered(values: Numpy, order: Int32) -> Numpy:
    """Undo ``values[order]``."""
    placed = np.empty_like(values)
    placed[order] = values
    return placed
