"""What all tests share: nothing of the person who runs them is read or written."""

from __future__ import annotations

import os
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

LIBRARIES = ("torch", "jax")


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
    if find_spec("torch") is None:
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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
