"""Demeaning: the automatic choice against `within`, pyfixest, LSMR in torch and in scipy.

Every solver is brought to the same error: the tolerance that it is given is tightened until its
columns are within `ACCURACY` of a reference, in relative length.  The solvers take turns in one
process.  A row's agreement is the relative distance between the two answers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from time import perf_counter

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import lsmr

from benchmarks.harness import Answer, Report, Timing, keep_memory, main
from workbench.demeaners import demeaner_named
from workbench.demeaners.base import finish
from workbench.kernels.absorption.factors import Factor, Factors

ROWS, QUICK_ROWS, LARGE_ROWS = 1_000_000, 20_000, 5_000_000
REPEATS, QUICK_REPEATS = 7, 2
ACCURACY = 1e-8
TOLERANCES = (1e-8, 1e-9, 1e-10, 1e-11, 1e-12)
SLOW, TOO_SLOW = 2.0, 20.0
"""Seconds from which one turn of a solver is enough, and from which it gets no other tolerance."""
Codes = list[np.ndarray]
Solver = Callable[[Codes, np.ndarray, float], np.ndarray]


def panel(rows: int, rng: np.random.Generator, firm: np.ndarray | None = None) -> Codes:
    """Lay out people in ten years, with 23 people per firm; firms are drawn again each year."""
    people = rows // 10
    firms = max(2, people // 23)
    drawn = rng.integers(0, firms, rows) if firm is None else firm % firms
    return [np.repeat(np.arange(people), 10), drawn, np.tile(np.arange(10), people)]


def simple(rows: int, rng: np.random.Generator) -> Codes:
    """Draw the simple data of the benchmark that comes with fixest."""
    return panel(rows, rng)


def difficult(rows: int, rng: np.random.Generator) -> Codes:
    """Lay out its difficult data: firms follow each other, so that the graph is one long ring."""
    return panel(rows, rng, np.arange(rows))


def two_way(rows: int, rng: np.random.Generator) -> Codes:
    """Leave the years out of the simple data."""
    return panel(rows, rng)[:2]


def sparse_mobility(rows: int, rng: np.random.Generator, moving: float = 0.05) -> Codes:
    """Draw workers over ten years; one in twenty moves each year, mostly to a firm near by.

    ``moving`` is the share of workers who move in a year.
    """
    workers = rows // 10
    firms = max(10, workers // 20)
    firm = np.empty((workers, 10), dtype=np.int64)
    firm[:, 0] = firms * rng.beta(1, 1.5, workers) * 0.999
    for year in range(1, 10):
        near = (firm[:, year - 1] + rng.integers(-10, 11, workers)) % firms
        far = rng.integers(0, firms, workers)
        moved = np.where(rng.random(workers) < 0.02, far, near)
        firm[:, year] = np.where(rng.random(workers) < moving, moved, firm[:, year - 1])
    return [np.repeat(np.arange(workers), 10), firm.ravel()]


def zipf(rows: int, rng: np.random.Generator) -> Codes:
    """Draw two factors whose groups have sizes by Zipf's law, and a third of 50 levels."""
    first = np.minimum(rng.zipf(1.3, rows), rows // 20)
    second = np.minimum(rng.zipf(1.5, rows), rows // 50)
    return [first, second, rng.integers(0, 50, rows)]


def chain(rows: int, rng: np.random.Generator) -> Codes:
    """Link groups of four rows into one long chain."""
    return [np.arange(rows) // 4, (np.arange(rows) + 2) // 4]


def barbell(rows: int, rng: np.random.Generator) -> Codes:
    """Join two dense halves by one row."""
    people = np.repeat(np.arange(rows // 10), 10)
    half = max(2, rows // 400)
    firm = rng.integers(0, half, len(people)) + half * (people >= rows // 20)
    firm[rows // 2] = 0
    return [people, firm]


DESIGNS = {
    "simple, 2 factors": two_way,
    "simple, 3 factors": simple,
    "difficult, 3 factors": difficult,
    "sparse mobility (AKM)": sparse_mobility,
    "zipf, 3 factors": zipf,
    "chain": chain,
    "barbell": barbell,
}


def by_ours(name: str, codes: Codes, columns: np.ndarray, tolerance: float) -> np.ndarray:
    """Solve by a demeaner of the package, from integer codes."""
    members = tuple(
        Factor(str(place), code, int(code.max()) + 1) for place, code in enumerate(codes)
    )
    demeaner = demeaner_named(name, {"tol": tolerance})
    return finish(demeaner.solve(Factors(members, len(columns)), columns)).columns


def by_within(name: str, codes: Codes, columns: np.ndarray, tolerance: float) -> np.ndarray:
    """Solve by `within`, which takes its codes column by column."""
    import within

    design = np.asfortranarray(np.column_stack(codes), dtype=np.uint32)
    options = within.LsmrOptions(tolerance, 5000)
    configuration = getattr(within.PreconditionerConfig, name)()
    if columns.shape[1] == 1:
        found = within.solve(design, columns[:, 0], None, options, configuration)
        return found.demeaned[:, None]
    return within.solve_batch(design, columns, None, options, configuration).demeaned


def by_pyfixest(codes: Codes, columns: np.ndarray, tolerance: float) -> np.ndarray:
    """Solve by pyfixest's default, alternating projections in Rust, for 2,000 sweeps at most."""
    from pyfixest.core.demean import demean

    design = np.column_stack(codes).astype(np.uintp)
    return demean(columns, design, np.ones(len(columns)), tolerance, 2_000)[0]


def by_pyfixest_torch(codes: Codes, columns: np.ndarray, tolerance: float) -> np.ndarray:
    """Solve by pyfixest's LSMR in torch on the CPU."""
    from pyfixest.estimation.torch.demean_torch_ import demean_torch

    design = np.column_stack(codes).astype(np.uint64)
    return demean_torch(columns, design, np.ones(len(columns)), tolerance)[0]


def by_scipy(codes: Codes, columns: np.ndarray, tolerance: float) -> np.ndarray:
    """Solve by scipy's LSMR on dummies of unit length."""
    rows = np.arange(len(columns))
    blocks = []
    for code in codes:
        lengths = 1 / np.sqrt(np.bincount(code))
        blocks.append(sparse.csr_array((lengths[code], (rows, code))))
    design = sparse.hstack(blocks, format="csr")
    effects = [lsmr(design, column, tolerance, 0, maxiter=20_000)[0] for column in columns.T]
    return columns - design @ np.stack(effects, axis=1)


OURS = "workbench"
PEERS: dict[str, Solver] = {
    "within, adaptive": partial(by_within, "Adaptive"),
    "within, additive": partial(by_within, "Additive"),
    "pyfixest": by_pyfixest,
    "pyfixest, torch LSMR": by_pyfixest_torch,
    "workbench, torch LSMR": partial(by_ours, "lsmr"),
    "scipy LSMR": by_scipy,
}
FAST = ("within, adaptive", "within, additive")
"""The peers of every case; the others run on each design once, except the chain.

There, methods without a preconditioner for pairs of factors take an iteration for each link.
"""


@dataclass(frozen=True)
class Case:
    """One problem: codes, columns, and the reference."""

    work: str
    size: str
    codes: Codes
    columns: np.ndarray
    reference: np.ndarray
    peers: dict[str, Solver]

    def error(self, found: np.ndarray) -> float:
        return apart(found, self.reference)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest relative distance of two sets of columns."""
    distance = np.linalg.norm(one - other, axis=0) / np.linalg.norm(other, axis=0)
    return float(distance.max())


def cases(rows: int) -> Iterator[Case]:
    """Draw every design, with one and with ten columns, sorted and shuffled."""
    for name, count, order in product(DESIGNS, (1, 10), ("sorted", "shuffled")):
        rng = np.random.default_rng(0)
        drawn = DESIGNS[name](rows, rng)
        codes = [np.unique(code, return_inverse=True)[1].astype(np.int32) for code in drawn]
        columns = rng.normal(size=(len(codes[0]), count))
        for code in codes:
            columns += rng.normal(size=(code.max() + 1, count))[code]
        if order == "shuffled":
            places = rng.permutation(len(columns))
            codes = [code[places] for code in codes]
            columns = np.ascontiguousarray(columns[places])
        alone = count == 1 and order == "sorted" and name != "chain"
        peers = PEERS if alone else {peer: PEERS[peer] for peer in FAST}
        size = f"{len(columns):,} x {count}, {order}"
        yield Case(name, size, codes, columns, reference(codes, columns), peers)


def reference(codes: Codes, columns: np.ndarray) -> np.ndarray:
    """Solve by `within` at its tightest tolerance, and once more on the residual."""
    solve = PEERS["within, additive"]
    left = solve(codes, columns, 1e-13)
    return solve(codes, np.ascontiguousarray(left), 1e-13)


def run(quick: bool, rows: int = ROWS) -> Report:
    """Compare all solvers on all cases."""
    keep_memory()
    report = Report()
    missed = []
    for case in cases(QUICK_ROWS if quick else rows):
        solvers = {OURS: partial(by_ours, "auto"), **case.peers}
        tolerances = {name: tolerance_of(case, solve) for name, solve in solvers.items()}
        missed += [f"{name} on {case.work}" for name, found in tolerances.items() if found is None]
        able = {name: found for name, found in tolerances.items() if found is not None}
        timings = take_turns(case, solvers, able, QUICK_REPEATS if quick else REPEATS)
        for peer in case.peers:
            if peer in timings:
                report.add(case.work, case.size, timings[OURS], peer, timings[peer])
                print(
                    f"{case.work}, {case.size}, {peer}: {report.results[-1].ratio:.2f}", flush=True
                )
    if missed:
        report.extra["did not reach the accuracy"] = "; ".join(dict.fromkeys(missed))
    return report


def tolerance_of(case: Case, solve: Solver) -> float | None:
    """Find the first tolerance that brings a solver within the accuracy; this also warms it up."""
    for tolerance in TOLERANCES:
        began = perf_counter()
        if case.error(solve(case.codes, case.columns, tolerance)) <= ACCURACY:
            return tolerance
        if perf_counter() - began > TOO_SLOW:
            break
    return None


def take_turns(
    case: Case, solvers: dict[str, Solver], tolerances: dict[str, float], repeats: int
) -> dict[str, Timing]:
    """Time the solvers in turn, the slow ones once."""
    seconds: dict[str, list[float]] = {name: [] for name in tolerances}
    answers = {}
    for name in [name for _ in range(repeats) for name in tolerances]:
        if seconds[name] and seconds[name][0] > SLOW:
            continue
        began = perf_counter()
        answers[name] = solvers[name](case.codes, case.columns, tolerances[name])
        seconds[name].append(perf_counter() - began)
    ones = np.ones(case.columns.shape[1])
    lengths = np.linalg.norm(case.reference, axis=0)
    return {
        name: Timing(tuple(turns), Answer(answers[name] / lengths, ones))
        for name, turns in seconds.items()
    }


if __name__ == "__main__":
    large = "--large" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--large"]
    main("demean", partial(run, rows=LARGE_ROWS if large else ROWS))
