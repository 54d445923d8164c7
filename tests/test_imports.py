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
FLOORS = (
    {"errors"},
    {"protocols"},
    {"backends"},
    {"kernels"},
    {"data"},
    {"likelihoods", "optimizers", "covariances", "demeaners"},
    {"estimation"},
    {"report", "cluster"},
    {"notebook"},
)
DOORS = "workbench.estimation.doors"
"""The one module that may import upward, and only inside its functions."""
LIBRARIES = {"torch", "torchmin", "jax", "jaxlib", "optax"}
ALLOWED = {"workbench.__version__"}
WRAPPERS = {"backends", "kernels", "optimizers"}
"""The parts of the house that may name a library of arrays."""
HEAVY = {"torch", "jax", "optax", "numpy", "scipy", "pandas", "formulaic", "plotly", "matplotlib"}


@dataclass(frozen=True)
class Import:
    """One name that a module imports, and whether that waits until a function is called."""

    path: Path
    line: int
    name: str
    waits: bool

    @property
    def place(self) -> str:
        return f"{self.path.relative_to(PACKAGE.parent)}:{self.line}"

    @property
    def complaint(self) -> str:
        """What is wrong with this import inside the house; empty when it points down."""
        here, there = part_of(module_name(self.path)), part_of(self.name)
        if (
            here == there
            or self.name in ALLOWED
            or (self.waits and module_name(self.path) == DOORS)
        ):
            return ""
        if floor_of(there) is None:
            return f"{self.place} imports {self.name} from the face; import it from its module."
        if floor_of(there) > floor_of(here):
            return f"{self.place} climbs: {here} imports {self.name}, which stands above it."
        if floor_of(there) == floor_of(here):
            return f"{self.place} crosses: {here} imports its neighbour {self.name}."
        return ""


def imports(path: Path) -> list[Import]:
    """List what a module imports, inside functions and for its types too."""
    return imports_of(path.read_text(encoding="utf-8"), path)


def imports_of(text: str, path: Path) -> list[Import]:
    tree = ast.parse(text)
    waiting = {id(inner) for node in ast.walk(tree) if waits(node) for inner in ast.walk(node)}
    return [
        Import(path, node.lineno, name, id(node) in waiting)
        for node in ast.walk(tree)
        for name in imported(node, path)
    ]


def waits(node: ast.AST) -> bool:
    is_function = isinstance(node, ast.FunctionDef)
    return is_function or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")


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
    """Return the part of the house: ``"data"`` of ``"workbench.data.formula"``."""
    return [*name.split("."), ""][1]


def floor_of(part: str) -> int | None:
    return next((number for number, parts in enumerate(FLOORS) if part in parts), None)


def test_every_part_of_the_house_stands_on_a_floor():
    parts = {part_of(module_name(path)) for path in MODULES} - {""}

    strangers = {part for part in parts if floor_of(part) is None}

    assert not strangers, f"{sorted(strangers)} have no place in FLOORS."


def test_imports_point_down():
    house = [path for path in MODULES if part_of(module_name(path))]
    inside = [item for path in house for item in imports(path) if item.name.startswith("workbench")]

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
        "import_module('workbench.notebook.magic')",
        "from workbench.optimizers import newton",
        "import workbench",
    ],
)
def test_an_import_that_climbs_is_found(text):
    path = PACKAGE / "likelihoods" / "climber.py"

    (item,) = imports_of(text, path)

    assert item.complaint


def test_a_door_may_import_upward_inside_a_function_only():
    path = PACKAGE / "estimation" / "doors.py"

    (late,) = imports_of("def view():\n    from workbench.notebook import widgets", path)
    (early,) = imports_of("from workbench.notebook import widgets", path)

    assert not late.complaint
    assert early.complaint


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


def test_the_types_and_the_table_of_public_names_agree():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]

    typed = {
        alias.name: node.module
        for node in blocks[0].body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert typed == wb._HOME


def test_every_optimizer_of_the_family_is_public():
    from workbench.optimizers import OPTIMIZERS

    private = [kind for kind in OPTIMIZERS.values() if getattr(wb, kind.__name__, None) is not kind]

    assert not private


def test_an_unknown_name_is_refused_as_python_does():
    with pytest.raises(AttributeError, match="no attribute 'estimate'"):
        wb.estimate  # noqa: B018


def test_the_family_of_optimizers_called_lists_its_members():
    from workbench.optimizers import Newton

    rows = wb.optimizers()

    assert Newton.name in {row.name for row in rows}
    assert wb.optimizers is sys.modules["workbench.optimizers"]
