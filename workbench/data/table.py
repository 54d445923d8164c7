"""A table: named columns of equal length, unaffected by later changes of the original."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types

from workbench.data.arrow import frame_of
from workbench.data.columns import content, is_rounded, numbers
from workbench.data.formula.computed import columns_in, combination, is_a_name
from workbench.data.index import with_index
from workbench.data.names import shown, unknown_column
from workbench.data.plain_types import Plain, plain
from workbench.data.reading import Reading
from workbench.data.text_columns import TextColumn, read_text_column
from workbench.errors import DataError
from workbench.protocols import Numpy

BARS = 12
"""The bars of a column's histogram, and the most levels that a text column shows in it."""

_COPIES_ON_WRITE = int(pd.__version__.partition(".")[0]) >= 3

Columns = TypeVar("Columns", pd.DataFrame, pd.Series)
Kind = Literal["0/1", "integer", "number", "text", "date", "other"]
NUMERIC: frozenset[Kind] = frozenset({"0/1", "integer", "number"})
"""The kinds of columns that hold numbers."""


@dataclass(frozen=True)
class ColumnSummary:
    """The summary of a column in a list.

    ``histogram`` counts the rows in twelve bars of equal width, or in one bar per level for text of
    at most twelve levels; it is empty for other text.  ``levels`` counts the distinct values of
    text and whole numbers.  ``minimum``, ``maximum`` and ``mean`` are None where a column has no
    finite number.
    """

    name: str
    kind: Kind
    missing: int
    levels: int | None
    histogram: tuple[int, ...]
    minimum: float | None
    maximum: float | None
    mean: float | None

    @property
    def numeric(self) -> bool:
        """Whether the column holds numbers."""
        return self.kind in NUMERIC


