"""Formulas: the text is split and checked against a fixed list before it is used.

A formula is ``outcome ~ terms | fixed effects | endogenous ~ instruments``.  formulaic evaluates
Python, so nothing reaches it before every piece of Python in the formula has been checked here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from workbench.data.formula.expressions import Reads, check_expression, unknown_name
from workbench.data.formula.fixed_effects import AbsorbedTerm, absorbed_terms, columns_of
from workbench.data.formula.other_programs import in_our_words
from workbench.data.formula.terms import refuse_too_many, term_list, tokens
from workbench.data.names import QUOTED, shown, unquoted, with_aliases
from workbench.errors import FormulaError

LONGEST = 20_000
"""Letters of a formula; ten times the longest formula seen in print."""

LONGEST_OF_OTHERS = 2_000
"""Letters of a formula that is searched for what other programs write."""

DEEPEST = 40
"""Brackets inside brackets."""

_MARKS = re.compile(QUOTED + r"|[()\[\]{}|~`\"']")
_WORDS = re.compile(QUOTED + r"|[\w.]+|~|\|")
_TERM = re.compile(r"\s*([\w.]+)\s*")
_PARTNER = {")": "(", "]": "["}


@dataclass(frozen=True)
class FormulaParts:
    """The parts of a formula as they were typed, without spaces at the ends.

    ``fixed_effects`` and ``instruments`` are None where the formula has none.
    """

    outcome: str
    terms: str
    fixed_effects: str | None
    instruments: str | None
    text: str


@dataclass(frozen=True)
class ParsedFormula:
    """A checked formula, as the design reads it.

    ``outcome`` and ``terms`` are the two sides with every backticked name replaced by its key in
    ``aliases``.  ``reads`` has the columns that each side reads, by role.
    """

    parts: FormulaParts
    outcome: str
    terms: str
    aliases: dict[str, str]
    outcome_reads: Reads
    term_reads: Reads

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns read, the outcome's first."""
        return tuple(dict.fromkeys([*self.outcome_reads.columns, *self.term_reads.columns]))

    @cached_property
    def plain_terms(self) -> tuple[bool, tuple[str, ...]] | None:
        """Whether there is an intercept, and the columns, if every term is a bare column."""
        found = [_TERM.fullmatch(term) for term in self.terms.split("+")]
        words = [match.group(1) for match in found if match]
        numbers = [word for word in words if word[0] in "0123456789."]
        if len(words) < len(found) or numbers not in ([], ["0"], ["1"]):
            return None
        names = [self.aliases.get(word, word) for word in words if word not in numbers]
        return numbers != ["0"], tuple(dict.fromkeys(names))

    def named(self, text: str) -> str:
        """Replace aliases by the names of columns."""
        for alias, name in self.aliases.items():
            text = text.replace(f" {alias} ", name).replace(alias, name)
        return text


def split_formula(text: str) -> FormulaParts:
    """Split a formula at the bars and tildes outside quotes and brackets.

    >>> split_formula("lwage ~ educ | region").fixed_effects
    'region'

    Raises
    ------
    FormulaError
        When the formula is too long or nested too deeply, a quote or bracket is left open, or
        the parts are not ``outcome ~ terms``, fixed effects and instruments.
    """
    _refuse_long(text)
    bars = [position for position, sign in _top_level(text) if sign == "|"]
    pieces = [
        text[start:end].strip()
        for start, end in zip([0, *(bar + 1 for bar in bars)], [*bars, len(text)], strict=True)
    ]
    outcome, terms = _sides(pieces[0])
    fixed_effects, instruments = _after_the_bars(pieces[1:])
    return FormulaParts(outcome, terms, fixed_effects, instruments, text.strip())


def check_formula(text: str, columns: Collection[str]) -> FormulaParts:
    """Check a formula without reading any value.

    Raises
    ------
    FormulaError
        When the formula cannot be read, has what is not allowed, or names an unknown column;
        ``where`` is then the column and ``suggestion`` the nearest name.
    """
    return parse_formula(text, columns).parts


def variables(text: str, columns: Collection[str]) -> list[str]:
    """Return the columns that a formula reads, the outcome's first."""
    parsed = parse_formula(text, columns)
    groups, slopes = columns_of(absorbed(parsed.parts))
    instrumented = (name for side in instrument_sides(parsed, columns) for name in side.columns)
    return list(dict.fromkeys([*parsed.columns, *groups, *slopes, *instrumented]))


