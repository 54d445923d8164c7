"""What the Setup tab shows of the choices made on it, as plain JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from workbench.backends.devices import installed
from workbench.covariances.kinds import covariance_class
from workbench.data.formula.fixed_effects import absorbed_terms, columns_of
from workbench.data.formula.parser import formula_roles
from workbench.data.table import ColumnSummary
from workbench.demeaners import Description, demeaner_on, describe
from workbench.demeaners.automatic import Automatic
from workbench.demeaners.lsmr import LSMR
from workbench.errors import FormulaError
from workbench.estimation.model import COMPILED, model_class
from workbench.models.fixed_effects.families import ABSORBED
from workbench.notebook.setup import fields as choice_form, optimizer_settings
from workbench.notebook.setup.available import Offer, Option
from workbench.notebook.setup.data import Opened
from workbench.notebook.setup.form import (
    AUTOMATIC,
    CHOICE,
    CLOSED_FORM,
    IN_NUMPY,
    KINDS,
    OWN,
    WEIGHT_KINDS,
    Check,
    Chosen,
    errors_of,
)
from workbench.notebook.setup.formula_text import effects, sides
from workbench.notebook.setup.specification import optimizer_choice
from workbench.options import options_of

ROWS_SHOWN = 8
"""Rows left out that the page shows."""

_LETTERS = {"situation": "i", "alternatives": "a", "panel": "p"}
"""The roles of a model of discrete choice, as the list of variables marks them."""

_WALKS = dict.fromkeys(CLOSED_FORM, "None: solved in closed form") | dict.fromkeys(
    ABSORBED, "Newton: each step demeans anew"
)
"""What stands in the place of an optimizer that a person could choose."""


def page(chosen: Chosen, check: Check, opened: Opened | None, offer: Offer) -> dict[str, Any]:
    """Return everything the Setup tab shows for these choices, as JSON types."""
    return {
        **{name: getattr(chosen, name) for name in KINDS},
        "own": chosen.template == OWN,
        "equation": offer.equation(chosen.template),
        "templates": [item.to_dict() for item in offer.templates],
        "errors": [item.to_dict() for item in _errors(chosen)],
        "errors_hint": _errors_hint(chosen),
        "weight_kinds": list(WEIGHT_KINDS),
        "devices": [item.to_dict() for item in offer.devices],
        "libraries": [_fitting(item, chosen, offer).to_dict() for item in offer.libraries],
        "numbers": [item.to_dict() for item in offer.numbers(chosen.device)],
        "optimizers": [item.to_dict() for item in offer.optimizers],
        "asks": list(choice_form.asks(chosen.template)),
        "model_hint": _model_hint(chosen, opened),
        "settings_hint": optimizer_settings.hint(chosen.optimizer),
        "automatic": _automatic(chosen, check, offer),
        "effects": effects(chosen.formula),
        "absorbs": bool(sides(chosen.formula).tail),
        "solved": chosen.template in CLOSED_FORM,
        "walk": _WALKS.get(chosen.template, ""),
        "demeaners": [item.to_dict() for item in demeaners(chosen)],
        "roles": roles(chosen, opened),
        "check": {
            "ok": check.ok,
            "text": check.text,
            "detail": check.detail,
            "where": check.where,
            "suggestion": check.suggestion,
            "brief": check.brief,
            "field": check.field,
            "levels": list(check.levels),
            "left_out": 0 if opened is None else _lost(check, opened),
        },
        "sentence": sentence(chosen, opened, offer),
    }


def roles(chosen: Chosen, opened: Opened | None) -> dict[str, str]:
    """Return the role letters of every variable that has one, as in ``{"inlf": "y"}``."""
    if opened is None:
        return {}
    found: dict[str, str] = dict(formula_roles(chosen.formula, opened.table.names))
    absorbed = [("f", name) for name in _absorbed(chosen.formula) if name in opened.table.names]
    beside = [(_LETTERS[name], getattr(chosen, name)) for name in choice_form.asks(chosen.template)]
    for letter, name in (*absorbed, *beside, ("w", chosen.weights), ("c", chosen.cluster)):
        if name:
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


def _model_hint(chosen: Chosen, opened: Opened | None) -> str:
    """Return an example of what the model is told; empty where it needs nothing."""
    parts = sides(chosen.formula)
    column = chosen.alternatives if choice_form.asks(chosen.template) else parts.outcome.strip("`")
    labels = () if opened is None else choice_form.alternatives_of(opened.table, column)
    return choice_form.example(chosen.template, chosen.formula, labels)


def _errors(chosen: Chosen) -> list[Option]:
    """List the kinds of standard errors."""
    return [Option(kind, label, "", True, "") for kind, label in errors_of(chosen.template).items()]


def _errors_hint(chosen: Chosen) -> str:
    """Return an example of what the errors are told; empty where they need nothing."""
    kind = covariance_class(chosen.se)
    needed = chosen.se_options or any(each.required for each in options_of(kind))
    return kind.example().replace('"', "") if needed else ""


def demeaners(chosen: Chosen) -> list[Option]:
    """List what takes fixed effects out, with what "automatic" is here and why others are not."""
    return [_demeaner(row, chosen.device) for row in describe()]


def _demeaner(row: Description, device: str) -> Option:
    if row.name == Automatic.name:
        chosen = demeaner_on(Automatic(), device, "torch")
        picked = (chosen.chosen if isinstance(chosen, Automatic) else chosen).title
        return Option(row.name, row.title, picked)
    if row.available and device != "cpu" and row.name != LSMR.name:
        return Option(row.name, row.title, "", False, f"runs on the CPU, not on {device}")
    return Option(row.name, row.title, "", row.available, row.reason)


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


def sentence(chosen: Chosen, opened: Opened | None, offer: Offer) -> str:
    """Describe the run in a sentence, as the foot of the page does."""
    outcome = sides(chosen.formula).outcome
    count = "".join(roles(replace(chosen, weights="", cluster=""), opened).values()).count("x")
    described = _errors_in_words(chosen)
    of = f" of `{outcome.strip('`')}`" if outcome else ""
    on = f" on {count} variable{'s' * (count != 1)}" if outcome else ""
    absorbed = effects(chosen.formula)
    beside = f" beside {absorbed}" if absorbed else ""
    model = offer.title(chosen.template)
    beside += choice_form.random_part(chosen.template, chosen.model_settings)
    return f"{model}{of}{on}{beside}, {described}, {chosen.device.upper()}"


def _errors_in_words(chosen: Chosen) -> str:
    """Return the standard errors within a sentence, as in ``"robust errors by person"``."""
    kind, model = covariance_class(chosen.se), model_class(chosen.template)
    word = model.covariance_words.get(chosen.se, kind.adjective).partition(" (")[0]
    unit = f" by {model.score_unit}" if kind.by_unit and model.score_unit else ""
    return f"{word or kind.adjective} errors{unit}"


def _automatic(chosen: Chosen, check: Check, offer: Offer) -> str:
    """Say what "automatic" picks, as in ``"Newton, for 8 parameters"``."""
    name = optimizer_choice(replace(chosen, optimizer=AUTOMATIC), check)
    title = next((item.label for item in offer.optimizers if item.key == name), name)
    return f"{title}, for {check.parameters:,} parameters" if check.parameters else title


def _computed_by_neither(chosen: Chosen) -> str:
    """Say why neither library computes what is chosen; nothing where one does."""
    plain = chosen.device == "cpu" and chosen.dtype == "float64"
    if chosen.template in IN_NUMPY and plain:
        return "This model is computed by NumPy and compiled sums, with neither library."
    by_library = (
        chosen.template in CHOICE
        and model_class(chosen.template).computed_by != COMPILED
        and not installed("numba")
    )
    if chosen.template in CHOICE and plain and not by_library:
        return "In float64 on the CPU, models of choice are computed by compiled sums of their own."
    return ""


def _fitting(library: Option, chosen: Chosen, offer: Offer) -> Option:
    """Grey out a library that has no part in the run, or does not run on the chosen device."""
    if library.enabled and (reason := _computed_by_neither(chosen)):
        return replace(library, enabled=False, reason=reason)
    if not library.enabled or offer.runs_on(library.key, chosen.device):
        return library
    reason = f"{library.label} does not run on {chosen.device} here."
    return replace(library, enabled=False, reason=reason)
