"""The statements of a body: the names and the Python that it may use."""

from __future__ import annotations

import ast
import inspect
import keyword
import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NoReturn

from workbench.kernels.likelihood.densities import DENSITIES
from workbench.models.custom.declarations import error_at, line_of
from workbench.names import nearest
from workbench.sentences import counted

_VERBS = {
    **dict.fromkeys(("exp", "log", "log1p", "expm1", "sqrt", "abs", "sin", "cos", "tanh"), ("x",)),
    **dict.fromkeys(("lgamma", "digamma", "erf", "ndtr", "log_ndtr"), ("x",)),
    **dict.fromkeys(("sigmoid", "log_sigmoid", "softplus"), ("x",)),
    **dict.fromkeys(("maximum", "minimum", "logaddexp"), ("a", "b")),
    "clip": ("x", "lower", "upper"),
    "where": ("condition", "a", "b"),
}
BY_UNIT = {"unit_sum": ("x",), "unit_mean": ("x",), "to_rows": ("u",)}
"""The functions that exist only where the likelihood has one value per unit."""


def _arguments(density: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(name for name in inspect.signature(density).parameters if name != "xp")


FUNCTIONS: dict[str, tuple[str, ...]] = {
    **_VERBS,
    **{name: _arguments(density) for name, density in DENSITIES.items()},
    "col": ("name",),
    **BY_UNIT,
}
"""Every function a body may call, with the names of its arguments.

``col("odd name")`` reads a column with a name that is not an identifier.  ``unit_sum`` and
``unit_mean`` turn rows ``(n,)`` into units ``(g,)`` and ``to_rows`` turns units into rows; they,
and the number of rows ``unit_size``, exist where the likelihood is written by unit.
"""


@dataclass(frozen=True)
class Names:
    """What each name may mean."""

    columns: frozenset[str]
    parameters: tuple[str, ...]
    formula: str | None
    by: str | None
    outside: frozenset[str]

    def meanings(self, name: str) -> list[str]:
        """Return every meaning of ``name``, in words."""
        same_outcome = name == "y" == (self.formula or "").partition("~")[0].strip()
        return [
            meaning
            for meaning, found in (
                ("a column", name in self.columns and not same_outcome),
                ("a parameter", name in self.parameters),
                ("a function", name in self._functions),
                ("the formula's outcome", self.formula is not None and name == "y"),
                ("the formula's linear index", self.formula is not None and name == "eta"),
                ("the formula's constant", self.formula is not None and name == "Intercept"),
                ("a constant", name == "pi" or (self.by is not None and name == "unit_size")),
                ("the result", name == "loglik" and name in self.parameters),
                ("a Python word", keyword.iskeyword(name) and name in self.parameters),
            )
            if found
        ]

    @property
    def _functions(self) -> set[str]:
        return set(FUNCTIONS) - (set() if self.by else set(BY_UNIT))

    def check_one_meaning(self, name: str, line: int, text: str) -> None:
        """Refuse a name that means two things."""
        meanings = self.meanings(name)
        if len(meanings) > 1:
            raise error_at(
                f"In `{line_of(text, line)}`, {name} is both {' and '.join(meanings)}.",
                _way_out(name, meanings),
                code="two-meanings",
                line=line,
            )

    def nearest(self, name: str, local: Collection[str]) -> str:
        """Return the visible name most like ``name``, or nothing."""
        index = ("y", "eta") if self.formula else ()
        known = sorted({*self.columns, *self.parameters, *self._functions, *local, *index})
        return nearest(name, known)


def _way_out(name: str, meanings: list[str]) -> str:
    if "a parameter" in meanings:
        return f"give the parameter another name, such as b_{name}."
    return f'write col("{name}") for the column, or rename the column first.'


_OPERATORS = (
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.BitAnd, ast.BitOr),
    *(ast.USub, ast.UAdd, ast.Invert),
    *(ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq),
)
_INSTEAD: dict[type[ast.AST], tuple[str, str]] = {
    ast.Expr: ("a value without a name", "assign it: loglik = ..."),
    ast.If: ("`if`", "use where(condition, a, b), which chooses row by row."),
    ast.IfExp: ("`if`", "use where(condition, a, b), which chooses row by row."),
    ast.BoolOp: ("`and` or `or`", "use & or | with brackets: (a > 0) & (b > 0)."),
    ast.Not: ("`not`", "use ~ with brackets: ~(a > 0)."),
    ast.Import: ("an import", "call the functions by their bare names, as in log(x)."),
    ast.ImportFrom: ("an import", "call the functions by their bare names, as in log(x)."),
    ast.For: ("a loop", "write arithmetic of whole columns, or use wb.custom."),
    ast.While: ("a loop", "write arithmetic of whole columns, or use wb.custom."),
    ast.FunctionDef: ("a function", "write its lines into the body, or use wb.custom."),
    ast.Lambda: ("a function", "write its lines into the body, or use wb.custom."),
    ast.Subscript: ("a subscript", 'use whole columns; col("name") reads one by its name.'),
}
_ADVICE = {
    "sum": "leave the sum out: loglik has one value per observation.",
    "mean": "leave the mean out: loglik has one value per observation.",
    **dict.fromkeys(("y", "eta"), "give --formula: y is its outcome and eta its linear index."),
    **dict.fromkeys(
        ("np", "numpy", "jnp", "torch", "math", "scipy"), "use bare names, as in log(x)."
    ),
}