def formula_roles(text: str, columns: Collection[str]) -> dict[str, Literal["y", "x"]]:
    """Return the side of the tilde of each column, even in an incomplete formula.

    >>> formula_roles("log(wage) ~ educ + ", ["wage", "educ", "age"])
    {'wage': 'y', 'educ': 'x'}
    """
    known = set(columns)
    side: Literal["y", "x"] = "y"
    roles: dict[str, Literal["y", "x"]] = {}
    for match in _WORDS.finditer(text[:LONGEST]):
        word = match.group()
        if word == "|":
            break
        if word == "~":
            side = "x"
        elif not text[match.end() :].startswith("("):
            name = unquoted(word)
            if name in known:
                roles.setdefault(name, side)
    return roles


def parse_formula(text: str, columns: Collection[str]) -> ParsedFormula:
    """Check a formula and return it as the design reads it; raises as `check_formula` does.

    What another program writes is answered with what is written here.
    """
    names = tuple(columns)
    try:
        return _parsed(text, names)
    except FormulaError as error:
        if len(text) > LONGEST_OF_OTHERS:
            raise
        answer = in_our_words(text, error, lambda ours: _is_readable(ours, names))
        if answer is error:
            raise
        raise answer from error


def _is_readable(text: str, columns: tuple[str, ...]) -> bool:
    """Tell whether a formula can be read, whatever columns it names."""
    try:
        _parsed(text, columns)
    except FormulaError as error:
        return error.code == "unknown-column"
    return True


@lru_cache(maxsize=64)
def _parsed(text: str, columns: tuple[str, ...]) -> ParsedFormula:
    known = dict.fromkeys(columns)
    parts = split_formula(text)
    aliases: dict[str, str] = {}
    outcome = with_aliases(parts.outcome, aliases, text)
    terms = with_aliases(parts.terms, aliases, text)
    outcome_reads = _check_side(outcome, aliases, known)
    _refuse_composite(outcome, parts.outcome)
    parsed = ParsedFormula(
        parts, outcome, terms, aliases, outcome_reads, _check_side(terms, aliases, known)
    )
    if parsed.plain_terms is None:
        refuse_too_many(terms, parsed.named)
        term_list(terms)
    _check_fixed_effects(parts, known)
    instrument_sides(parsed, known)
    return parsed


def instrument_sides(parsed: ParsedFormula, columns: Collection[str]) -> tuple[ParsedFormula, ...]:
    """Return the endogenous regressors and the instruments as formulas of the same outcome.

    Nothing is returned when the formula has no third part.
    """
    if parsed.parts.instruments is None:
        return ()
    outcome = parsed.parts.outcome
    sides = _sides(parsed.parts.instruments)
    return tuple(parse_formula(f"{outcome} ~ {side}", columns) for side in sides)


def further_equation(outcome: str, text: str, columns: Collection[str], name: str) -> ParsedFormula:
    """Read the right side of a further equation, ``"~ z1 + z2"``, as a formula of an outcome.

    Raises
    ------
    FormulaError
        When it has a part after ``|``, or does not pass `check_formula`.
    """
    parsed = parse_formula(f"{outcome} {text.strip()}", columns)
    if parsed.parts.fixed_effects is not None or parsed.parts.instruments is not None:
        raise FormulaError(
            f'The formula {name}="{shown(text)}" has a part after |.',
            hint=f'{name}="~ z1 + z2", with factors of few levels as C(region).',
            code="one-sided",
            where=name,
        )
    return parsed


def _refuse_long(text: str) -> None:
    if len(text) > LONGEST:
        raise FormulaError(
            f"The formula has {len(text):,} letters; at most {LONGEST:,} are read.",
            hint="fewer terms, or fewer letters in the names of columns.",
            code="formula-too-long",
        )


def _top_level(text: str) -> Iterator[tuple[int, str]]:
    """Yield position and sign of each ``|`` and ``~`` outside quotes and brackets."""
    still_open: list[str] = []
    for match in _MARKS.finditer(text):
        sign = match.group()
        if sign in "([":
            _open(sign, still_open)
        elif sign in _PARTNER:
            _close(sign, still_open)
        elif sign in "|~" and not still_open:
            yield match.start(), sign
        elif sign in "{}`\"'":
            raise _unexpected(sign)
    if still_open:
        raise _unbalanced(f"a {still_open[-1]} is never closed")


def _open(sign: str, still_open: list[str]) -> None:
    if len(still_open) == DEEPEST:
        raise FormulaError(
            f"The formula has more than {DEEPEST} brackets inside one another.",
            hint="compute such a variable as a column first.",
            code="formula-too-deep",
        )
    still_open.append(sign)


