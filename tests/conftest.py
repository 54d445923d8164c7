"""What all tests share: nothing of the person who runs them is read or written."""

from __future__ import annotations

import os

import pytest


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
