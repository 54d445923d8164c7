"""A new option is one line in one file: the line is put into a copy of the package, and found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.copied_package import (
    TOY_OPTION_OF_EVERY_RUN,
    TOY_OPTIONS,
    Insertion,
    copied_package,
    option_line,
)

HERE = Path(__file__).parent
INSERTED = {
    **TOY_OPTIONS,
    "covariance": Insertion(
        "covariances/newey_west.py",
        "    unit: str | None = option(\n",
        option_line("toy_taper", "COUNT", "1, least=1", python="int"),
    ),
    "run": TOY_OPTION_OF_EVERY_RUN,
    "function": Insertion(
        "models/event_study/options.py",
        "    treatment: str = option(\n",
        option_line("toy_trim", "NUMBER", "0.0, least=0.0, below=1.0", python="float"),
    ),
}
"""The line of each family, one of every run, and one of a model with a function of its own."""
FLAGS = {
    "model": "--toy-share",
    "optimizer": "--optimizer-toy-way",
    "demeaner": "--demeaner-toy-check",
    "covariance": "--se-toy-taper",
    "run": "--toy-rounds",
}
CLIENT = """
import workbench as wb

wb.fit("mixed_logit", "y ~ x", "modechoice", toy_share=0.25)
wb.fit(wb.MixedLogit(toy_share=0.25), "y ~ x", optimizer=wb.SGD(toy_way="long"))
wb.fit("feols", "y ~ x | f", demeaner=wb.Schur(toy_check=True))
wb.fit("ols", "y ~ x", se=wb.NeweyWest(time="year", toy_taper=3))
wb.did2s("staggered", "y", "~ 0 | f", "~ d", "d", "f", toy_trim=0.1, toy_rounds=9)
wb.did2s("staggered", "y", "~ 0 | f", "~ d", "d", "f", toy_trim="x")  # type: ignore[arg-type]
wb.fit("logit", "y ~ x", toy_rounds=9)
wb.fit(wb.MixedLogit(toy_share=0.25), "y ~ x", toy_rounds=9)
wb.start("ols", "y ~ x", toy_rounds=9)
wb.fit("logit", "y ~ x", toy_rounds="many")  # type: ignore[call-overload]
wb.fit("mixed_logit", "y ~ x", toy_share="much")  # type: ignore[call-overload]
wb.fit("logit", "y ~ x", toy_share=0.25)  # type: ignore[call-overload]
wb.MixedLogit(toy_share="much")  # type: ignore[arg-type]
wb.SGD(toy_way=3)  # type: ignore[arg-type]
wb.Schur(toy_check="yes")  # type: ignore[arg-type]
wb.NeweyWest(time="year", toy_taper="three")  # type: ignore[arg-type]
"""
every_family = pytest.mark.parametrize("family", INSERTED)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Copy the package, insert one line for each family, and generate its types."""
    folder = tmp_path_factory.mktemp("once")
    environment = copied_package(folder, INSERTED.values())
    run("-m", "workbench.api.stubs", folder=folder, environment=environment)
    return folder, environment


@pytest.fixture(scope="module")
def answers(copy):
    """Ask the copy, in a new process, for all that it knows of the toy options."""
    folder, environment = copy
    said = run(HERE / "toy_options.py", folder=folder, environment=environment)
    return json.loads(said.splitlines()[-1])


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


def test_each_option_is_one_line():
    assert all(each.lines.count("\n") == 1 for each in INSERTED.values())


def test_the_signature_and_the_help_of_fit_have_the_options(copy, answers):
    assert answers["file"].startswith(str(copy[0]))
    assert answers["signature"] == {"toy_share": ["float", 0.5], "toy_rounds": ["int", 7]}
    assert answers["signature of did2s"] == {"toy_trim": ["float", 0.0], "toy_rounds": ["int", 7]}
    assert "toy_trim : float Toy option" in answers["help of did2s"]
    assert "toy_share : float Toy option; by default 0.5. For mixed_logit." in answers["help"]
    assert "toy_rounds : int Toy option; by default 7. " in answers["help"]
    for name in ("toy_way: toy option (sgd)", "toy_check: toy option (schur)"):
        assert name in answers["help"]
    assert "toy_taper: toy option (newey_west)" in answers["help"]


def test_mypy_reads_the_types_of_the_options(copy, tmp_path):
    folder, environment = copy
    client = folder / "client.py"
    client.write_text(CLIENT)

    run(
        *("-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir", tmp_path),
        *("--config-file", HERE.parent / "pyproject.toml", client),
        folder=folder,
        environment=environment,
    )


@pytest.mark.parametrize("family", FLAGS)
def test_the_cell_completes_and_explains_the_flag(answers, family):
    assert answers["cell"]["flags"][family] == [FLAGS[family]]
    assert f"{FLAGS[family]} " in answers["cell"]["help"]


def test_the_cell_completes_the_values_and_reads_them_in_their_kinds(answers):
    read = answers["cell"]["read"]

    assert answers["cell"]["values"] == {
        "optimizer": ["short", "long"],
        "demeaner": ["True", "False"],
    }
    assert read["toy_share"] == 0.25
    assert read["toy_rounds"] == 9
    assert read["optimizer_options"] == {"toy_way": "long"}
    assert read["demeaner_options"] == {"toy_check": True}
    assert read["se_options"] == {"toy_taper": 3}


@pytest.mark.parametrize(
    ("family", "python", "magic"),
    [
        ("model", "toy_share=0.25", "--toy-share 0.25"),
        ("optimizer", 'wb.SGD(toy_way="long")', "sgd(toy_way='long')"),
        ("demeaner", "wb.Schur(toy_check=True)", "schur(toy_check=True)"),
        ("covariance", '"toy_taper": 3', "toy_taper=3"),
        ("run", "toy_rounds=9", "--toy-rounds 9"),
        ("function", "toy_trim=0.25", "no %%mle cell"),
    ],
)
def test_the_code_and_the_cell_that_repeat_a_run_have_the_option(answers, family, python, magic):
    assert python in answers["asked"][family]["python"]
    assert magic in answers["asked"][family]["magic"]


@every_family
def test_the_record_and_what_changed_have_the_option(answers, family):
    said = answers["asked"][family]

    assert '"toy_' in said["record"]
    assert said["again"]
    assert "toy" in said["changed"].lower()


@every_family
def test_a_misspelled_name_and_a_wrong_value_are_refused(answers, family):
    name = INSERTED[family].lines.split(":")[0].strip()
    misspelled, wrong = answers["refused"][family]

    assert misspelled["suggestion"] == name
    assert name in wrong["text"]
    assert wrong["where"] in {name, "optimizer", "demeaner", "se_options"}


@pytest.mark.parametrize(
    ("family", "schema"),
    [
        ("model", {"kind": "number", "default": 0.5, "least": 0.0, "most": 1.0}),
        ("optimizer", {"kind": "choice", "choices": ["short", "long"], "default": "short"}),
        ("demeaner", {"kind": "flag", "default": False}),
        ("covariance", {"kind": "count", "least": 1, "default": 1}),
        ("run", {"kind": "count", "least": 1, "default": 7}),
        ("function", {"kind": "number", "least": 0.0, "most": 1.0, "default": 0.0}),
    ],
)
def test_the_schema_that_the_page_draws_has_the_option(answers, family, schema):
    found = answers["schemas"][family]

    assert schema.items() <= found.items()
    assert found["label"].startswith("Toy ")
    assert found["help"] == "toy option"
