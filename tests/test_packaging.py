"""The package as it is declared, built and installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import workbench as wb
from workbench.extras import EXTRAS

ROOT = Path(__file__).parent.parent
CONDA_NAMES = {"torch": "pytorch", "build": "python-build"}
"""Packages that conda-forge calls otherwise."""


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def declared(project):
    """Collect what is needed by anyone, as ``{name: versions}`` with conda's names."""
    extras = project["optional-dependencies"]
    texts = [*project["dependencies"], *(text for extra in extras.values() for text in extra)]
    needs = [Requirement(text) for text in texts if Requirement(text).name != project["name"]]
    return {
        CONDA_NAMES.get(need.name, canonicalize_name(need.name)): need.specifier for need in needs
    }


def test_conda_and_pip_read_the_same_dependencies(project):
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    texts = [text for text in listed if isinstance(text, str)] + listed[-1]["pip"]
    found = {canonicalize_name(need.name): need.specifier for need in map(Requirement, texts)}

    python = found.pop("python")
    found.pop("pip")

    assert python == SpecifierSet(project["requires-python"])
    assert found == declared(project)


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-newest.txt"])
def test_the_constraints_pin_every_dependency_within_its_range(project, name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    versions = {canonicalize_name(pin.name): str(pin.specifier)[2:] for pin in pins}

    needs = {
        "torch" if name == "pytorch" else name: need for name, need in declared(project).items()
    }
    needs["build"] = needs.pop("python-build")
    strays = {name for name, need in needs.items() if not need.contains(versions.get(name, "0"))}

    assert strays == ({"torch", "pytorch-minimize"} if "newest" in name else set())


def test_the_oldest_versions_are_the_lower_bounds(project):
    written = (ROOT / "constraints-oldest.txt").read_text(encoding="utf-8")
    wanted = subprocess.run(
        [sys.executable, ROOT / ".ci" / "oldest.py"], check=True, capture_output=True, text=True
    ).stdout

    bounds = {
        "numpy": "2.0",
        "scipy": "1.14",
        "pandas": "2.2.2",
        "jupyterlab": "4.5.9",
        "jupyter-server": "2.20.0",
    }

    assert written == wanted
    assert {f"{name}=={version}" for name, version in bounds.items()} <= {*written.splitlines()}


def test_the_constraints_name_no_host_and_no_path():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")

    assert "@" not in text
    assert "://" not in text
    assert "torch==2.13.0\n" in text


def test_each_extra_brings_the_libraries_that_its_hint_is_given_for(project):
    distributions = {
        "docx": "python-docx",
        "torchmin": "pytorch-minimize",
        "within": "within_py",
    }
    extras = project["optional-dependencies"]
    brought = {
        extra: {canonicalize_name(Requirement(text).name) for text in extras[extra]}
        for extra in EXTRAS
    }

    named = {
        extra: {canonicalize_name(distributions.get(name, name)) for name in libraries}
        for extra, libraries in EXTRAS.items()
    }

    assert {*extras} - {*EXTRAS} == {"all", "test"}
    assert named == brought


def test_every_extra_is_one_of_this_distribution(project):
    asked = Requirement(*project["optional-dependencies"]["all"])
    tracked = subprocess.run(
        ["git", "grep", "--untracked", "--extended-regexp", r"workbench\[[a-z.]"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    ).stdout.splitlines()

    assert (asked.name, asked.extras) == (project["name"], {*EXTRAS})
    assert [line for line in tracked if re.search(r"(?<!mle-)workbench\[[a-z.]", line)] == []


def test_the_licence_is_the_one_that_is_declared(project):
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")

    assert project["license"] == "BSD-3-Clause"
    assert text.startswith("BSD 3-Clause License")
    assert "The workbench authors" in text


def test_the_changelog_tells_of_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert f"## {wb.__version__}" in text


def test_checks_read_the_project_and_not_a_persons_own_notebooks(tmp_path):
    for name in ("kept.py", "kept.ipynb", "mine.ipynb"):
        (tmp_path / name).touch()
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "kept.py", "kept.ipynb"], cwd=tmp_path, check=True)

    asked = ["make", "--dry-run", "--file", str(ROOT / "Makefile"), "check", "INSTALLED="]
    shown = subprocess.run(asked, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    assert "ruff check kept.ipynb kept.py\n" in shown
    assert "mine" not in shown


def pretend(folder, text, name="python3.13"):
    """Write a program into a new folder, and return the folder."""
    folder.mkdir(parents=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return folder


@pytest.mark.parametrize(("ci", "status"), [("", 2), ("true", 0)])
def test_a_missing_python_is_said_and_left_out_in_ci_alone(tmp_path, ci, status):
    shims = pretend(tmp_path / "shims", "echo 'python3.13: command not found' >&2; exit 127")
    places = {"PATH": f"{shims}:{os.environ['PATH']}", "PYENV_ROOT": str(tmp_path), "CI": ci}

    asked = ["make", "--directory", str(ROOT), "test-newest"]
    ended = subprocess.run(asked, check=False, capture_output=True, text=True, env=places)

    assert ended.returncode == status
    assert (
        "Python 3.13 is missing, with which the newest versions are tested; try: " in ended.stdout
    )


def test_a_python_is_found_by_running_it(tmp_path):
    shims = pretend(tmp_path / "shims", "exit 127")
    other = pretend(tmp_path / "versions" / "3.13.1" / "bin", "exit 0", "python")
    places = {"PATH": f"{shims}:{os.environ['PATH']}", "PYENV_ROOT": str(tmp_path)}

    asked = ["make", "--directory", str(ROOT), "--dry-run", "--always-make", "newest"]
    shown = subprocess.run(asked, check=True, capture_output=True, text=True, env=places).stdout

    assert f"{other}/python -m venv .venv-newest\n" in shown