@dataclass(frozen=True)
class Selection:
    """The rows that a run may use, before rows with missing values are left out.

    Attributes
    ----------
    rows
        Which they are, ``(n,)``.
    dropped
        The number of others by reason.
    missing
        The number of rows by the column that they miss, so that it is not known whether they
        belong to these.
    notes
        Sentences on the selection.
    """

    rows: npt.NDArray[np.bool_]
    dropped: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Table:
    """Named columns of equal length; rows are known by position, counted from 0.

    ``index`` keeps the labels of the rows, for results by row; its levels that have names are
    columns too.

    Parameters
    ----------
    frame
        The columns; the table keeps its own copy, which takes no memory where pandas copies on
        write: from version 3, or by its option ``mode.copy_on_write``.
    reference_kind
        Where they came from: ``"frame"``, ``"sample"``, ``"file"`` or ``"sql"``.
    reference_name
        The variable's name, the sample's name, the file's path or the database.
    reference_query
        The query of the database.
    reading
        What was decided in reading a file, and the options that were given.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        reference_kind: str = "frame",
        reference_name: str = "",
        reference_query: str = "",
        reading: Reading | None = None,
    ) -> None:
        self._frame = _own(frame)
        self._frame.columns = pd.Index([str(label) for label in frame.columns], dtype=object)
        self.index = frame.index
        self._frame.index = pd.RangeIndex(len(frame))
        self._frame, self._shadowed = with_index(self._frame, frame.index)
        self._plain: dict[str, Plain] = {}
        self._texts: dict[str, TextColumn] = {}
        self._frame.attrs = {}  # pandas copies them deeply with every column that it returns
        self.names: tuple[str, ...] = tuple(self._frame.columns)
        _refuse_duplicates(self.names)
        self._dtypes = dict(zip(self.names, self._frame.dtypes, strict=True))
        self._early: tuple[tuple[str, ...], Future[str]] | None = None
        self.nrows = len(frame)
        self.reference_kind = reference_kind
        self.reference_name = reference_name
        self.reference_query = reference_query
        self.reading = reading or Reading()
        self.selection: Selection | None = None
        self._said: Sequence[str] | None = None

    @property
    def title(self) -> str:
        """The name to use for this table in a sentence."""
        return self.reference_name or "the data"

    def column(self, name: str) -> pd.Series:
        """Return a column, shape ``(n,)``, in a plain type; changes to it do not change the table.

        A name such as ``firm^year``, which no column has, is the combination of these columns.

        Raises
        ------
        WorkbenchError
            When there is no such column, with the nearest name as the suggestion.
        """
        if name not in self._dtypes:
            if self.is_computed(name):
                return combination(name, self.column, self.names)
            owner = f"{self.reference_name} has" if self.reference_name else "The data have"
            problem, hint, suggestion = unknown_column(name, self.names, owner)
            raise DataError(problem, hint, code="unknown-column", where=name, suggestion=suggestion)
        if name not in self._plain:
            self._plain[name] = plain(self._frame[name])
        return _own(self._plain[name].column)

    def is_text(self, name: str) -> bool:
        """Whether a column holds text, also next to numbers, and its levels are no numbers."""
        column = self.column(name)
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.cat.categories.to_series()
        return content(column) in {"text", "mixed"}

    def text_column(self, name: str) -> TextColumn:
        """Return what a column with text in it is read as where numbers are needed."""
        if name not in self._texts:
            in_file = self.reference_kind == "file"
            self._texts[name] = read_text_column(self.column(name), name, in_file=in_file)
        return self._texts[name]

    def refuse_unsaid(self, column: TextColumn) -> None:
        """Refuse text whose reading as numbers no note has said, in data for a prediction.

        Raises
        ------
        DataError
            With the first text, what it was read as, and what the fit had.
        """
        if self._said is not None and not column.is_said_in(self._said):
            raise column.unsaid()

    def for_prediction(self, notes: Sequence[str]) -> Table:
        """Return this table as data for a prediction of a fit that has these notes."""
        other = copy(self)
        other._said = notes
        return other

    def notes_on(self, name: str) -> list[str]:
        """Say how the values of a column were interpreted, if they had to be."""
        self.column(name)
        return [note for note in (self._shadowed.get(name), self._plain[name].note) if note]

    def is_computed(self, name: str) -> bool:
        """Whether a name is no column but an expression of columns, such as ``1/w``."""
        return name not in self._dtypes and not is_a_name(name, self.names)

    def has(self, name: str) -> bool:
        """Whether there is a column of that name, or the columns of such an expression.

        >>> table = as_table({"firm": [1, 1], "year": [1, 2]})
        >>> table.has("firm^year"), table.has("firm^month")
        (True, False)
        """
        return name in self._dtypes or bool(columns_in(name, self.names))

    def is_float(self, name: str) -> bool:
        """Whether a column holds float64 numbers as numpy does; computed ones do."""
        return bool(self._dtypes.get(name, np.float64) == np.float64)

    def selecting(self, selection: Selection | None) -> Table:
        """Return this table with the rows that a run may use; positions stay as they are."""
        other = copy(self)
        other.selection = selection
        return other

    def selected(self) -> Table:
        """Return the rows that a run uses, as a table of their own with their labels."""
        if self.selection is None:
            return self
        rows = self.selection.rows
        other = self._changed(self._frame[rows].reset_index(drop=True))
        other.index, other.nrows, other.selection = self.index[rows], int(rows.sum()), None
        return other

    def with_numbers(self, name: str, values: Numpy) -> Table:
        """Return the same table with other numbers ``(n,)`` in a column."""
        return self._changed(self._frame.assign(**{name: values}))

    def _changed(self, frame: pd.DataFrame) -> Table:
        other = copy(self)
        other._frame, other._plain, other._texts = frame, {}, {}
        other._dtypes = dict(zip(other.names, frame.dtypes, strict=True))
        return other

    def to_frame(self) -> pd.DataFrame:
        """Return all columns as a copy, a DataFrame."""
        return _own(self._frame)

    def replacing(self, columns: Mapping[str, Any]) -> Table:
        """Return a table with other values ``(n,)`` in some of its columns."""
        if not columns:
            return self
        names = self.reference_kind, self.reference_name, self.reference_query
        other = Table(self.to_frame().assign(**columns), *names)
        other.index = self.index
        return other

    def fingerprint(self, columns: Sequence[str] | None = None) -> str:
        """Return the SHA-256 of some columns, names and values, in hexadecimal digits.

        The index of the original does not matter; the order of the rows does.
        """
        wanted = self.names if columns is None else tuple(columns)
        if self._early is not None and self._early[0] == wanted:
            return self._early[1].result()
        return self._fingerprint(wanted)

    def begin_fingerprint(self, columns: Sequence[str]) -> None:
        """Compute the fingerprint in a thread; `fingerprint` waits for it."""
        wanted, found = tuple(columns), Future[str]()

        def take() -> None:
            try:
                found.set_result(self._fingerprint(wanted))
            except Exception as error:  # noqa: BLE001  raised where the fingerprint is read
                found.set_exception(error)

        self._early = wanted, found
        threading.Thread(target=take, name="workbench fingerprint", daemon=True).start()

    def _fingerprint(self, columns: Sequence[str]) -> str:
        digest = hashlib.sha256()
        for name in columns:
            digest.update(f"{len(name)}:{name}".encode("utf-8", "surrogatepass"))
            for piece in _bytes_of(self.column(name)):
                digest.update(piece)
        return digest.hexdigest()

    def summary(self) -> list[ColumnSummary]:
        """Describe every column, in order."""
        return [_summary(name, self.column(name)) for name in self.names]

    def __len__(self) -> int:
        return self.nrows

    def __repr__(self) -> str:
        return f"Table {self.title}: {self.nrows:,} rows, {len(self.names):,} columns"


def _own(columns: Columns) -> Columns:
    """Return a copy that shares no changes with the original."""
    on_write = _COPIES_ON_WRITE or pd.get_option("mode.copy_on_write") is True
    return columns.copy(deep=not on_write)


def as_table(data: Any, name: str | None = None) -> Table:
    """Make a table of data, without changing them and unaffected by later changes.

    Parameters
    ----------
    data
        A pandas, polars or pyarrow table, a mapping of names to arrays of equal length, a
        structured array, or a `Table`, which is returned as it is.
    name
        The name for messages, usually the variable's.

    Raises
    ------
    DataError
        When ``data`` is none of these, its columns differ in length, or two share a name.
    """
    if isinstance(data, Table):
        return data
    return Table(_frame_of(data), "frame", name or "")


def _frame_of(data: Any) -> pd.DataFrame:
    if isinstance(data, pd.DataFrame):
        _refuse_levels_of_names(data.columns)
        return data
    if isinstance(data, Mapping):
        return _frame_of_mapping(data)
    if isinstance(data, np.ndarray) and data.dtype.names:
        return pd.DataFrame({name: data[name].copy() for name in data.dtype.names})
    if (table := _arrow_of(data)) is not None:
        return frame_of(table)
    if hasattr(data, "to_pandas"):
        return pd.DataFrame(data.to_pandas())
    raise DataError(
        f"Data of the type {type(data).__name__} cannot be read as a table.",
        hint="pass a DataFrame, or a mapping of column names to arrays.",
        code="not-a-table",
    )


def _arrow_of(data: Any) -> Any:
    """Return data that polars, pyarrow or others hold in Arrow's form as a table of Arrow."""
    if hasattr(data, "to_arrow") and not hasattr(data, "collect"):
        return data.to_arrow()
    if hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__"):
        import pyarrow as pa

        return pa.table(data)
    return None


