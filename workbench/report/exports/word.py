"""Tables as a Word document: a real table, with decimal tabs and booktabs' rules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.extras import install_command
from workbench.report.tables.grid import Grid, Row

if TYPE_CHECKING:
    from docx.table import Table, _Cell

_THICK, _THIN = 12, 4
"""Widths of rules, in eighths of a point."""
_DECIMAL_TAB = 0.55
"""Where the decimal points stand, in inches from the left of a column."""


def write(grid: Grid, path: str | Path) -> Path:
    """Write ``grid`` to the ``.docx`` file ``path`` and return its path.

    Raises
    ------
    WorkbenchError
        When python-docx is not installed.
    """
    document = _document()
    if grid.title:
        document.add_paragraph(_clean(grid.title)).runs[0].bold = True
    heads = 2 if grid.subheads else 1
    table = document.add_table(heads + len(grid.rows), 1 + len(grid.heads))
    table.autofit = True
    _fill_heads(table, grid)
    for line, row in zip(table.rows[heads:], grid.rows, strict=True):
        _fill(line.cells, row)
    _rule_lines(table, grid, heads)
    for sentence in grid.notes:
        _small(document.add_paragraph(_clean(sentence)))
    document.save(str(path))
    return Path(path)


def _document() -> Any:
    try:
        from docx import Document
    except ImportError:
        raise WorkbenchError(
            "Word export needs python-docx, which is not installed.",
            hint=f"{install_command('docx')}, or export HTML and open it in Word.",
            code="no-docx",
        ) from None
    return Document()


def _clean(text: str) -> str:
    """Return ``text`` without the control characters that XML forbids."""
    return "".join(letter for letter in text if letter.isprintable() or letter in "\t\n")


def _fill_heads(table: Table, grid: Grid) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH

    lines = [("", grid.heads), (grid.corner, grid.subheads)]
    for row, (label, heads) in zip(table.rows, lines[: 2 if grid.subheads else 1], strict=False):
        for cell, text in zip(row.cells, [label, *heads], strict=True):
            cell.text = _clean(text)
            cell.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.CENTER
        row.cells[0].paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.LEFT
    for cell in table.rows[0].cells:
        for run in cell.paragraphs[0].runs:
            run.bold = True


def _fill(cells: Sequence[_Cell], row: Row) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_TAB_ALIGNMENT
    from docx.shared import Inches

    for cell, text in zip(cells, [row.label, *row.cells], strict=True):
        cell.text = _clean(text)
        cell.paragraphs[0].paragraph_format.space_after = 0
    for cell in cells[1:]:
        paragraph = cell.paragraphs[0]
        if row.is_number:  # in a cell, Word aligns at a decimal tab without a tab character
            stops = paragraph.paragraph_format.tab_stops
            stops.add_tab_stop(Inches(_DECIMAL_TAB), WD_TAB_ALIGNMENT.DECIMAL)
        else:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER


def _rule_lines(table: Table, grid: Grid, heads: int) -> None:
    starts = [heads]
    for section in grid.sections:
        starts.append(starts[-1] + len(section))
    _rule(table.rows[0].cells, "top", _THICK)
    for start in starts[:-1]:
        _rule(table.rows[start].cells, "top", _THIN)
    _rule(table.rows[-1].cells, "bottom", _THICK)


def _rule(cells: Sequence[_Cell], edge: str, width: int) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    for cell in cells:
        properties = cell._tc.get_or_add_tcPr()  # python-docx has no public way to borders
        borders = properties.find(qn("w:tcBorders"))
        if borders is None:
            borders = OxmlElement("w:tcBorders")
            properties.append(borders)
        border = OxmlElement(f"w:{edge}")
        border.set(qn("w:val"), "single")
        border.set(qn("w:sz"), str(width))
        borders.append(border)


def _small(paragraph: Any) -> None:
    from docx.shared import Pt

    for run in paragraph.runs:
        run.font.size = Pt(9)
