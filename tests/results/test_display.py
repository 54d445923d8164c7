"""What results ask of the parts above them is there, and is imported only when asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from workbench.results.display import TABLE


@pytest.mark.parametrize("name", TABLE)
def test_every_function_of_the_table_is_there(name):
    module, _, function = TABLE[name].partition(":")

    assert callable(getattr(import_module(module), function))


def test_a_fit_is_imported_without_what_shows_it():
    code = "import sys, workbench.results.fit; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()

    assert not [name for name in loaded if name.startswith(("workbench.report", "workbench.note"))]
    assert not [name for name in loaded if name.startswith(("workbench.models", "workbench.runs"))]
