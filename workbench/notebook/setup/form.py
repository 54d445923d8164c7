"""Change what is chosen on the Setup tab.

These functions use no widget: each turns a record of choices into the next one.  `defaults`
makes the first one, `check` checks one against the data, and `specification` turns one into a
`Specification` and back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from workbench.backends.devices import device_named
from workbench.covariances.kinds import covariance_class
from workbench.errors import OptionError
from workbench.estimation.model import model_class
from workbench.notebook.setup import fields as drawn
from workbench.notebook.setup.available import absorbing_model, written_model
from workbench.notebook.setup.chosen import Check, Chosen
from workbench.notebook.setup.data import Opened
from workbench.notebook.setup.formula_text import (
    effects,
    with_effect,
    with_outcome,
    with_replaced,
    with_term,
    without_term,
)
from workbench.notebook.setup.textbook import textbook
from workbench.options import Kind

_BY_OPTION = {f"{of}_options" for of in drawn.GROUPS}
KINDS: dict[str, Any] = {
    item.name: str for item in fields(Chosen) if item.name not in {"base", "se_before", *_BY_OPTION}
} | {"max_steps": (int, type(None))}
"""The choices that the page may change by name, with the type of each."""


def changed(chosen: Chosen, choice: str, value: object, opened: Opened | None) -> Chosen:
    """Change one choice by name, together with those that follow from it.

    Raises
    ------
    OptionError
        When the field is unknown, or the value is not of its kind.
    """
    if choice not in KINDS or not isinstance(value, KINDS[choice]) or isinstance(value, bool):
        raise OptionError(f"Setup has no choice {choice!r} of that kind.", code="bad-choice")
    before, chosen = chosen, replace(chosen, **{choice: value})
    if choice == "template":
        chosen = _with_columns(replace(chosen, model_options=_columns(before)), opened)
        chosen = _with_usual_weights(chosen, before)
    return _consequences(chosen, choice)


def _with_usual_weights(chosen: Chosen, before: Chosen) -> Chosen:
    """Take the model's usual kind of weights, where the one before had its own."""
    usual = before.weight_kind == before.model.weight_kind
    return replace(chosen, weight_kind=chosen.model.weight_kind) if usual else chosen


def with_option(chosen: Chosen, of: str, name: str, value: Any) -> Chosen:
    """Change one option of a group; None empties its field.

    Raises
    ------
    OptionError
        When there is no such option, or the value is of another type.
    """
    known = {each.name: each for each in drawn.shown(of, chosen)} if of in drawn.GROUPS else {}
    if name not in known:
        raise OptionError(f"Setup has no option {name!r} of {of!r}.", code="bad-choice")
    values = {**drawn.values_of(of, chosen), name: drawn.accepted(known[name], value)}
    given = {key: each for key, each in values.items() if each is not None}
    return _with_given(chosen, of, given)


def _with_given(chosen: Chosen, of: str, given: Mapping[str, Any]) -> Chosen:
    changes: dict[str, Any] = {f"{of}_options": given}
    return replace(chosen, **changes)


def _columns(chosen: Chosen) -> dict[str, Any]:
    """Return the options of a model that name columns of the data, which another may have too."""
    named = {e.name for e in drawn.declared("model", chosen) if e.kind is Kind.COLUMN}
    of_others = chosen.model_options.keys() - {e.name for e in drawn.declared("model", chosen)}
    return {n: v for n, v in chosen.model_options.items() if n in named | of_others}


def _with_columns(chosen: Chosen, opened: Opened | None) -> Chosen:
    """Choose the columns that a model needs of a textbook's data, where none are chosen."""
    options = drawn.declared("model", chosen)
    columns = {each.name for each in options if each.kind is Kind.COLUMN}
    needed = {each.name for each in options if each.name in columns and each.required}
    if not needed or opened is None or columns & chosen.model_options.keys():
        return chosen
    known = textbook(opened.table.names, needed)
    if known is None:
        return chosen
    given = {name: value for name, value in known[2].items() if name in columns}
    return replace(chosen, model_options={**chosen.model_options, **given})


