"""What people call: fit, start, resume, runs, models."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from inspect import Parameter as Parameter_, signature
from pathlib import Path
from types import FrameType
from typing import Any

import pandas as pd

from workbench.api.arguments import checked, specified
from workbench.data.names import quoted
from workbench.data.sources import open_data
from workbench.data.table import Table, as_table
from workbench.errors import DataError, StoreError
from workbench.estimation.model import Model
from workbench.estimation.specification import Specification
from workbench.literals import Choice
from workbench.models.custom.options import likelihood
from workbench.models.event_study.options import DID2S
from workbench.models.registry import listed, models, problem_of
from workbench.optimizers import optimizer_named
from workbench.options import Option, options_of
from workbench.results.fit import Fit
from workbench.runs.recorder import columns_read
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
        ``"ols"``, ``"gaussian"``, ``"logit"``, ``"probit"``, ``"poisson"``; beside fixed effects
        ``"feols"``, ``"fepois"``, ``"felogit"`` (with the effects as parameters, not conditional)
        and ``"fenegbin"``; a model of choice, see :func:`models`; or what :func:`custom` or
        :func:`likelihood` return.
    formula
        ``"outcome ~ x1 + x2"``; may be left out for a person's own likelihood.  Fixed effects
        follow behind a bar, where ``firm^year`` joins columns and ``firm[trend]`` adds a slope by
        firm; for ``"feols"`` instruments too: ``"y ~ x | firm + year | endogenous ~ z"``.
    data
        A DataFrame or another table, the name of a sample, or the path of a file.
    se : {"hessian", "opg", "robust", "cluster", "newey_west", "driscoll_kraay", "conley", "none"}
        Kind of standard error; ``"cluster"`` needs ``cluster=``.  For least squares also
        ``"iid"``, which is the Hessian's, ``"hetero"`` or ``"HC1"``, which is robust, ``"HC2"``
        and ``"HC3"``, which correct for leverage, absorbed effects included, and ``"CRV3"``, the
        jackknife over the clusters of one column.
    se_options : mapping
        What the kind is told: ``dict(time="year", unit="firm", lag=2)`` for Newey-West,
        ``dict(time="year", lag=2)`` for Driscoll-Kraay,
        ``dict(lat="lat", lon="lon", cutoff=100, kernel="uniform", distance="great_circle")`` in km
        for Conley, ``dict(centre="mean")`` for CRV3, ``dict(cluster_df="conventional")`` for
        clusters in several directions.
    cluster : str or list of str
        The column of clusters; several for clusters in several directions.
    weights, offset : str
        Names of columns.
    weight_kind : {"frequency", "probability", "analytic"}
        What the weights are, by default analytic beside fixed effects and else frequencies;
        probability weights force the sandwich.
    optimizer : str or Optimizer
        By name or with settings, as in ``wb.SGD(lr=1e-5, reduction="sum")``.
    demeaner : str or Demeaner
        What takes fixed effects out, as in ``"auto"`` or ``wb.LSMR(tol=1e-10)``.
    fixef_rm : {"singleton", "none"}
        Rows alone in a level of a fixed effect are left out and counted, or kept.
    backend : {"jax", "torch"}
        The library that computes; without it the one that a function of one's own is written in,
        else JAX, or torch where JAX is not installed.
    device, dtype : str
        ``"cpu"``, ``"cuda:0"``, ``"mps"``; ``"float64"`` or ``"float32"``.
    start : mapping
        Start values by parameter name; the others start from the model's own.
    max_steps : int
        The step limit.
    missing : {"drop", "raise"}
        Rows with missing values are left out and counted, or refused.
    collinear : {"drop", "refuse"}
        Columns that repeat earlier ones are left out and listed, or refused.
    positive : str
        The level of a two-valued text outcome that counts as 1.
    seed : int
        Of whatever is random.
    ssc : {"stata", "statsmodels", "fixest", "pyfixest", "none"}
        Small-sample convention; each family has its own default.
    name : str
        What tables and lists call the run.
    situation, alternatives, panel : str
        For models of discrete choice on long data, one row an alternative: the columns that name
        choice situation, alternative and person.  The person, by default each chooser, is the
        unit of scores and of draws.
    random : mapping
        For ``"mixed_logit"`` the distribution of each random coefficient: ``"normal"``,
        ``"lognormal"``, ``"negative_lognormal"``, ``"truncated_normal"``, ``"triangular"`` or
        ``"uniform"``.  ``correlated=True`` gives them a Cholesky factor; ``draws=500`` and
        ``draw_kind="halton"`` (or ``"sobol"``, ``"mlhs"``, ``"antithetic"``, ``"random"``,
        ``"gauss_hermite"``) say how they are simulated, ``wtp_price="price"`` that the others are
        willingness to pay.
    nests : mapping
        For ``"nested_logit"`` the alternatives of each nest.
    classes, membership, starts
        For ``"latent_class"`` the number of classes, the formula of who belongs to which, and
        the random starts beside the first one.
    scale : str
        For ``"conditional_logit"``, ``"nested_logit"`` and ``"mixed_logit"`` the formula of the
        log of the scale of utility, as in ``"~ survey"``.
    base : str
        For ``"multinomial_logit"`` the level whose coefficients are zero.
    fixed : mapping
        Parameters of a model of discrete choice that are held at a value.

    Returns
    -------
    The fit; the first interrupt stops the run and returns what was found, the second raises.

    Raises
    ------
    WorkbenchError
        When the input cannot serve, in one sentence with the way out.

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
    cluster: str,
    weights: str | None = None,
    *,
    ssc: str = "none",
    name: str = DID2S.name,
) -> Fit:
    """Estimate effects of a treatment in two stages, and wait for the end.

    The first stage regresses the outcome on fixed effects and covariates over untreated rows; the
    second regresses what they leave of every row on the treatment.

    Parameters
    ----------
    data
        A DataFrame or another table, the name of a sample, or the path of a file.
    yname, treatment
        Names of columns: the outcome, and 1 in treated rows and else 0.
    first_stage
        ``"~ x | unit + year"``; ``"~ 0 | unit + year"`` without covariates.
    second_stage
        ``"~ treated"``, or ``"~ i(time_to_treatment, ref=-1)"`` for an event study.
    cluster
        The column of clusters; the errors count the first stage's error.
    weights
        Name of the column of analytic weights.
    ssc : {"none", "stata", "statsmodels", "fixest", "pyfixest"}
        Small-sample convention; none, as in R's did2s.

    Returns
    -------
    The fit; treated rows of a level without an untreated row are left out and counted.

    Raises
    ------
    WorkbenchError
        When the input cannot serve, in one sentence with the way out.

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
    options: dict[str, Any] = {"cluster": cluster, "ssc": ssc, "name": name}
    if weights is not None:
        options |= {"weights": weights, "weight_kind": "analytic"}
    formula = f"{quoted(yname)} {second_stage.strip()}"
    run = _start(
        DID2S(first_stage=first_stage, treatment=treatment),
        formula,
        data,
        options,
        sys._getframe(1),
    )
    return _waited(run).result()


