"""Our generators against the libraries' own runs of the same methods."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy
from packaging.version import Version
from scipy.optimize import minimize, rosen, rosen_der, rosen_hess

from workbench.optimizers import OPTIMIZERS
from workbench.optimizers.scipy_minimize import ScipyMethod

pytestmark = [
    pytest.mark.usefixtures("no_thread_left"),
    # pytorch-minimize 0.1.0 calls what torch 2.13 deprecates.
    pytest.mark.filterwarnings("ignore:torch.triangular_solve is deprecated:UserWarning"),
]

START = np.array([-1.2, 1.0, 0.5])
BY_SCIPY = [name for name, kind in OPTIMIZERS.items() if issubclass(kind, ScipyMethod)]
BY_TORCHMIN = [name for name in OPTIMIZERS if name.startswith("torchmin:")]
SECOND_ORDER = {
    "newton-cg": {"hessp": lambda x, p: rosen_hess(x) @ p},
    "trust-constr": {"hessp": lambda x, p: rosen_hess(x) @ p},
    "trust-exact": {"hess": rosen_hess},
    "nelder-mead": {"jac": None},
}
# What scipy counts in addition to accepted steps: the start, or the last trial that finds no
# further step, at which Nelder-Mead called back until scipy 1.16.
LAST_LOOK = int(Version(scipy.__version__) >= Version("1.16"))
ALSO_COUNTED = {"slsqp": 1, "trust-constr": 1, "nelder-mead": LAST_LOOK}
# The torch and the numpy objective round differently, so the last digits of long runs differ.
DIGITS = 1e-6


@pytest.fixture
def valley(objectives):
    """Rosenbrock's valley in three dimensions, least at (1, 1, 1)."""
    functions = {"value": rosen, "gradient": rosen_der, "hessian": rosen_hess}
    return replace(objectives["rosenbrock"](), **functions, size=3, observations=1.0)


@pytest.mark.parametrize("name", BY_SCIPY)
def test_steps_and_solution_are_those_of_scipy(name, valley):
    optimizer = OPTIMIZERS[name]()
    functions = {"jac": rosen_der} | SECOND_ORDER.get(name, {})

    theirs = minimize(rosen, START, method=name, options=optimizer.options, **functions)
    ours = list(optimizer.iterate(valley, START))

    np.testing.assert_array_equal(ours[-1].params, theirs.x)
    assert ours[-1].number == theirs.nit - ALSO_COUNTED.get(name, 0)
    assert ours[-1].objective == theirs.fun


@pytest.mark.parametrize("name", BY_TORCHMIN)
def test_steps_and_solution_are_those_of_pytorch_minimize(name, valley):
    import torch
    import torchmin

    optimizer = OPTIMIZERS[name]()

    def valley_in_torch(x):
        return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()

    theirs = torchmin.minimize(
        valley_in_torch,
        torch.tensor(START),
        method=name.removeprefix("torchmin:"),
        max_iter=12,
        options=optimizer.options,
    )
    generator = optimizer.iterate(valley, START)
    ours = [step for _, step in zip(range(13), generator, strict=False)]
    generator.close()

    np.testing.assert_allclose(ours[-1].params, theirs.x.numpy(), rtol=DIGITS)
    assert ours[-1].number == theirs.nit


@pytest.mark.parametrize("name", BY_SCIPY)
def test_scipys_evaluations_are_not_exceeded(name, valley):
    optimizer = OPTIMIZERS[name]()
    functions = {"jac": rosen_der} | SECOND_ORDER.get(name, {})

    theirs = minimize(rosen, START, method=name, options=optimizer.options, **functions)
    list(optimizer.iterate(valley, START))

    asked = theirs.nfev + theirs.get("nhev", 0)
    best_corners = theirs.nit if name == "nelder-mead" else 0
    products = valley.evaluations if "hessp" in functions else 0
    assert valley.evaluations <= asked + best_corners + products
