"""A new template is one file and one line, a new family one folder and one line, and no more."""

from __future__ import annotations

import filecmp
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.copied_package import PACKAGE, Insertion, copied_package

TOYS = Path(__file__).parent / "toy_models"
REGISTERED = Insertion(
    "models/registry.py",
    '    "logit": "workbench.likelihoods.logit:Logit",\n',
    '    "exponential": "workbench.likelihoods.exponential:Exponential",\n'
    '    "ridge": "workbench.models.ridge.options:Ridge",\n',
)
ADDED = {
    "likelihoods/exponential.py": TOYS / "exponential.py",
    "models/ridge/__init__.py": TOYS / "ridge" / "__init__.py",
    "models/ridge/options.py": TOYS / "ridge" / "options.py",
    "models/ridge/build.py": TOYS / "ridge" / "build.py",
    "models/ridge/results.py": TOYS / "ridge" / "results.py",
}
GENERATED = {"__init__.pyi", "api/members.py"}
MODELS = ("ridge", "exponential")
# The last Newton step squares an error of 1e-4 nats.
AGREEMENT = 1e-6
every_model = pytest.mark.parametrize("model", MODELS)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Copy the package, and add a template and a family with one line each."""
    folder = tmp_path_factory.mktemp("models")
    environment = copied_package(folder, [REGISTERED])
    (folder / "workbench" / "models" / "ridge").mkdir()
    for name, source in ADDED.items():
        (folder / "workbench" / name).write_bytes(source.read_bytes())
    run("-m", "workbench.api.stubs", folder=folder, environment=environment)
    return folder, environment


@pytest.fixture(scope="module")
def answers(copy):
    """Ask the copy, in a new process, for all that it does with the two models."""
    folder, environment = copy
    said = run(TOYS / "answers.py", folder=folder, environment=environment)
    return json.loads(said.splitlines()[-1])


@pytest.fixture(scope="module")
def frame():
    """Return the data that the process drew."""
    spec = importlib.util.spec_from_file_location("answers", TOYS / "answers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.durations()


def run(*words, folder, environment):
    done = subprocess.run(
        [sys.executable, *words],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_nothing_else_differs_from_the_package(copy):
    folder = copy[0] / "workbench"
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.py*")]
    sources = [name for name in names if name.endswith((".py", ".pyi"))]

    new = [name for name in sources if not (PACKAGE / name).exists()]
    changed = [
        name
        for name in sources
        if name not in new and not filecmp.cmp(folder / name, PACKAGE / name, shallow=False)
    ]

    assert {*new} == {*ADDED}
    assert {*changed} - GENERATED == {"models/registry.py"}
    assert REGISTERED.lines.count("\n") == len(MODELS)


def test_the_estimates_of_the_family_are_those_of_the_closed_form(answers, frame):
    x = np.column_stack([np.ones(len(frame)), frame["x"], frame["z"]])
    penalized = np.linalg.inv(x.T @ x + 20.0 * np.eye(3))

    np.testing.assert_allclose(answers["ridge"]["params"], penalized @ x.T @ frame["y"])
    np.testing.assert_allclose(answers["ridge"]["se"], np.sqrt(np.diag(penalized)))
    np.testing.assert_allclose(answers["ridge"]["predicted"], (x @ answers["ridge"]["params"])[:3])
    assert answers["ridge"]["class"] == "RidgeFit"
    assert answers["shrinkage"] == 0.1


def test_the_estimates_of_the_template_solve_its_score_equations(answers, frame):
    x = np.column_stack([np.ones(len(frame)), frame["x"], frame["z"]])

    mean = np.exp(x @ answers["exponential"]["params"])

    np.testing.assert_allclose(x.T @ (frame["y"] / mean - 1), 0, atol=AGREEMENT * len(frame))
    assert answers["exponential"]["converged"]
    assert answers["exponential"]["class"] == "TemplateFit"


@every_model
def test_object_code_record_and_cell_give_the_same_estimates(answers, model):
    said = answers[model]

    for other in (*said["others"], said["cell"]):
        np.testing.assert_array_equal(other, said["params"])
    assert said["stored"]
    assert all(np.isfinite(said["clustered"]))


@pytest.mark.parametrize(
    ("model", "python", "magic"),
    [
        ("ridge", "penalty=20.0", "--penalty 20.0"),
        ("exponential", "shape=2.0", "--shape 2.0"),
    ],
)
def test_the_code_names_the_option(answers, model, python, magic):
    assert python in answers[model]["code"][0]
    assert magic in answers[model]["code"][1]


@pytest.mark.parametrize(
    ("model", "title"), [("ridge", "Ridge regression"), ("exponential", "Exponential")]
)
def test_lists_tables_and_plans_know_the_model(answers, model, title):
    said = answers[model]

    assert said["listed"][0] == title
    assert said["runs"] == model
    assert title in said["summary"]
    assert title in said["compared"]
    assert said["plan"] == [["Intercept", "x", "z"], 200, True]
    assert ("Penalty" if model == "ridge" else "Shape") in said["changed"]


def test_the_family_draws_its_own_picture_and_the_template_the_usual_one(answers):
    assert answers["ridge"]["plot"] == "'3 bars of Ridge regression, 95 % intervals'"
    assert answers["ridge"]["svg"] == "<svg"
    assert "by regressor: x:" in answers["exponential"]["plot"]


def test_other_models_name_the_family_that_has_an_option_or_a_property(answers):
    assert "penalty is an option of ridge." in answers["refused"]["option"]
    assert "ridge" in answers["refused"]["property"]
    assert '"ridge"?' in answers["refused"]["name"]
