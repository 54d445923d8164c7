"""The condition on rows of ``subset``: comparisons of columns, joined by ``and``, ``or``, ``not``.

The text is read as Python's syntax and checked node by node against a fixed list; what remains is
computed here, and nothing is run as Python.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types

from workbench.data.columns import content, numbers
from workbench.data.complete_cases import read_numeric
from workbench.data.formula.computed import value_of
from workbench.data.formula.expressions import MOST_NODES, Reads, check_value
from workbench.data.names import QUOTED, level_text, shown, unknown_column, with_aliases
from workbench.data.table import Selection, Table
from workbench.errors import DataError, FormulaError, OptionError
from workbench.names import nearest
from workbench.protocols import Numpy
from workbench.sentences import counted

NOT_IN_SUBSET = "not in subset"
UNDEFINED = "for which the subset is undefined"
"""Reasons for which rows are left out."""

_TEXTS_NAMED = 5
_HINT = 'comparisons joined by and, or, not, as in "year > 1990 and not female == 1".'

_LEVELS_NAMED = 10
LONGEST = 2_000
"""Letters of a condition."""

Mask = npt.NDArray[np.bool_]
_COMPARED: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_SIGNS = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
}
_OPERAND = r"[\w.`\x00]+"
_ELSEWHERE = (
    (re.compile(r"\s*%in%\s*c\(([^()]*)\)"), r" in [\1]"),
    (re.compile(r"\s*%in%\s*"), " in "),
    (re.compile(rf"inlist\(\s*({_OPERAND})\s*,\s*([^()]*)\)"), r"\1 in [\2]"),
    (
        re.compile(rf"(?:inrange|between)\(\s*({_OPERAND})\s*,\s*([^(),]*),\s*([^(),]*)\)"),
        r"\2 <= \1 <= \3",
    ),
    (re.compile(r"\.isin\((\[[^\[\]]*\])\)"), r" in \1"),
    (re.compile(r"\s*(?:&&|&)\s*"), " and "),
    (re.compile(r"\s*(?:\|\||\|)\s*"), " or "),
    (re.compile(r"[!~](?!=)\s*"), "not "),
    (re.compile(r"(?<![<>=!])=(?!=)"), "=="),
)
"""What other languages write, and how it is written here."""
_MISSING = re.compile(r"\bis\.?na\b|\bisna\b|\bisnull\b|\bnotna\b|\bmissing\(|\bNone\b|\bNA\b")
_TEXTS = re.compile(QUOTED)


@dataclass
class _Condition:
    """A condition that was checked: its syntax tree, and the columns that it reads."""

    text: str
    tree: ast.expr
    reads: Reads


def check_condition(text: str, names: Collection[str]) -> tuple[str, ...]:
    """Check a condition without reading any value, and return the columns that it reads.

    Raises
    ------
    OptionError, FormulaError
        When the text is no condition, has what is not allowed, or names an unknown column.

    Examples
    --------
    >>> check_condition("1990 <= year <= 2000 and country in ['DE', 'FR']", ["year", "country"])
    ('year', 'country')
    """
    return tuple(_parsed(text, names).reads.columns)


def selection(text: str, table: Table) -> Selection:
    """Return the rows of a table that meet a condition.

    Rows that miss a column of the condition are left out and counted by column.

    Raises
    ------
    WorkbenchError
        As `check_condition` does; or when a column is compared with a value of another type, or no
        row is left.
    """
    condition = _parsed(text, table.names)
    rows = _Rows(table, condition.reads)
    missing = {name: table.column(name).isna().to_numpy() for name in condition.reads.columns}
    incomplete = np.logical_or.reduce([*missing.values()])
    met = rows.meeting(condition.tree)
    kept = met.fillna(False).to_numpy(dtype=bool) & ~incomplete
    undefined = met.isna().to_numpy() & ~incomplete
    if not kept.any():
        raise _none_left(text, table)
    dropped = {
        NOT_IN_SUBSET: int((~kept & ~incomplete & ~undefined).sum()),
        UNDEFINED: int(undefined.sum()),
    }
    if kept.all():
        rows.notes.append(f'Every row is in the subset "{shown(text)}".')
    return Selection(
        kept,
        {reason: count for reason, count in dropped.items() if count},
        {name: int(mask.sum()) for name, mask in missing.items() if mask.any()},
        tuple(rows.notes),
    )


def _none_left(text: str, table: Table) -> OptionError:
    return OptionError(
        f'None of {counted(table.nrows, "row")} is in the subset "{shown(text)}".',
        hint="check its values, and how they are spelled in the data.",
        code="no-rows-left",
        where="subset",
    )


# Checks ------------------------------------------------------------------------------------------
def _parsed(text: str, names: Collection[str]) -> _Condition:
    if len(text) > LONGEST:
        raise _refusal(f"The subset has {len(text):,} letters", "compute it as a column first.")
    aliases: dict[str, str] = {}
    plain = with_aliases(text, aliases, text)
    reads = Reads(aliases, names)
    try:
        tree = ast.parse(plain.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _unreadable(text) from None
    if sum(1 for _ in ast.walk(tree)) > MOST_NODES:
        raise _refusal("The subset is too long", "compute it as a column first.")
    if any(isinstance(node, ast.BitAnd | ast.BitOr | ast.Invert) for node in ast.walk(tree)):
        raise _unreadable(text)
    _check(tree, reads)
    if not reads.columns:
        raise _refusal(f'The subset "{shown(text)}" reads no column', 'as in "year > 1990".')
    return _Condition(text, tree, reads)


def _check(node: ast.expr, reads: Reads) -> None:
    """Check a condition: comparisons joined by words, or a column of 0 and 1."""
    match node:
        case ast.BoolOp(values=values):
            for value in values:
                _check(value, reads)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            _check(operand, reads)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            _check_comparison(left, ops, comparators, reads)
        case ast.Name(id=word):
            reads.column(word)
        case _:
            raise _no_condition(node, reads)


def _no_condition(node: ast.expr, reads: Reads) -> OptionError:
    text = _spelled(node, reads)
    if _ours(text) != text or _MISSING.search(text):
        return _unreadable(text)
    return _refusal(f"{shown(text)} is not a condition", _HINT)


def _check_comparison(
    left: ast.expr, ops: Sequence[ast.cmpop], others: Sequence[ast.expr], reads: Reads
) -> None:
    for sign, right in zip(ops, others, strict=True):
        if type(sign) not in _SIGNS:
            words = "is not" if isinstance(sign, ast.IsNot) else "is"
            raise _refusal(f'A subset has no "{words}"', "== or !=.")
        listed = isinstance(sign, ast.In | ast.NotIn)
        if listed != isinstance(right, ast.List | ast.Tuple | ast.Set):
            after = _SIGNS[type(sign)]
            hint = 'as in country in ["DE", "FR"].' if listed else 'as in country == "DE".'
            what = "is not followed by a list" if listed else "is followed by a list"
            raise _refusal(f'"{after}" {what}', hint)
        for value in right.elts if listed and hasattr(right, "elts") else [right]:
            _check_operand(value, reads, constant=listed)
    _check_operand(left, reads, constant=False)


def _check_operand(node: ast.expr, reads: Reads, *, constant: bool) -> None:
    if _is_constant(node):
        return
    if isinstance(node, ast.Constant) and node.value is None:
        raise _unreadable("None")
    if constant:
        raise _refusal(
            f"{shown(_spelled(node, reads))} stands in a list of values", "texts and numbers alone."
        )
    if isinstance(node, ast.Name):
        _check_name(node.id, reads)
        return
    check_value(node, reads)


def _check_name(word: str, reads: Reads) -> None:
    name = reads.aliases.get(word, word)
    if name not in reads.known and not nearest(name, reads.known):
        problem, hint, _ = unknown_column(name, reads.known, "The data have")
        text = f"in quotation marks, '{shown(name)}', if it is a text; else {hint}"
        raise FormulaError(problem, hint=text, code="unknown-column", where=name)
    reads.column(word)


def _is_constant(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return isinstance(node.operand, ast.Constant) and type(node.operand.value) in {int, float}
    return isinstance(node, ast.Constant) and type(node.value) in {int, float, str, bool}


def _spelled(node: ast.expr, reads: Reads) -> str:
    text = ast.unparse(node)
    for alias, name in reads.aliases.items():
        text = text.replace(alias, f"`{name}`")
    return text


def _refusal(problem: str, hint: str) -> OptionError:
    return OptionError(f"{problem}.", hint=hint, code="not-allowed", where="subset")


def _is_expression(text: str) -> bool:
    try:
        ast.parse(with_aliases(text, {}, text).strip(), mode="eval")
    except (SyntaxError, ValueError, FormulaError):
        return False
    return True


def _unreadable(text: str) -> OptionError:
    """Return the error for a text that is no condition, with our words for what others write."""
    ours = _ours(text)
    suggestion = ours if ours != text.strip() and _is_expression(ours) else ""
    hint = f"subset={suggestion!r}." if suggestion else _HINT
    if _MISSING.search(text):
        hint = "leave that out: rows that miss a column of the model are left out and counted."
    return OptionError(
        f'The subset "{shown(text)}" cannot be read.',
        hint=hint,
        code="syntax",
        where="subset",
        suggestion=suggestion,
    )


def _ours(text: str) -> str:
    """Translate what other languages write; texts in quotation marks stay as they are."""
    if "\x00" in text:
        return text.strip()
    texts = _TEXTS.findall(text)
    rest = _TEXTS.sub("\x00", text)
    for sign, word in _ELSEWHERE:
        rest = sign.sub(word, rest)
    pieces = rest.split("\x00")
    return "".join(p + t for p, t in zip(pieces, [*texts, ""], strict=True)).strip()


# Values ------------------------------------------------------------------------------------------
@dataclass
class _Rows:
    """The values of a condition over the rows of a table; notes are added while it is computed."""

    table: Table
    reads: Reads
    notes: list[str] = field(default_factory=list)
    coded: dict[str, tuple[Numpy, list[str]]] = field(default_factory=dict)

    def meeting(self, node: ast.expr) -> pd.Series:
        """Return which rows meet a condition, ``(n,)``, NA where it has no value."""
        match node:
            case ast.BoolOp(op=word, values=values):
                joined, *others = map(self.meeting, values)
                for other in others:
                    joined = joined & other if isinstance(word, ast.And) else joined | other
                return joined
            case ast.UnaryOp(operand=operand):
                return ~self.meeting(operand)
            case ast.Compare(left=left, ops=ops, comparators=others):
                pairs = zip([left, *others], ops, others, strict=False)
                first, *more = (self._compared(*pair) for pair in pairs)
                for each in more:
                    first = first & each
                return first
            case ast.Name(id=word):
                return self._flag(self._name(word))
        raise AssertionError("the condition was not checked")

    def _name(self, word: str) -> str:
        return self.reads.aliases.get(word, word)

    def _flag(self, name: str) -> pd.Series:
        column = self.table.column(name)
        if content(column) != "number" or not set(column.dropna().unique()) <= {0, 1}:
            raise DataError(
                f"{shown(name)} alone is not a condition: it is not a column of 0 and 1.",
                hint=f"a comparison, as in {shown(name)} > 0.",
                code="not-a-condition",
                where=name,
            )
        return _three_valued(numbers(column, name) == 1, column.isna().to_numpy())

    def _compared(self, left: ast.expr, sign: ast.cmpop, right: ast.expr) -> pd.Series:
        if isinstance(right, ast.List | ast.Tuple | ast.Set):
            found = _three_valued(np.zeros(self.table.nrows, dtype=bool), None)
            for value in right.elts:
                found = found | self._pair(left, ast.Eq(), value)
            return ~found if isinstance(sign, ast.NotIn) else found
        return self._pair(left, sign, right)

    def _pair(self, left: ast.expr, sign: ast.cmpop, right: ast.expr) -> pd.Series:
        sides = self._alike([self._side(left), self._side(right)], [left, right], sign)
        with np.errstate(invalid="ignore"):
            met = _COMPARED[type(sign)](*sides)
        unknown = np.zeros(self.table.nrows, dtype=bool)
        for side in sides:
            unknown |= pd.isna(side)
        if isinstance(met, pd.Series):
            met = met.to_numpy(dtype=bool, na_value=False)
        return _three_valued(np.broadcast_to(met, unknown.shape) & ~unknown, unknown)

    def _side(self, node: ast.expr) -> Any:
        """Return a constant, a column as it is, or the numbers of an expression."""
        if _is_constant(node):
            return ast.literal_eval(node)
        if isinstance(node, ast.Name):
            return self.table.column(self._name(node.id))
        words = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        columns = {
            word: read_numeric(self.table, self._name(word)) for word in words & self.reads.words
        }
        return value_of(node, columns)

    def _alike(self, sides: list[Any], nodes: Sequence[ast.expr], sign: ast.cmpop) -> list[Any]:
        """Bring a column and what it is compared with to one type.

        Raises
        ------
        DataError
            When they are of different types.
        """
        kinds = [_kind(side) for side in sides]
        names = [self._label(node) for node in nodes]
        if "date" in kinds:
            return [_as_date(side, kind, names) for side, kind in zip(sides, kinds, strict=True)]
        if kinds[0] != kinds[1]:
            raise _other_type(sides, kinds, names)
        if kinds[0] == "number":
            return [_as_number(side, name) for side, name in zip(sides, names, strict=True)]
        return self._texts(sides, names, sign)

    def _label(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return self._name(node.id)
        return str(node.value) if isinstance(node, ast.Constant) else _spelled(node, self.reads)

    def _texts(self, sides: list[Any], names: Sequence[str], sign: ast.cmpop) -> list[Any]:
        """Compare texts: as equal or not, or in the order that a category states."""
        place = 0 if isinstance(sides[0], pd.Series) else 1
        column, other = sides[place], sides[1 - place]
        ordered = isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered
        if not isinstance(sign, ast.Eq | ast.NotEq) and not (ordered and isinstance(other, str)):
            raise DataError(
                f"{shown(names[place])} holds text, which has no order.",
                hint="== or !=, or in [...].",
                code="no-order",
                where=names[place],
            )
        if not isinstance(other, str):
            return [side.astype(object) for side in sides]
        codes, levels = self._coded(column, names[place])
        if other not in levels and not isinstance(sign, ast.Eq | ast.NotEq):
            raise DataError(
                f'"{shown(other)}" is not a level of {shown(names[place])}, so it has no order.',
                hint=f"one of {[*map(shown, levels[:_LEVELS_NAMED])]}.",
                code="unknown-level",
                where=names[place],
            )
        code = levels.index(other) if other in levels else len(levels)
        if not (codes == code).any():
            self._note_unknown(levels, names[place], other)
        sides[place], sides[1 - place] = codes, code
        return sides

    def _coded(self, column: pd.Series, name: str) -> tuple[Numpy, list[str]]:
        """Return the number of each row's level, NaN where missing, and the levels, found once."""
        if name not in self.coded:
            if isinstance(column.dtype, pd.CategoricalDtype):
                codes, levels = column.cat.codes.to_numpy(), column.cat.categories
            else:
                codes, levels = pd.factorize(column)
            self.coded[name] = np.where(codes < 0, np.nan, codes), [*map(level_text, levels)]
        return self.coded[name]

    def _note_unknown(self, levels: Sequence[str], name: str, text: str) -> None:
        near = nearest(text, [level for level in levels if level != text])
        more = f'; the nearest is "{shown(near)}"' if near else ""
        self.notes.append(
            f'The subset names "{shown(text)}", which no row has in {shown(name)}{more}.'
        )


