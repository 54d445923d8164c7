"""What results ask of the parts above them is there, and is imported only when asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from workbench.estimation.model import LATE_BOUND
from workbench.results.display import TABLE


@pytest.mark.parametrize("place", [*TABLE.values(), *LATE_BOUND.values()])
def test_every_late_bound_function_is_there(place):
    module, _, function = place.partition(":")

    assert callable(getattr(import_module(module), function))


def test_a_fit_is_imported_without_what_shows_it():
    code = "import sys, workbench.results.fit; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()

    assert not [name for name in loaded if name.startswith(("workbench.report", "workbench.note"))]
    assert not [name for name in loaded if name.startswith(("workbench.models", "workbench.runs"))]


def test_a_fit_of_one_family_loads_the_results_of_no_other():
    code = """
import sys, workbench as wb
wb.fit("ols", "inlf ~ educ", "mroz")
print(*(name for name in sys.modules if name.startswith("workbench.models.")))
"""

    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()

    results = {name for name in loaded if name.endswith((".results", ".problem"))}
    assert results == {"workbench.models.design.results", "workbench.models.linear.results"}
