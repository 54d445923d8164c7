"""What people call: fit, start, resume, runs, models."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, asdict, fields
from difflib import get_close_matches
from inspect import Parameter as Parameter_, signature
from numbers import Integral
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pandas as pd

from workbench.backends import BACKENDS
from workbench.backends.devices import check_device, installed
from workbench.covariances import ALIASES, KINDS, settings_of
from workbench.covariances.settings import plain_options
from workbench.covariances.small_sample import CONVENTIONS
from workbench.data.fixed_effects import RULES
from workbench.data.names import quoted
from workbench.data.sources import load, open_data
from workbench.data.sources.samples import SAMPLE_OF, SAMPLES
from workbench.data.table import Table, as_table
from workbench.demeaners import as_demeaner, choice_of as demeaner_choice_of
from workbench.demeaners.base import Demeaner
from workbench.errors import DataError, DeviceError, OptionError, StoreError
from workbench.estimation.choice_settings import MODELS as CHOICE, choice_with, option_names
from workbench.estimation.fit import Fit
from workbench.estimation.least_squares_problem import LeastSquares
from workbench.estimation.models import (
    ABSORBING,
    BODY,
    CUSTOM,
    IN_NUMPY,
    Written,
    check_model_name,
    likelihood,
    models,
    problem_of,
)
from workbench.estimation.recorder import columns_read
from workbench.estimation.run import Continuing, Run, record_ended_runs
from workbench.estimation.specification import Choice, DataReference, Specification
from workbench.estimation.store import StoredRun, current_store
from workbench.estimation.two_stage_did import TwoStages
from workbench.likelihoods import Custom, LinearIndex, Parameter
from workbench.optimizers import choice_of, optimizer_named
from workbench.protocols import Optimizer

__all__ = ["did2s", "fit", "likelihood", "models", "resume", "runs", "start", "start_specification"]

_CHOICES = {
    "weight_kind": ("frequency", "probability", "analytic"),
    "missing": ("drop", "raise"),
    "collinear": ("drop", "refuse"),
    "fixef_rm": RULES,
    "ssc": (None, *CONVENTIONS),
    "se": KINDS,
}
# What other programs call these options.
_SAME_AS = {
    **dict.fromkeys(("stderr", "vcov", "cov_type", "vce", "std_errors"), "se"),
    **dict.fromkeys(("clusters", "groups", "cluster_var"), "cluster"),
    **dict.fromkeys(("cov_kwds", "vcov_kwargs", "se_kwargs"), "se_options"),
    **dict.fromkeys(("time", "unit", "lag", "lat", "lon", "cutoff"), "se_options"),
    **dict.fromkeys(("time_id", "panel_id", "panel.id"), "se_options"),
    **dict.fromkeys(("method", "solver"), "optimizer"),
    **dict.fromkeys(("maxiter", "max_iter", "iterations"), "max_steps"),
    **dict.fromkeys(("start_params", "x0", "init"), "start"),
    **dict.fromkeys(("library", "engine"), "backend"),
}
# What they have options for, and what stands elsewhere here.
_IN_THE_FORMULA = 'in the formula, as in "y ~ x | firm + year".'
_INSTEAD = {
    "exposure": 'offset="log_hours", a column with the logarithm of the exposure.',
    **dict.fromkeys(("absorb", "fe", "fes", "fixef", "fixed_effects"), _IN_THE_FORMULA),
    **dict.fromkeys(("iv", "instruments"), 'in the formula, as in "y ~ x | firm | price ~ cost".'),
    **dict.fromkeys(("fixef_tol", "fixef_iter", "fixef_maxiter"), "demeaner=wb.LSMR(tol=1e-10)."),
}
# What other programs, and least squares, call the kinds of standard error of a likelihood.
_ERRORS_ELSEWHERE = {
    **dict.fromkeys(("HC0", "HC1", "hetero", "sandwich"), "robust"),
    **dict.fromkeys(("nonrobust", "iid", "oim", "eim"), "hessian"),
}
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
    choosers, alternatives, panel : str
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
    name: str = TwoStages.name,
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
    run = _start(TwoStages(first_stage, treatment), formula, data, options, sys._getframe(1))
    return _waited(run).result()


def start(model: Any, formula: Any = None, data: Any = None, **options: Any) -> Run:
    """Start estimating a model in a thread and return at once; see :func:`fit`."""
    return _start(model, formula, data, options, sys._getframe(1))


def _with_named_options(function: Callable[..., Any]) -> None:
    """Let editors and help show the options by name, with their defaults."""
    beside = dict.fromkeys(name for model in CHOICE for name in option_names(model))
    own = signature(function)
    first = [p for p in own.parameters.values() if p.kind is not Parameter_.VAR_KEYWORD]
    what = {"model", "data", "formula", "source"}
    options = [
        Parameter_(item.name, Parameter_.KEYWORD_ONLY, default=_default(item))
        for item in fields(Specification)
        if item.name not in what
    ]
    options += [Parameter_(name, Parameter_.KEYWORD_ONLY, default=None) for name in beside]
    function.__signature__ = own.replace(parameters=[*first, *options])  # type: ignore[attr-defined]


def _default(item: Field[Any]) -> Any:
    """Return an option's default as a person would write it."""
    made = item.default_factory
    value = made() if made is not MISSING else item.default
    return value.name if isinstance(value, Choice) else value