def _three_valued(met: Mask, unknown: Mask | None) -> pd.Series:
    unknown = np.zeros(len(met), dtype=bool) if unknown is None else unknown
    return pd.Series(pd.arrays.BooleanArray(np.asarray(met), np.asarray(unknown, dtype=bool)))


def _kind(side: Any) -> str:
    """Return what a side holds: number, text, date, or another content."""
    if isinstance(side, pd.Series):
        return content(_categories(side) if isinstance(side.dtype, pd.CategoricalDtype) else side)
    return "text" if isinstance(side, str) else "number"


def _categories(column: pd.Series) -> pd.Series:
    return pd.Series(column.cat.categories)


def _as_number(side: Any, name: str) -> Any:
    """Return numbers; whole ones keep every digit."""
    if not isinstance(side, pd.Series) or types.is_integer_dtype(side.dtype):
        return side
    return numbers(side, name)


def _as_date(side: Any, kind: str, names: Sequence[str]) -> Any:
    """Return dates, also from a text such as ``"2020-01-31"``."""
    if kind == "number" or (kind == "text" and isinstance(side, pd.Series)):
        raise OptionError(
            f"{shown(names[0])} and {shown(names[1])} are a date and a {kind}.",
            hint='a date in quotation marks, as in date >= "2020-01-31".',
            code="not-a-date",
            where="subset",
        )
    try:
        if isinstance(side, pd.Series):
            if isinstance(side.dtype, pd.PeriodDtype):
                side = side.dt.to_timestamp()
            return pd.to_datetime(side, utc=True)
        return pd.to_datetime(side, utc=True, format="ISO8601")
    except (ValueError, TypeError) as error:
        raise OptionError(
            f'The subset compares a date with "{shown(str(side))}".',
            hint='year, month and day, as in "2020-01-31".',
            code="not-a-date",
            where="subset",
        ) from error


