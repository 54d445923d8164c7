"""The registry is the one list of models, and no module outside a family asks for one of them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import workbench as wb
from workbench.covariances.kinds import COVARIANCES
from workbench.estimation.model import Model, results_class
from workbench.models.registry import MODELS, listed, model_class
from workbench.options import options_of
from workbench.results.fit import Fit

PACKAGE = Path(wb.__file__).parent
TEMPLATES = "likelihoods"
"""The folder of likelihood templates, which are a family too."""
DECLARED = {
    "models/linear": {TEMPLATES},
    "models/templates": {TEMPLATES},
    "models/fixed_effects": {TEMPLATES, "models/linear"},
    "models/event_study": {
        *("models/linear", "models/fixed_effects"),
        *("models/templates", "models/custom"),  # whose fits average over cohorts too
    },
    "api": {"models/custom", "models/event_study"},  # wb.likelihood and wb.did2s
    "notebook/cell": {"models/custom"},  # the body of a cell is a log-likelihood
}
"""The families that a folder may import besides itself."""
PUBLIC = {"api/calls.py", "__init__.py"}
"""The files that name public functions, of which some are called as a model is."""

FIELDS = {"notebook/setup/check.py": {"body"}, "data/number_texts.py": {"body"}}
"""A field of the Setup page, and a part of a number's text, that are called as a model is."""
WORDS = {"body", "custom"}
"""Names of models that are English words, which are names in a message only where quoted."""
DESCRIBED = {"data/sources/samples.py": {"logit"}}
"""Messages that describe what data are, as in "Binary logit with three regressors"."""


@dataclass(frozen=True)
class Finding:
    """A place that asks for a model by name or class."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.what}"


def family_of(path: str) -> str:
    """Return the family that a file or module belongs to, as a folder; empty for none.

    >>> family_of("models/choice/mixed.py"), family_of("models/registry.py"), family_of("api/x.py")
    ('models/choice', '', '')
    """
    parts = path.removesuffix(".py").split("/")
    if parts[0] == TEMPLATES:
        return TEMPLATES if parts[1:] and parts[1] != "base" else ""
    folder = "/".join(parts[:2])
    return folder if parts[0] == "models" and (PACKAGE / folder / "options.py").exists() else ""


def sources() -> dict[str, str]:
    return {
        path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(PACKAGE.rglob("*.py"))
        if not {"frontend", "static"} & set(path.parts)
    }


def classes_of_families(texts: dict[str, str]) -> set[str]:
    trees = (ast.parse(text) for name, text in texts.items() if family_of(name))
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}


def findings(name: str, text: str, classes: set[str]) -> Iterator[Finding]:
    """Yield the places of a file that ask for a model, by what it is called here."""
    tree = ast.parse(text)
    own = family_of(name)
    allowed = {own, *next((of for at, of in DECLARED.items() if name.startswith(f"{at}/")), ())}
    said = texts_that_are_no_names(tree)
    if not own and name not in PUBLIC:
        yield from messages(name, tree, said)
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(value)) if value in MODELS and not own:
                if not (id(node) in said or name in PUBLIC or value in FIELDS.get(name, ())):
                    yield Finding(name, node.lineno, f'has the name "{value}"')
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, kinds]):
                if not own and (asked := names_in(kinds) & classes):
                    yield Finding(name, node.lineno, f"asks for {', '.join(sorted(asked))}")
            case ast.ImportFrom(module=str(module)) if module.startswith("workbench."):
                for alias in node.names:
                    there = f"{module}.{alias.name}".removeprefix("workbench.").replace(".", "/")
                    if (family := family_of(there)) and family not in allowed:
                        yield Finding(name, node.lineno, f"imports {alias.name} of {family}")


def messages(name: str, tree: ast.Module, said: set[int]) -> Iterator[Finding]:
    """Yield the messages of a file, texts with a blank, that name a model."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(value)) if " " in value and id(node) not in said:
                if named := named_in(value) - DESCRIBED.get(name, set()):
                    yield Finding(name, node.lineno, f"says {', '.join(sorted(named))}")


def named_in(message: str) -> set[str]:
    """Return the models that a message names; English words count where they are quoted.

    >>> sorted(named_in('the model "body", or choose gaussian; the body')), named_in("wb.did2s(df)")
    (['body', 'gaussian'], {'did2s'})
    """
    words = {*re.findall(r"(?<!\w)[a-z]\w*", message)} - WORDS
    quoted = {*re.findall(r"[\"'`](\w+)[\"'`]", message)}
    called = {*re.findall(r"wb\.(\w+)", message)}
    return (words | quoted | called) & MODELS.keys()


def texts_that_are_no_names(tree: ast.Module) -> set[int]:
    """Return the docstrings, and the names in ``__all__``, by their identity."""
    lists = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    alone = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    strings = [value for value in alone if isinstance(value, ast.Constant)]
    return {id(each) for root in (*lists, *strings) for each in ast.walk(root)}


def names_in(node: ast.AST) -> set[str]:
    return {
        each.id if isinstance(each, ast.Name) else each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Name | ast.Attribute)
    }


