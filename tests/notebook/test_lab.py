"""The launcher behind `make lab`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from workbench.notebook import lab

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "00-start.ipynb"


@pytest.fixture
def without_display(monkeypatch):
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")


@pytest.fixture
def printed(without_display):
    """Start the lab and read what it prints, as one line after the other."""
    command = [sys.executable, "-m", "workbench.notebook.lab", NOTEBOOK, "--port-retries", "50"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        yield server.stdout
        server.terminate()


@pytest.mark.slow
def test_the_lab_prints_an_address_that_answers(printed):
    welcome = next(line for line in printed if "The workbench is at" in line)

    address = next(line.strip() for line in printed if line.strip())
    with urlopen(address) as answer:
        page = answer.read().decode()

    assert welcome
    assert re.search(r"/lab/tree/notebooks/00-start\.ipynb\?token=", address)
    assert '"exposeAppInBrowser": true' in page


def test_no_browser_is_opened_without_a_display(without_display):
    assert "--no-browser" in lab._circumstances()


def test_a_browser_is_opened_on_a_display(without_display, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")

    assert "--no-browser" not in lab._circumstances()


@pytest.mark.parametrize(("user", "expected"), [(0, True), (1000, False)])
def test_root_is_allowed_when_it_is_root_who_asks(user, expected, without_display, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: user)

    assert ("--allow-root" in lab._circumstances()) is expected