class Reader(ast.NodeTransformer):
    """Go through the statements in order, refuse what is not allowed, and note what is used."""

    def __init__(self, names: Names, text: str) -> None:
        self.names = names
        self.text = text
        self.columns: dict[str, None] = {}
        self.functions: set[str] = set()
        self.used: set[str] = set()
        self.assigned: dict[str, int] = {}

    def read(self, tree: ast.Module) -> ast.Module:
        """Return the tree with columns, powers and assignments rewritten for evaluation."""
        tree.body = [self._statement(statement) for statement in tree.body]
        return tree

    def _statement(self, node: ast.stmt) -> ast.stmt:
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            node = _as_assignment(node)  # += would change a column in place on torch
        if not isinstance(node, ast.Assign):
            self._refuse(node)
        target = node.targets[0]
        if len(node.targets) > 1 or not isinstance(target, ast.Name):
            self._fail(node, "gives more than one name", "assign one name per line.", "not-allowed")
        node.value = self.visit(node.value)
        self._assign(target.id, node)
        return node

    def _assign(self, name: str, node: ast.stmt) -> None:
        meanings = [] if name == "loglik" else self.names.meanings(name)
        if meanings or name.startswith("__"):
            what = " and ".join(meanings) or "a reserved name"
            self._fail(node, f"assigns {name}, which is {what}", "choose another name.", "assigned")
        self.assigned[name] = node.lineno

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if not isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Compare, *_OPERATORS)):
            self._refuse(node)
        return super().generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        if isinstance(node.op, ast.Not):
            self._refuse(node.op, node)
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        if not isinstance(node.op, _OPERATORS):
            self._fail(node, "has an operator beyond arithmetic", "use + - * / **.", "not-allowed")
        small = isinstance(node.op, ast.Pow) and _is_small_integer(node.right)
        node.left = self.visit(node.left)
        node.right = node.right if small else self.visit(node.right)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        if len(node.ops) > 1 or not isinstance(node.ops[0], _OPERATORS):
            self._fail(node, "compares in a chain", "use (a < b) & (b < c).", "not-allowed")
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self._fail(node, f"has the constant {value!r}", "use numbers only.", "not-allowed")
        return ast.copy_location(ast.Constant(_float(value)), node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.assigned:
            return node
        meanings = self._meanings(node.id, node)
        if meanings == ["a function"]:
            self._fail(
                node, f"uses the function {node.id} without arguments", "call it.", "not-called"
            )
        if meanings == ["a column"]:
            self.columns[node.id] = None
        self.used.add(node.id)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not isinstance(node.func, ast.Name):
            self._refuse(node.func)
        name = node.func.id
        if name == "col" and self._meanings(name, node):
            return self._column(node)
        if name in self.assigned or self._meanings(name, node) != ["a function"]:
            self._fail(
                node, f"calls {name}, which is not a function", f"write {name}*(...).", "call"
            )
        self._check_arguments(name, node)
        self.functions.add(name)
        node.args = [self.visit(argument) for argument in node.args]
        for item in node.keywords:
            item.value = self.visit(item.value)
        return node

    def _check_arguments(self, name: str, node: ast.Call) -> None:
        wanted = FUNCTIONS[name]
        given = [*wanted[: len(node.args)], *(item.arg for item in node.keywords)]
        starred = any(isinstance(argument, ast.Starred) for argument in node.args)
        too_many = len(node.args) > len(wanted)
        if starred or too_many or sorted(map(str, given)) != sorted(wanted):
            count = len(node.args) + len(node.keywords)
            self._fail(
                node,
                f"gives {name} {counted(count, 'argument')}",
                f"write {name}({', '.join(wanted)}).",
                "arguments",
            )

    def _column(self, node: ast.Call) -> ast.Name:
        arguments = [item.value for item in node.args if isinstance(item, ast.Constant)]
        if len(arguments) != 1 or len(node.args) != 1 or not isinstance(arguments[0], str):
            self._fail(node, "reads a column without its name", 'write col("name").', "arguments")
        name = arguments[0]
        if name not in self.names.columns:
            self._unknown(name, node, nearest(name, self.names.columns))
        if self.names.formula is not None and name in ("y", "eta"):
            self.names.check_one_meaning(name, node.lineno, self.text)
        self.columns[name] = None
        return ast.copy_location(ast.Name(column_id(name), ast.Load()), node)

    def _meanings(self, name: str, node: ast.expr) -> list[str]:
        self.names.check_one_meaning(name, node.lineno, self.text)
        meanings = self.names.meanings(name)
        if not meanings:
            self._unknown(name, node, self.names.nearest(name, self.assigned))
        return meanings

    def _unknown(self, name: str, node: ast.expr, near: str) -> NoReturn:
        hint = f"write {near}." if near else "name a column, or declare it in params:."
        if name in self.names.outside:
            near = ""
            hint = (
                "declare it in params:, write its value, or give wb.custom a function; variables "
                "of the notebook are not visible here, so that the run can be repeated."
            )
        what = f"reads {name}, which is neither a column, a parameter nor a function"
        self._fail(node, what, _ADVICE.get(name, hint), "unknown-name", near)

    def _refuse(self, node: ast.AST, place: ast.AST | None = None) -> NoReturn:
        what, instead = _INSTEAD.get(
            type(node), ("something other than assignments and arithmetic", "use wb.custom.")
        )
        if isinstance(node, ast.Attribute):
            what = f"the attribute .{node.attr}"
            instead = f"write {node.attr}(...)." if node.attr in FUNCTIONS else "use bare names."
        self._fail(place or node, f"has {what}, which a body cannot have", instead, "not-allowed")

    def _fail(
        self, node: ast.AST, what: str, hint: str, code: str, suggestion: str = ""
    ) -> NoReturn:
        line = getattr(node, "lineno", 1)
        raise error_at(
            f"`{line_of(self.text, line)}` {what}.",
            hint,
            code=code,
            line=line,
            suggestion=suggestion,
        )


def _as_assignment(node: ast.AugAssign) -> ast.Assign:
    """Return ``name = name + value`` for ``name += value``."""
    read = ast.Name(node.target.id, ast.Load())  # type: ignore[union-attr]
    value = ast.BinOp(ast.copy_location(read, node), node.op, node.value)
    return ast.copy_location(ast.Assign([node.target], ast.copy_location(value, node)), node)


def _is_small_integer(node: ast.expr) -> bool:
    """Tell an exponent that stays an integer, so that its derivatives at zero are exact."""
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value <= 100


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def parse(statements: str, columns: Collection[str]) -> ast.Module:
    """Return the syntax tree of statements, or refuse the line that is not valid Python."""
    try:
        return ast.parse(statements)
    except SyntaxError as error:
        line = error.lineno or 1
        shown = line_of(statements, line)
        words = [word for word in re.findall(r"\w+", shown) if word in columns]
        taken = next(filter(keyword.iskeyword, words), None)
        raise error_at(
            f"`{shown}` is not Python: {error.msg}.",
            f'write col("{taken}") for the column.' if taken else "write name = expression.",
            code="syntax",
            line=line,
        ) from None
    except (ValueError, RecursionError, MemoryError):
        raise error_at(
            "The body cannot be read: it is too deeply nested, or holds a null character.",
            "split it into several assignments.",
            code="syntax",
        ) from None


def column_id(name: str) -> str:
    """Return the variable that ``col(name)`` becomes; no identifier, so nothing collides."""
    return f"col({name!r})"
