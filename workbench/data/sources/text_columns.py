"""Decide what columns of texts hold: numbers, dates, booleans or text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.names import shown
from workbench.data.number_texts import MISSING, NULLS, NumberTexts, read_numbers
from workbench.data.reading import CsvOptions
from workbench.data.sources.date_texts import read_dates
from workbench.errors import DataError
from workbench.sentences import in_rows

_HEAD = 1_000
_SMALL = 4_000_000
"""Bytes that are decided sooner than threads are started."""

_MARKS = {"blank": " "}
_PLUS, _MINUS, _ZERO = np.frombuffer(b"+-0", dtype=np.uint8)
_CERTAIN = {"no number", "leading zeros", "two currencies"}
"""Why some texts are no numbers, whatever other texts there are."""
_BOOLEANS = {"true": True, "false": False}
_WORDS_OF_TEXT = {word for word in MISSING - NULLS if word.strip(".-?:…")}
"""Texts for a missing value of which a column of text that has them is told."""

Missing = Callable[[str, str], Any]
"""Where a column has a missing text without quotes, given its name and its first text."""


@dataclass
class _Column:
    """A column of texts on its way to be decided; ``levels[codes]`` are its texts."""

    name: str
    texts: Any
    values: Any = None
    levels: Any = None
    codes: Any = None
    read: NumberTexts | None = None
    decimal: str = ""
    points: bool = False
    words: dict[str, int] = field(default_factory=dict)
    note: str = ""

    def add_note(self, sentence: str) -> None:
        """Add a sentence to the note."""
        self.note = f"{self.note} {sentence}".strip()


def decide_columns(
    columns: Mapping[str, Any],
    options: CsvOptions,
    unquoted: Missing,
    *,
    point_is_decimal: bool = True,
) -> tuple[pd.DataFrame, list[str], dict[str, str]]:
    """Return the columns as a DataFrame, what was decided, and notes by column.

    Evidence for the decimal mark in one column counts for the columns that have none.

    Raises
    ------
    DataError
        When a column has two readings and no column has evidence.
    """
    made = [_Column(name, texts) for name, texts in columns.items()]
    _check_names(options, columns)
    decider = _Decider(options, point_is_decimal=point_is_decimal)
    if sum(texts.nbytes for texts in columns.values()) < _SMALL:
        list(map(decider.first, made))
    else:
        with ThreadPoolExecutor() as threads:
            list(threads.map(decider.first, made))
    decimals = {column.decimal for column in made} - {""}
    decimal = options.decimal or (decimals.pop() if len(decimals) == 1 else "")
    for column in made:
        decider.second(column, decimal)
        _finish(column, unquoted)
    said = dict.fromkeys(word for column in made for word in _general(column))
    frame = pd.DataFrame({column.name: column.values for column in made}, copy=False)
    return frame, list(said), {column.name: column.note for column in made if column.note}


def _check_names(options: CsvOptions, columns: Mapping[str, Any]) -> None:
    for name in options.text:
        if name not in columns:
            raise DataError(
                f'The file has no column "{shown(name)}", which text= names.',
                hint=f"pick from {', '.join(map(shown, list(columns)[:8]))}.",
                code="unknown-column",
                where="text",
            )


def _general(column: _Column) -> tuple[str, ...]:
    if column.read is not None:
        return column.read.decided
    return ("decimal comma",) if column.decimal == "," else ()


class _Decider:
    """Decide columns; plain numbers are converted at once, others by their distinct texts."""

    def __init__(self, options: CsvOptions, *, point_is_decimal: bool) -> None:
        self.text = set(options.text)
        self.missing = MISSING | set(options.missing_texts)
        self.extra = options.missing_texts
        self.marks = {
            "decimal": options.decimal,
            "thousands": _MARKS.get(options.thousands, options.thousands),
        }
        self.point_is_decimal = point_is_decimal

    def first(self, column: _Column) -> None:
        """Decide a column by itself, as far as that is possible."""
        if self.extra:
            column.texts = _without(column.texts, self.extra)
        if column.name in self.text or self._plain(column):
            return
        if column.texts.null_count < len(column.texts) and self._is_text(column):
            return
        _encode(column)
        if _booleans(column) or _dates(column):
            return
        column.read = self._numbers(column, self.marks["decimal"])
        column.decimal = column.read.decimal

    def _is_text(self, column: _Column) -> bool:
        """Decide by the first rows that a column is text, whatever the others hold."""
        head = _Column(column.name, column.texts.slice(0, _HEAD))
        _encode(head)
        if _booleans(head) or read_dates(head.levels, MISSING) is not None:
            return False
        read = self._numbers(head, self.marks["decimal"])
        if read.reason not in _CERTAIN:
            return False
        column.read = read
        return True

    def second(self, column: _Column, decimal: str) -> None:
        """Decide a column with the file's decimal mark, where it has none of its own."""
        if column.points and (decimal == "," or not (decimal or self.point_is_decimal)):
            _encode(column)
            column.values = None
            column.read = self._numbers(column, decimal)
        elif column.read is not None and column.read.kind != "text" and not column.read.decimal:
            column.read = self._numbers(column, decimal) if decimal else column.read

    def _numbers(self, column: _Column, decimal: str) -> NumberTexts:
        some = self._read(column.levels.slice(0, _HEAD), decimal)
        if len(column.levels) <= _HEAD or some.reason in _CERTAIN:
            return some
        return self._read(column.levels, decimal)

    def _read(self, levels: Any, decimal: str) -> NumberTexts:
        return read_numbers(
            levels,
            decimal=decimal,
            thousands=self.marks["thousands"],
            missing=self.missing,
            point_is_decimal=self.point_is_decimal,
        )

    def _plain(self, column: _Column) -> bool:
        """Convert whole numbers and decimals without marks, leading zeros or codes."""
        texts = column.texts
        if texts.null_count == len(texts):
            return False
        if _cast(texts.slice(0, _HEAD), "int64") is not None:
            column.values = _whole(texts)
        for mark in self._decimal_marks():
            if column.values is None:
                column.values = _decimals(column, mark)
        return column.values is not None

    def _decimal_marks(self) -> str:
        given = self.marks["decimal"] or ".,"
        return given.replace(self.marks["thousands"] or " ", "")


