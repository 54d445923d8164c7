"""Compiled passes access no memory outside their arrays."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.skipif(os.name == "nt", reason="mprotect is of POSIX")
def test_a_pass_touches_nothing_beyond_its_arrays():
    command = [sys.executable, "-m", "tests.kernels.choice.fenced"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout.split("\n")[-2:]) == (0, ["inside", ""]), ended.stdout
