"""What all tests share: nothing of the person who runs them is read or written."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from workbench.errors import WorkbenchError

LIBRARIES = ("torch", "jax")
TORCH = find_spec("torch") is not None
NO_TORCH = "torch is not installed"
TORCH_IS_MISSING = re.compile(
    r"No module named 'torch'|torch(, which)? is not installed|needs torch\b"
)
ASKED = []
"""What the running test was refused, for want of torch."""


@pytest.fixture(scope="session", autouse=True)
def _private_places(tmp_path_factory):
    """Keep runs in memory, and Jupyter's and IPython's files in a folder of this session."""
    home = tmp_path_factory.mktemp("home")
    places = {
        "IPYTHONDIR": home / "ipython",
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "WORKBENCH_STORE": ":memory:",
    }
    with pytest.MonkeyPatch.context() as patch:
        for variable, place in places.items():
            patch.setenv(variable, os.fspath(place))
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Let torch add in one order, since equal runs are promised at a fixed count of threads."""
    if not TORCH:
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def torch():
    """Torch itself; a test that asks for it is skipped where it is not installed."""
    return pytest.importorskip("torch", reason=NO_TORCH)


@pytest.fixture(autouse=not TORCH)
def _refusals(monkeypatch):
    """Note on a test that something in it was refused since torch is not installed."""
    ASKED.clear()
    make = WorkbenchError.__init__

    def noting(self, problem, hint="", **about):
        make(self, problem, hint, **about)
        if _is_for_torch(self):
            ASKED.append(problem)

    monkeypatch.setattr(WorkbenchError, "__init__", noting)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    """Skip a test whose fixtures ask for torch where it is not installed."""
    return (yield from _skipped_without_torch())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Skip a test that asks for torch where it is not installed."""
    return (yield from _skipped_without_torch())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    """Skip a test whose thread asks for torch where it is not installed."""
    return (yield from _skipped_without_torch())


def _skipped_without_torch():
    try:
        return (yield)
    except (Exception, pytest.fail.Exception) as error:
        if not TORCH and (ASKED or _is_for_torch(error)):
            pytest.skip(NO_TORCH)
        raise


def _is_for_torch(error):
    """Return whether an error, or one in its text or before it, says that torch is missing."""
    if error is None:
        return False
    text = f"{error} {getattr(error, 'stderr', '')}"
    return bool(TORCH_IS_MISSING.search(text)) or _is_for_torch(
        error.__cause__ or error.__context__
    )


def pytest_terminal_summary(terminalreporter):
    """Say how many tests were skipped because torch is not installed."""
    skipped = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and NO_TORCH in report.longrepr[2]
    ]
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} tests were skipped: {NO_TORCH}.")


@pytest.fixture(params=LIBRARIES)
def library(request):
    """Each library that computes."""
    return request.param


@pytest.fixture(scope="session")
def people():
    """Return 300 people in 20 towns, drawn with seed 1.

    Two normal regressors, an outcome of each kind that depends on both, frequency weights from 1
    to 4, probability weights from 0.5 to 3 and a year's share that each was observed.
    """
    rng = np.random.default_rng(1)
    n = 300
    educ, exper = rng.normal(12, 2, n), rng.gamma(2, 4, n)
    town = rng.integers(0, 20, n)
    index = -2.5 + 0.2 * educ + 0.04 * exper
    share = rng.uniform(0.2, 1.0, n)
    return pd.DataFrame(
        {
            "wage": 3 + 0.5 * educ + 0.1 * exper + rng.normal(0, 2, 20)[town] + rng.normal(0, 2, n),
            "works": (index + rng.logistic(0, 1, n) > 0).astype(float),
            "visits": rng.poisson(np.exp(0.3 * index) * share).astype(float),
            "educ": educ,
            "exper": exper,
            "town": town,
            "copies": rng.integers(1, 5, n),
            "chance": rng.uniform(0.5, 3.0, n),
            "shift": np.log(share),
        }
    )
