"""The Python in a formula: checked node by node against a fixed list, and not run here."""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import dataclass, field

from workbench.data.names import shown, unknown_column
from workbench.errors import FormulaError
from workbench.names import nearest

MOST_NODES = 200
"""Nodes of one expression's syntax tree."""

HIGHEST_EXPONENT = 20
LARGEST_COUNT = 50
"""Degrees and degrees of freedom of polynomials and splines."""

FUNCTIONS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("log", "log10", "log2", "log1p", "exp", "expm1", "sqrt", "abs", "I"), ()),
    "C": ("contrasts",),
    "i": ("ref", "ref2"),
    "sunab": ("ref_c", "ref_p", "att", "no_agg"),
    "poly": ("degree", "raw"),
    "bs": (
        "df",
        "knots",
        "degree",
        "include_intercept",
        "lower_bound",
        "upper_bound",
        "extrapolation",
    ),
    "scale": ("center", "scale", "ddof"),
    "standardize": ("center", "rescale", "ddof"),
    "center": (),
}
"""The functions of a formula, with the options that may follow the variable, in order."""

CONTRASTS: dict[str, tuple[str, ...]] = {
    "Treatment": ("reference",),
    "Sum": (),
    "Helmert": (),
    "Diff": (),
    "Poly": ("scores",),
    "contr.treatment": ("base",),
    "contr.SAS": (),
    "contr.sum": (),
    "contr.helmert": (),
    "contr.diff": (),
    "contr.poly": ("scores",),
}
"""The contrasts that ``C(variable, ...)`` takes, with their options."""

FACTORS = {"C": 1, "i": 2, "sunab": 2}
"""The functions that code levels, with the number of columns they take."""

_REFERENCES = {"ref", "ref2", "ref_c", "ref_p"}
INFINITE = "inf"
"""The one name that an option may have: a level of columns that code "never" so."""
_COUNTS = {"df", "degree"}
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
_SIGNS = (ast.UAdd, ast.USub)


@dataclass
class Reads:
    """The columns that one side of a formula reads, by role; filled while it is checked.

    ``aliases`` maps the aliases of backticked names to the names.  A column of ``factors`` is
    inside ``C()``, ``i()`` or ``sunab()``, one of ``arithmetic`` is computed with.  ``words`` are
    the columns as spelled in the formula for formulaic, ``called`` the functions.  ``events`` are
    the function and the two columns of ``sunab(cohort, period)`` and ``i(period, number)``.
    """

    aliases: dict[str, str]
    known: Collection[str]
    columns: list[str] = field(default_factory=list)
    factors: set[str] = field(default_factory=set)
    arithmetic: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    called: set[str] = field(default_factory=set)
    events: list[tuple[str, str, str]] = field(default_factory=list)

    def column(self, word: str) -> str:
        """Record a column and return its name."""
        name = self.aliases.get(word, word)
        if name not in self.known:
            raise unknown_name(name, self.known)
        if name not in self.columns:
            self.columns.append(name)
        self.words.add(word)
        return name

    def refuse_shadowed(self) -> None:
        """Refuse a function whose name is also that of a column read."""
        functions = {*self.called, *(CONTRASTS if "C" in self.called else ())}
        if both := sorted(self.words & {name.split(".")[0] for name in functions}):
            raise _refusal(
                f"{both[0]} is both a function and a column of this formula",
                f"write the column in backticks, `{both[0]}`.",
                both[0],
            )


def check_expression(text: str, reads: Reads) -> ast.expr:
    """Check one piece of Python, record the columns it reads, and return its syntax tree.

    Raises
    ------
    FormulaError
        When it is not Python, or uses anything but the functions above, arithmetic and columns.
    """
    tree = _tree(text)
    nodes = list(ast.walk(tree))
    if len(nodes) > MOST_NODES:
        raise _refusal(
            f'"{shown(text)}" is too long an expression', "compute it as a column first.", text
        )
    check_value(tree, reads)
    if not any(isinstance(node, ast.Name) and node.id in reads.words for node in nodes):
        raise _refusal(f'"{shown(text)}" reads no column', "name a column in it.", text)
    return tree


def unknown_name(name: str, known: Collection[str]) -> FormulaError:
    """Return the error for a name in a formula that is not a column."""
    problem, hint, suggestion = unknown_column(name, known, "The data have")
    return FormulaError(problem, hint, code="unknown-column", where=name, suggestion=suggestion)


def _tree(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise FormulaError(
            f'"{shown(text)}" cannot be read.',
            hint="check its brackets and commas; put odd names of columns in backticks.",
            code="syntax",
            where=shown(text),
        ) from error


def check_value(node: ast.expr, reads: Reads) -> None:
    """Check an operand: a call, arithmetic, a column or a number.

    Raises
    ------
    FormulaError
        When it is none of these.
    """
    match node:
        case ast.Call():
            _check_call(node, reads)
        case ast.Name(id=word):
            reads.arithmetic.add(reads.column(word))
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            pass
        case ast.UnaryOp(op=op, operand=operand) if isinstance(op, _SIGNS):
            check_value(operand, reads)
        case ast.BinOp(op=op, left=left, right=right) if isinstance(op, _ARITHMETIC):
            check_value(left, reads)
            _check_power(left, right) if isinstance(op, ast.Pow) else check_value(right, reads)
        case _:
            raise _not_allowed(node)


def _check_power(base: ast.expr, exponent: ast.expr) -> None:
    """Demand a column and a small exponent: Python's own integers grow without bound."""
    value = _number(exponent)
    if value is None or not abs(value) <= HIGHEST_EXPONENT:
        raise _refusal(
            f"The exponent {shown(ast.unparse(exponent))} is not a number up to {HIGHEST_EXPONENT}",
            "a number, as in I(exper**2).",
            ast.unparse(exponent),
        )
    if not any(isinstance(node, ast.Name) for node in ast.walk(base)):
        text = ast.unparse(base)
        raise _refusal(f"{shown(text)} is raised to a power", "write the resulting number.", text)


def _number(node: ast.expr) -> float | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, _SIGNS):
        node = node.operand
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return None if isinstance(node.value, bool) else float(node.value)
    return None


