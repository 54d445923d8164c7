"""The package as it is declared, built and installed."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
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

    assert str(python) == project["requires-python"]
    assert found == declared(project)


def test_the_constraints_pin_every_dependency_within_its_range(project):
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    versions = {canonicalize_name(pin.name): str(pin.specifier)[2:] for pin in pins}

    needs = {
        "torch" if name == "pytorch" else name: need for name, need in declared(project).items()
    }
    needs["build"] = needs.pop("python-build")
    strays = [name for name, need in needs.items() if not need.contains(versions.get(name, "0"))]

    assert not strays


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
