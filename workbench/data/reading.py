"""How a file was read: what was decided about it, and the options that decide otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from workbench.options import Kind, Options, option

DECIMALS = ("", ".", ",")
SEPARATORS = ("", ",", ";", "tab", "|", "blank")
THOUSANDS = ("", ",", ".", "blank", "'")
HEADERS = ("", "yes", "no")
_FOUND = "as found"
_MARKS = (
    *(("", _FOUND), (",", "comma ,"), (".", "point ."), (";", "semicolon ;")),
    *(("|", "bar |"), ("'", "apostrophe '")),
)


@dataclass(frozen=True, kw_only=True)
class CsvOptions(Options):
    """What a text file is read with; each option is found in the file unless it is given."""

    title: ClassVar[str] = "A text file"

    sep: str = option(
        "",
        kind=Kind.CHOICE,
        choices=SEPARATORS,
        help="what separates the columns",
        label="Separator",
        said=_MARKS,
    )
    decimal: str = option(
        "",
        kind=Kind.CHOICE,
        choices=DECIMALS,
        help="decimal mark",
        label="Decimal mark",
        said=_MARKS,
    )
    thousands: str = option(
        "",
        kind=Kind.CHOICE,
        choices=THOUSANDS,
        help="mark between thousands",
        label="Thousands mark",
        said=_MARKS,
    )
    encoding: str = option(
        "",
        kind=Kind.TEXT,
        example="latin-1",
        help="encoding of the file, as Python names it",
        said=_MARKS[:1],
    )
    skip: int | None = option(
        None,
        kind=Kind.COUNT,
        least=0,
        help="lines above the one that names the columns",
        label="Lines to skip",
        said=((None, _FOUND),),
    )
    header: str = option(
        "",
        kind=Kind.CHOICE,
        choices=HEADERS,
        help="whether a line names the columns",
        label="Line of names",
        said=_MARKS[:1],
    )
    text: tuple[str, ...] = option(
        (),
        kind=Kind.COLUMNS,
        help="columns that stay text, whatever they look like",
        label="Text columns",
    )
    missing: str = option(
        "",
        kind=Kind.TEXT,
        example="-99, n.a.",
        help="texts for a missing value, with commas",
        label="Missing texts",
    )

    @property
    def missing_texts(self) -> tuple[str, ...]:
        """The texts that stand for a missing value in every column."""
        return tuple(text.strip() for text in self.missing.split(",") if text.strip())


@dataclass(frozen=True, kw_only=True)
class ExcelOptions(Options):
    """What a workbook is read with."""

    title: ClassVar[str] = "A workbook"

    sheet: str = option(
        "",
        kind=Kind.TEXT,
        example="2019",
        help="name of the sheet",
        said=(("", "the first"),),
    )


@dataclass(frozen=True)
class Reading:
    """What was decided in reading a file.

    Attributes
    ----------
    decided
        About the file, such as ``("decimal comma", "3 lines skipped")``.
    form
        The separator and the encoding, in words.
    columns
        About single columns, by name: missing texts with their counts, or why one is text.
    options
        The options that were given, as plain JSON.
    """

    decided: tuple[str, ...] = ()
    form: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def note(self) -> str:
        """What was decided about the file, as a sentence; empty where nothing needs saying."""
        return f"Read with: {'; '.join(self.decided)}." if self.decided else ""

    @property
    def sentence(self) -> str:
        """Everything that was decided about the file; empty where nothing was.

        >>> Reading(("decimal comma",), ("semicolons between columns", "UTF-8")).sentence
        'Semicolons between columns, decimal comma, UTF-8.'
        """
        known = any(each.startswith("encoding ") for each in self.decided)
        parts = [*self.form[:1], *self.decided, *(() if known else self.form[1:])]
        said = ", ".join(parts)
        return f"{said[:1].upper()}{said[1:]}." if said else ""

    def notes(self, names: Iterable[str]) -> list[str]:
        """Return the sentences on the file and on some of its columns."""
        of_columns = [self.columns[name] for name in names if name in self.columns]
        return [note for note in (self.note, *of_columns) if note]