for _function in (fit, start):
    _with_named_options(_function)


def start_specification(
    specification: Specification, table: Table, own: Custom | None = None
) -> Run:
    """Start the run that a specification describes, on a table at hand."""
    checked = _checked(specification)
    problem = problem_of(checked, table, own)
    chosen = optimizer_named(checked.optimizer.name, checked.optimizer.settings)
    return Run(problem, chosen, own=own).begin()


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
    own = model if isinstance(model, Custom) else None
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
    if data is None and formula is not None and not isinstance(formula, str):
        formula, data = None, formula
    if formula is not None and not isinstance(formula, str):
        raise OptionError(
            f"The formula is a {type(formula).__name__}, not a text.",
            hint='first the formula, then the data: wb.fit("ols", "y ~ x", df).',
            code="bad-option",
            where="formula",
        )
    choice, own, source = _model(model)
    choice, options = _with_own_options(choice, options)
    table = _table(data, caller)
    asked = Specification(
        model=choice,
        data=DataReference(
            table.reference_kind,
            table.reference_name,
            rows=table.nrows,
            columns=len(table.names),
            query=table.reference_query,
        ),
        formula=formula,
        source=source,
        **_options(options, choice.name, "" if own is None else own.library),
    )
    return start_specification(asked, table, own)


def _with_own_options(
    choice: Choice, options: Mapping[str, Any]
) -> tuple[Choice, Mapping[str, Any]]:
    """Move the options that are the model's own to its settings."""
    names = option_names(choice.name)
    if not names:
        return choice, options
    own = {name: v for name, v in options.items() if name in names and v is not None}
    rest = {name: value for name, value in options.items() if name not in names}
    return choice_with(choice.name, own), rest


def _model(model: Any) -> tuple[Choice, Custom | None, Any]:
    if isinstance(model, Custom):
        return Choice(CUSTOM, _custom_settings(model)), model, None
    if isinstance(model, Written):
        return Choice(BODY), None, model.source
    if isinstance(model, TwoStages):
        return Choice(TwoStages.name, asdict(model)), None, None
    if isinstance(model, LinearIndex) or (
        isinstance(model, type) and issubclass(model, LinearIndex)
    ):
        return Choice(model.name), None, None
    if not isinstance(model, str):
        raise OptionError(
            f"The model is a {type(model).__name__}.",
            hint='a name as in "logit", wb.custom(...) or wb.likelihood(...).',
            code="no-such-model",
            where="model",
        )
    check_model_name(model)
    return Choice(model), None, None


def _custom_settings(model: Custom) -> dict[str, Any]:
    params = {name: _declared(parameter) for name, parameter in model.parameters.items()}
    name = getattr(model.loglik, "__name__", "loglik")
    settings: dict[str, Any] = {"function": name, "params": params}
    return settings if model.columns is None else {**settings, "columns": list(model.columns)}


