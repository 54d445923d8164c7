"""A table of texts, which every export renders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

Kind = Literal["estimate", "error", "fact", "text"]


class Row(NamedTuple):
    """One line of a table.

    ``kind`` says how the cells are set: estimates, the errors below them and facts are numbers
    with aligned decimal points; texts are centred.  ``is_name`` marks a label that is a variable's
    name, ``is_detail`` a row on the run that papers do not print.
    """

    label: str
    cells: tuple[str, ...]
    kind: Kind = "fact"
    is_name: bool = False
    is_detail: bool = False

    @property
    def is_number(self) -> bool:
        """Whether decimal points align in this row."""
        return self.kind != "text"


@dataclass(frozen=True)
class Grid:
    """A table of texts, not yet escaped for any format.

    Attributes
    ----------
    title
        The title above the table.
    heads, subheads
        One text per column; ``corner`` labels the row of the subheads.
    sections
        Rows, in blocks divided by a rule.
    notes
        Sentences below the table.
    """

    title: str
    heads: tuple[str, ...]
    sections: tuple[tuple[Row, ...], ...]
    subheads: tuple[str, ...] = ()
    corner: str = ""
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> list[Row]:
        """All rows, without the rules between them."""
        return [row for section in self.sections for row in section]

    def without_details(self) -> Grid:
        """Return the table as a paper has it."""
        kept = (tuple(row for row in rows if not row.is_detail) for rows in self.sections)
        return replace(self, sections=tuple(kept))

    def column(self, position: int) -> list[str]:
        """Return the texts of one column that take part in its alignment."""
        return [row.cells[position] if row.is_number else "" for row in self.rows]
