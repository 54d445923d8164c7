"""Text files with separators: every cell is read as text, and each column is decided by itself."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.data.names import shown
from workbench.data.number_texts import MISSING
from workbench.data.reading import CsvOptions, Reading
from workbench.data.sources.csv_dialect import Dialect, decoded, encoding_of, find_dialect
from workbench.data.sources.files import LARGEST, refuse_large
from workbench.data.sources.text_columns import decide_columns
from workbench.errors import DataError
from workbench.options import options_from

SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
_BLOCK = 1024**2
_HEAD = 65_536
"""Bytes of a file whose first lines are shown."""
_BLANKS = re.compile(rb"(?m)^ +| +$| +(?= )")


def read(path: Path, options: CsvOptions | None = None) -> tuple[pd.DataFrame, Reading]:
    """Read a text file, with the options that are given and what the file shows.

    Raises
    ------
    DataError
        When a row has more or fewer columns than the heading, naming its line; two columns have
        one name; or the commas of a column separate thousands or decimals alike.
    """
    options = options or CsvOptions()
    data, encoding = decoded(_bytes(path), options.encoding, path.name)
    dialect = find_dialect(data, options)
    if dialect.separator == " " and b'"' not in data:
        data = _BLANKS.sub(b"", data)
        dialect = find_dialect(data, options)
    _refuse_repeated(dialect.names, path.name)
    rows = _Rows(data, dialect, path.name)
    columns = _named(rows.read(), dialect, path.name)
    frame, decided, notes = decide_columns(
        columns, options, rows.unquoted_missing, point_is_decimal=dialect.separator != ";"
    )
    said = [f"encoding {encoding}"] if encoding != "utf-8" else []
    said += [*decided, *dialect.decided, *rows.said()]
    dialect.encoding = encoding
    return frame, Reading(tuple(said), dialect.form, notes, options.changed())


def first_lines(path: Path, count: int) -> list[str]:
    """Return the first lines of a file as they stand; none where it is not text."""
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        head = file.read(_HEAD)
    whole = head[: head.rfind(b"\n") + 1] or head
    try:
        return (
            head.decode(encoding_of(whole), "replace").removeprefix("\ufeff").splitlines()[:count]
        )
    except (ValueError, LookupError):
        return []


def _bytes(path: Path) -> bytes:
    if path.suffix.lower() != ".gz":
        return path.read_bytes()
    with gzip.open(path) as packed:
        data = packed.read(LARGEST + 1)
    refuse_large(len(data), path.name)
    return data


def _refuse_repeated(names: list[str], file: str) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1 and name]
    if repeated:
        raise DataError(
            f'Two columns of "{file}" have the same name: {", ".join(map(shown, repeated))}.',
            hint="rename one of each pair in the file; or pass pandas.read_csv(path), which calls "
            f"the second {shown(repeated[0])}.1.",
            code="duplicate-names",
            where=repeated[0],
        )


def _named(table: Any, dialect: Dialect, file: str) -> dict[str, Any]:
    """Return the columns by name; an empty one without a heading is that of trailing marks."""
    columns: dict[str, Any] = {}
    for number, name in enumerate(dialect.names):
        column = table.column(number)
        if name:
            columns[name] = column
        elif column.null_count == len(column) and number == len(dialect.names) - 1:
            dialect.decided.append("a separator at the end of every row")
        elif dialect.trailing:
            raise _longer(column, dialect, file)
        else:
            columns[f"Unnamed: {number}"] = column
            dialect.decided.append(
                f'column {number + 1}, without a heading, is "Unnamed: {number}"'
            )
    return columns


def _longer(column: Any, dialect: Dialect, file: str) -> DataError:
    filled = next(value for value in column if value.is_valid)
    return DataError(
        f'A row of "{file}" has {len(dialect.names)} columns where the heading has '
        f'{len(dialect.names) - 1}: its last is "{shown(str(filled))}".',
        hint="a heading for each column.",
        code="ragged-row",
    )


class _Rows:
    """The rows of a file as columns of texts."""

    def __init__(self, data: bytes, dialect: Dialect, file: str) -> None:
        self.data, self.dialect, self.file = data, dialect, file
        self.odd: list[str] = []
        self.comments = 0

    def read(self, columns: list[str] | None = None, missing: list[str] | None = None) -> Any:
        """Return a table of texts, null where empty, or where one of ``missing`` has no quotes."""
        import pyarrow as pa
        from pyarrow import csv

        positions = [str(number) for number in range(len(self.dialect.names))]
        body = pa.py_buffer(self.data).slice(self.dialect.start)
        if not self.data[self.dialect.start : self.dialect.start + 1000].strip():
            return pa.table({name: pa.array([], pa.string()) for name in positions})
        self.odd, self.comments = [], 0
        table = csv.read_csv(
            pa.BufferReader(body),
            csv.ReadOptions(column_names=positions, block_size=self._block()),
            csv.ParseOptions(
                delimiter=self.dialect.separator,
                newlines_in_values=b'"' in self.data,
                invalid_row_handler=self._odd_row,
            ),
            csv.ConvertOptions(
                column_types=dict.fromkeys(positions, pa.string()),
                include_columns=columns,
                null_values=["", *(missing or ())],
                strings_can_be_null=True,
                quoted_strings_can_be_null=missing is None,
                check_utf8=False,  # `decoded` has seen to that
            ),
        )
        self._refuse_odd()
        return table

    def _block(self) -> int:
        """Return bytes that hold any line: the longest that the head shows, many times."""
        longest = max(map(len, self.data[: 2 * _BLOCK].splitlines()), default=0)
        return max(_BLOCK, 16 * longest)

    def _odd_row(self, row: Any) -> str:
        if row.text.lstrip().startswith("#"):
            self.comments += 1
        elif len(self.odd) < 100:
            self.odd.append(row.text)
        return "skip"

    def _refuse_odd(self) -> None:
        if not self.odd:
            return
        place, text = min((self._place(text), text) for text in self.odd)
        before = self.data[:place]
        line = max(before.count(b"\n"), before.count(b"\r")) + 1
        expected = len(self.dialect.names)
        shorter = f'"{shown(text)}"'
        raise DataError(
            f'Line {line:,} of "{self.file}" does not have {expected} '
            f"column{'s' * (expected > 1)} as the heading does: {shorter}.",
            hint="correct that line; or give the separator, sep=, or the lines above the "
            "heading, skip=.",
            code="ragged-row",
            where=str(line),
        )

    def _place(self, text: str) -> int:
        """Return the byte at which a row begins."""
        row = re.compile(rb"(?:(?<=[\r\n])|^)" + re.escape(text.encode()) + rb"(?=[\r\n]|\Z)")
        found = row.search(self.data, self.dialect.start)
        return found.start() if found else len(self.data)

    def said(self) -> list[str]:
        count = self.comments
        return [f"{count:,} comment line{'s' * (count > 1)} skipped"] if count else []

    def unquoted_missing(self, name: str, first: str) -> Any:
        """Return where a column has a missing text without quotes, if its texts have quotes.

        R writes a missing text so: NA without quotes among texts with quotes.
        """
        separator = self.dialect.separator.encode()
        texts = first.encode()
        quoted = re.search(
            b"(?:^|[\r\n]|" + re.escape(separator) + b')"' + re.escape(texts), self.data[:1_000_000]
        )
        if quoted is None:
            return None
        position = str(self._position(name))
        return self.read([position], sorted(MISSING - {""})).column(0).is_null()

    def _position(self, name: str) -> int:
        names = [each or f"Unnamed: {number}" for number, each in enumerate(self.dialect.names)]
        return names.index(name)


def given_options(values: Mapping[str, Any]) -> CsvOptions:
    """Return the options of a call, in which ``missing`` may be several texts.

    Raises
    ------
    OptionError
        When one is unknown or has no such value.
    """
    values = dict(values)
    if isinstance(values.get("missing"), list | tuple):
        values["missing"] = ", ".join(map(str, values["missing"]))
    if isinstance(values.get("header"), bool):
        values["header"] = "yes" if values["header"] else "no"
    known = {"\t": "tab", " ": "blank"}
    for name in ("sep", "thousands"):
        values[name] = known.get(values.get(name, ""), values.get(name, ""))
    return options_from(CsvOptions, values)
