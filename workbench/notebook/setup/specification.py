"""The run that the choices on the Setup tab describe, and the choices that describe a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.covariances import TOGETHER
from workbench.covariances.kinds import covariance_class
from workbench.errors import OptionError
from workbench.estimation.model import LIBRARY, model_class
from workbench.estimation.specification import DataReference, RunOptions, Source, Specification
from workbench.literals import Choice
from workbench.notebook.setup import fields as drawn
from workbench.notebook.setup.available import Available
from workbench.notebook.setup.chosen import AUTOMATIC, GIVEN, Check, Chosen
from workbench.options import plain


def optimizer_choice(chosen: Chosen, check: Check) -> str:
    """Return the optimizer's name, with "automatic" resolved by the number of parameters."""
    if chosen.optimizer != AUTOMATIC and chosen.model.optimizers is None:
        return chosen.optimizer
    return chosen.model.optimizer_for(check.parameters)


def run_name(chosen: Chosen, available: Available, taken: Sequence[str] = ()) -> str:
    """Return the name of the run: the one given, or template and errors, made unique."""
    if chosen.name.strip():
        return chosen.name.strip()
    errors = covariance_class(chosen.se).run_word.format(cluster=chosen.cluster)
    parts = (available.title(chosen.template), errors)
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
    own = chosen.model.from_source
    base = chosen.base or Specification(Choice(chosen.template), reference)
    return base.replace(
        model=Choice(chosen.template, _given("model", chosen)),
        data=reference,
        formula=chosen.formula.strip() or None,
        source=Source(chosen.body) if own else None,
        se=chosen.se,
        cluster=_one_or_several(clusters_of(chosen)),
        se_options=_given("se", chosen),
        weights=chosen.weights or None,
        weight_kind=chosen.weight_kind if chosen.weights else RunOptions.weight_kind,
        offset=chosen.offset or None,
        optimizer=_optimizer(chosen, check),
        backend=chosen.library if chosen.model.computed_by == LIBRARY else base.backend,
        device=chosen.device,
        dtype=chosen.dtype,
        start=base.start if chosen.start == GIVEN else start,
        max_steps=chosen.max_steps,
        positive=chosen.positive or None,
        demeaner=Choice(chosen.demeaner, _given("demeaner", chosen)),
        name=name,
        **_run_options(chosen),
    )


def from_specification(spec: Specification) -> Chosen:
    """Return the choices that describe a run, for "Edit in Setup"; its name is made anew.

    Raises
    ------
    OptionError
        When the page has no fields for a model, as for one in two stages.
    """
    model = model_class(spec.model.name)
    if model.no_setup:
        raise OptionError(
            f"A run of {model.title} cannot be edited here, since {model.no_setup}.",
            hint="copy its code, and change that.",
            code="not-in-setup",
        )
    return Chosen(
        template=spec.model.name,
        formula=(spec.formula or (spec.source.by if spec.source else "")) or "",
        body=spec.source.text if spec.source else "",
        se=spec.se,
        cluster=TOGETHER.join(spec.clusters),
        weights=spec.weights or "",
        weight_kind=spec.weight_kind,
        offset=spec.offset or "",
        positive=spec.positive or "",
        device=spec.device,
        library=spec.backend,
        dtype=spec.dtype,
        optimizer=spec.optimizer.name,
        start=GIVEN if spec.start else AUTOMATIC,
        max_steps=spec.max_steps,
        demeaner=spec.demeaner.name,
        model_options=dict(spec.model.settings),
        optimizer_options=dict(spec.optimizer.settings),
        demeaner_options=dict(spec.demeaner.settings),
        se_options=dict(spec.se_options),
        run_options={
            each.name: plain(getattr(spec, each.name))
            for each in drawn.declared("run", Chosen(spec.model.name))
            if getattr(spec, each.name) != each.default
        },
        base=spec,
    )


def start_from(params: pd.Series, check: Check) -> dict[str, float]:
    """Return another run's estimates of the parameters that this run has too."""
    return {str(name): float(params[name]) for name in params.index if name in check.names}


def _given(of: str, chosen: Chosen) -> dict[str, Any]:
    """Return the options of a group that differ from their defaults."""
    return drawn.drafted(drawn.declared(of, chosen), drawn.values_of(of, chosen))


def _run_options(chosen: Chosen) -> dict[str, Any]:
    """Return the options of the run that have no separate field on the page."""
    given = _given("run", chosen)
    return {e.name: given.get(e.name, e.default) for e in drawn.declared("run", chosen)}


def _optimizer(chosen: Chosen, check: Check) -> Choice:
    name = optimizer_choice(chosen, check)
    return Choice(name, _given("optimizer", chosen) if name == chosen.optimizer else {})


def clusters_of(chosen: Chosen) -> tuple[str, ...]:
    """Return the cluster columns: the one chosen, or those of the run being edited."""
    if chosen.base is not None and chosen.cluster == TOGETHER.join(chosen.base.clusters):
        return chosen.base.clusters
    return (chosen.cluster,) if chosen.cluster else ()


def _one_or_several(names: tuple[str, ...]) -> str | tuple[str, ...] | None:
    return names if len(names) > 1 else next(iter(names), None)
