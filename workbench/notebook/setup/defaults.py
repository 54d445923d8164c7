"""The choices that the Setup tab opens with: a known model of the data, or a simple one."""

from __future__ import annotations

from dataclasses import replace

from workbench.notebook.setup.available import Available
from workbench.notebook.setup.chosen import Chosen
from workbench.notebook.setup.data import Opened
from workbench.notebook.setup.form import changed
from workbench.notebook.setup.page import roles
from workbench.notebook.setup.textbook import first_model


def opening(opened: Opened | None, available: Available) -> Chosen:
    """Return the choices the page opens with: a known model of the data, or a simple one."""
    there = [item.key for item in available.libraries if item.enabled]
    chosen = Chosen(library="torch" if there == ["torch"] else "jax")
    if opened is None:
        return chosen
    template, formula, options = first_model(opened.table.summary())
    return replace(chosen, template=template, formula=formula, model_options=options)


def reopened(chosen: Chosen, before: Opened, after: Opened, available: Available) -> Chosen:
    """Return the choices for a file that is read anew with other options.

    Everything chosen stays; a first model that nobody has changed is proposed anew where one of
    its columns is gone.
    """
    first = opening(before, available)
    columns = roles(chosen, before)
    if _model(chosen) != _model(first) or (columns and columns.keys() <= {*after.table.names}):
        return chosen
    template, formula, options = first_model(after.table.summary())
    emptied = replace(chosen, formula=formula, model_options={})
    return replace(changed(emptied, "template", template, after), model_options=options)


def _model(chosen: Chosen) -> tuple[object, ...]:
    return chosen.template, chosen.formula, dict(chosen.model_options)