def assigned(chosen: Chosen, name: str, role: str) -> Chosen:
    """Give a variable a role, or take it away again: x, y, f (fixed effect), w or c (cluster).

    Without a name, role f takes all fixed effects away.
    """
    if role == "y":
        return replace(chosen, formula=with_outcome(chosen.formula, name), positive="")
    if role == "x":
        return replace(chosen, formula=with_term(chosen.formula, name))
    if role == "f":
        absorbing = replace(chosen, formula=with_effect(chosen.formula, name))
        if not name or chosen.model.absorbs:
            return absorbing
        return changed(absorbing, "template", chosen.model.with_effects or absorbing_model(), None)
    if role == "w":
        return replace(chosen, weights="" if chosen.weights == name else name)
    if role == "c":
        return _clustered(chosen, "" if chosen.cluster == name else name)
    raise OptionError(f"A variable has no role {role!r} here.", code="bad-role")


def repaired(chosen: Chosen, check: Check) -> Chosen:
    """Replace the name that the check refuses by its suggestion."""
    return replace(chosen, formula=with_replaced(chosen.formula, check.where, check.suggestion))


def without(chosen: Chosen, term: str) -> Chosen:
    """Take a term off the right side of the formula."""
    return replace(chosen, formula=without_term(chosen.formula, term))


def _consequences(chosen: Chosen, choice: str) -> Chosen:
    if choice == "cluster":
        return _clustered(chosen, chosen.cluster)
    if choice == "se":
        chosen = replace(chosen, se_options={})
    if choice == "se" and not _by_cluster(chosen):
        return replace(chosen, cluster="", se_before=chosen.se)
    if choice in {"optimizer", "demeaner"}:
        return _with_given(chosen, choice, {})
    if choice == "template":
        chosen = _with_known_errors(chosen)
    if choice == "formula" and chosen.model.with_effects and effects(chosen.formula):
        return changed(chosen, "template", chosen.model.with_effects, None)
    if choice == "template" and chosen.model.from_source and not chosen.body:
        return replace(chosen, body=chosen.model.source_text)
    if choice == "device" and (device := device_named(chosen.device)):
        library, dtype = device.nearest(chosen.library, chosen.dtype)
        return replace(chosen, library=library, dtype=dtype)
    return chosen


def errors_of(template: str) -> Mapping[str, str]:
    """Return the kinds of standard errors that a template has, with their words."""
    return model_class(template).covariances()


def _with_known_errors(chosen: Chosen) -> Chosen:
    """Go back to the template's first kind of errors when it does not have the one chosen."""
    known = errors_of(chosen.template)
    usual = chosen.model.usual_covariance()
    kept = [kind if kind in known else usual for kind in (chosen.se, chosen.se_before)]
    given = chosen.se_options if kept[0] == chosen.se else {}
    cluster = "" if kept[0] != chosen.se and _by_cluster(chosen) else chosen.cluster
    return replace(chosen, se=kept[0], se_before=kept[1], se_options=given, cluster=cluster)


def own_likelihood(chosen: Chosen) -> Chosen:
    """Switch to the user's own log-likelihood, started from the template chosen so far."""
    own = written_model()
    body = chosen.body or chosen.model.source_text or model_class(own).source_text
    return replace(chosen, template=own, body=body)


def _by_cluster(chosen: Chosen) -> bool:
    """Whether the errors chosen need a column to cluster by."""
    return covariance_class(chosen.se).by_cluster


def _clustered(chosen: Chosen, column: str) -> Chosen:
    """Cluster by a column; without one, go back to the errors chosen before."""
    before = chosen.se_before if _by_cluster(chosen) else chosen.se
    usual = chosen.model.usual_covariance(by_cluster=True)
    by_cluster = chosen.se if _by_cluster(chosen) else usual
    chosen = chosen if _by_cluster(chosen) else replace(chosen, se_options={})
    return replace(chosen, cluster=column, se=by_cluster if column else before, se_before=before)
