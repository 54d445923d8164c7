"""A record of runs in a folder of its own."""

from __future__ import annotations

import pytest

from workbench.runs.store import Store


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "runs.sqlite"


@pytest.fixture
def store(path):
    store = Store(path)
    yield store
    store.close()
