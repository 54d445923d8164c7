"""The dialect of a text file: encoding, separator, the line that names the columns."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from workbench.data.number_texts import MISSING
from workbench.data.reading import CsvOptions
from workbench.errors import DataError

_HEAD = 1_000_000
"""Bytes from which the dialect is found."""

_ROWS = 1_000
_FEWEST_EMPTY = 4
"""Empty bytes at the front of a text in UTF-16 without a mark: `a,b` and a line's end have four."""

_LINES_TRIED = 200
"""Lines by which separators are compared."""

_BLOCK = 1024**2
_BY_NAME = {"tab": "\t", "blank": " "}
NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
_NOT_CP1252 = (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Row(NamedTuple):
    """A row of the file's head: its fields, its line and the line behind it, counted from 0."""

    fields: list[str]
    line: int
    after: int


@dataclass
class Dialect:
    """How the bytes of a file are divided into columns.

    ``start`` is the first byte of the first row of numbers, on the line ``line`` counted from 1;
    ``trailing`` says that every row ends with a separator.
    """

    separator: str
    names: list[str]
    start: int
    line: int
    trailing: bool = False
    encoding: str = "utf-8"
    rows: list[list[str]] = field(default_factory=list)
    decided: list[str] = field(default_factory=list)

    @property
    def form(self) -> tuple[str, str]:
        """What separates the columns, and the encoding, in words."""
        return f"{NAMES[self.separator]} between columns", self.encoding.upper()


def decoded(data: bytes, encoding: str, name: str) -> tuple[bytes, str]:
    """Return bytes as UTF-8 without a mark at the front, and the encoding that they had.

    Without an encoding, the mark decides, then whether the bytes are UTF-8, else they are
    Windows' Western European cp1252.
    """
    found = encoding or encoding_of(data)
    try:
        if codecs.lookup(found).name in {"utf-8", "utf-8-sig"}:
            if encoding and not _is_utf8(data):
                data.decode()  # which says where it is not
            return data.removeprefix(codecs.BOM_UTF8), "utf-8"
        return data.decode(found).removeprefix("\ufeff").encode(), found
    except (LookupError, UnicodeError) as error:
        raise DataError(
            f'"{name}" cannot be read in the encoding {found}: {error}.',
            hint='another encoding, such as encoding="latin-1" or encoding="utf-16".',
            code="encoding",
            where="encoding",
        ) from error


def encoding_of(data: bytes) -> str:
    """Return the encoding of bytes: that of their mark, UTF-8, else a Western European one.

    Raises
    ------
    ValueError
        When they are not text.
    """
    for mark, name in _BOMS:
        if data.startswith(mark):
            return name
    head = data[:1000]
    if head.count(0):
        return _utf16(head)
    if _is_utf8(data):
        return "utf-8"
    return "latin-1" if any(byte in data for byte in _NOT_CP1252) else "cp1252"


def _utf16(head: bytes) -> str:
    """Return which UTF-16 has its empty bytes where these are."""
    first, second = head[::2].count(0), head[1::2].count(0)
    name = "utf-16-be" if first > second else "utf-16-le"
    most = max(first, second)
    odd = min(first, second) * 20 > len(head) or most * 8 < len(head) or most < _FEWEST_EMPTY
    if odd or not re.search(r"[\r\n]", head.decode(name, "ignore")):
        raise ValueError("it is not text")
    return name


def _is_utf8(data: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(data)
    try:
        for start in range(0, len(data), _BLOCK):
            block = bytes(view[start : start + _BLOCK])
            if not (block.isascii() and not decoder.getstate()[0]):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def find_dialect(data: bytes, options: CsvOptions) -> Dialect:
    """Find how UTF-8 bytes are divided into columns, as far as the options do not say.

    Raises
    ------
    ValueError
        When the file has no columns.
    """
    text = data[:_HEAD].decode("utf-8", "ignore")
    if len(data) > _HEAD:
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1] or text
    lines = list(islice(io.StringIO(text, newline=""), 2 * _ROWS))
    separator = _BY_NAME.get(options.sep, options.sep)
    first = 0
    if lines and lines[0].lower().startswith("sep=") and len(lines[0].strip("\r\n")) == 5:
        separator, first = separator or lines[0][4], 1
    first = options.skip if options.skip is not None else first
    separator = separator or _separator([x for x in lines[first:] if not x.startswith("#")])
    rows = _rows(lines[first:], separator)
    if not rows:
        raise ValueError("it has no columns")
    return _headed(lines, first, rows, separator, options)


def _rows(lines: Sequence[str], separator: str) -> list[Row]:
    """Divide lines into rows; blank lines are left out."""
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=separator == " ")
    rows, before = [], 0
    try:
        for fields in islice(reader, _ROWS):
            if (fields and any(fields)) or len(fields) > 1:
                rows.append(Row(fields, before, reader.line_num))
            before = reader.line_num
    except csv.Error:
        pass
    return rows


def _separator(lines: Sequence[str]) -> str:
    """Return the separator by which most rows have the same number of columns."""
    best, best_share = ",", 0.0
    for separator in ("\t", ";", "|", ",", " "):
        rows = _rows(lines[:_LINES_TRIED], separator)
        share = _agreement(rows)
        least = 1.0 if separator == " " else 0.5
        if share >= least and share > best_share + 1e-9:
            best, best_share = separator, share
    return best


