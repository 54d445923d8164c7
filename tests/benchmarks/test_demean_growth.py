"""The picture of how demeaning's cost grows, and who is left out of it."""

from __future__ import annotations

import numpy as np

from benchmarks.demean import Case
from benchmarks.demean_growth import SHARES, SOLVERS, Point, _measured, _tolerance, draw


def case():
    """Build a problem whose reference is zero but in one place."""
    reference = np.array([[1.0], [0.0]])
    return Case("growth", "2", [], np.ones((2, 1)), reference, {})


def exact_below(limit):
    """Return a solver that is right from a tolerance on."""

    def solve(codes, columns, tolerance):
        return np.array([[1.0], [0.0 if tolerance <= limit else 1.0]])

    return solve


def test_the_loosest_tolerance_that_reaches_the_accuracy_is_taken():
    assert _tolerance(case(), exact_below(1e-10))[0] == 1e-10
    assert _tolerance(case(), exact_below(0))[0] is None


def test_a_solver_that_misses_the_accuracy_leaves_for_good():
    able = {"right": exact_below(1), "wrong": exact_below(0)}

    found = list(_measured(case(), able))

    assert [point["solver"] for point in found] == ["right"]
    assert list(able) == ["right"]


def test_the_picture_is_written(tmp_path):
    rows = [Point("rows", 10.0**k, name, 0.1, 5, 1e-8) for k in (5, 6) for name in SOLVERS]
    shares = [Point("share", share, name, 0.1, 5, 1e-8) for share in SHARES for name in SOLVERS]

    draw([*rows, *shares], tmp_path / "growth.png")

    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")