def test_no_module_outside_a_family_asks_for_one_of_its_models():
    texts = sources()
    classes = classes_of_families(texts)
    asking = [name for name in texts if name != "models/registry.py"]

    found = [str(each) for name in asking for each in findings(name, texts[name], classes)]

    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("report/labels.py", 'if fit.model.name == "mixed_logit": pass', "has the name"),
        ("notebook/setup/form.py", 'WORDS = {"feols": "firm"}', "has the name"),
        ("data/design.py", 'hint = \'the model "feols" or "felogit".\'', "says felogit, feols"),
        ("models/design/checks.py", 'hint = "choose gaussian, or another."', "says gaussian"),
        ("covariances/evidence.py", "hint = f'the model \"ols\" for {who}.'", "says ols"),
        ("notebook/cell/magic.py", 'help = "%%mle DATA --model logit"', "says logit"),
        ("notebook/setup/x.py", 'hint = "change the call of wb.did2s."', "says did2s"),
        ("runs/x.py", 'warn("the model ols is slower")', "says ols"),
        ("runs/x.py", "hint = 'give the model \"custom\" again.'", "says custom"),
        ("runs/run.py", "isinstance(model, MixedLogit)", "asks for MixedLogit"),
        ("runs/run.py", "isinstance(model, int | options.FEOLS)", "asks for FEOLS"),
        ("report/x.py", "from workbench.models.choice.options import MixedLogit", "imports"),
        ("report/x.py", "from workbench.models.choice import options", "imports"),
        ("report/x.py", "from workbench.likelihoods.logit import Logit", "imports"),
        ("models/linear/x.py", "from workbench.models.choice.wtp import price_of", "imports"),
    ],
)
def test_a_module_that_asks_for_a_model_is_found(name, text, what):
    (found,) = findings(name, text, {"MixedLogit", "FEOLS"})

    assert what in found.what


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("report/x.py", '"""As in ``wb.fit("logit")``."""'),
        ("models/choice/x.py", 'name = "mixed_logit"\nisinstance(a, MixedLogit)'),
        ("models/fixed_effects/x.py", "from workbench.models.linear.options import OLS"),
        ("models/design/x.py", "from workbench.likelihoods.base import Support"),
        ("runs/x.py", "from workbench.models.registry import model_class"),
        ("notebook/x.py", 'hint = "The body is a custom formula."'),
        ("data/x.py", 'title = "Logit, Poisson and a logistic curve"'),
        ("models/choice/x.py", "hint = 'the model \"mixed_logit\".'"),
    ],
)
def test_names_of_models_inside_a_family_or_in_prose_are_allowed(name, text):
    assert list(findings(name, text, {"MixedLogit"})) == []


def compared(tree: ast.Module) -> set[str]:
    """Return the names of models that a file compares something with.

    >>> compared(ast.parse('kind.name != "felogit" or name in {"ols", "x"}')) == {"felogit", "ols"}
    True
    """
    tests = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    return {text for test in tests for text in texts_in(test)} & MODELS.keys()


def kinds_listed(tree: ast.Module) -> set[str]:
    """Return the kinds of standard errors that stand together in a list.

    >>> sorted(kinds_listed(ast.parse('kinds = ["hessian", "opg"]; se = ("robust", "x")')))
    ['hessian', 'opg']
    """
    lists = (n for n in ast.walk(tree) if isinstance(n, ast.List | ast.Tuple | ast.Set))
    found = [texts_in(each) & COVARIANCES.keys() for each in lists]
    return {kind for kinds in found if len(kinds) > 1 for kind in kinds}


def texts_in(node: ast.AST) -> set[str]:
    constants = (each for each in ast.walk(node) if isinstance(each, ast.Constant))
    return {each.value for each in constants if isinstance(each.value, str)}


def test_no_family_tests_the_name_of_a_model_either():
    found = {name: compared(ast.parse(text)) for name, text in sources().items()}

    assert {name: names for name, names in found.items() if names} == {}


def test_no_module_outside_the_covariances_lists_their_kinds():
    found = {
        name: kinds_listed(ast.parse(text))
        for name, text in sources().items()
        if not name.startswith("covariances/")
    }

    assert {name: kinds for name, kinds in found.items() if kinds} == {}


def test_the_registry_imports_families_only_inside_functions():
    tree = ast.parse(sources()["models/registry.py"])
    modules = [node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)]
    families = {family_of(each.removeprefix("workbench.").replace(".", "/")) for each in modules}

    assert families - {""} == {"models/templates"}  # which makes models of likelihood templates


@pytest.mark.parametrize("name", MODELS)
def test_a_registered_model_declares_what_the_core_needs(name):
    kind = model_class(name)

    assert issubclass(kind, Model)
    assert kind.name == name
    assert kind.title
    assert kind.formula
    assert issubclass(results_class(kind), Fit)
    assert all(each.help and not each.help.endswith(".") for each in options_of(kind))


def test_the_options_of_a_model_load_nothing_heavy():
    modules = {place.partition(":")[0] for place in MODELS.values()}
    code = f"import sys, {', '.join(sorted(modules))}; print(*sys.modules)"

    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert not {"formulaic", "numba", "torch", "jax", "matplotlib", "plotly"} & {
        *said.stdout.split()
    }


def test_options_of_one_name_are_of_one_kind():
    kinds = {}
    for model in listed().values():
        for each in options_of(model):
            kinds.setdefault(each.name, set()).add(each.kind)

    assert {name: of for name, of in kinds.items() if len(of) > 1} == {}
