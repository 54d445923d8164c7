"""Edit a formula's text term by term, to keep it in step with the list of variables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from workbench.data.names import quoted

_OPENING, _CLOSING, _QUOTES = "([{", ")]}", "\"'`"


@dataclass(frozen=True)
class Sides:
    """A formula cut at its first ``~`` and its first top-level ``|``."""

    outcome: str
    terms: str
    tail: str

    def __str__(self) -> str:
        right = self.terms.strip() or "1"
        return f"{self.outcome.strip()} ~ {right}{self.tail}"


def sides(formula: str) -> Sides:
    """Cut a formula, however unfinished, into its outcome, its terms and what follows a ``|``."""
    left, *right = cut(formula, "~")
    if not right:
        return Sides("", left[1], "")
    terms, *tail = cut("~".join(piece for _, piece in right), "|")
    return Sides(
        left[1].strip(), terms[1].strip(), "".join(f" | {piece.strip()}" for _, piece in tail)
    )


def with_outcome(formula: str, name: str) -> str:
    """Put ``name`` on the left side; pressed again, it leaves the left side empty."""
    parts = sides(formula)
    if parts.outcome == quoted(name):
        return str(Sides("", parts.terms, parts.tail))
    return str(Sides(quoted(name), _without(parts.terms, name), parts.tail))


def with_term(formula: str, name: str) -> str:
    """Put ``name`` on the right side, or remove it when it is a term there."""
    parts = sides(formula)
    terms = _without(parts.terms, name)
    if terms == parts.terms:
        terms = quoted(name) if terms.strip() in {"", "1"} else f"{terms.strip()} + {quoted(name)}"
    outcome = "" if parts.outcome == quoted(name) else parts.outcome
    return str(Sides(outcome, terms, parts.tail))


def without_term(formula: str, name: str) -> str:
    """Take ``name`` off the right side, where it is a term."""
    parts = sides(formula)
    return str(Sides(parts.outcome, _without(parts.terms, name), parts.tail))


def effects(formula: str) -> str:
    """Return the fixed effects, what stands between the first ``|`` and the next.

    >>> effects("wage ~ educ | firm + year | exper ~ age")
    'firm + year'
    """
    parts = [piece.strip() for mark, piece in cut(sides(formula).tail, "|") if mark]
    return parts[0] if parts and len(cut(parts[0], "~")) == 1 else ""


def with_effect(formula: str, name: str) -> str:
    """Put ``name`` among the fixed effects, or take it off; an empty name takes all off.

    >>> with_effect("wage ~ educ | firm", "year"), with_effect("wage ~ educ | firm", "firm")
    ('wage ~ educ | firm + year', 'wage ~ educ')
    """
    parts, before = sides(formula), effects(formula)
    after = "" if not name else _without(before, name)
    if name and after == before:
        after = f"{before} + {quoted(name)}" if before else quoted(name)
    rest = [piece.strip() for mark, piece in cut(parts.tail, "|") if mark][bool(before) :]
    tail = "".join(f" | {piece}" for piece in filter(None, (after, *rest)))
    return str(Sides(parts.outcome, _without(parts.terms, name) if name else parts.terms, tail))


def with_replaced(formula: str, wrong: str, right: str) -> str:
    """Replace the name ``wrong`` by ``right`` wherever it is a whole name."""
    in_backticks = f"`{wrong.replace('`', '``')}`"
    if in_backticks in formula:
        return formula.replace(in_backticks, quoted(right))
    pattern = rf"(?<![\w`]){re.escape(wrong)}(?![\w`])"
    return re.sub(pattern, lambda _: quoted(right), formula)


def cut(text: str, marks: str) -> list[tuple[str, str]]:
    """Cut ``text`` at each of ``marks`` outside quotes and brackets, as pairs (mark, piece)."""
    places = [-1, *_outside(text, marks), len(text)]
    return [
        (text[start] if start >= 0 else "", text[start + 1 : end])
        for start, end in pairwise(places)
    ]


def _outside(text: str, marks: str) -> list[int]:
    """Return the positions of ``marks`` outside quotes and brackets."""
    found, depth, quote = [], 0, ""
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in _QUOTES:
            quote = letter
        elif not depth and letter in marks:
            found.append(place)
        else:
            depth += (letter in _OPENING) - (letter in _CLOSING and depth > 0)
    return found


def _without(terms: str, name: str) -> str:
    pieces = cut(terms, "+-")
    kept = [(sign, piece) for sign, piece in pieces if piece.strip() != quoted(name)]
    if len(kept) == len(pieces):
        return terms
    joined = " ".join(f"{sign} {piece.strip()}".strip() for sign, piece in kept)
    return joined.removeprefix("+ ")
