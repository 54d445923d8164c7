"""Imports point down, and `import workbench` loads next to nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import workbench as wb

PACKAGE = Path(wb.__file__).parent
MODULES = sorted(
    path for path in PACKAGE.rglob("*.py") if not {"frontend", "static"} & set(path.parts)
)
LAYERS = (
    {"errors", "extras", "sentences"},
    {"names"},
    {"literals"},
    {"options"},
    {"protocols"},
    {"backends"},
    {"optimizers"},
    {"kernels"},
    {"data", "likelihoods", "demeaners"},
    {"covariances"},
    {"estimation"},
    {"results"},
    {"report", "models.design"},
    {"models.linear", "models.templates", "models.custom", "models.choice"},
    {"models.fixed_effects"},
    {"models.event_study"},
    {"models.registry"},
    {"models.drafts"},
    {"runs"},
    {"api"},
    {"notebook"},
)
"""The layers of the package from the lowest; neighbours on a layer do not import each other."""
FOLDERS = {"models"}
"""The folders with members on layers of their own."""
LIBRARIES = {"torch", "torchmin", "jax", "jaxlib", "optax"}
ALLOWED = {"workbench.__version__"}
WRAPPERS = {"backends", "kernels", "optimizers"}
"""The parts of the package that may name a library of arrays."""
HEAVY = {"torch", "jax", "optax", "numpy", "scipy", "pandas", "formulaic", "plotly", "matplotlib"}


@dataclass(frozen=True)
class Import:
    """One name that a module imports, inside a function or for its types too."""

    path: Path
    line: int
    name: str

    @property
    def place(self) -> str:
        return f"{self.path.relative_to(PACKAGE.parent)}:{self.line}"

    @property
    def complaint(self) -> str:
        """What is wrong with this import inside the package; empty when it points down."""
        here, there = part_of(module_name(self.path)), part_of(self.name)
        if here == there or self.name in ALLOWED:
            return ""
        if layer_of(there) is None:
            return f"{self.place} imports {self.name}; import a name from the module that has it."
        if layer_of(there) > layer_of(here):
            return f"{self.place} points up: {here} imports {self.name}, on a higher layer."
        if layer_of(there) == layer_of(here):
            return f"{self.place} crosses: {here} imports its neighbour {self.name}."
        return ""


def imports(path: Path) -> list[Import]:
    return imports_of(path.read_text(encoding="utf-8"), path)


def imports_of(text: str, path: Path) -> list[Import]:
    return [
        Import(path, node.lineno, name)
        for node in ast.walk(ast.parse(text))
        for name in imported(node, path)
    ]


def imported(node: ast.AST, path: Path) -> list[str]:
    """Name what a statement imports; ``import_module("...")`` counts as a statement."""
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom():
            return [f"{absolute(node, path)}.{alias.name}" for alias in node.names]
        case ast.Call(args=[ast.Constant(value=str(name)), *_]) if "import" in ast.unparse(
            node.func
        ):
            return [name]
    return []


def absolute(node: ast.ImportFrom, path: Path) -> str:
    if not node.level:
        return node.module or ""
    folder = path.relative_to(PACKAGE.parent).parent.parts
    return ".".join([*folder[: len(folder) - node.level + 1], node.module or ""]).rstrip(".")


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(name: str) -> str:
    """Return the part of the package: ``"data"`` of ``"workbench.data.formula.parser"``."""
    first, second = [*name.split("."), "", ""][1:3]
    return f"{first}.{second}" if first in FOLDERS and second else first


def layer_of(part: str) -> int | None:
    return next((number for number, parts in enumerate(LAYERS) if part in parts), None)


MODULE_NAMES = {module_name(path) for path in MODULES}


def file_of(name: str) -> str:
    """Return the module that an imported name is, or that has it."""
    return name if name in MODULE_NAMES else name.rpartition(".")[0]


def circles(arrows: dict[str, set[str]]) -> list[set[str]]:
    """Return the sets of modules that reach each other."""
    return [each for each in strongly_connected(arrows) if len(each) > 1]


def strongly_connected(arrows: dict[str, set[str]]) -> list[set[str]]:
    """Split a graph into its strongly connected components.  Kosaraju (Sharir 1981)."""
    finished: list[str] = []
    seen: set[str] = set()
    for name in arrows:
        visit(name, arrows, seen, finished)
    backwards: dict[str, set[str]] = {name: set() for name in finished}
    for name, others in arrows.items():
        for other in others:
            backwards.setdefault(other, set()).add(name)
    found, seen = [], set()
    for name in reversed(finished):
        component: list[str] = []
        visit(name, backwards, seen, component)
        found.append(set(component))
    return found


def visit(name: str, arrows: dict[str, set[str]], seen: set[str], finished: list[str]) -> None:
    """Add to ``finished`` what is reached from a name and was not seen, the name itself last."""
    if name in seen:
        return
    seen.add(name)
    for other in arrows.get(name, ()):
        visit(other, arrows, seen, finished)
    finished.append(name)


def arrows_between_modules() -> dict[str, set[str]]:
    return {
        module_name(path): {
            file_of(item.name)
            for item in imports(path)
            if item.name.startswith("workbench.") and file_of(item.name) != module_name(path)
        }
        for path in MODULES
        if module_name(path) != "workbench"
    }


def test_every_part_of_the_package_has_a_layer():
    parts = {part_of(module_name(path)) for path in MODULES} - {"", *FOLDERS}

    strangers = {part for part in parts if layer_of(part) is None}

    assert not strangers, f"{sorted(strangers)} are missing in LAYERS."


def test_imports_point_down():
    paths = [path for path in MODULES if part_of(module_name(path)) not in {"", *FOLDERS}]
    inside = [item for path in paths for item in imports(path) if item.name.startswith("workbench")]

    complaints = [item.complaint for item in inside if item.complaint]

    assert not complaints, "\n" + "\n".join(complaints)


def test_libraries_of_arrays_are_named_only_where_they_are_wrapped():
    outside = [path for path in MODULES if part_of(module_name(path)) not in WRAPPERS]
    names = [item for path in outside for item in imports(path)]

    strays = [item for item in names if item.name.split(".")[0] in LIBRARIES]

    assert not strays, "\n" + "\n".join(f"{item.place} imports {item.name}." for item in strays)


@pytest.mark.parametrize(
    "text",
    [
        "from workbench.report import comparison",
        "from ..report.comparison import compare",
        "def view():\n    from workbench.notebook.widgets import workbench",
        "import_module('workbench.notebook.cell.magic')",
        "from workbench.demeaners import schur",
        "import workbench",
    ],
)
def test_an_import_that_points_up_is_found(text):
    path = PACKAGE / "likelihoods" / "upward.py"

    (item,) = imports_of(text, path)

    assert item.complaint


def test_no_module_reaches_itself_by_imports_at_any_level():
    found = circles(arrows_between_modules())

    assert not found, "\n" + "\n".join(" <-> ".join(sorted(each)) for each in found)


def test_a_circle_is_found():
    arrows = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}

    assert circles(arrows) == [{"b", "c"}]


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, workbench; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()

    assert not HEAVY & set(loaded)
    assert [name for name in loaded if name.startswith("workbench.")] == []


@pytest.mark.parametrize("name", dir(wb))
def test_a_public_name_can_be_fetched(name):
    value = getattr(wb, name)

    assert value is not None
    assert getattr(wb, name) is value


def test_an_unknown_name_is_refused_as_python_does():
    with pytest.raises(AttributeError, match="no attribute 'estimate'"):
        wb.estimate  # noqa: B018


@pytest.mark.parametrize("name", ["models", "optimizers", "runs"])
@pytest.mark.parametrize("first", ["import workbench.{0}", "import workbench"])
def test_a_package_of_a_public_name_is_a_function_too(name, first):
    code = f"{first}\nimport workbench as wb\nprint(len(wb.{name}()))".format(name)

    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert int(said.stdout) >= 0
