"""Texts that hold numbers: the marks they are written with, and their values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

NULLS = frozenset(["\\N", "(null)", "[NULL]", "<null>", "<NULL>"])
"""Texts by which exports of databases write a missing value, also among texts."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_STATA_AND_SAS = (f".{letter}" for letter in f"{_LETTERS}{_LETTERS.upper()}_")
MISSING = frozenset(
    [
        "NA",
        "N/A",
        "n/a",
        "n.a.",
        "N.A.",
        "na",
        "#N/A",
        "#NA",
        "<NA>",
        "NaN",
        "nan",
        "NAN",
        "NULL",
        "Null",
        "null",
        "None",
        "none",
        "NaT",
        ":",
        ".",
        "..",
        "...",
        "…",
        "-",
        "--",
        "?",
    ]
) | {"", *NULLS, *_STATA_AND_SAS}
"""Texts that stand for a missing value in a column of numbers.

``.a`` to ``.z`` are Stata's, ``.A`` to ``.Z`` and ``._`` those of SAS, ``:`` is Eurostat's.
"""

_INFINITE = {"inf": np.inf, "+inf": np.inf, "-inf": -np.inf, "infinity": np.inf}
_CURRENCY = r"(?:[A-Z]{0,2}\p{Sc}|USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD|SEK|NOK|DKK|PLN|CZK|kr|zł|Kč)"
_CELL = (
    r"^(?P<outside>"
    + _CURRENCY
    + r")? ?(?P<open>\()? ?(?P<first>[+-])? ?(?P<before>"
    + _CURRENCY
    + r")? ?(?P<second>[+-])?"
    r"(?P<body>[\d.,' ]*\d[.,]?)(?P<exponent>[eE][+-]?\d+)? ?(?P<after>%|" + _CURRENCY + r")?"
    r" ?(?P<last>-)?(?P<close>\))?$"
)
_KINDS = (
    ("[\u2010\u2011\u2012\u2013\u2212]", "-"),
    ("[\u00a0\u2007\u2009\u202f]", " "),
    ("[\u02bc\u2018\u2019]", "'"),
)
_NAMES = {",": "commas", ".": "points", " ": "blanks", "'": "apostrophes"}


@dataclass(frozen=True)
class NumberTexts:
    """What an array of texts was read as.

    Attributes
    ----------
    kind
        ``"numbers"``; ``"ambiguous"`` when the only mark stands before exactly three digits in
        every text, so that it separates either thousands or decimals; else ``"text"``.
    values
        The numbers, shape ``(u,)``: int64 when all are whole and none is missing, else float64
        with NaN where a text is missing; None unless ``kind`` is ``"numbers"``.
    whole
        Whether the texts that are not missing are whole numbers; a nullable column then holds them
        exactly, as `integers` does.
    integers
        The whole numbers as int64 with 0 where a text is missing; None unless ``whole``.
    missing
        Whether each text is missing, shape ``(u,)``.
    decided
        The marks that were understood, such as ``("decimal comma", "percent signs left out")``.
    odd
        The first text, with its position, that keeps the others from being numbers.
    reason
        Why they are text, such as ``"leading zeros"``; empty for numbers.
    readings
        Of an ambiguous array: the two numbers that the text `odd` may stand for.
    like_numbers
        How many of the texts look like numbers by themselves.
    decimal
        The decimal mark for which there is evidence, else empty.
    """

    kind: Literal["numbers", "ambiguous", "text"]
    missing: np.ndarray[Any, np.dtype[np.bool_]]
    values: np.ndarray[Any, np.dtype[Any]] | None = None
    integers: np.ndarray[Any, np.dtype[np.int64]] | None = None
    decided: tuple[str, ...] = ()
    odd: tuple[int, str] | None = None
    reason: str = ""
    readings: tuple[str, str] | None = None
    like_numbers: int = 0
    decimal: str = ""

    @property
    def whole(self) -> bool:
        """Whether the texts that are not missing are whole numbers within 64 bits."""
        return self.integers is not None


