"""The family's list: names become optimizers, and optimizers names."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace

import pytest

from workbench.errors import WorkbenchError
from workbench.optimizers import OPTIMIZERS, base, choice_of, describe, optimizer_named
from workbench.optimizers.sgd import SGD

LISTED = [
    "newton",
    "trust-region",
    "sgd",
    "adam",
    "bfgs",
    "l-bfgs-b",
    "cg",
    "newton-cg",
    "tnc",
    "slsqp",
    "trust-exact",
    "trust-constr",
    "nelder-mead",
    "torchmin:bfgs",
    "torchmin:l-bfgs",
    "torchmin:cg",
    "torchmin:newton-cg",
    "torchmin:newton-exact",
    "torchmin:trust-ncg",
    "torchmin:trust-exact",
    "torchmin:dogleg",
]


def test_every_optimizer_is_listed_once():
    assert list(OPTIMIZERS) == LISTED
    assert [row.name for row in describe()] == LISTED
    assert len({row.title for row in describe()}) == len(LISTED)


@pytest.mark.parametrize("name", LISTED)
def test_a_choice_makes_the_optimizer_it_was_made_from(name):
    optimizer = replace(OPTIMIZERS[name](), max_steps=7)

    again = optimizer_named(*choice_of(optimizer))

    assert again == optimizer
    assert choice_of(again) == (name, {"max_steps": 7})


def test_settings_that_equal_the_defaults_are_left_out_of_a_choice():
    assert choice_of(SGD(lr=1e-5, momentum=0.0)) == ("sgd", {"lr": 1e-5})


@pytest.mark.parametrize(
    ("typed", "meant"), [("BFGS", "bfgs"), ("nelder-meed", "nelder-mead"), ("lbfgs", "l-bfgs-b")]
)
def test_an_unknown_name_is_answered_with_the_nearest(typed, meant):
    with pytest.raises(WorkbenchError, match="no optimizer") as caught:
        optimizer_named(typed)

    assert caught.value.suggestion == meant
    assert caught.value.code == "unknown-optimizer"


def test_an_unknown_setting_is_answered_with_the_nearest():
    with pytest.raises(WorkbenchError, match='no option "momentun"') as caught:
        optimizer_named("sgd", {"momentun": 0.9})

    assert caught.value.suggestion == "momentum"


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize(("gone", "hit"), [("torchmin", 8), ("torch", 8), ("scipy", 0)])
def test_a_missing_library_disables_its_optimizers_with_the_command(monkeypatch, gone, hit):
    find = base.find_spec
    monkeypatch.setattr(base, "find_spec", lambda name: None if name == gone else find(name))

    grey = [row for row in describe() if not row.available]

    assert len(grey) == hit
    needs = f"needs {gone}: pip install 'mle-workbench[torch]'"
    assert all(row.reason == needs for row in grey)


def test_an_optimizer_without_its_library_refuses_to_run(monkeypatch, objectives):
    monkeypatch.setattr(base, "find_spec", lambda _: None)

    with pytest.raises(WorkbenchError, match="needs torch and torchmin") as caught:
        optimizer_named("torchmin:bfgs").iterate(objectives["bowl"](), [0.0, 0.0, 0.0])

    assert caught.value.hint == "pip install 'mle-workbench[torch]'"


def test_every_setting_has_a_default_and_is_documented():
    for kind in OPTIMIZERS.values():
        own = [setting.name for setting in fields(kind) if setting.name != "max_steps"]
        assert all(name in kind.__doc__ for name in own), kind


def test_listing_the_optimizers_loads_no_array_library():
    script = (
        "import sys, workbench.optimizers as family; family.describe();"
        "assert not {'torch', 'jax', 'optax', 'torchmin'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", script], check=True)
