"""Objectives with known optima, and a check of the threads that optimizers start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der, rosen_hess

from workbench.protocols import Evaluation

DEADLINE = 10.0  # seconds; a solver's thread ends within milliseconds on a quiet machine


@dataclass
class Watched:
    """An objective that records where and how often it is evaluated.

    ``before`` runs ahead of every evaluation and may block or raise.
    """

    value: Callable
    gradient: Callable
    hessian: Callable
    size: int
    optimum: np.ndarray
    observations: float = 50.0
    backend_name: str = "torch"
    before: Callable = lambda: None
    threads: set[int] = field(default_factory=set)
    evaluations: int = 0

    def evaluate(self, theta, order=0):
        self._count()
        with np.errstate(all="ignore"):
            gradient = self.gradient(theta) if order >= 1 else None
            return Evaluation(
                float(self.value(theta)), gradient, self.hessian(theta) if order == 2 else None
            )

    def hessian_vector(self, theta, vector):
        self._count()
        return self.hessian(theta) @ vector

    def _count(self):
        self.before()
        self.threads.add(threading.get_ident())
        self.evaluations += 1


def rosenbrock():
    """Rosenbrock's valley, least at (1, 1), a thousandth as high so that fixed rates descend."""
    valley = (lambda x, f=f: f(x) / 1000 for f in (rosen, rosen_der, rosen_hess))
    return Watched(*valley, 2, np.ones(2), observations=1000.0)


def bowl():
    """A quadratic with curvatures from 0.5 to 2, least at (1, -2, 3)."""
    A = np.array([[2.0, 0.2, 0.0], [0.2, 1.0, 0.1], [0.0, 0.1, 0.5]])
    m = np.array([1.0, -2.0, 3.0])
    return Watched(lambda x: (x - m) @ A @ (x - m) / 2, lambda x: A @ (x - m), lambda _: A, 3, m)


def fenced():
    """x - log(x), nan where x is not positive; least at 1, and steep near 0."""

    def inside(formula):
        return lambda x: formula(x) if x[0] > 0 else np.full_like(formula(np.ones(1)), np.nan)

    return Watched(
        inside(lambda x: x[0] - np.log(x[0])),
        inside(lambda x: 1 - 1 / x),
        inside(lambda x: np.diag(1 / x**2)),
        1,
        np.ones(1),
    )


@pytest.fixture
def objectives():
    """The objectives by name, each made anew by a call."""
    return {"rosenbrock": rosenbrock, "bowl": bowl, "fenced": fenced}


@pytest.fixture
def no_thread_left():
    """Fail when a test leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + DEADLINE
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left