def _declared(parameter: Parameter) -> float | list[float]:
    unbounded = parameter == Parameter(parameter.start)
    return parameter.start if unbounded else [parameter.start, parameter.lower, parameter.upper]


def _table(data: Any, caller: FrameType) -> Table:
    if data is None:
        raise DataError(
            "There are no data.",
            hint='a DataFrame, the name of a sample as in "mroz", or the path of a file.',
            code="no-data",
            where="data",
        )
    if isinstance(data, (str, Path)):
        known = str(data) in SAMPLES
        if not known and not Path(data).suffix:
            load(str(data))  # which says that there is no such sample, and names the nearest
        return open_data(DataReference("sample", str(data)) if known else data)
    table = as_table(data, _variable(data, caller))
    return table if table.reference_name else _sample_again(data, table)


def _sample_again(data: Any, table: Table) -> Table:
    """Return the sample that an unnamed frame still is, so that the run's code can load it."""
    name = getattr(data, "attrs", {}).get(SAMPLE_OF)
    if name not in SAMPLES:
        return table
    sample = open_data(DataReference("sample", name))
    same = sample.names == table.names and sample.fingerprint() == table.fingerprint()
    return sample if same else table


def _variable(data: Any, caller: FrameType) -> str:
    """Return the caller's name for the data, so that the code of the run can say it."""
    for scope in (caller.f_locals, caller.f_globals):
        for name, value in list(scope.items()):
            if value is data and not name.startswith("_"):
                return name
    return ""


def _options(options: Mapping[str, Any], model: str, written_in: str) -> dict[str, Any]:
    known = {item.name for item in fields(Specification)} - {"model", "data", "formula", "source"}
    known |= {*option_names(model)}
    for name in options:
        if name not in known:
            near = [_SAME_AS[name]] if name in _SAME_AS else get_close_matches(name, known, n=1)
            near = [] if name in _INSTEAD else near
            said = f"{near[0]}=?" if near else f"one of {sorted(known)}."
            elsewhere = [other for other in CHOICE if name in option_names(other)]
            said = f"{name} is an option of {', '.join(elsewhere)}." if elsewhere else said
            raise OptionError(
                f'There is no option "{name}".',
                hint=_INSTEAD.get(name, said),
                code="no-such-option",
                where=name,
                suggestion=near[0] if near else "",
            )
    _check_types(options)
    chosen = {
        **options,
        "optimizer": _optimizer_choice(options.get("optimizer")),
        "demeaner": _demeaner_choice(options.get("demeaner")),
    }
    if isinstance(chosen.get("cluster"), (list, tuple)):
        chosen["cluster"] = _one_or_several(chosen["cluster"])
    if model in ABSORBING and chosen.get("weights") is not None:
        chosen.setdefault("weight_kind", "analytic")
    chosen["se_options"] = plain_options(options.get("se_options"))
    if chosen.get("start") is not None:
        chosen["start"] = _starts(chosen["start"])
    for name in _WHOLE_NUMBERS:
        if chosen.get(name) is not None:
            chosen[name] = int(chosen[name])
    if "backend" not in chosen or chosen["backend"] is None:
        chosen["backend"] = written_in or _default_backend()
    if chosen.get("cluster") is not None and "se" not in chosen:
        chosen["se"] = "cluster"
    return chosen


def _starts(asked: Any) -> dict[str, float]:
    """Return start values by parameter name, from a mapping or a Series."""
    if not hasattr(asked, "items"):
        raise OptionError(
            f"The option start is a {type(asked).__name__}, which has no names of parameters.",
            hint='start={"educ": 0.1}; the others start from the model\'s own.',
            code="bad-option",
            where="start",
        )
    for name, value in asked.items():
        if isinstance(value, str) or not np.isscalar(value):
            raise OptionError(
                f"The start value of {name} is {value!r}.",
                hint="give a finite number.",
                code="start-not-finite",
                where=str(name),
            )
    return {str(name): float(value) for name, value in asked.items()}


_WHOLE_NUMBERS = ("max_steps", "seed")


