"""What is chosen on the Setup tab.

Nothing here knows of a widget: `Chosen` is a frozen record of choices, and functions turn it into
the next record.  `setup_opening` makes the first one, `setup_check` checks one against the data,
and `setup_run` turns one into a `Specification` and back.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from workbench.covariances.kinds import covariance_class
from workbench.data.complete_cases import Positions
from workbench.demeaners import DEMEANERS
from workbench.errors import OptionError
from workbench.estimation.model import NUMPY, model_class
from workbench.estimation.specification import Specification
from workbench.models.registry import listed
from workbench.notebook.setup import fields as choice_form
from workbench.notebook.setup.data import Opened
from workbench.notebook.setup.formula_text import (
    effects,
    with_effect,
    with_outcome,
    with_replaced,
    with_term,
    without_term,
)

ABSORBING = tuple(name for name, kind in listed().items() if kind.absorbs)
CLOSED_FORM = tuple(name for name, kind in listed().items() if kind.solved)
IN_NUMPY = tuple(name for name, kind in listed().items() if kind.computed_by == NUMPY)
CHOICE = {name: kind for name, kind in listed().items() if "choice" in kind.built_by}
FIXED_EFFECTS = "feols"

OWN = "body"
"""The model whose log-likelihood a person writes."""

AUTOMATIC, GIVEN = "auto", "given"

WEIGHT_KINDS = ("frequency", "probability", "analytic")

OWN_STARTS = {
    "logit": "loglik = log_sigmoid((2*y - 1) * eta)",
    "probit": "loglik = log_ndtr((2*y - 1) * eta)",
    "poisson": "loglik = y*eta - exp(eta) - lgamma(y + 1)",
}

BESIDE_EFFECTS = {
    "ols": FIXED_EFFECTS,
    "gaussian": FIXED_EFFECTS,
    "logit": "felogit",
    "poisson": "fepois",
}
"""The template that absorbs fixed effects in the place of one that has none."""
_OWN_GAUSSIAN = "params: sigma > 0 = 1.0\nloglik = normal_logpdf(y, eta, sigma)"


@dataclass(frozen=True)
class Chosen:
    """Every choice on the Setup tab; an empty text means none or automatic."""

    template: str = "logit"
    formula: str = ""
    body: str = ""
    se: str = "hessian"
    se_before: str = "hessian"
    cluster: str = ""
    se_options: str = ""
    weights: str = ""
    weight_kind: str = "frequency"
    offset: str = ""
    positive: str = ""
    situation: str = ""
    alternatives: str = ""
    panel: str = ""
    model_settings: str = ""
    device: str = "cpu"
    library: str = "jax"
    dtype: str = "float64"
    optimizer: str = AUTOMATIC
    settings: str = ""
    start: str = AUTOMATIC
    max_steps: int | None = None
    name: str = ""
    demeaner: str = AUTOMATIC
    fixef_rm: str = "singleton"
    base: Specification | None = None
    """The run brought back for editing, which keeps the settings that the page does not show."""

    @property
    def choice_columns(self) -> dict[str, str]:
        """The columns that a model of discrete choice reads, by role."""
        return {"situation": self.situation, "alternatives": self.alternatives, "panel": self.panel}


KINDS: dict[str, Any] = {
    item.name: str for item in fields(Chosen) if item.name not in {"base", "se_before"}
} | {"max_steps": (int, type(None))}
"""The choices that the page may change by name, with the type of each."""
_COLUMN_FIELDS = {"cluster", "weights", "offset", *choice_form.COLUMNS}


@dataclass(frozen=True)
class Check:
    """Whether the choices describe a run that can start, and the sentence that says so."""

    ok: bool
    text: str
    detail: str = ""
    where: str = ""
    suggestion: str = ""
    brief: str = ""
    field: str = ""
    """The field that the problem is in: ``"formula"``, ``"body"`` or an option."""
    parameters: int = 0
    rows: int = 0
    used: Positions | None = None
    """The positions of the rows used, shape ``(rows,)``; None where they are not known yet."""
    levels: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """The parameters that can be named before the run."""


def changed(chosen: Chosen, choice: str, value: object, opened: Opened | None) -> Chosen:
    """Change one choice by name, together with those that follow from it.

    Raises
    ------
    OptionError
        When the field is unknown, or the value is not of its kind or not a column.
    """
    if choice not in KINDS or not isinstance(value, KINDS[choice]) or isinstance(value, bool):
        raise OptionError(f"Setup has no choice {choice!r} of that kind.", code="bad-choice")
    if choice == "demeaner" and value not in DEMEANERS:
        raise OptionError(f"There is no demeaner {value!r}.", code="bad-choice", where=choice)
    if choice in _COLUMN_FIELDS and value and (opened is None or value not in opened.table.names):
        raise OptionError(f"The data have no column {value!r}.", code="no-column", where=choice)
    chosen = replace(chosen, **{choice: value})
    if choice == "template":
        chosen = _with_columns(replace(chosen, model_settings=""), opened)
    return _consequences(chosen, choice)


def _with_columns(chosen: Chosen, opened: Opened | None) -> Chosen:
    """Choose the columns of known choice data, where none are chosen."""
    if chosen.template not in CHOICE or opened is None or any(chosen.choice_columns.values()):
        return chosen
    if (known := choice_form.proposed(opened.table.names)) is None:
        return chosen
    return replace(chosen, **known[1])


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
        if not name or chosen.template in ABSORBING:
            return absorbing
        beside = BESIDE_EFFECTS.get(chosen.template, FIXED_EFFECTS)
        return changed(absorbing, "template", beside, None)
    if role == "w":
        return replace(chosen, weights="" if chosen.weights == name else name)
    if role == "c":
        return _clustered(chosen, "" if chosen.cluster == name else name)
    raise OptionError(f"A variable has no role {role!r} here.", code="bad-role")


def repaired(chosen: Chosen, check: Check) -> Chosen:
    """Put the suggestion of a refused check in the place of the name it refuses."""
    return replace(chosen, formula=with_replaced(chosen.formula, check.where, check.suggestion))


def without(chosen: Chosen, term: str) -> Chosen:
    """Take a term off the right side of the formula."""
    return replace(chosen, formula=without_term(chosen.formula, term))


def _consequences(chosen: Chosen, choice: str) -> Chosen:
    if choice == "cluster":
        return _clustered(chosen, chosen.cluster)
    if choice == "se":
        chosen = replace(chosen, se_options="")
    if choice == "se" and not _by_cluster(chosen):
        return replace(chosen, cluster="", se_before=chosen.se)
    if choice == "optimizer":
        return replace(chosen, settings="")
    if choice == "template":
        chosen = _with_known_errors(chosen)
    if choice == "template" and chosen.template in ABSORBING:
        return replace(chosen, weight_kind="analytic")
    if choice == "formula" and chosen.template in BESIDE_EFFECTS and effects(chosen.formula):
        return changed(chosen, "template", BESIDE_EFFECTS[chosen.template], None)
    if choice == "template" and chosen.template == OWN and not chosen.body:
        return replace(chosen, body=_OWN_GAUSSIAN)
    if choice == "device" and chosen.device == "mps":
        return replace(chosen, dtype="float32", library="torch")
    return chosen


def errors_of(template: str) -> dict[str, str]:
    """Return the kinds of standard errors that a template has, with their words."""
    return model_class(template).covariances()


def _with_known_errors(chosen: Chosen) -> Chosen:
    """Go back to the template's first kind of errors when it does not have the one chosen."""
    known = errors_of(chosen.template)
    kept = [kind if kind in known else "hessian" for kind in (chosen.se, chosen.se_before)]
    told = chosen.se_options if kept[0] == chosen.se else ""
    cluster = "" if kept[0] != chosen.se and _by_cluster(chosen) else chosen.cluster
    return replace(chosen, se=kept[0], se_before=kept[1], se_options=told, cluster=cluster)


def _by_cluster(chosen: Chosen) -> bool:
    """Whether the errors chosen need a column to cluster by."""
    return covariance_class(chosen.se).by_cluster


def own_likelihood(chosen: Chosen) -> Chosen:
    """Switch to a person's own log-likelihood, started from the template chosen so far."""
    body = chosen.body or OWN_STARTS.get(chosen.template, _OWN_GAUSSIAN)
    return replace(chosen, template=OWN, body=body)


def _clustered(chosen: Chosen, column: str) -> Chosen:
    """Cluster by a column; without one, go back to the errors chosen before."""
    before = chosen.se_before if _by_cluster(chosen) else chosen.se
    by_cluster = chosen.se if _by_cluster(chosen) else "cluster"
    chosen = chosen if _by_cluster(chosen) else replace(chosen, se_options="")
    return replace(chosen, cluster=column, se=by_cluster if column else before, se_before=before)