def _agreement(rows: Sequence[Row]) -> float:
    """Return the share of rows with the usual number of columns, 0 where that is one."""
    if not rows:
        return 0.0
    usual = _usual(rows)
    if usual < 2:
        return 0.0
    full = sum(len(row.fields) == usual for row in rows)
    first = next(i for i, row in enumerate(rows) if len(row.fields) == usual)
    near = first > 0 and len(rows[first - 1].fields) in {usual - 1, usual + 1} and usual > 2
    return (full + near) / len(rows)


def _usual(rows: Sequence[Row]) -> int:
    counts = Counter(len(row.fields) for row in rows)
    return max(counts, key=lambda count: (counts[count], count))


def _headed(
    lines: Sequence[str], first: int, rows: list[Row], separator: str, options: CsvOptions
) -> Dialect:
    """Find the line that names the columns, and the first row behind it."""
    usual = _usual([row for row in rows if not row.fields[0].startswith("#")] or rows)
    at = 0
    if options.skip is None and options.header != "no":
        at = next((i for i in range(len(rows)) if _is_header(rows, i, usual)), 0)
    elif options.skip is None:
        at = next((i for i, row in enumerate(rows) if len(row.fields) == usual), 0)
    head, body = rows[at], rows[at + (options.header != "no") :]
    body = [row for row in body if not (row.fields[0].startswith("#") and len(row.fields) != usual)]
    line = first + (head.line if options.header == "no" else head.after)
    dialect = Dialect(
        separator,
        [] if options.header == "no" else [each.strip() for each in head.fields],
        sum(len(each.encode()) for each in lines[:line]),
        line + 1,
        rows=[row.fields for row in body],
    )
    quoted = all(lines[first + row.line].startswith('"') for row in body)
    _name_columns(dialect, usual, options, quoted=quoted)
    _say(dialect, first, head, lines, options)
    return dialect


def _is_header(rows: Sequence[Row], at: int, usual: int) -> bool:
    fields, count = rows[at].fields, len(rows[at].fields)
    following = rows[at + 1].fields if at + 1 < len(rows) else []
    if fields[0].startswith("#") and not (count == usual and _has_number(following)):
        return False
    if count == usual + 1 and not fields[-1]:
        return True
    if count == usual:
        return not _is_title(rows, at)
    short = count == usual - 1 and len(following) == usual and all(fields)
    return short and (_has_number(following) or not following[-1]) and not _has_number(fields)


def _is_title(rows: Sequence[Row], at: int) -> bool:
    """Tell whether a row as long as the others is a title: padded, or apart from a heading."""
    fields = rows[at].fields
    if at + 1 == len(rows):
        return False
    following = rows[at + 1]
    padded = len(fields) > 1 and not any(fields[1:]) and sum(map(bool, following.fields)) > 1
    apart = following.line > rows[at].after and at + 2 < len(rows) and all(following.fields)
    names_follow = apart and not _has_number(following.fields)
    return padded or (names_follow and _has_number(rows[at + 2].fields))


def _has_number(fields: Sequence[str]) -> bool:
    return any(
        any(c.isdigit() for c in each) and not any(c.isalpha() for c in each) for each in fields
    )


def _name_columns(dialect: Dialect, usual: int, options: CsvOptions, *, quoted: bool) -> None:
    """Give every column a name; a heading that is one short has row names or trailing marks."""
    names = dialect.names
    if options.header == "no":
        dialect.names = [f"x{number}" for number in range(1, usual + 1)]
        dialect.decided.append(f"no line with names: x1 to x{usual}")
    elif len(names) == usual - 1 and dialect.rows:
        ends_empty = all(not row[-1] for row in dialect.rows if len(row) == usual)
        dialect.trailing = ends_empty
        if ends_empty:
            dialect.names = [*names, ""]
        elif _are_row_names([row[0] for row in dialect.rows if len(row) == usual], quoted=quoted):
            dialect.names = ["rownames", *names]
            dialect.decided.append('the first column, without a heading, is "rownames"')
    elif len(names) == usual + 1 and dialect.rows:
        dialect.names = names[:-1]
    if options.header == "" and names and all(_is_plain(name) for name in names):
        dialect.decided.append(f'the first line, "{names[0]}" and so on, names the columns')


def _are_row_names(texts: Sequence[str], *, quoted: bool) -> bool:
    """Tell whether texts differ and are quoted, words or the numbers from 1, as R names rows."""
    if len(set(texts)) < len(texts):
        return False
    return quoted or (texts[0] == "1" and texts[-1] == str(len(texts))) or not _has_number(texts)


def _is_plain(name: str) -> bool:
    return name in MISSING or not name.strip("+-0123456789.,")


def _say(
    dialect: Dialect, first: int, head: Row, lines: Sequence[str], options: CsvOptions
) -> None:
    skipped = sum(bool(line.strip()) for line in lines[first : first + head.line])
    skipped += first if options.skip is not None else 0
    if skipped:
        dialect.decided.append(f"{skipped:,} line{'s' * (skipped > 1)} skipped")