def _check_types(options: Mapping[str, Any]) -> None:
    """Refuse arrays where a column's name is wanted, and texts where a number is."""
    for name in ("weights", "offset", "positive", "name"):
        value = options.get(name)
        if value is not None and not isinstance(value, str):
            raise OptionError(
                f"The option {name} is a {type(value).__name__}, not a text.",
                hint=f'{name}="{value!s}".'
                if np.isscalar(value)
                else f'add a column to the data and name it: {name}="column".',
                code="bad-option",
                where=name,
            )
    cluster = options.get("cluster")
    if not isinstance(cluster, str | list | tuple | None):
        raise OptionError(
            f"The option cluster is a {type(cluster).__name__}, not a text or a list of texts.",
            hint='name a column of the data: cluster="column".',
            code="bad-option",
            where="cluster",
        )
    for name in _WHOLE_NUMBERS:
        value = options.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, Integral)):
            raise OptionError(
                f"The option {name} is {value!r}.",
                hint="a whole number.",
                code="bad-option",
                where=name,
            )


def _optimizer_choice(optimizer: str | Optimizer | None) -> Choice:
    if optimizer is None:
        return Choice("newton")
    if isinstance(optimizer, str):
        return Choice(*choice_of(optimizer_named(optimizer)))
    if not hasattr(optimizer, "iterate"):
        raise OptionError(
            f"The optimizer is {optimizer!r}.",
            hint='a name as in "bfgs", or one with settings as in wb.SGD(lr=0.1).',
            code="bad-option",
            where="optimizer",
        )
    return Choice(*choice_of(optimizer() if isinstance(optimizer, type) else optimizer))


def _demeaner_choice(demeaner: str | Demeaner | None) -> Choice:
    return Choice(*demeaner_choice_of(as_demeaner("auto" if demeaner is None else demeaner)))


def _one_or_several(columns: Sequence[str]) -> str | tuple[str, ...] | None:
    """Return no column, one name, or the names of several."""
    names = tuple(dict.fromkeys(columns))
    return names if len(names) > 1 else next(iter(names), None)


def _default_backend() -> str:
    """Return JAX, or torch where JAX is not installed."""
    there = [name for name in ("jax", "torch") if installed(name)]
    if not there:
        raise DeviceError(
            "Neither torch nor JAX is installed, and one of them is needed to estimate.",
            hint="pip install 'workbench[jax]', or 'workbench[torch]'.",
            code="no-library",
            where="backend",
        )
    return there[0]


def _checked(asked: Specification) -> Specification:
    """Refuse options that are not among the choices, before any data are touched."""
    if asked.model.name == LeastSquares.name:  # solved by numpy alone
        asked = asked.replace(device="cpu", dtype="float64")
    if asked.model.name in IN_NUMPY:
        asked = asked.replace(se=ALIASES.get(asked.se, asked.se))
    for name, choices in _CHOICES.items():
        value = getattr(asked, name)
        if value not in choices:
            near = get_close_matches(str(value), [str(c) for c in choices], n=1)
            near = [_ERRORS_ELSEWHERE[value]] if str(value) in _ERRORS_ELSEWHERE else near
            raise OptionError(
                f'The option {name} is "{value}".',
                hint=f'"{near[0]}"?' if near else f"one of {[c for c in choices if c]}.",
                code="bad-option",
                where=name,
                suggestion=near[0] if near else "",
            )
    if asked.backend not in BACKENDS:
        raise OptionError(
            f'There is no library "{asked.backend}".',
            hint=f"one of {list(BACKENDS)}.",
            code="bad-option",
            where="backend",
        )
    if asked.se in {"cluster", "CRV3"} and asked.cluster is None:
        raise OptionError(
            "Clustered standard errors need a column.",
            hint='cluster="region", or --cluster region in a cell.',
            code="no-cluster",
            where="cluster",
        )
    settings_of(asked.se, asked.se_options)
    if asked.seed < 0:
        raise OptionError(
            f"The seed is {asked.seed}.", hint="0 or more.", code="bad-option", where="seed"
        )
    if asked.max_steps is not None and asked.max_steps < 1:
        raise OptionError(
            f"The step limit is {asked.max_steps}.",
            hint="at least 1.",
            code="bad-option",
            where="max_steps",
        )
    if asked.model.name not in IN_NUMPY:
        check_device(asked.device, asked.backend, asked.dtype)
    return asked