def _without(texts: Any, missing: tuple[str, ...]) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.is_in(pc.utf8_trim_whitespace(texts), pa.array(missing, texts.type))
    return pc.if_else(found, pa.scalar(None, texts.type), texts)


def _cast(texts: Any, kind: str) -> Any:
    """Return texts as numbers of a type of Arrow, or None where one is not such a number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.cast(texts, kind)
    except pa.ArrowInvalid:
        return None


def _whole(texts: Any) -> Any:
    """Return whole numbers, nullable where some are missing, or None for other texts."""
    numbers = _cast(texts, "int64")
    return None if numbers is None or _padded(texts) else _nullable(numbers)


def _nullable(numbers: Any) -> Any:
    """Return Arrow's numbers as numpy's, or as pandas' nullable ones where some are missing."""
    import pyarrow.compute as pc

    if not numbers.null_count:
        return numbers.to_numpy()
    missing = pc.is_null(numbers).to_numpy()
    return pd.arrays.IntegerArray(pc.fill_null(numbers, 0).to_numpy().copy(), missing.copy())


def _padded(texts: Any) -> bool:
    """Tell whether some number has a leading zero, as ``01`` and ``-00.5`` but not ``0.5``."""
    return any(_has_padded(chunk) for chunk in texts.chunks if len(chunk))


