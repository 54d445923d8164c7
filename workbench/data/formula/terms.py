"""The terms of one side of a formula, counted before formulaic expands them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.data.names import shown
from workbench.errors import FormulaError

MOST_TERMS = 2_000
"""The largest number of terms after expansion."""

HIGHEST_POWER = 5
"""The exponent of a bracket, as in ``(a + b)**2``."""


def tokens(side: str) -> list[Any]:
    """Return formulaic's tokens of one side: names, Python, numbers and signs, unevaluated."""
    from formulaic.errors import FormulaSyntaxError
    from formulaic.parser.algos.tokenize import tokenize

    try:
        return list(tokenize(side))
    except FormulaSyntaxError as error:
        raise unreadable(side) from error


def term_list(side: str, *, intercept: bool = True) -> Any:
    """Return formulaic's terms of one checked side; nothing is evaluated."""
    from formulaic import Formula
    from formulaic.errors import FormulaicError
    from formulaic.parser import DefaultFormulaParser

    try:
        return Formula(side, _parser=DefaultFormulaParser(include_intercept=intercept))
    except (FormulaicError, SyntaxError, ValueError, TypeError, RecursionError) as error:
        raise unreadable(side) from error


def refuse_too_many(side: str, named: Callable[[str], str]) -> None:
    """Refuse a side that expands to more than `MOST_TERMS` terms, before expanding it.

    ``named`` restores the names of columns in a piece of the side.
    """
    if _count(_syntax_tree(side), named) > MOST_TERMS:
        raise FormulaError(
            f"The formula expands to more than {MOST_TERMS:,} terms.",
            hint="lower the power, or leave interactions out.",
            code="too-many-terms",
        )


def _syntax_tree(side: str) -> Any:
    from formulaic.errors import FormulaicError
    from formulaic.parser import DefaultFormulaParser

    try:
        return DefaultFormulaParser().get_ast(side, context={})
    except (FormulaicError, SyntaxError, ValueError, RecursionError) as error:
        raise unreadable(side) from error


def unreadable(side: str) -> FormulaError:
    """Return the error for a side that is not a sum of terms."""
    return FormulaError(
        f'"{shown(side)}" cannot be read as part of a formula.',
        hint=(
            "join terms with +, and put names with spaces or signs in backticks, "
            "as in wage ~ educ + `years of work`."
        ),
        code="syntax",
    )


def _count(tree: Any, named: Callable[[str], str]) -> int:
    """Return an upper bound of the number of terms of an expanded syntax tree."""
    counts: dict[int, int] = {}
    waiting = [tree]
    while waiting:  # an explicit stack: a long sum is a tree too deep for recursion
        node = waiting[-1]
        children = list(getattr(node, "args", ()))
        pending = [child for child in children if id(child) not in counts]
        if pending:
            waiting.extend(pending)
            continue
        waiting.pop()
        counts[id(node)] = _count_here(node, [counts[id(child)] for child in children], named)
    return counts[id(tree)]


def _count_here(node: Any, below: list[int], named: Callable[[str], str]) -> int:
    sign: str = node.operator.symbol if hasattr(node, "operator") else ""
    if sign in {"**", "^"}:
        power = _power(node.args[1])
        if below[0] == 1 and power > 1:
            raise _of_one_term(node.args[0], power, named)
        return min(int(below[0] ** power), MOST_TERMS + 1)
    if sign == ":":
        return min(below[0] * below[1], MOST_TERMS + 1)
    if sign == "*":
        return min(below[0] + below[1] + below[0] * below[1], MOST_TERMS + 1)
    return min(sum(below) or 1, MOST_TERMS + 1)


def _power(exponent: Any) -> int:
    power = str(exponent)
    if power not in map(str, range(1, HIGHEST_POWER + 1)):
        raise FormulaError(
            f"The power of a term is not one of the whole numbers from 1 to {HIGHEST_POWER}.",
            hint="(a + b)**2 for interactions; for the square of a variable I(exper**2).",
            code="power",
            where="**",
        )
    return int(power)


def _of_one_term(base: Any, power: int, named: Callable[[str], str]) -> FormulaError:
    """Return the error for one term to a power, which is that term again and a mistake."""
    term = "a single term" if hasattr(base, "operator") else shown(named(str(base)))
    return FormulaError(
        f"In a formula {term} to the power {power} is {term} again.",
        hint=f"for a power of a variable I(...), as in I(exper**{power}).",
        code="power",
        where="**",
    )
