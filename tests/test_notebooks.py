"""The notebooks are committed empty and run from top to bottom."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from workbench.notebook import kernelspec

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PATIENCE = 600
"""Seconds that one cell may take."""


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Install our kernel where only this test looks for it."""
    folder = kernelspec.install(tmp_path)
    monkeypatch.setenv("JUPYTER_PATH", str(folder.parent.parent))
    return kernelspec.NAME


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def test_a_notebook_is_committed_without_outputs(notebook):
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]

    assert notebook.metadata.kernelspec.name == kernelspec.NAME
    assert not [cell.source for cell in cells if cell.outputs or cell.execution_count]


@pytest.mark.notebook
@pytest.mark.slow
def test_a_notebook_runs_from_top_to_bottom(notebook, kernel):
    client = NotebookClient(
        notebook, timeout=PATIENCE, kernel_name=kernel, resources={"metadata": {"path": FOLDER}}
    )

    client.execute()

    assert not [cell.source for cell in notebook.cells if has_error(cell)]


def test_the_kernel_is_this_python_with_patient_workers(kernel, tmp_path):
    from jupyter_client.kernelspec import KernelSpecManager

    spec = KernelSpecManager().get_kernel_spec(kernel)

    assert spec.argv[0] == sys.executable
    assert spec.display_name == "workbench (Python 3)"
    assert spec.env["OMP_WAIT_POLICY"] == "passive"
    assert Path(spec.resource_dir).is_relative_to(tmp_path)


def has_error(cell):
    return any(output.output_type == "error" for output in cell.get("outputs", []))
