"""The Setup tab for the choices made on it, as plain JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from workbench.covariances.kinds import covariance_class
from workbench.data.formula.fixed_effects import absorbed_terms, columns_of
from workbench.data.formula.parser import formula_roles
from workbench.data.table import ColumnSummary
from workbench.demeaners import describe
from workbench.errors import FormulaError, WorkbenchError
from workbench.estimation.specification import WEIGHT_KINDS, Specification
from workbench.models.registry import model_of
from workbench.notebook.setup import fields as drawn
from workbench.notebook.setup.available import Available, MenuEntry
from workbench.notebook.setup.chosen import AUTOMATIC, Check, Chosen
from workbench.notebook.setup.data import Opened
from workbench.notebook.setup.form import KINDS, errors_of
from workbench.notebook.setup.formula_text import effects, sides
from workbench.notebook.setup.reading import GROUP, ChosenFile, about_file, form as file_form
from workbench.notebook.setup.specification import optimizer_choice, specification
from workbench.sentences import counted

ROWS_SHOWN = 8
"""Rows left out that the page shows."""


def page(
    chosen: Chosen,
    check: Check,
    opened: Opened | None,
    available: Available,
    file: ChosenFile | None = None,
) -> dict[str, Any]:
    """Return everything the Setup tab shows for these choices, as JSON types."""
    spec = None if opened is None else specification(chosen, check, opened.reference, "")
    return {
        **{name: getattr(chosen, name) for name in KINDS},
        "own": chosen.model.from_source,
        "equation": available.equation(chosen.template),
        "templates": [item.to_dict() for item in available.templates],
        "errors": [item.to_dict() for item in _errors(chosen)],
        "weight_kinds": list(WEIGHT_KINDS),
        "devices": [item.to_dict() for item in available.devices],
        "libraries": [_fitting(item, chosen, available).to_dict() for item in available.libraries],
        "numbers": [item.to_dict() for item in available.numbers(chosen.device)],
        "optimizers": [item.to_dict() for item in available.optimizers],
        "forms": drawn.forms(chosen, spec, opened) | {GROUP: file_form(file)},
        "reading": about_file(file),
        "has_offset": "offset" in chosen.model.roles,
        "has_effects": chosen.model.offers_effects,
        "automatic": _automatic(chosen, check, available),
        "effects": effects(chosen.formula),
        "absorbs": bool(sides(chosen.formula).tail),
        "solved": chosen.model.solved,
        "only_optimizer": _only_optimizer(chosen),
        "demeaners": [item.to_dict() for item in demeaners(chosen)],
        "roles": roles(chosen, opened),
        "letters": {
            key: each.schema()["label"].lower() for key, each in drawn.letters(chosen).items()
        },
        "check": {
            "ok": check.ok,
            "text": check.text,
            "detail": check.detail,
            "where": check.where,
            "suggestion": check.suggestion,
            "brief": check.brief,
            "field": check.field,
            "of": check.of,
            "levels": list(check.levels),
            "left_out": 0 if opened is None else _lost(check, opened),
        },
        "sentence": sentence(chosen, opened, available, spec),
    }


def _only_optimizer(chosen: Chosen) -> str:
    """Return how the estimates are found where no optimizer can be chosen; else nothing."""
    model = chosen.model
    if model.solved:
        return "None: solved in closed form"
    if model.optimizers is None:
        return ""
    only = ", ".join(name.capitalize() for name in model.optimizers)
    return f"{only}: each step demeans anew" if model.absorbs else only


def roles(chosen: Chosen, opened: Opened | None) -> dict[str, str]:
    """Return the role letters of every variable that has one, as in ``{"inlf": "y"}``."""
    if opened is None:
        return {}
    found: dict[str, str] = dict(formula_roles(chosen.formula, opened.table.names))
    absorbed = [("f", name) for name in _absorbed(chosen.formula) if name in opened.table.names]
    others = [("w", chosen.weights), ("c", chosen.cluster)]
    for letter, name in (*absorbed, *_of_options(chosen), *others):
        if name in opened.table.names:
            found[name] = found.get(name, "") + letter
    return found


def left_out(chosen: Chosen, check: Check, opened: Opened) -> dict[str, Any]:
    """Return the first rows that the run leaves out, in the columns that it reads.

    Returns
    -------
    dict
        ``columns``, and ``rows`` of a row's number and its values, None where one is missing.
    """
    if check.used is None:
        return {"columns": [], "rows": []}
    table, names = opened.table, list(roles(chosen, opened))
    lost = np.setdiff1d(np.arange(table.nrows), check.used)[:ROWS_SHOWN]
    columns = [table.column(name).iloc[lost].tolist() for name in names]
    cells = zip(*columns, strict=True) if columns else ([] for _ in lost)
    rows = [[int(at) + 1, *map(_cell, row)] for at, row in zip(lost, cells, strict=True)]
    return {"columns": names, "rows": rows}


def _lost(check: Check, opened: Opened) -> int:
    return 0 if check.used is None else opened.table.nrows - len(check.used)


def _cell(value: Any) -> str | None:
    if pd.isna(value):
        return None
    return f"{value:.6g}".replace("-", "−") if isinstance(value, float) else str(value)


def _of_options(chosen: Chosen) -> list[tuple[str, str]]:
    """Return the columns that options of the model name, each with its letter."""
    given = [
        (letter, chosen.model_options.get(e.name)) for letter, e in drawn.letters(chosen).items()
    ]
    return [
        (letter, name)
        for letter, value in given
        for name in (value if isinstance(value, list | tuple) else [value])
        if name
    ]


def _errors(chosen: Chosen) -> list[MenuEntry]:
    """List the kinds of standard errors."""
    return [
        MenuEntry(kind, label, "", True, "") for kind, label in errors_of(chosen.template).items()
    ]


def demeaners(chosen: Chosen) -> list[MenuEntry]:
    """List the demeaners, with the automatic choice and why others are unavailable."""
    rows = describe(chosen.device)
    return [MenuEntry(row.name, row.title, row.uses, row.available, row.reason) for row in rows]


def _absorbed(formula: str) -> tuple[str, ...]:
    """Return the columns of the fixed effects, none while they are half typed."""
    try:
        return columns_of(absorbed_terms(effects(formula)))[0]
    except FormulaError:
        return ()


def about_data(opened: Opened) -> dict[str, Any]:
    """Return the figures of the data: name, rows, columns, bytes and a sentence on missing."""
    summaries = opened.table.summary()
    holes = [item for item in summaries if item.missing]
    return {
        "name": opened.reference.name,
        "kind": opened.reference.kind,
        "query": opened.reference.query,
        "rows": opened.table.nrows,
        "columns": len(summaries),
        "bytes": sum(opened.table.column(name).nbytes for name in opened.table.names),
        "missing": _missing_sentence(holes),
    }


def about_variable(item: ColumnSummary) -> dict[str, Any]:
    """Return what the list shows of a variable."""
    return {
        "name": item.name,
        "kind": item.kind,
        "numeric": item.numeric,
        "missing": item.missing,
        "levels": item.levels,
        "histogram": list(item.histogram),
        "note": _variable_note(item),
    }


def _missing_sentence(holes: Sequence[ColumnSummary]) -> str:
    if not holes:
        return "Nothing is missing."
    counts = {item.missing for item in holes}
    if len(counts) == 1 and len(holes) <= 3:
        names = " and ".join(f"`{item.name}`" for item in holes)
        return f"{names} {'has' if len(holes) == 1 else 'have'} {holes[0].missing:,} missing."
    worst = max(holes, key=lambda item: item.missing)
    return f"{len(holes)} columns have gaps; `{worst.name}` has most, {worst.missing:,} missing."


def _variable_note(item: ColumnSummary) -> str:
    span = f"{item.levels} levels" if item.levels else ""
    if item.minimum is not None and item.maximum is not None:
        span = f"{item.minimum:.4g} to {item.maximum:.4g}".replace("-", "−")
    gaps = f"{item.missing:,} missing" if item.missing else "none missing"
    return ", ".join(part for part in (item.kind, span, gaps) if part)


def sentence(
    chosen: Chosen, opened: Opened | None, available: Available, spec: Specification | None = None
) -> str:
    """Describe the run in a sentence, as the foot of the page does."""
    outcome = sides(chosen.formula).outcome
    count = "".join(roles(replace(chosen, weights="", cluster=""), opened).values()).count("x")
    described = _errors_in_words(chosen)
    of = f" of `{outcome.strip('`')}`" if outcome else ""
    on = f" on {counted(count, 'variable')}" if outcome else ""
    absorbed = effects(chosen.formula)
    effects_too = f" with effects of {absorbed}" if absorbed else ""
    model = available.title(chosen.template)
    remark = "" if spec is None else _remark(spec)
    return f"{model}{of}{on}{effects_too}{remark}, {described}, {chosen.device.upper()}"


def _errors_in_words(chosen: Chosen) -> str:
    """Return the standard errors within a sentence, as in ``"robust errors by person"``."""
    kind, model = covariance_class(chosen.se), chosen.model
    word = model.covariance_words.get(chosen.se, kind.adjective).partition(" (")[0]
    unit = f" by {model.score_unit}" if kind.by_unit and model.score_unit else ""
    return f"{word or kind.adjective} errors{unit}"


def _remark(spec: Specification) -> str:
    """Return the model's remark for the sentence; nothing while its options are incomplete."""
    try:
        remark = model_of(spec.model).remark
    except WorkbenchError:
        return ""
    return f", {remark}" if remark else ""


def _automatic(chosen: Chosen, check: Check, available: Available) -> str:
    """Return the automatic choice, as in ``"Newton, for 8 parameters"``."""
    name = optimizer_choice(replace(chosen, optimizer=AUTOMATIC), check)
    title = next((item.label for item in available.optimizers if item.key == name), name)
    return f"{title}, for {check.parameters:,} parameters" if check.parameters else title


def _fitting(library: MenuEntry, chosen: Chosen, available: Available) -> MenuEntry:
    """Grey out a library that is not used by the run, or does not run on the chosen device."""
    reason = chosen.model.without_library(chosen.device, chosen.dtype)
    if library.enabled and reason:
        return replace(library, enabled=False, reason=reason)
    if not library.enabled or available.runs_on(library.key, chosen.device):
        return library
    reason = f"{library.label} does not run on {chosen.device} here."
    return replace(library, enabled=False, reason=reason)
