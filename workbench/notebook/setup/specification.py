"""The run that the choices on the Setup tab describe, and the choices that describe a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.covariances import TOGETHER
from workbench.covariances.kinds import covariance_class
from workbench.errors import OptionError
from workbench.estimation.model import model_class
from workbench.estimation.specification import DataReference, Source, Specification
from workbench.literals import Choice, parse_settings, settings_text
from workbench.models.fixed_effects.families import ABSORBED
from workbench.notebook.setup import fields as choice_form, optimizer_settings
from workbench.notebook.setup.available import Offer
from workbench.notebook.setup.form import AUTOMATIC, CHOICE, GIVEN, OWN, Check, Chosen
from workbench.optimizers.newton import Newton

NEWTON_LIMIT = 300
"""Parameters up to which the exact Hessian is the automatic choice."""


def optimizer_choice(chosen: Chosen, check: Check) -> str:
    """Return the optimizer's name, with "automatic" resolved by the number of parameters."""
    if chosen.template in ABSORBED:
        return Newton.name
    if chosen.optimizer != AUTOMATIC:
        return chosen.optimizer
    return Newton.name if check.parameters <= NEWTON_LIMIT else "l-bfgs-b"


def run_name(chosen: Chosen, offer: Offer, taken: Sequence[str] = ()) -> str:
    """Return the name of the run: the person's own, or template and errors, made unique."""
    if chosen.name.strip():
        return chosen.name.strip()
    errors = covariance_class(chosen.se).run_word.format(cluster=chosen.cluster)
    parts = (offer.title(chosen.template), errors)
    return unlike(", ".join(filter(None, parts)), taken)


def unlike(base: str, taken: Sequence[str]) -> str:
    """Return a name that is not taken: the one given, or numbered."""
    names = (base, *(f"{base} {number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def specification(
    chosen: Chosen,
    check: Check,
    reference: DataReference,
    name: str,
    start: Mapping[str, float] | None = None,
) -> Specification:
    """Return the specification of the run that the choices describe."""
    own = chosen.template == OWN
    base = chosen.base or Specification(Choice(chosen.template), reference)
    return base.replace(
        model=_model(chosen, base.model),
        data=reference,
        formula=chosen.formula.strip() or None,
        source=Source(chosen.body) if own else None,
        se=chosen.se,
        cluster=_one_or_several(clusters_of(chosen)),
        se_options=_told_errors(chosen),
        weights=chosen.weights or None,
        weight_kind=chosen.weight_kind if chosen.weights else "frequency",
        offset=chosen.offset or None,
        optimizer=_optimizer(chosen, check),
        backend=chosen.library,
        device=chosen.device,
        dtype=chosen.dtype,
        start=base.start if chosen.start == GIVEN else start,
        max_steps=chosen.max_steps,
        positive=chosen.positive or None,
        demeaner=_kept_choice(chosen.demeaner, base.demeaner),
        fixef_rm=chosen.fixef_rm,
        name=name,
    )


def from_specification(spec: Specification) -> Chosen:
    """Return the choices that describe a run, for "Edit in Setup"; its name is made anew.

    Raises
    ------
    OptionError
        When the run has two stages, for which the page has no fields.
    """
    if not model_class(spec.model.name).listed and spec.source is None:
        raise OptionError(
            "A run in two stages cannot be edited here.",
            hint="copy its code, and change the call of wb.did2s.",
            code="two-stages",
        )
    return Chosen(
        template=spec.model.name,
        formula=(spec.formula or (spec.source.by if spec.source else "")) or "",
        body=spec.source.text if spec.source else "",
        se=spec.se,
        cluster=TOGETHER.join(spec.clusters),
        se_options=settings_text(spec.se_options),
        weights=spec.weights or "",
        weight_kind=spec.weight_kind,
        offset=spec.offset or "",
        positive=spec.positive or "",
        **_told_model(spec.model),
        device=spec.device,
        library=spec.backend,
        dtype=spec.dtype,
        optimizer=spec.optimizer.name,
        settings=optimizer_settings.written(spec.optimizer),
        start=GIVEN if spec.start else AUTOMATIC,
        max_steps=spec.max_steps,
        demeaner=spec.demeaner.name,
        fixef_rm=spec.fixef_rm,
        base=spec,
    )


def start_from(params: pd.Series, check: Check) -> dict[str, float]:
    """Return another run's estimates of the parameters that this run has too."""
    return {str(name): float(params[name]) for name in params.index if name in check.names}


def _told_model(model: Choice) -> dict[str, Any]:
    """Return what a model of discrete choice was told, by field."""
    if model.name not in CHOICE:
        return {}
    columns = {name: model.settings.get(name) or "" for name in choice_form.COLUMNS}
    return {**columns, "model_settings": choice_form.written(model)}


def _model(chosen: Chosen, base: Choice) -> Choice:
    """Return the model with its settings; those of discrete choice stand on the page."""
    if chosen.template not in CHOICE:
        return _kept_choice(chosen.template, base)
    return choice_form.half_typed(chosen.template, chosen.choice_columns, chosen.model_settings)


def _told_errors(chosen: Chosen) -> dict[str, Any]:
    """Return what the standard errors are told, nothing while it is half typed."""
    try:
        return parse_settings(chosen.se_options)
    except OptionError:
        return {}


def _optimizer(chosen: Chosen, check: Check) -> Choice:
    """Return the optimizer with its settings, without them while they are half typed."""
    name = optimizer_choice(chosen, check)
    if chosen.template in ABSORBED:
        return Choice(name)
    try:
        return optimizer_settings.read(name, chosen.settings)
    except OptionError:
        return Choice(name)


def clusters_of(chosen: Chosen) -> tuple[str, ...]:
    """Return the cluster columns: the one chosen, or those of the run brought back."""
    if chosen.base is not None and chosen.cluster == TOGETHER.join(chosen.base.clusters):
        return chosen.base.clusters
    return (chosen.cluster,) if chosen.cluster else ()


def _one_or_several(names: tuple[str, ...]) -> str | tuple[str, ...] | None:
    return names if len(names) > 1 else next(iter(names), None)


def _kept_choice(name: str, base: Choice) -> Choice:
    """Return the choice of that name, with the settings of ``base`` when it is the same one."""
    return base if base.name == name else Choice(name)
