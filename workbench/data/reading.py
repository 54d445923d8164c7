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


@dataclass(frozen=True, kw_only=True)
class CsvOptions(Options):
    """What a text file is read with; each option is found in the file unless it is given."""

    title: ClassVar[str] = "A text file"

    sep: str = option("", kind=Kind.CHOICE, choices=SEPARATORS, help="what separates the columns")
    decimal: str = option("", kind=Kind.CHOICE, choices=DECIMALS, help="decimal mark")
    thousands: str = option("", kind=Kind.CHOICE, choices=THOUSANDS, help="mark between thousands")
    encoding: str = option(
        "", kind=Kind.TEXT, example="latin-1", help="encoding of the file, as Python names it"
    )
    skip: int | None = option(
        None, kind=Kind.COUNT, least=0, help="lines above the one that names the columns"
    )
    header: str = option(
        "", kind=Kind.CHOICE, choices=HEADERS, help="whether a line names the columns"
    )
    text: tuple[str, ...] = option(
        (), kind=Kind.COLUMNS, help="columns that stay text, whatever they look like"
    )
    missing: str = option(
        "", kind=Kind.TEXT, example="-99, n.a.", help="texts for a missing value, with commas"
    )

    @property
    def missing_texts(self) -> tuple[str, ...]:
        """The texts that stand for a missing value in every column."""
        return tuple(text.strip() for text in self.missing.split(",") if text.strip())


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

    def notes(self, names: Iterable[str]) -> list[str]:
        """Return the sentences on the file and on some of its columns."""
        of_columns = [self.columns[name] for name in names if name in self.columns]
        return [note for note in (self.note, *of_columns) if note]
