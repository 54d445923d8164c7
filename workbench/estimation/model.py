"""What a model declares: its name and options, what it can do, and how it becomes a problem."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Self

from workbench.backends.devices import check_device, installed
from workbench.covariances.evidence import BY_ROW, Need
from workbench.covariances.kinds import first_kind, menu
from workbench.data.complete_cases import Positions
from workbench.data.formula.conditions import selection
from workbench.data.table import Table
from workbench.errors import DataError, WorkbenchError
from workbench.estimation.specification import Specification
from workbench.literals import Choice
from workbench.optimizers import proposed
from workbench.options import Kind, Option, Options, options_from, options_of

if TYPE_CHECKING:
    from workbench.data.design import Design
    from workbench.estimation.problem import Problem

LIBRARY, NUMPY, COMPILED = "library", "numpy", "compiled"
"""What computes a model: torch or JAX, numpy alone, or compiled sums in float64 on the CPU."""

MOST_LEVELS_LISTED = 12
"""The levels that a menu or a sentence lists; where there are more, it lists none."""


@dataclass(frozen=True)
class Suggestion:
    """What an option may be in certain data.

    Attributes
    ----------
    example
        A value as it might be given.
    names
        Names or levels to choose from; none where they are too many.
    """

    example: Any = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """Why a run cannot start.

    Attributes
    ----------
    error
        The problem, and what to do.
    of
        The options that are at fault: those of the ``"model"``, the ``"optimizer"``, the
        ``"demeaner"``, the standard errors (``"se"``) or the ``"run"``; empty for the formula, a
        body or the data.
    option
        The name of the option at fault.
    """

    error: WorkbenchError
    of: str = ""
    option: str = ""


@dataclass(frozen=True)
class Plan:
    """What a run would do with its data: what the Setup page shows and a problem is built from.

    Attributes
    ----------
    model, specification, table
        The model, the specification and the data; the model's class where its options are
        incomplete.
    names
        The parameters that can be named before the run.
    rows
        The positions of the rows used, shape ``(n,)``; None where they are counted later.
    dropped
        The number of rows left out, by reason.
    notes
        Sentences on columns left out and on whatever else is done.
    units
        The observations in words, as in ``"210 choice situations in 840 rows"``, where they are
        not the rows.
    levels
        The two values of a text outcome, where the one that counts as 1 has to be chosen.
    findings
        Why the run cannot start; none when it can.
    design
        The outcome and the regressors of the rows used, where the model reads one formula.
    prepared
        What the model's problem is built from, such as a design.
    """

    model: Model | type[Model]
    specification: Specification
    table: Table
    names: tuple[str, ...] = ()
    rows: Positions | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    units: str = ""
    levels: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    design: Design | None = field(default=None, repr=False)
    prepared: Any = field(default=None, repr=False)

    @property
    def ready(self) -> bool:
        """Whether the run can start: there are no findings."""
        return not self.findings


@dataclass(frozen=True, kw_only=True)
class Model(Options):
    """A model: its options are the fields, its capabilities class attributes.

    The module named by ``built_by`` has the functions ``plan(model, specification, table)``, which
    returns a `Plan` or raises, and ``problem(plan)``, which returns a `Problem`.  Both are
    loaded when they are first needed, so that listing models loads no family.  It may have
    ``draft``, a plan of data too large to be read while a person types, and ``suggestions``.
    """

    # What it is called and reads ----------------------------------------------------------------
    name: ClassVar[str] = ""
    """What ``wb.fit`` and ``--model`` call it."""
    formula: ClassVar[str] = ""
    """The model in one line of mathematics."""
    outcome: ClassVar[str] = "any number"
    """The values that the outcome may take."""
    further_parameters: ClassVar[tuple[str, ...]] = ()
    """Parameters besides coefficients, as far as their names do not depend on the data."""
    roles: ClassVar[tuple[str, ...]] = ("outcome", "regressors", "cluster", "weights", "offset")
    """The roles that columns of the data may have in this model."""
    needs_formula: ClassVar[bool] = True
    """Whether a run needs a formula."""
    observation: ClassVar[str] = "row"
    """What an observation is, as in ``"choice situation"``."""
    weight_kind: ClassVar[str] = "frequency"
    """What weights are by default: frequency, probability or analytic."""

    # What builds and repeats it -----------------------------------------------------------------
    built_by: ClassVar[str] = ""
    """The module with ``plan`` and ``problem``."""
    results: ClassVar[str] = "workbench.results.fit:Fit"
    """The class of the results, as ``module:name``."""
    recorded: ClassVar[bool] = True
    """Whether a record has all of the model; a function in it is not stored."""
    called_by: ClassVar[str] = "workbench.estimation.code:fit_call"
    """What turns a specification into the call that repeats it, as ``module:function``."""
    no_cell: ClassVar[str] = ""
    """Why no ``%%mle`` cell can state the model; empty where one can."""
    no_setup: ClassVar[str] = ""
    """Why the Setup page cannot show a run of the model; empty where it can."""

    # How it is estimated ------------------------------------------------------------------------
    solved: ClassVar[bool] = False
    """Whether the estimates have a closed form."""
    optimizers: ClassVar[tuple[str, ...] | None] = None
    """The optimizers that can be chosen; None for all, and none where `solved`."""
    absorbs: ClassVar[bool] = False
    """Whether fixed effects stand behind ``|`` in the formula."""
    with_effects: ClassVar[str] = ""
    """The name of the model that takes this one's place when fixed effects are added."""
    seeded: ClassVar[bool] = False
    """Whether another seed is another likelihood, as with simulated draws."""
    two_valued: ClassVar[bool] = True
    """Whether the outcome may be one of two levels, of which one counts as 1."""
    uses_seed: ClassVar[bool] = False
    """Whether anything depends on a seed: draws, random starts, or the bootstrap of its fits."""
    computed_by: ClassVar[str] = LIBRARY
    """What computes it: one of `LIBRARY`, `NUMPY` and `COMPILED`."""
    on_host: ClassVar[bool] = False
    """Whether numpy computes the model in float64 on the CPU, whatever the option device says."""
    compiled_on_cpu: ClassVar[bool] = False
    """Whether compiled sums take the library's place in float64 on the CPU."""
    float32_first: ClassVar[bool] = False
    """Whether a run in float32 ends with a stage of steps in float64."""

    # Standard errors ----------------------------------------------------------------------------
    evidence: ClassVar[frozenset[Need]] = BY_ROW
    """What standard errors can be computed from; the kinds follow from that."""
    score_unit: ClassVar[str] = ""
    """By what scores are summed first, as in ``"person"``; empty where that is the row."""
    covariance_words: ClassVar[Mapping[str, str]] = {}
    """What menus call some kinds of standard errors; an empty word leaves a kind out."""
    covariance_names: ClassVar[Mapping[str, str]] = {}
    """Further names of kinds, as in ``{"iid": "hessian"}``."""

    # What lists and pages show ------------------------------------------------------------------
    listed: ClassVar[bool] = True
    """Whether `workbench.models` and menus list the model."""
    offers_effects: ClassVar[bool] = True
    """Whether a page offers fixed effects, with which another model may take this one's place."""
    from_source: ClassVar[bool] = False
    """Whether the specification's ``source`` is the log-likelihood, as a cell's body may be."""
    source_text: ClassVar[str] = ""
    """The log-likelihood as such a source, from which a user's own can start."""
    usual_for: ClassVar[str] = ""
    """The type of outcome for which a page proposes the model: 0/1, integer or number."""
    textbook: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Formulas of data sets that textbooks use, with the options that each needs."""

    # What follows from that ---------------------------------------------------------------------
    @classmethod
    def without_library(cls, device: str, dtype: str) -> str:
        """Return why neither torch nor JAX computes the model there; empty where one does."""
        if cls.on_host or (cls.computed_by == NUMPY and device == "cpu"):
            return "This model is computed by NumPy and compiled sums, with neither library."
        compiled = cls.compiled_on_cpu and (cls.computed_by == COMPILED or installed("numba"))
        if compiled and (device, dtype) == ("cpu", "float64"):
            return (
                "In float64 on the CPU, this model is computed by compiled sums, with neither "
                "library."
            )
        return ""

    @classmethod
    def check_device(cls, device: str, library: str, dtype: str) -> None:
        """Refuse a device, library or precision that is not available, where one is used.

        Raises
        ------
        DeviceError
            When one of them is not available.
        """
        if cls.computed_by != NUMPY:
            check_device(device, library, dtype)

    @classmethod
    def optimizer_for(cls, parameters: int) -> str:
        """Return the name of the optimizer that a page proposes for a number of parameters."""
        return next(iter(cls.optimizers or ()), proposed(parameters))

    @classmethod
    def optimizer_is_chosen(cls) -> bool:
        """Tell whether the model leaves a choice of the optimizer."""
        return not cls.solved and cls.optimizers is None

    @classmethod
    def usual_covariance(cls, *, by_cluster: bool = False) -> str:
        """Return the kind of standard errors used where none is named.

        Parameters
        ----------
        by_cluster
            Whether columns to cluster by are named.
        """
        return first_kind(cls.covariances(), by_cluster=by_cluster)

    @classmethod
    def restored(cls, settings: Mapping[str, Any]) -> Self:
        """Make the model from the options that a record has of it.

        Raises
        ------
        WorkbenchError
            When an option is refused, or the record does not have all of the model.
        """
        return options_from(cls, settings)

    @classmethod
    def covariances(cls) -> dict[str, str]:
        """Return the kinds of standard errors that a menu offers, by name, with their words."""
        return menu(cls.evidence, cls.covariance_words, cls.score_unit)

    @property
    def simulation(self) -> str:
        """What is simulated, in words, as in ``"500 draws"``; empty where nothing is."""
        return ""

    @property
    def remark(self) -> str:
        """What a sentence on a run adds, as in ``"2 random coefficients"``; often empty."""
        return ""

    @classmethod
    def suggestions(cls, specification: Specification, table: Table) -> dict[str, Suggestion]:
        """Return what options may be in these data, by option, as a form proposes it."""
        propose = getattr(import_module(cls.built_by), "suggestions", None)
        found: dict[str, Suggestion] = {} if propose is None else propose(specification, table)
        return found

    @classmethod
    def option_at_fault(cls, error: WorkbenchError, specification: Specification) -> str:
        """Return the option that an error of the plan is about; empty when it is none.

        It is found by its own name, or by a formula or column that the error names.
        """
        declared = {each.name: each for each in options_of(cls)}
        if error.where in declared and not isinstance(error, DataError):
            return error.where
        if not error.where or specification.reads_in_formula(error.where):
            return ""
        texts = {
            name: value
            for name, value in specification.model.settings.items()
            if name in declared and declared[name].kind in {Kind.COLUMN, Kind.FORMULA}
        }
        named = re.compile(rf"(?<![\w.]){re.escape(error.where)}(?![\w.])")
        return next((n for n, value in texts.items() if named.search(str(value))), "")

    # Plans and problems -------------------------------------------------------------------------
    def plan(self, specification: Specification, table: Table) -> Plan:
        """Read the data as a run would, without computing anything of the likelihood.

        Raises
        ------
        WorkbenchError
            When the data or an option are invalid for the model.
        """
        chosen = selection(specification.subset, table) if specification.subset else None
        if chosen is not table.selection:
            table = table.selecting(chosen)
        found: Plan = import_module(self.built_by).plan(self, specification, table)
        return found

    def problem(self, plan: Plan) -> Problem:
        """Build what a run estimates from a plan that is ready."""
        built: Problem = import_module(self.built_by).problem(plan)
        return built


# What the core asks of the registry --------------------------------------------------------------
LATE_BOUND = {
    "model_class": "workbench.models.registry:model_class",
    "model_of": "workbench.models.registry:model_of",
    "models_where": "workbench.models.registry:models_where",
}
"""What the core asks of the registry, as ``"module:function"``; it imports no family."""


def _late_bound(name: str) -> Any:
    module, _, function = LATE_BOUND[name].partition(":")
    return getattr(import_module(module), function)


def model_class(name: str) -> type[Model]:
    """Return the class of a model by name.

    Raises
    ------
    OptionError
        When there is none; the nearest one is the suggestion.
    """
    found: type[Model] = _late_bound("model_class")(name)
    return found


def model_of(choice: Choice) -> Model:
    """Return the model of a specification, its options checked.

    Raises
    ------
    WorkbenchError
        When an option is refused, or the model holds a function, which is not stored.
    """
    found: Model = _late_bound("model_of")(choice)
    return found


def models_where(test: Callable[[type[Model]], bool]) -> tuple[str, ...]:
    """Return the names of the listed models of which a test is true, for messages.

    >>> models_where(lambda kind: kind.absorbs)
    ('feols', 'fepois', 'felogit', 'fenegbin')
    """
    found: tuple[str, ...] = _late_bound("models_where")(test)
    return found


def likelihood_key(specification: Specification) -> str:
    """Return a key that two runs share when they maximize the same log-likelihood.

    Options that declare ``in_likelihood=False`` are left out of it.
    """
    model = model_class(specification.model.name)
    besides = {each.name for each in options_of(Specification) if not _in_likelihood(each, model)}
    # The fingerprint is known only at the end.
    known = specification.replace(data=replace(specification.data, fingerprint=""))
    given = {key: value for key, value in known.to_dict().items() if key not in besides}
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:16]


def _in_likelihood(each: Option, model: type[Model]) -> bool:
    of = each.in_likelihood
    return bool(getattr(model, of)) if isinstance(of, str) else of


def results_class(model: type[Model]) -> Any:
    """Return the class of a model's results."""
    module, _, name = model.results.partition(":")
    return getattr(import_module(module), name)