def read_numbers(
    texts: Iterable[str | None],
    *,
    decimal: str = "",
    thousands: str = "",
    missing: Iterable[str] = MISSING,
    point_is_decimal: bool = True,
) -> NumberTexts:
    """Read texts as numbers, or say which of them is none.

    Understood are a decimal comma or point; commas, points, blanks and apostrophes between
    thousands; one currency sign; percent signs, where ``12 %`` is 12; a minus in front or behind;
    parentheses around negative numbers; blanks at both ends.  Leading zeros, codes such as
    ``1E05``, whole numbers beyond 64 bits and footnote marks make text.

    Parameters
    ----------
    texts
        Distinct texts, ``(u,)``; None is missing.
    decimal, thousands
        The marks, where they are known.
    missing
        Texts that stand for a missing value.
    point_is_decimal
        Whether points that all stand before three digits are decimal points, without evidence.
    """
    cells = _Cells(texts, missing)
    return cells.refusal() or _converted(cells, decimal, thousands, point_is_decimal)


class _Cells:
    """Texts divided into sign, currency or percent sign, digits with marks, and exponent."""

    def __init__(self, texts: Iterable[str | None], missing: Iterable[str]) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        self.given = _array(texts).cast(pa.large_string())
        trimmed = _normalized(self.given)
        self.missing = _flags(pc.is_in(trimmed, pa.array(sorted(missing), trimmed.type)))
        self.missing |= _flags(pc.is_null(self.given))
        self.infinite = np.zeros(len(trimmed))
        self.present = np.flatnonzero(~self.missing)
        self.texts = trimmed.take(pa.array(self.present))
        self._take_infinite()
        self.parts = pc.extract_regex(self.texts, _CELL)
        self.matches = _flags(pc.is_valid(self.parts))

    def _take_infinite(self) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        lower = pc.utf8_lower(self.texts)
        infinite = _flags(pc.is_in(lower, pa.array(list(_INFINITE), lower.type)))
        for position in np.flatnonzero(infinite):
            self.infinite[self.present[position]] = _INFINITE[lower[int(position)].as_py()]
        self.present = self.present[~infinite]
        self.texts = self.texts.filter(pa.array(~infinite))

    def part(self, name: str) -> Any:
        import pyarrow.compute as pc

        return pc.struct_field(self.parts, name)

    def has(self, name: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
        import pyarrow.compute as pc

        return _flags(pc.greater(pc.binary_length(self.part(name)), 0))

    def text(self, reason: str, first: int) -> NumberTexts:
        """Return that the texts are text, by the ``first`` of the texts that are present."""
        position = int(self.present[first])
        odd = position, str(self.given[position].as_py())
        return NumberTexts(
            "text", self.missing, odd=odd, reason=reason, like_numbers=int(self.matches.sum())
        )

    def refusal(self) -> NumberTexts | None:
        """Return why the texts cannot be numbers, whatever their marks mean."""
        if not len(self.texts):
            return None
        if not self.matches.all():
            return self.text("no number", int(np.argmin(self.matches)))
        signs = np.sum([self.has(name) for name in ("first", "second", "last", "open")], axis=0)
        checks = (
            ("parentheses", self.has("open") != self.has("close")),
            ("two signs", signs > 1),
            ("leading zeros", _matching(self.part("body"), r"^0\d")),
            ("codes with E", self._codes()),
            ("percent signs in some cells", self._unlike_percent()),
            ("two currencies", self._other_currency()),
            ("parentheses", self._unclear_parentheses()),
        )
        for reason, odd in checks:
            if odd.any():
                return self.text(reason, int(np.argmax(odd)))
        return None

    def _codes(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return where digits, E and digits may be a code, unless some cell has a decimal mark."""
        codes = _matching(self.texts, r"^\d+[eE]\d+$")
        has_numbers = bool(_matching(self.texts, r"[.,]|[eE][+-]").any())
        return codes & (not has_numbers)

    def _unlike_percent(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        percent = _matching(self.part("after"), "^%$")
        return ~percent & bool(percent.any())

    def _other_currency(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        currencies = self.currencies()
        first = next((sign for sign in currencies if sign), "")
        return np.array([bool(sign) and sign != first for sign in currencies], dtype=bool)

    def currencies(self) -> list[str]:
        """Return the currency sign of each text that is present, else an empty text."""
        places = [name for name in ("outside", "before", "after") if self.has(name).any()]
        if not places:
            return []
        signs = zip(*(self.part(name).to_pylist() for name in places), strict=True)
        return ["".join(sign or "" for sign in cell).replace("%", "") for cell in signs]

    def _unclear_parentheses(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return where parentheses may be something else: beside minus signs, or around all."""
        minus = self.has("first") | self.has("second") | self.has("last")
        opened = self.has("open")
        return opened & (minus.any() or opened.all())


def _converted(cells: _Cells, decimal: str, thousands: str, point_is_decimal: bool) -> NumberTexts:
    if not len(cells.texts):
        return _without_digits(cells)
    body = cells.part("body")
    marks = {mark for mark in _NAMES if _holds(body, mark)}
    fitting, odd = _conventions(body, marks, decimal, thousands)
    if not fitting:
        return cells.text("no number", odd)
    readings = [_numbers(cells, *convention) for convention in fitting]
    if len(fitting) > 1 and not (point_is_decimal and marks == {"."}):
        return _ambiguous(cells, marks, readings)
    chosen = next((i for i, (mark, _) in enumerate(fitting) if mark), 0)
    return _result(cells, *fitting[chosen], evidence=len(fitting) == 1)


def _conventions(
    body: Any, marks: set[str], decimal: str, thousands: str
) -> tuple[list[tuple[str, str]], int]:
    """Return the pairs of decimal and thousands marks that fit, and the first text none fits."""
    fitting, furthest = [], 0
    for pair in _pairs(marks, decimal, thousands):
        fits = _matching(body, _grammar(*pair))
        if fits.all():
            fitting.append(pair)
        furthest = max(furthest, int(np.argmin(fits)))
    return fitting, furthest


def _pairs(marks: set[str], decimal: str, thousands: str) -> list[tuple[str, str]]:
    """Return the pairs of a decimal and a thousands mark, or none, that use exactly ``marks``."""
    pairs = [
        (point, group)
        for point in ("", ".", ",")
        for group in ("", *_NAMES)
        if {point, group} - {""} == marks and (point != group or not marks)
    ]
    return [
        (point, group)
        for point, group in pairs
        if (not decimal or (point in ("", decimal) and group != decimal))
        and (not thousands or (group in ("", thousands) and point != thousands))
    ]


def _grammar(decimal: str, thousands: str) -> str:
    mark, group = (f"[{character}]" for character in (decimal or "#", thousands or "#"))
    grouped = rf"[1-9]\d{{0,2}}(?:{group}\d{{3}})+"
    if thousands == ",":
        grouped += rf"|[1-9]\d?(?:{group}\d{{2}})+{group}\d{{3}}"  # as in India
    return rf"^(?:{grouped}|\d+)(?:{mark}\d*)?$|^{mark}\d+$"


def _numbers(cells: _Cells, decimal: str, thousands: str) -> Any:
    """Return the texts that are present in the form of Python's numbers."""
    import pyarrow.compute as pc

    body = cells.part("body")
    if thousands:
        body = pc.replace_substring(body, thousands, "")
    if decimal == ",":
        body = pc.replace_substring(body, ",", ".")
    minus = cells.has("open") | (cells.has("last"))
    for name in ("first", "second"):
        minus |= _matching(cells.part(name), "^-$")
    sign = _array(["", "-"]).take(_array(minus.astype(np.int8)))
    empty = _array([""])[0]
    return pc.binary_join_element_wise(sign, body, cells.part("exponent"), empty)


def _result(cells: _Cells, decimal: str, thousands: str, *, evidence: bool) -> NumberTexts:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = _numbers(cells, decimal, thousands)
    values = np.where(cells.missing, np.nan, cells.infinite)
    integers = None
    if not (decimal or cells.has("exponent").any() or cells.infinite.any()):
        integers = np.zeros(len(values), dtype=np.int64)
        try:
            integers[cells.present] = pc.cast(texts, pa.int64()).to_numpy()
        except pa.ArrowInvalid:
            return cells.text("whole numbers beyond 64 bits", _longest(texts))
    values[cells.present] = pc.cast(texts, pa.float64()).to_numpy()
    return NumberTexts(
        "numbers",
        cells.missing,
        integers if integers is not None and not cells.missing.any() else values,
        integers,
        _decided(cells, decimal, thousands),
        like_numbers=len(texts),
        decimal=_evidence(decimal, thousands) if evidence else "",
    )


def _evidence(decimal: str, thousands: str) -> str:
    """Return the decimal mark that a pair of marks is evidence for."""
    return decimal or {".": ",", ",": "."}.get(thousands, "")


def _decided(cells: _Cells, decimal: str, thousands: str) -> tuple[str, ...]:
    words = ["decimal comma"] if decimal == "," else []
    if thousands:
        words.append(f"thousands {_NAMES[thousands]}")
    if _matching(cells.part("after"), "^%$").any():
        words.append("percent signs left out")
    if currency := next((sign for sign in cells.currencies() if sign), ""):
        words.append(f"{currency} left out")
    if cells.has("open").any():
        words.append("parentheses are minus signs")
    return tuple(words)


def _ambiguous(cells: _Cells, marks: set[str], readings: Sequence[Any]) -> NumberTexts:
    first = int(np.argmax(_matching(cells.part("body"), f"[{''.join(marks)}]")))
    position = int(cells.present[first])
    return NumberTexts(
        "ambiguous",
        cells.missing,
        odd=(position, str(cells.given[position].as_py())),
        reason="thousands or decimals",
        readings=(readings[0][first].as_py(), readings[1][first].as_py()),
        like_numbers=len(cells.texts),
    )


def _without_digits(cells: _Cells) -> NumberTexts:
    values = np.where(cells.missing, np.nan, cells.infinite)
    return NumberTexts("numbers", cells.missing, values)


def _longest(texts: Any) -> int:
    import pyarrow.compute as pc

    return int(np.argmax(pc.binary_length(texts).to_numpy(zero_copy_only=False)))


def _array(values: Iterable[Any]) -> Any:
    import pyarrow as pa

    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks()
    if isinstance(values, pa.Array):
        return values
    if isinstance(values, np.ndarray) and values.dtype != object:
        return pa.array(values)
    return pa.array(list(values), pa.large_string(), from_pandas=True)


def _normalized(texts: Any) -> Any:
    """Return texts without blanks at their ends, and with one kind of minus, blank, apostrophe."""
    import pyarrow.compute as pc

    texts = pc.utf8_trim_whitespace(texts)
    if pc.all(pc.string_is_ascii(texts)).as_py() is not False:
        return texts
    for kinds, one in _KINDS:
        texts = pc.replace_substring_regex(texts, kinds, one)
    return texts


def _matching(texts: Any, pattern: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    import pyarrow.compute as pc

    return _flags(pc.match_substring_regex(texts, pattern))


def _holds(texts: Any, mark: str) -> bool:
    import pyarrow.compute as pc

    return bool(pc.any(pc.match_substring(texts, mark)).as_py())


def _flags(found: Any) -> np.ndarray[Any, np.dtype[np.bool_]]:
    import pyarrow.compute as pc

    return np.asarray(pc.fill_null(found, False).to_numpy(zero_copy_only=False), dtype=bool)