def start(model: Any, formula: Any = None, data: Any = None, **options: Any) -> Run:
    """Start estimating a model in a thread and return at once; see :func:`fit`."""
    return _start(model, formula, data, options, sys._getframe(1))


def _with_named_options(function: Callable[..., Any]) -> None:
    """Let editors and help show the options by name, with their defaults."""
    own = signature(function)
    first = [p for p in own.parameters.values() if p.kind is not Parameter_.VAR_KEYWORD]
    named = {each.name: _written_default(each) for each in options_of(Specification)}
    for kind in listed().values():
        for each in options_of(kind):
            same = each.name not in named or named[each.name] == _written_default(each)
            named[each.name] = _written_default(each) if same and not each.required else None
    named |= {"optimizer_options": None, "demeaner_options": None}
    options = [
        Parameter_(name, Parameter_.KEYWORD_ONLY, default=value) for name, value in named.items()
    ]
    function.__signature__ = own.replace(parameters=[*first, *options])  # type: ignore[attr-defined]


def _written_default(each: Option) -> Any:
    """Return an option's default as a person would write it."""
    return each.default.name if isinstance(each.default, Choice) else each.default


for _function in (fit, start):
    _with_named_options(_function)


def start_specification(
    specification: Specification, table: Table, model: Model | None = None
) -> Run:
    """Start the run that a specification describes, on a table at hand."""
    found = checked(specification)
    problem = problem_of(found, table, model)
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
        What :func:`custom` returned, when the run had a function of its own.

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
    asked = Specification.from_dict(stored.specification)
    table = _table_again(asked, data)
    own = model if isinstance(model, Model) else None
    problem = problem_of(asked, table, own)
    found = table.fingerprint(columns_read(problem))
    if asked.data.fingerprint and found != asked.data.fingerprint:
        raise DataError(
            f'The data are not those of the run "{stored.record.name or run_id}": '
            "their fingerprint differs.",
            hint="give the data as they were, or start a new run.",
            code="other-data",
            where="data",
        )
    chosen = optimizer_named(asked.optimizer.name, asked.optimizer.settings)
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


def _table_again(asked: Specification, data: Any) -> Table:
    if data is not None:
        return open_data(data) if isinstance(data, (str, Path)) else as_table(data, asked.data.name)
    if asked.data.kind == "frame":
        raise DataError(
            f'The run read the DataFrame "{asked.data.name}", which is not kept in the record.',
            hint="wb.resume(run_id, data=frame).",
            code="data-needed",
            where="data",
        )
    return open_data(asked.data)


def _waited(run: Run) -> Run:
    """Wait for a run; the first interrupt stops it, the second is the person's."""
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
