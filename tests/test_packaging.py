"""The package as it is declared, built and installed."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import workbench as wb

ROOT = Path(__file__).parent.parent
CONDA_NAMES = {"torch": "pytorch", "build": "python-build"}
"""Packages that conda-forge calls otherwise."""
SMOKE = """
import workbench as wb

assert len(wb.samples()) > 0
for name, extra in {"Workbench": "lab", "compare": ""}.items():
    try:
        getattr(wb, name)
    except wb.WorkbenchError as error:
        assert extra in error.hint, error.hint
    else:
        assert not extra, f"wb.{name} was there without its extra"
assert [row.name for row in wb.optimizers() if row.name == "newton"]
assert not {"torch", "jax"} & {name for device in wb.devices() for name in device.libraries}
for backend in ("torch", "jax"):
    try:
        wb.fit("logit", "y ~ x", {"y": [0, 1, 1, 0], "x": [0.0, 1.0, 3.0, 2.0]}, backend=backend)
    except wb.WorkbenchError as error:
        assert f"workbench[{backend}]" in error.hint, error.hint
    else:
        raise AssertionError(f"a fit was made without {backend}")
"""


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the source archive from the tree, and the wheel from the archive."""
    folder = tmp_path_factory.mktemp("dist")
    build = ["-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run([sys.executable, *build], check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def declared(project):
    """Collect what is needed by anyone, as ``{name: versions}`` with conda's names."""
    extras = project["optional-dependencies"]
    texts = [*project["dependencies"], *(text for extra in extras.values() for text in extra)]
    needs = [Requirement(text) for text in texts if not text.startswith("workbench")]
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


def test_the_licence_is_the_one_that_is_declared(project):
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")

    assert project["license"] == "BSD-3-Clause"
    assert text.startswith("BSD 3-Clause License")
    assert "The workbench authors" in text


def test_the_changelog_tells_of_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert f"## {wb.__version__}" in text


@pytest.mark.slow
def test_the_wheel_brings_the_page_and_not_its_sources(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    assert {
        "workbench/notebook/static/workbench.js",
        "workbench/notebook/static/workbench.css",
    } <= {*names}
    assert not [name for name in names if "frontend" in name or "node_modules" in name]


@pytest.mark.slow
def test_the_wheel_works_in_an_empty_environment(wheel, tmp_path):
    python = tmp_path / "venv" / "bin" / "python"
    install = ["-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt")]

    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    subprocess.run([python, *install, str(wheel)], check=True)
    smoke = subprocess.run(
        [python, "-I", "-c", SMOKE], check=False, capture_output=True, text=True, cwd=tmp_path
    )

    assert smoke.returncode == 0, smoke.stderr


def test_checks_read_the_project_and_not_a_persons_own_notebooks(tmp_path):
    for name in ("kept.py", "kept.ipynb", "mine.ipynb"):
        (tmp_path / name).touch()
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "kept.py", "kept.ipynb"], cwd=tmp_path, check=True)

    asked = ["make", "--dry-run", "--file", str(ROOT / "Makefile"), "check", "INSTALLED="]
    shown = subprocess.run(asked, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    assert "ruff check kept.ipynb kept.py\n" in shown
    assert "mine" not in shown