def _has_padded(texts: Any) -> bool:
    """Look at the first two digits of each text in Arrow's own bytes."""
    _, offsets, buffer = texts.buffers()
    if buffer is None or not buffer.size:
        return False
    letters = np.frombuffer(buffer, dtype=np.uint8)
    ends = np.frombuffer(offsets, dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    starts, ends = ends[:-1], ends[1:]
    first = letters.take(starts, mode="clip")
    signed = np.flatnonzero((first == _PLUS) | (first == _MINUS))
    return _zero_and_digit(letters, starts, ends) or _zero_and_digit(
        letters, starts[signed] + 1, ends[signed]
    )


def _zero_and_digit(letters: Any, starts: Any, ends: Any) -> bool:
    """Tell whether a text has a zero and another digit at its start."""
    zero = np.flatnonzero(letters.take(starts, mode="clip") == _ZERO)
    second = starts[zero] + 1
    digit = (letters.take(second, mode="clip") - _ZERO) < 10  # below zero, uint8 wraps around
    return bool((digit & (second < ends[zero])).any())


def _decimals(column: _Column, mark: str) -> Any:
    """Return numbers with decimal points or commas, or None for texts that need a closer look."""
    import pyarrow.compute as pc

    head = column.texts.slice(0, _HEAD).drop_null()
    if not _contains(head, mark) or _floats(head, mark) is None:
        return None
    numbers = _floats(column.texts, mark)
    if numbers is None or _padded(column.texts) or pc.any(pc.is_nan(numbers)).as_py():
        return None
    if _has_evidence(head, mark) or _has_evidence(column.texts, mark):
        column.decimal = mark
    elif mark == ",":
        return None
    else:
        column.points = True
    return pc.fill_null(numbers, np.nan).to_numpy()


def _floats(texts: Any, mark: str) -> Any:
    """Return texts with one decimal mark as numbers of Arrow, or None."""
    if mark == ",":
        texts = _with_points(texts)
    return None if texts is None else _cast(texts, "float64")


def _with_points(texts: Any) -> Any:
    """Return texts with points in place of commas, or None where there are points already.

    The bytes of a whole chunk are replaced at once, which Arrow does text by text.
    """
    import pyarrow as pa

    chunks = []
    for chunk in filter(len, texts.chunks):
        valid, offsets, letters = chunk.buffers()
        ends = np.frombuffer(offsets, dtype=np.int32)[[chunk.offset, chunk.offset + len(chunk)]]
        written = b"" if letters is None else letters.to_pybytes()
        if written.find(b".", *map(int, ends)) >= 0:
            return None
        buffers = [valid, offsets, pa.py_buffer(written.replace(b",", b"."))]
        chunks.append(
            pa.Array.from_buffers(chunk.type, len(chunk), buffers, chunk.null_count, chunk.offset)
        )
    return pa.chunked_array(chunks, texts.type)


def _contains(texts: Any, mark: str) -> bool:
    import pyarrow.compute as pc

    return bool(pc.any(pc.match_substring(texts, mark)).as_py())


def _has_evidence(texts: Any, mark: str) -> bool:
    """Tell whether some decimal mark cannot stand between thousands."""
    import pyarrow.compute as pc

    pattern = rf"[{mark}]\d{{0,2}}$|[{mark}]\d{{4}}|^[+-]?0?[{mark}]|[eE]|\d{{4}}[{mark}]"
    return bool(pc.any(pc.match_substring_regex(texts, pattern)).as_py())


def _encode(column: _Column) -> None:
    if column.levels is not None:
        return
    encoded = column.texts.dictionary_encode().combine_chunks()
    if hasattr(encoded, "chunks"):
        encoded = encoded.chunk(0)
    column.levels = encoded.dictionary
    column.codes = encoded.indices.fill_null(-1).to_numpy()


def _words(column: _Column, missing: frozenset[str] | set[str] = MISSING) -> dict[str, int]:
    """Return the missing texts that a column has, with the number of rows of each."""
    import pyarrow as pa
    import pyarrow.compute as pc

    words = pa.array(sorted(missing), column.texts.type)
    if column.levels is not None and not pc.any(pc.is_in(column.levels, words)).as_py():
        return {}
    found = pc.value_counts(column.texts.filter(pc.is_in(column.texts, words)))
    return {each["values"]: each["counts"] for each in found.to_pylist()}


def _others(column: _Column) -> list[str] | None:
    """Return the distinct texts that are not missing, or None when there are many."""
    if len(column.levels) > len(MISSING) + 2:
        return None
    return [text for text in column.levels.to_pylist() if text.strip() not in MISSING]


def _booleans(column: _Column) -> bool:
    others = _others(column)
    if not others or any(text.strip().lower() not in _BOOLEANS for text in others):
        return False
    flags = [_BOOLEANS.get(text.strip().lower()) for text in column.levels.to_pylist()]
    values = np.array([*(bool(flag) for flag in flags), False])[column.codes]
    missing = np.array([*(flag is None for flag in flags), True])[column.codes]
    column.words = _words(column)
    column.values = pd.arrays.BooleanArray(values, missing) if missing.any() else values
    return True


def _dates(column: _Column) -> bool:
    """Convert dates; a column whose days and months are not known apart stays text, with a note."""
    dates = read_dates(column.levels, MISSING)
    if dates is None:
        return False
    column.note = dates.note(shown(column.name))
    if dates.moments is None:
        return False
    column.words = _words(column)
    column.values = pd.Series(np.append(dates.moments, np.datetime64("NaT", "us"))[column.codes])
    return True


def _finish(column: _Column, unquoted: Missing) -> None:
    """Give a column its values and its note."""
    read = column.read
    if read is not None and read.kind == "ambiguous":
        raise _two_readings(column, read)
    if read is not None and read.kind == "numbers":
        _take_numbers(column, read)
        column.words = _words(column)
    elif column.values is None:
        _take_text(column, unquoted)
        return
    if column.words:
        column.add_note(_missing_where(column, column.words))


def _missing_where(column: _Column, words: Mapping[str, int]) -> str:
    return f"{shown(column.name)} is missing where the file has {_counts(words)}."


def _counts(words: Mapping[str, int]) -> str:
    return in_rows({f'"{shown(text)}"': count for text, count in words.items()})


def _take_numbers(column: _Column, read: NumberTexts) -> None:
    missing = np.append(read.missing, True)[column.codes]
    if read.integers is not None:
        values = np.append(read.integers, 0)[column.codes]
        column.values = pd.arrays.IntegerArray(values, missing) if missing.any() else values
    else:
        column.values = np.append(np.asarray(read.values, dtype=np.float64), np.nan)[column.codes]


def _take_text(column: _Column, unquoted: Missing) -> None:
    """Keep text; say which of it other programs take for missing, and what is no number."""
    import pyarrow.compute as pc

    _leave_out_nulls(column)
    words = _words(column, _WORDS_OF_TEXT)
    if words:
        _words_in_text(column, words, unquoted)
    if not column.note and column.read is not None and column.read.odd:
        column.note = _why_text(column, column.read)
    texts = column.texts.to_pandas()
    column.values = (
        texts if texts.dtype != object else texts.where(pc.is_valid(column.texts).to_numpy(), None)
    )


def _leave_out_nulls(column: _Column) -> None:
    """Make blanks, and the marks of databases for no value, missing in a column of text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = column.texts
    found = pc.or_(pc.utf8_is_space(texts), pc.is_in(texts, pa.array(sorted(NULLS), texts.type)))
    if not pc.any(found).as_py():
        return
    counts = pc.value_counts(texts.filter(found)).to_pylist()
    column.add_note(_missing_where(column, {each["values"]: each["counts"] for each in counts}))
    column.texts = pc.if_else(found, pa.scalar(None, texts.type), texts)


def _words_in_text(column: _Column, words: dict[str, int], unquoted: Missing) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    known = column.texts.filter(pc.invert(pc.is_in(column.texts, pa.array(sorted(MISSING)))))
    first = known.drop_null()[0].as_py() if known.null_count < len(known) else ""
    empty = unquoted(column.name, first) if first else None
    if empty is None:
        names = ", ".join(words)
        column.add_note(
            f"{shown(column.name)} has the text {_counts(words)}, which counts as text; "
            f'wb.read_csv(path, missing="{names}") makes it missing.'
        )
        return
    found = pc.and_(empty, pc.is_valid(column.texts))
    column.texts = pc.if_else(empty, pa.scalar(None, column.texts.type), column.texts)
    if count := pc.sum(found).as_py():
        rows = "row" if count == 1 else "rows"
        column.add_note(
            f"{shown(column.name)} is missing in {count:,} {rows} with NA without quotes."
        )


def _why_text(column: _Column, read: NumberTexts) -> str:
    """Say why a column that looks like numbers is text."""
    import pyarrow.compute as pc

    present = len(read.missing) - int(read.missing.sum())
    if read.odd is None or read.like_numbers * 2 <= present:
        return ""
    text = read.odd[1]
    row = pc.index(column.texts, text).as_py()
    why = "" if read.reason == "no number" else f" ({read.reason})"
    return f'{shown(column.name)} is text: row {row} has "{shown(text)}"{why}.'


def _two_readings(column: _Column, read: NumberTexts) -> DataError:
    level, text = read.odd or (0, "")
    row = int(np.argmax(column.codes == level))
    one, two = sorted(read.readings or (), key=lambda number: "." in number)
    mark, other = ",." if "," in text else ".,"
    return DataError(
        f'{shown(column.name)} has two readings: "{shown(text)}" in row {row} is {one} or {two}, '
        "and nothing in the file decides.",
        hint=f'wb.read_csv(path, decimal="{mark}") reads {two}, and decimal="{other}" reads {one}.',
        code="two-readings",
        where=column.name,
    )
