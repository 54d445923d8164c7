"""Tables as HTML that is legible without a style sheet, and contains no scripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import zip_longest

from workbench.report.numbers import paddings, split_hanging
from workbench.report.plots.palette import SERIES, Series
from workbench.report.tables.grid import Grid, Row

NO_MATH = "mathjax_ignore tex2jax_ignore"
"""Classes that keep a notebook from typesetting a dollar sign in somebody's column name."""

_TABLE = "border-collapse:collapse;margin:4px 0;font-size:13px;font-variant-numeric:tabular-nums"
_LABEL = "text-align:left;font-weight:400;white-space:nowrap;padding:1px 10px 1px 6px"
_HEAD = "text-align:center;white-space:normal;overflow-wrap:anywhere;padding:2px 8px"
_WORDS = f"{_HEAD};min-width:7em"  # keeps the sign of an outcome on one line with its word
_CELL = "text-align:right;white-space:pre;padding:1px 6px"  # pre keeps the padding at an end
_HANG = "display:inline-block;text-align:left;width"
_CHIP = "border:1px solid;border-radius:10px;padding:1px 8px;font-weight:600;white-space:nowrap"
_NOTE = "margin:6px 0 0;font-size:12px;max-width:72ch"
_BRACKET_SPACE = "\N{THREE-PER-EM SPACE}"


def name(text: str) -> str:
    """Return a variable's name in the code font, escaped."""
    return f'<code style="background:none;color:inherit;padding:0">{escape(text)}</code>'


def status_label(text: str) -> str:
    """Return a status label, the sign and word of a state, in a border of the page's colour."""
    return f'<span style="{_CHIP}">{escape(text)}</span>'


def render(grid: Grid, *, padding: bool = True, samples: bool = False) -> str:
    """Return ``grid`` as HTML with inline styles only.

    Parameters
    ----------
    padding
        Align decimal points by figure-wide spaces; False leaves them out, for the clipboard.
    samples
        Set the line sample of its run before each column's name.
    """
    columns = [_pad(grid.column(j), padding=padding) for j in range(len(grid.heads))]
    width = ".5em" if not _has_stars(grid) else "1.7em"
    parts = [f'<div class="{NO_MATH}"><table style="{_TABLE}">', _head(grid, samples=samples)]
    sentences = [f"{grid.title}.", *grid.notes] if grid.title else grid.notes
    start = 0
    for number, section in enumerate(grid.sections):
        last = number == len(grid.sections) - 1
        parts.append(_body(section, columns, start, width, rule="" if number == 0 else "1px"))
        start += len(section)
        parts.append(_closing(len(grid.heads)) if last else "")
    return "".join([*parts, "</table>", notes(sentences), "</div>"])


def notes(sentences: Iterable[str]) -> str:
    """Return sentences as one small paragraph, escaped."""
    text = escape(" ".join(sentences))
    return f'<p style="{_NOTE}">{text}</p>' if text else ""


def _pad(column: Sequence[str], *, padding: bool) -> list[tuple[str, str, str]]:
    """Return each text of a column, the stars or bracket after it, and its padding."""
    split = [split_hanging(text) for text in column]
    tails = paddings([core for core, _ in split]) if padding else [""] * len(split)
    return [(core, hang, tail) for (core, hang), tail in zip(split, tails, strict=True)]


def _has_stars(grid: Grid) -> bool:
    return any(cell.endswith("*") for row in grid.rows if row.is_number for cell in row.cells)


def _head(grid: Grid, *, samples: bool) -> str:
    top = f'style="{_HEAD};border-top:2px solid'
    bottom = "" if grid.subheads else ";border-bottom:1px solid"
    drawn = [sample(series) for series in SERIES] if samples else []
    cells = (
        f'<th scope="col" {top}{bottom};font-weight:600">{drawing}{escape(text)}</th>'
        for text, drawing in zip_longest(grid.heads, drawn[: len(grid.heads)], fillvalue="")
    )
    row = f'<tr style="background:transparent"><td {top}{bottom}"></td>{"".join(cells)}</tr>'
    return f"<thead>{row}{_subhead(grid)}</thead>"


def _subhead(grid: Grid) -> str:
    if not grid.subheads:
        return ""
    style = "font-weight:400;font-size:12px;border-bottom:1px solid"
    cells = "".join(f'<th style="{_HEAD};{style}">{escape(text)}</th>' for text in grid.subheads)
    label = f'<th scope="row" style="{_LABEL};{style}">{escape(grid.corner)}</th>'
    return f'<tr style="background:transparent">{label}{cells}</tr>'


def sample(series: Series) -> str:
    """Return the line sample of a run, in letters of its colour."""
    return f'<span aria-hidden="true" style="color:{series.color}">{series.sample}</span> '


def _body(
    section: Sequence[Row],
    columns: Sequence[Sequence[tuple[str, str, str]]],
    start: int,
    width: str,
    *,
    rule: str,
) -> str:
    lines = []
    for offset, row in enumerate(section):
        style = f";border-top:{rule} solid" if rule and offset == 0 else ""
        style += ";padding-bottom:5px" if _ends_block(section, offset) else ""
        label = name(row.label) if row.is_name else escape(row.label)
        lines.append('<tr style="background:transparent">')
        lines.append(f'<th scope="row" style="{_LABEL}{style}">{label}</th>')
        if row.is_number:
            lines += _numbers([column[start + offset] for column in columns], style, width)
        else:
            lines += [f'<td style="{_WORDS}{style}">{escape(text)}</td>' for text in row.cells]
        lines.append("</tr>")
    return f"<tbody>{''.join(lines)}</tbody>"


def _ends_block(section: Sequence[Row], offset: int) -> bool:
    """Return whether the lines of one parameter end here."""
    if section[offset].kind not in ("estimate", "error"):
        return False
    return offset + 1 == len(section) or section[offset + 1].kind != "error"


def _numbers(cells: Sequence[tuple[str, str, str]], style: str, width: str) -> list[str]:
    opening = f'<td align="right" style="{_CELL}{style}">'
    hang = f'<span style="{_HANG}:{width}">'
    return [
        f"{opening}{escape(core)}{hang}{mark or _BRACKET_SPACE}</span>{tail}</td>"
        if core
        else f"{opening}</td>"
        for core, mark, tail in cells
    ]


def _closing(columns: int) -> str:
    """Return the rule that ends a table."""
    style = "border-top:2px solid;padding:0;height:0;line-height:0"
    return f'<tfoot><tr><td colspan="{columns + 1}" style="{style}"></td></tr></tfoot>'
