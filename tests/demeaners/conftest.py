"""Panels with properties that make demeaning hard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from workbench.kernels.absorption.factors import Factor, Factors


@dataclass(frozen=True)
class Panel:
    """Factors, the columns to demean, and the answer by dense least squares."""

    factors: Factors
    columns: np.ndarray
    expected: np.ndarray


def dummies(factors):
    """Write out the dummies of the factors, (n, levels)."""
    blocks = []
    for member in factors.members:
        block = np.zeros((factors.rows, member.levels))
        block[np.arange(factors.rows), member.codes] = 1 if member.slope is None else member.slope
        blocks.append(block)
    return np.hstack(blocks)


def demeaned_by_lstsq(factors, columns):
    """Regress on the dummies with numpy's singular values."""
    root = np.ones(factors.rows) if factors.weights is None else np.sqrt(factors.weights)
    design = dummies(factors)
    effects = np.linalg.lstsq(design * root[:, None], columns * root[:, None], rcond=1e-12)[0]
    return columns - design @ effects


def codes_of(name, rng, n):
    """Draw the factors of a panel: columns of codes, and of slopes where there are any."""
    firm, worker = rng.integers(0, 70, n), np.repeat(np.arange(n // 5), 5)
    year, halves = np.tile(np.arange(5), n // 5), (worker >= n // 10).astype(int)
    zipf = np.minimum(rng.zipf(1.4, n), 90)
    ring, trend = np.arange(n) % 97, rng.normal(size=n)
    return {
        "one": [(worker, None)],
        "two": [(worker, None), (firm, None)],
        "two-small-first": [(year, None), (worker, None)],
        "three": [(worker, None), (firm, None), (year, None)],
        "four": [(worker, None), (firm, None), (year, None), (zipf, None)],
        "three-large": [(worker, None), (ring, None), (zipf, None)],
        "disconnected": [(worker, None), (firm + 70 * halves, None)],
        "nested": [(worker, None), (worker // 3, None), (year, None)],
        "difficult": [(worker, None), (ring, None), (year, None)],
        "zipf": [(zipf, None), (rng.integers(0, 30, n), None)],
        "slopes-only": [(worker, trend)],
        "intercepts-and-slopes": [(worker, None), (worker, trend), (year, None)],
        "slopes-of-the-smaller": [(worker, None), (firm, trend), (firm, None)],
        "slopes-of-both": [(worker, None), (worker, trend), (firm, None), (firm, trend + 3)],
    }[name]


NAMES = (
    "one",
    "two",
    "two-small-first",
    "three",
    "four",
    "three-large",
    "disconnected",
    "nested",
    "difficult",
    "zipf",
    "slopes-only",
    "intercepts-and-slopes",
    "slopes-of-the-smaller",
    "slopes-of-both",
)


def make_panel(name, *, weighted=False, shuffled=False, columns=3, n=800, seed=7):
    """Draw a panel of n rows with normal columns around normal effects."""
    rng = np.random.default_rng(seed)
    terms = codes_of(name, rng, n)
    order = rng.permutation(n) if shuffled else np.arange(n)
    members = tuple(
        Factor.of(str(place), codes[order], None if slope is None else slope[order])
        for place, (codes, slope) in enumerate(terms)
    )
    weights = rng.uniform(0.2, 3.0, n) if weighted else None
    factors = Factors(members, n, weights)
    drawn = rng.normal(size=(n, columns))
    effects = rng.normal(size=(sum(member.levels for member in members), columns))
    drawn += dummies(factors) @ effects
    return Panel(factors, drawn, demeaned_by_lstsq(factors, drawn))


@pytest.fixture(params=NAMES)
def design(request):
    """The name of each panel."""
    return request.param


@pytest.fixture
def panel():
    """A function that draws the panel of a name."""
    return make_panel