def _close(sign: str, still_open: list[str]) -> None:
    if not still_open or still_open.pop() != _PARTNER[sign]:
        raise _unbalanced(f"a {sign} closes nothing")


def _unexpected(sign: str) -> FormulaError:
    if sign in "{}":
        return FormulaError(
            "Curly brackets run Python code and are not allowed in a formula.",
            hint="arithmetic goes into I(...), as in I(exper**2).",
            code="not-allowed",
            where=sign,
        )
    return _unbalanced(f"the quote {sign} is never closed")


def _unbalanced(what: str) -> FormulaError:
    return FormulaError(
        f"The formula cannot be read: {what}.",
        hint="close every bracket and quote.",
        code="unbalanced",
    )


def _sides(text: str) -> tuple[str, str]:
    tildes = [position for position, sign in _top_level(text) if sign == "~"]
    if len(tildes) != 1:
        raise FormulaError(
            f"The formula has {len(tildes) or 'no'} ~ where it needs one.",
            hint="outcome ~ regressors, as in wage ~ educ + exper.",
            code="no-tilde" if not tildes else "two-tildes",
        )
    outcome, terms = text[: tildes[0]].strip(), text[tildes[0] + 1 :].strip()
    if not outcome or not terms:
        raise FormulaError(
            f"The {'right' if outcome else 'left'} side of ~ is empty.",
            hint="outcome ~ regressors; outcome ~ 1 has a constant alone.",
            code="empty-side",
        )
    return outcome, terms


def _after_the_bars(pieces: list[str]) -> tuple[str | None, str | None]:
    """Distinguish fixed effects from instruments, which have a tilde and come last."""
    with_tilde = [any(sign == "~" for _, sign in _top_level(piece)) for piece in pieces]
    if len(pieces) > 2 or any(with_tilde[:-1]) or (len(pieces) == 2 and not with_tilde[1]):
        raise FormulaError(
            "The parts after | cannot be read.",
            hint="y ~ x | fixed effects | endogenous ~ instruments.",
            code="too-many-bars",
        )
    if "" in pieces:
        raise FormulaError(
            "There is nothing after the last |.",
            hint="leave the | out, or name the fixed effects after it.",
            code="empty-side",
        )
    instruments = pieces[-1] if any(with_tilde) else None
    fixed_effects = pieces[0] if pieces and not with_tilde[0] else None
    return fixed_effects, instruments


def _check_side(side: str, aliases: dict[str, str], known: Collection[str]) -> Reads:
    """Check every token of one side; nothing is evaluated."""
    reads = Reads(aliases, known)
    for token in tokens(side):
        _refuse_dot(token.token, known)
        if token.kind.value == "python":
            check_expression(token.token, reads)
        elif token.kind.value == "name":
            reads.column(token.token)
        elif token.kind.value == "operator" and token.token != "in":
            _check_operator(token.token)
    reads.refuse_shadowed()
    return reads


def _refuse_composite(outcome: str, text: str) -> None:
    """Demand one column or one function of columns; formulaic would expand others."""
    found = tokens(outcome)
    if len(found) != 1 or found[0].kind.value not in {"name", "python"}:
        raise FormulaError(
            f'The left side "{shown(text)}" is not one column.',
            hint="one outcome, as in log(wage) ~ educ; arithmetic goes into I(...).",
            code="outcome",
            where=shown(text),
        )


def _refuse_dot(word: str, known: Collection[str]) -> None:
    if word == "." and "." not in known:
        raise FormulaError(
            "The dot for all other columns is not supported.",
            hint="name the columns, as in wage ~ educ + exper.",
            code="not-allowed",
            where=".",
        )


def _check_operator(text: str) -> None:
    if strange := next((sign for sign in text if sign not in "+-*/:^"), ""):
        raise FormulaError(
            f"The sign {shown(strange)} has no meaning in a formula.",
            hint="put the name of a column that holds it in backticks, as in `my column`.",
            code="not-allowed",
            where=strange,
        )


def absorbed(parts: FormulaParts) -> tuple[AbsorbedTerm, ...]:
    """Return the fixed effects of a formula, none where it has no second part."""
    return () if parts.fixed_effects is None else absorbed_terms(parts.fixed_effects)


def _check_fixed_effects(parts: FormulaParts, known: Collection[str]) -> None:
    groups, slopes = columns_of(absorbed(parts))
    for name in (*groups, *slopes):
        if name not in known:
            raise unknown_name(name, known)
