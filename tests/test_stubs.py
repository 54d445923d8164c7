"""Types and public names are generated from the declared options, and mypy reads them."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from dataclasses import field, make_dataclass
from pathlib import Path

import pytest

import workbench as wb
from workbench.api import signature as shown, stubs
from workbench.estimation.families import FAMILIES
from workbench.estimation.model import Model
from workbench.estimation.specification import Specification
from workbench.models.registry import listed
from workbench.options import Kind, Option, Options, options_of

HERE = Path(__file__).parent


@pytest.mark.parametrize("path", stubs.files(), ids=lambda path: path.name)
def test_what_is_committed_is_what_the_options_say(path):
    assert path.read_text(encoding="utf-8") == stubs.files()[path], "try: make stubs"


def test_a_file_that_differs_is_named(monkeypatch, tmp_path, capsys):
    path = tmp_path / "old.pyi"
    path.write_text("old")
    monkeypatch.setattr(stubs, "files", lambda: {path: "new"})
    monkeypatch.setattr(stubs, "_ROOT", tmp_path / "package")

    assert stubs.main(["--check"]) == 1
    assert "old.pyi is out of date; try: make stubs" in capsys.readouterr().err
    assert stubs.main([]) == 0
    assert path.read_text() == "new"


def test_mypy_reads_the_types_of_every_call_and_finds_each_mistake():
    mypy = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]

    said = subprocess.run(
        [*mypy, HERE / "typed_client.py"],
        check=False,
        cwd=HERE.parent,
        capture_output=True,
        text=True,
    )

    assert said.returncode == 0, said.stdout


def test_the_types_have_every_public_name():
    tree = ast.parse(stubs.stub())
    imported = {
        alias.asname
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and not node.module.startswith("collections")
        for alias in node.names
    }
    assigned = {node.targets[0].id for node in tree.body if isinstance(node, ast.Assign)}
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}

    typed = {name for name in imported | assigned | defined if name and not name.startswith("_")}

    assert typed == {*dir(wb)} - {"__version__"}


def test_every_member_is_public_by_the_name_of_its_class():
    kinds = [kind for family in FAMILIES.values() for kind in family.members.values()]
    members = [kind for kind in kinds if issubclass(kind, Options)]
    models = [kind for kind in listed().values() if kind.recorded]

    assert [kind for kind in members if getattr(wb, kind.__name__) is not kind] == []
    assert [kind.name for kind in models if getattr(wb, kind.__name__).name != kind.name] == []


@pytest.mark.parametrize("function", [wb.fit, wb.start])
def test_the_signature_has_every_option_with_its_type_and_default(function):
    parameters = inspect.signature(function).parameters

    declared = [each for kind in (Specification, *listed().values()) for each in options_of(kind)]

    assert {each.name for each in declared} <= set(parameters)
    assert {family.keyword for family in FAMILIES.values()} <= set(parameters)
    assert parameters["draws"].default == 500
    assert parameters["draws"].annotation is int
    assert parameters["max_steps"].annotation == int | None
    assert parameters["random"].default is None
    assert parameters["weight_kind"].default is None  # with fixed effects another one
    assert parameters["optimizer"].default == "newton"


def test_the_help_explains_every_option_and_names_the_models_that_have_it():
    text = " ".join(inspect.getdoc(wb.fit).split())

    for kind in (Specification, *listed().values()):
        for each in options_of(kind):
            assert f"{each.name} : " in text
            assert each.help[1:] in text
    for family in FAMILIES.values():
        for name, each in family.options().items():
            assert f"{name}: {each.help}" in text
    assert "by default 500. For mixed_logit." in text
    assert "**options" not in text


def test_where_models_differ_in_a_default_the_common_signature_shows_none(monkeypatch):
    def toy(name, tol):
        declared = field(default=tol, metadata={"option": Option("", Kind.NUMBER, "tol", tol)})
        return make_dataclass(name, [("tol", float, declared)], bases=(Model,), frozen=True)

    same, other = {"one": toy("One", 0.1), "two": toy("Two", 0.1)}, {"three": toy("Three", 0.2)}

    monkeypatch.setattr(shown, "listed", lambda: same)
    agreed = shown.keywords()["tol"]
    monkeypatch.setattr(shown, "listed", lambda: same | other)
    differing = shown.keywords()["tol"]

    assert (agreed.default, agreed.models) == (0.1, ("one", "two"))
    assert (differing.default, differing.models) == (None, ("one", "two", "three"))
