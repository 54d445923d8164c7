"""Render the diagnosis of a failed run as HTML, Markdown and plain text."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from workbench.report.exports import html, markdown, text
from workbench.report.findings import Diagnosis

_PROSE = '<p style="margin:4px 0;max-width:72ch">'


def as_html(diagnosis: Diagnosis) -> str:
    """Return evidence, likely cause and remedies as HTML, escaped, with inline styles only."""
    parts = [f"{_PROSE}{escape(sentence)}</p>" for sentence in diagnosis.evidence]
    parts += [html.render(diagnosis.table)] if diagnosis.table else []
    parts += (
        [f"{_PROSE}<b>Likely cause.</b> {escape(diagnosis.cause)}</p>"] if diagnosis.cause else []
    )
    return "".join([*parts, *_remedies_as_html(diagnosis)])


def as_markdown(diagnosis: Diagnosis) -> str:
    """Return evidence, likely cause and remedies as Markdown."""
    parts = [markdown.escape(sentence) for sentence in diagnosis.evidence]
    parts += [markdown.render(diagnosis.table)] if diagnosis.table else []
    parts += [f"Likely cause. {markdown.escape(diagnosis.cause)}"] if diagnosis.cause else []
    remedies = (
        markdown.escape(f"{remedy.label}. {remedy.help}".strip()) for remedy in diagnosis.remedies
    )
    return "\n\n".join([*parts, "\n".join(f"- {remedy}" for remedy in remedies)])


def as_text(diagnosis: Diagnosis) -> str:
    """Return evidence, likely cause and remedies as lines of plain text."""
    parts = list(diagnosis.evidence)
    parts += [text.render(diagnosis.table)] if diagnosis.table else []
    parts += [f"Likely cause. {diagnosis.cause}"] if diagnosis.cause else []
    parts += ["What you can do:"] if diagnosis.remedies else []
    return "\n".join(
        [*parts, *(f"- {remedy.label}. {remedy.help}".strip() for remedy in diagnosis.remedies)]
    )


def _remedies_as_html(diagnosis: Diagnosis) -> Iterable[str]:
    if not diagnosis.remedies:
        return
    yield f'{_PROSE}<b>What you can do</b></p><ul style="margin:4px 0">'
    for remedy in diagnosis.remedies:
        yield f"<li><b>{escape(remedy.label)}.</b> {escape(remedy.help)}</li>"
    yield "</ul>"