def _other_type(sides: Sequence[Any], kinds: Sequence[str], names: Sequence[str]) -> OptionError:
    """Return the error for a column and a value of different types, with a row that shows it."""
    place = next((i for i, side in enumerate(sides) if isinstance(side, pd.Series)), 0)
    name, other = shown(names[place]), shown(names[1 - place])
    words = {"number": "numbers", "text": "text", "mixed": "numbers and text"}
    holds = f"{name} holds {words.get(kinds[place], 'other values')}{_example(sides[place])}"
    hints = {
        "text": _of_texts(name, other, sides[place]),
        "number": f"without quotation marks, as in {name} == 1.",
    }
    return OptionError(
        f"{holds}, and the subset compares it with {words.get(kinds[1 - place], 'other values')}, "
        f"{other}.",
        hint=hints.get(kinds[place], "make the column all text or all numbers first."),
        code="other-type",
        where="subset",
    )


def _of_texts(name: str, number: str, column: Any) -> str:
    """Return the advice for a number next to text: as text, or one of the texts there are."""
    texts = pd.Series(column).dropna().unique()
    if number in texts or not len(texts):
        return f"in quotation marks, as in {name} == '{number}'."
    some = ", ".join(shown(repr(text)) for text in sorted(map(str, texts))[:_TEXTS_NAMED])
    more = ", ..." if len(texts) > _TEXTS_NAMED else ""
    return f"one of its texts: {some}{more}."


def _example(side: Any) -> str:
    present = side.dropna() if isinstance(side, pd.Series) else pd.Series(dtype=object)
    if present.empty:
        return ""
    value = present.iloc[0]
    text = repr(value) if isinstance(value, str) else str(value)
    return f" (row {present.index[0]} has {shown(text)})"