def _frame_of_mapping(data: Mapping[str, Any]) -> pd.DataFrame:
    columns = {name: _one_dimensional(name, values) for name, values in data.items()}
    _refuse_other_order(data)
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        first, other = _two_lengths(lengths)
        raise DataError(
            f"{shown(str(first))} has {lengths[first]:,} rows and {shown(str(other))} "
            f"{lengths[other]:,}.",
            hint="pass columns of one length.",
            code="lengths-differ",
            where=str(other),
        )
    return pd.DataFrame(columns)


def _refuse_other_order(data: Mapping[str, Any]) -> None:
    """Refuse Series of which the indexes name rows in different orders."""
    series = {str(name): values for name, values in data.items() if isinstance(values, pd.Series)}
    first = next(iter(series), "")
    for name, values in series.items():
        own, other = series[first].index, values.index
        if len(own) == len(other) and not own.equals(other):
            raise DataError(
                f"{shown(first)} and {shown(name)} are Series with different indexes, so that it "
                "is not known which of their rows belong together.",
                hint="pd.DataFrame({...}) takes rows of one index together; "
                "series.to_numpy() takes them in their order.",
                code="indexes-differ",
                where=name,
            )


def _one_dimensional(name: object, values: Any) -> pd.Series:
    if np.ndim(values) != 1:
        raise DataError(
            f"{shown(str(name))} has {np.ndim(values)} dimensions, where a column has one.",
            hint="pass each column as a one-dimensional array.",
            code="not-a-column",
            where=str(name),
        )
    if isinstance(values, list | tuple):
        return _of_python(pd.Series(values, dtype=object))  # no whole number is rounded
    return pd.Series(values, copy=True).reset_index(drop=True)