def _check_call(node: ast.Call, reads: Reads) -> None:
    name = _called(node)
    if name not in FUNCTIONS:
        raise _no_such_function(name, node)
    if not node.args or isinstance(node.args[0], ast.Starred):
        raise _refusal(f"{name}() names no variable", f"as in {name}(educ).", name)
    columns = FACTORS.get(name, 1)
    _check_options(node, name, FUNCTIONS[name], first=min(columns, len(node.args)))
    reads.called.add(name)
    if name not in FACTORS:
        check_value(node.args[0], reads)
        return
    coded = [_column(argument, node, reads) for argument in node.args[:columns]]
    if name == "sunab" and len(coded) < columns:
        raise _refusal("sunab() names one variable", "as in sunab(first_treated, year).", name)
    numbers = name == "i" and "ref2" not in {word.arg for word in node.keywords}
    if len(coded) == columns == 2 and (numbers or name == "sunab"):
        reads.events.append((name, coded[0], coded[1]))
    reads.factors.update(coded[:1] if numbers else coded)
    if any(isinstance(inner, ast.Name) and inner.id == INFINITE for inner in ast.walk(node)):
        reads.called.add(INFINITE)


def _column(argument: ast.expr, node: ast.Call, reads: Reads) -> str:
    if isinstance(argument, ast.Name):
        return reads.column(argument.id)
    name = _called(node)
    second = name == "i" and argument is not node.args[0]
    raise _refusal(
        f"{shown(ast.unparse(node))} codes something that is not a column",
        "a reference is named, as in i(year, ref=2000)."
        if second
        else "compute it as a column first.",
        name,
    )


def _check_options(node: ast.Call, name: str, options: tuple[str, ...], first: int) -> None:
    """Check the options after the variable: constants, lists of them, or a contrast for ``C``."""
    if len(node.args) - first > len(options):
        raise _refusal(
            f"{name}() has {len(node.args)} arguments where it takes {first + len(options)}",
            f"{name}({', '.join([*['variable'] * first, *options])}).",
            name,
        )
    for keyword in node.keywords:
        if keyword.arg not in options:
            raise _no_such_option(name, keyword.arg or "**", options)
    in_order = zip(options, node.args[first:], strict=False)
    for option, value in [*in_order, *((word.arg or "", word.value) for word in node.keywords)]:
        _check_option(value, option)


def _check_option(node: ast.expr, option: str) -> None:
    if option == "contrasts" and _is_contrast(node):
        if isinstance(node, ast.Call):
            _check_options(node, _called(node), CONTRASTS[_called(node)], first=0)
        return
    if isinstance(node, ast.List | ast.Tuple):
        for item in node.elts:
            _check_option(item, option if option in _REFERENCES else "")
        return
    if option in _REFERENCES and _is_infinite(node):
        return
    value = _number(node)
    if value is None and not isinstance(node, ast.Constant):
        raise _not_allowed(node)
    if option in _COUNTS and value is not None and not value <= LARGEST_COUNT:
        raise _refusal(
            f"The option {option} is {value:.0f}, more than {LARGEST_COUNT}",
            f"a number up to {LARGEST_COUNT}.",
            option,
        )


def _is_infinite(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, _SIGNS):
        node = node.operand
    return isinstance(node, ast.Name) and node.id == INFINITE


def _is_contrast(node: ast.expr) -> bool:
    return (_called(node) if isinstance(node, ast.Call) else _dotted(node)) in CONTRASTS


def _called(node: ast.Call) -> str:
    return _dotted(node.func)


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return ""


def _no_such_function(name: str, node: ast.Call) -> FormulaError:
    called = name or ast.unparse(node.func)
    bare = called.removeprefix("np.").removeprefix("numpy.")
    suggestion = bare if bare in FUNCTIONS else nearest(called, FUNCTIONS)
    others = f"use {', '.join(FUNCTIONS)}, or compute a column first."
    own = 'the option offset="column", whose column is computed first.'
    return FormulaError(
        f"{shown(called)}() is not among the functions of a formula.",
        hint=own if called in {"offset", "exposure"} else others,
        code="not-allowed",
        where=called,
        suggestion=suggestion,
    )


def _no_such_option(function: str, option: str, options: tuple[str, ...]) -> FormulaError:
    return FormulaError(
        f"{function}() has no option {shown(option)}.",
        hint=f"its options are {', '.join(options)}." if options else "it has none.",
        code="not-allowed",
        where=option,
        suggestion=nearest(option, options),
    )


def _not_allowed(node: ast.expr) -> FormulaError:
    text = ast.unparse(node)
    return _refusal(
        f"{shown(text)} is not allowed in a formula",
        "use arithmetic and the functions of a formula, and put odd names of columns in backticks.",
        text,
    )


def _refusal(problem: str, hint: str, where: str) -> FormulaError:
    return FormulaError(f"{problem}.", hint=hint, code="not-allowed", where=shown(where))
