"""The choices that the Setup tab opens with: a known model of the data, or a simple one."""

from __future__ import annotations

from dataclasses import replace

from workbench.notebook.setup.available import Available
from workbench.notebook.setup.chosen import Chosen
from workbench.notebook.setup.data import Opened
from workbench.notebook.setup.textbook import first_model


def opening(opened: Opened | None, available: Available) -> Chosen:
    """Return the choices the page opens with: a known model of the data, or a simple one."""
    there = [item.key for item in available.libraries if item.enabled]
    chosen = Chosen(library="torch" if there == ["torch"] else "jax")
    if opened is None:
        return chosen
    template, formula, options = first_model(opened.table.summary())
    return replace(chosen, template=template, formula=formula, model_options=options)