def _of_python(values: pd.Series) -> pd.Series:
    """Return objects in a plain type, unless that calls for a note, which the reader makes."""
    column, note = plain(values)
    return values if note else column.infer_objects()


def _two_lengths(lengths: Mapping[str, int]) -> tuple[str, str]:
    first = next(iter(lengths))
    return first, next(name for name, rows in lengths.items() if rows != lengths[first])


def _refuse_levels_of_names(names: pd.Index) -> None:
    if names.nlevels > 1 and len(names):
        raise DataError(
            f"The columns have names in {names.nlevels} levels, such as {shown(str(names[0]))}.",
            hint='one name each: df.columns = ["_".join(map(str, name)) for name in df.columns].',
            code="names-in-levels",
        )


def _refuse_duplicates(names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"Two columns have the same name: {', '.join(map(shown, twice))}.",
            hint="rename one of each pair first, for instance by df.columns = [...].",
            code="duplicate-names",
            where=twice[0],
        )


def _bytes_of(column: pd.Series) -> Iterator[bytes | memoryview]:
    """Yield the bytes of a column's values, without a copy where they are contiguous."""
    as_text = types.is_object_dtype(column.dtype) or isinstance(column.dtype, pd.BooleanDtype)
    if content(column) == "number" and not as_text:
        yield np.ascontiguousarray(numbers(column, str(column.name))).data
        yield _exact_integers(column)
    else:
        yield pd.util.hash_array(_hashable(column), categorize=True).data
        yield np.ascontiguousarray(column.isna().to_numpy()).data


def _exact_integers(column: pd.Series) -> bytes:
    """Return the integers themselves, which float64 might round, or nothing for other numbers."""
    if not types.is_integer_dtype(column.dtype) or not is_rounded(column):
        return b""
    bits = np.uint64 if types.is_unsigned_integer_dtype(column.dtype) else np.int64
    return column.fillna(0).to_numpy(dtype=bits).tobytes()


def _hashable(column: pd.Series) -> np.ndarray[Any, np.dtype[np.object_]]:
    texts = column.astype(object).where(column.notna(), "")
    return texts.map(str).to_numpy(dtype=object)


def _summary(name: str, column: pd.Series) -> ColumnSummary:
    missing = int(column.isna().sum())
    kind = content(column)
    if kind == "number":
        return _summary_of_numbers(name, column, missing)
    if kind == "text":
        counts = column.value_counts(sort=False)
        counts = counts[counts > 0]
        bars = tuple(int(count) for count in counts) if len(counts) <= BARS else ()
        return ColumnSummary(name, "text", missing, len(counts), bars, None, None, None)
    return _summary_of_others(name, column, missing, "date" if kind == "date" else "other")


def _summary_of_numbers(name: str, column: pd.Series, missing: int) -> ColumnSummary:
    values = numbers(column, name)
    values = values[np.isfinite(values)]
    if not len(values):
        return ColumnSummary(name, "number", missing, None, (), None, None, None)
    low, high, mean = float(values.min()), float(values.max()), float(values.mean())
    whole = bool(np.all(values == np.rint(values)))
    distinct = len(pd.unique(values)) if whole else None
    kind: Kind = "integer" if whole else "number"
    if whole and low in {0.0, 1.0} and high in {0.0, 1.0}:
        kind = "0/1"
    return ColumnSummary(name, kind, missing, distinct, _bars(values), low, high, mean)


def _summary_of_others(name: str, column: pd.Series, missing: int, kind: Kind) -> ColumnSummary:
    bars: tuple[int, ...] = ()
    if types.is_datetime64_any_dtype(column.dtype) and missing < len(column):
        moments = pd.to_datetime(column.dropna(), utc=True).astype("int64")
        bars = _bars(np.asarray(moments, dtype=np.float64))
    return ColumnSummary(name, kind, missing, None, bars, None, None, None)


def _bars(values: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[int, ...]:
    """Count the values in bars; halves keep the width finite for numbers near float64's end."""
    return tuple(int(count) for count in np.histogram(values / 2, bins=BARS)[0])
