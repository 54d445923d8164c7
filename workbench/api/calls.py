"""The public functions: fit, start, resume, runs, models."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import pandas as pd

from workbench.api.arguments import checked, specified
from workbench.api.signature import keywords, keywords_of, show_options
from workbench.data.names import quoted
from workbench.data.sources import open_data
from workbench.data.table import Table, as_table
from workbench.errors import DataError, StoreError
from workbench.estimation.effects import notes_on_idle
from workbench.estimation.model import Model
from workbench.estimation.specification import Specification
from workbench.models.custom.options import likelihood
from workbench.models.event_study.options import DEFAULTS, DID2S
from workbench.models.registry import models, problem_of
from workbench.optimizers import optimizer_named
from workbench.results.fit import Fit
from workbench.runs.recorder import columns_of_run
from workbench.runs.run import Continuing, Run, record_ended_runs
from workbench.runs.store import StoredRun, current_store

__all__ = ["did2s", "fit", "likelihood", "models", "resume", "runs", "start", "start_specification"]

# An interrupt is noticed between waits of this many seconds.
_PATIENCE = 0.2


def fit(model: Any, formula: Any = None, data: Any = None, **options: Any) -> Fit:
    """Estimate a model, wait for the end, and return the fit.

    Parameters
    ----------
    model
        A name of :func:`models` such as ``"logit"``; a model with its options such as
        ``wb.MixedLogit(draws=1000)``; or what :func:`custom` or :func:`likelihood` return.
    formula
        ``"outcome ~ x1 + x2"``; may be left out for a user's own likelihood.  Fixed effects
        follow behind a bar, where ``firm^year`` joins columns and ``firm[trend]`` adds a slope by
        firm; for ``"feols"`` instruments too: ``"y ~ x | firm + year | endogenous ~ z"``.
    data
        A DataFrame or another table, the name of a sample, or the path of a file.
    **options

    Returns
    -------
    The fit; the first interrupt stops the run and returns what was found, the second raises.

    Raises
    ------
    WorkbenchError
        When the input is invalid.

    Examples
    --------
    >>> import workbench as wb
    >>> found = wb.fit("logit", "inlf ~ educ + exper + age", wb.load("mroz"), se="robust")
    >>> found.params.round(3).to_dict()
    {'Intercept': -0.454, 'educ': 0.15, 'exper': 0.123, 'age': -0.055}
    """
    run = _start(model, formula, data, options, sys._getframe(1))
    return _waited(run).result()


def did2s(
    data: Any,
    yname: str,
    first_stage: str,
    second_stage: str,
    treatment: str,
    cluster: str | Sequence[str] | None,
    weights: str | None = None,
    **options: Any,
) -> Fit:
    """Estimate effects of a treatment in two stages, and wait for the end.

    The first stage regresses the outcome on fixed effects and covariates over untreated rows; the
    second regresses the residuals of all rows on the treatment.  Clustered errors count the error
    of the first stage; the small-sample convention is none by default, as in R's did2s.

    Parameters
    ----------
    data
        A DataFrame or another table, the name of a sample, or the path of a file.
    yname
        The column of the outcome.
    **first_stage
    second_stage
        ``"~ treated"``, or ``"~ i(time_to_treatment, ref=-1)"`` for an event study.
    **treatment
    **cluster
    **weights
    **options

    Returns
    -------
    The fit; treated rows of a level without an untreated row are left out and counted.

    Raises
    ------
    WorkbenchError
        When the input is invalid.

    References
    ----------
    Gardner (2021), "Two-stage differences in differences"; Butts and Gardner (2022), "did2s:
    Two-stage difference-in-differences", The R Journal 14(3), 162-173.

    Examples
    --------
    >>> import workbench as wb
    >>> found = wb.did2s("staggered", "y", "~ x | unit + year", "~ treated", "treated", "unit")
    >>> found.params.round(3).to_dict()
    {'treated': 0.968}
    """
    named = {"first_stage": first_stage, "treatment": treatment}
    of_run = {**DEFAULTS, "cluster": cluster, "weights": weights, **options}
    formula = f"{quoted(yname)} {second_stage.strip()}"
    return _waited(_start(DID2S, formula, data, {**named, **of_run}, sys._getframe(1))).result()


def start(model: Any, formula: Any = None, data: Any = None, **options: Any) -> Run:
    """Start estimating a model in a thread and return at once; see :func:`fit`."""
    return _start(model, formula, data, options, sys._getframe(1))


OF_ONE_MODEL: Mapping[str, tuple[type[Model], Mapping[str, Any]]] = {"did2s": (DID2S, DEFAULTS)}
"""The functions that estimate one model, with their own defaults of options of the run."""

for _function in (fit, start):
    show_options(_function, keywords())
for _name, _own in OF_ONE_MODEL.items():
    show_options(globals()[_name], keywords_of(*_own))


def start_specification(
    specification: Specification, table: Table, model: Model | None = None
) -> Run:
    """Start the run that a specification describes, on a table at hand."""
    found, notes = checked(specification), notes_on_idle(specification)
    problem = problem_of(found, table, model)
    problem.notes += notes
    chosen = optimizer_named(found.optimizer.name, found.optimizer.settings)
    return Run(problem, chosen, own=model).begin()


def runs() -> pd.DataFrame:
    """List every recorded run, starred ones first, then the newest.

    ``runs().attrs["place"]`` says where they are kept; :func:`use_store` changes that.
    """
    record_ended_runs()
    return current_store().runs_frame()


def resume(run_id: str | int, data: Any = None, model: Any = None) -> Run:
    """Go on with an interrupted run from its last recorded step.

    Parameters
    ----------
    run_id
        The id of the run, a beginning of it, or its number in :func:`runs`.
    data
        The DataFrame of the run, when it read one; samples and files are opened again.
    model
        What :func:`custom` returned, when the run used a function.

    Raises
    ------
    StoreError
        When there is no such run, or it is not interrupted.
    DataError
        When the data are needed, or are not those of the run.
    """
    stored = current_store().read(run_id)
    if stored.status != "interrupted":
        raise StoreError(
            f'The run "{stored.record.name or run_id}" is not interrupted: '
            f"{stored.record.sentence}",
            hint="fit the model again, or run.continue_with() in the session that has it.",
            code="not-interrupted",
        )
    specification = Specification.from_dict(stored.specification)
    table = _table_again(specification, data)
    own = model if isinstance(model, Model) else None
    problem = problem_of(specification, table, own)
    found = table.fingerprint(columns_of_run(problem))
    if specification.data.fingerprint and found != specification.data.fingerprint:
        raise DataError(
            f'The data are not those of the run "{stored.record.name or run_id}": '
            "their fingerprint differs.",
            hint="give the data as they were, or start a new run.",
            code="other-data",
            where="data",
        )
    chosen = optimizer_named(specification.optimizer.name, specification.optimizer.settings)
    return Run(problem, chosen, own=own, continuing=_continuing(stored)).begin()


def _continuing(stored: StoredRun) -> Continuing:
    remembers = stored.optimizer_state is not None
    claimed = current_store().claim(stored.record.id, back_to_state=remembers)
    return Continuing(
        claimed.record.id,
        claimed.trace,
        claimed.last_params,
        claimed.record.step or 0,
        claimed.record.seconds,
        claimed.optimizer_state,
    )


def _table_again(specification: Specification, data: Any) -> Table:
    if data is not None:
        return (
            open_data(data)
            if isinstance(data, (str, Path))
            else as_table(data, specification.data.name)
        )
    if specification.data.kind == "frame":
        raise DataError(
            f'The run read the DataFrame "{specification.data.name}", '
            "which is not kept in the record.",
            hint="wb.resume(run_id, data=frame).",
            code="data-needed",
            where="data",
        )
    return open_data(specification.data)


def _waited(run: Run) -> Run:
    """Wait for a run; the first interrupt stops it, the second is raised."""
    try:
        while not run.wait(_PATIENCE):
            pass
    except KeyboardInterrupt:
        run.stop()
        while not run.wait(_PATIENCE):
            pass
    return run


def _start(
    model: Any, formula: Any, data: Any, options: Mapping[str, Any], caller: FrameType
) -> Run:
    return start_specification(*specified(model, formula, data, options, caller))
