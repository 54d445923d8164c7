"""What happened to a failed run, in each of the formats that a page may show."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from workbench.report.exports import html, markdown, text
from workbench.report.findings import Story

_PROSE = '<p style="margin:4px 0;max-width:72ch">'


def as_html(story: Story) -> str:
    """Return evidence, likely cause and ways out as HTML, escaped, with inline styles only."""
    parts = [f"{_PROSE}{escape(sentence)}</p>" for sentence in story.evidence]
    parts += [html.render(story.table)] if story.table else []
    parts += [f"{_PROSE}<b>Likely cause.</b> {escape(story.cause)}</p>"] if story.cause else []
    return "".join([*parts, *_ways_as_html(story)])


def as_markdown(story: Story) -> str:
    """Return evidence, likely cause and ways out as Markdown."""
    parts = [markdown.escape(sentence) for sentence in story.evidence]
    parts += [markdown.render(story.table)] if story.table else []
    parts += [f"Likely cause. {markdown.escape(story.cause)}"] if story.cause else []
    ways = (markdown.escape(f"{way.label}. {way.help}".strip()) for way in story.ways)
    return "\n\n".join([*parts, "\n".join(f"- {way}" for way in ways)])


def as_text(story: Story) -> str:
    """Return evidence, likely cause and ways out as lines of plain text."""
    parts = list(story.evidence)
    parts += [text.render(story.table)] if story.table else []
    parts += [f"Likely cause. {story.cause}"] if story.cause else []
    parts += ["What you can do:"] if story.ways else []
    return "\n".join([*parts, *(f"- {way.label}. {way.help}".strip() for way in story.ways)])


def _ways_as_html(story: Story) -> Iterable[str]:
    if not story.ways:
        return
    yield f'{_PROSE}<b>What you can do</b></p><ul style="margin:4px 0">'
    for way in story.ways:
        yield f"<li><b>{escape(way.label)}.</b> {escape(way.help)}</li>"
    yield "</ul>"
