"""The models of discrete choice and their options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

from workbench.covariances.evidence import BY_UNIT, Need
from workbench.errors import WorkbenchError
from workbench.estimation.model import COMPILED, LIBRARY, Model
from workbench.estimation.specification import Specification
from workbench.kernels.choice.coefficients import KINDS as DISTRIBUTIONS
from workbench.kernels.choice.draws import DRAW_KINDS as SEQUENCES, MOST_HALTON
from workbench.options import Kind, option, refusal
from workbench.sentences import counted

HALTON, GAUSS_HERMITE = "halton", "gauss_hermite"
DRAW_KINDS = (*SEQUENCES, GAUSS_HERMITE)
"""How the variates of persons are drawn, or the nodes that stand for them."""
_MOST_NODES = 200
_ROLES = ("outcome", "regressors", "cluster", "weights")


@dataclass(frozen=True)
class RowColumns:
    """The columns that identify the rows.

    Attributes
    ----------
    situation
        Identifies a choice situation, together with ``panel`` where that is given.
    alternatives
        The name of the row's alternative.
    panel
        The person who chooses several times, or None when each situation is another person's.
    """

    situation: str
    alternatives: str
    panel: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, each once."""
        given = (self.panel, self.situation, self.alternatives)
        return tuple(dict.fromkeys(name for name in given if name is not None))


@dataclass(frozen=True, kw_only=True)
class ChoiceModel(Model):
    """The options of all models of long choice data."""

    outcome: ClassVar[str] = "0 or 1"
    uses_seed: ClassVar[bool] = True
    roles: ClassVar[tuple[str, ...]] = ("situation", "alternatives", "panel", *_ROLES)
    built_by: ClassVar[str] = "workbench.models.choice.build"
    results: ClassVar[str] = "workbench.models.choice.results:ChoiceFit"
    computed_by: ClassVar[str] = COMPILED
    evidence: ClassVar[frozenset[Need]] = BY_UNIT
    score_unit: ClassVar[str] = "person"
    observation: ClassVar[str] = "choice situation"
    offers_effects: ClassVar[bool] = False
    compiled_on_cpu: ClassVar[bool] = True
    float32_first: ClassVar[bool] = True
    renamed: ClassVar[Mapping[str, str]] = {"choosers": "situation"}
    renamed_columns: ClassVar[Mapping[str, str]] = {"chooser": "situation"}

    situation: str = option(
        kind=Kind.COLUMN, help="column that identifies a choice situation", example="id"
    )
    alternatives: str = option(
        kind=Kind.COLUMN, help="column of the alternatives' names", example="mode"
    )
    panel: str | None = option(
        None, kind=Kind.COLUMN, help="column of the person who chooses several times"
    )
    fixed: Mapping[str, float] = option(
        {},
        kind=Kind.NUMBERS,
        help="parameters fixed at a value",
        example={"cost": -1.0},
        key="parameter",
    )

    @classmethod
    def option_at_fault(cls, error: WorkbenchError, specification: Specification) -> str:
        columns = specification.model.settings
        if error.code in {"no-choice", "two-choices"}:
            return "situation"
        if error.code == "alternative-twice":
            return "alternatives"
        if error.where and error.where == columns.get("panel"):
            return "panel"
        return super().option_at_fault(error, specification)

    @property
    def row_columns(self) -> RowColumns:
        """The columns that name situation, alternative and person."""
        return RowColumns(self.situation, self.alternatives, self.panel)


@dataclass(frozen=True, kw_only=True)
class ScaledChoiceModel(ChoiceModel):
    """Models in which the variance of the errors may differ between persons."""

    roles: ClassVar[tuple[str, ...]] = ("situation", "alternatives", "panel", "scale", *_ROLES)

    scale: str = option(
        "",
        kind=Kind.FORMULA,
        help="formula of the log of the scale of utility",
        example="~ survey",
    )


@dataclass(frozen=True, kw_only=True)
class ConditionalLogit(ScaledChoiceModel):
    """Conditional logit.  McFadden (1974)."""

    name: ClassVar[str] = "conditional_logit"
    title: ClassVar[str] = "Conditional logit"
    formula: ClassVar[str] = "Pr(j) = exp(xⱼ′β) / Σₗ exp(xₗ′β)"
    computed_by: ClassVar[str] = LIBRARY
    textbook: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "choice ~ ttme + gc + C(mode)": {"situation": "individual", "alternatives": "mode"},
        "choice ~ pf + cl + loc + wk + tod + seas": {
            "situation": "chid",
            "alternatives": "alt",
            "panel": "id",
        },
    }


@dataclass(frozen=True, kw_only=True)
class MixedLogit(ScaledChoiceModel):
    """Mixed logit by simulated maximum likelihood.  Train (2009), chapter 6."""

    name: ClassVar[str] = "mixed_logit"
    title: ClassVar[str] = "Mixed logit"
    formula: ClassVar[str] = "Pr(j) = ∫ Πₜ Prₜ(jₜ | β) f(β) dβ"
    roles: ClassVar[tuple[str, ...]] = (
        *("situation", "alternatives", "panel", "random", "scale"),
        *_ROLES,
    )
    seeded: ClassVar[bool] = True
    computed_by: ClassVar[str] = LIBRARY

    random: Mapping[str, str] = option(
        kind=Kind.CHOICES,
        choices=DISTRIBUTIONS,
        help="distribution of each random coefficient",
        example={"price": "normal"},
        key="column",
    )
    correlated: bool = option(
        False, kind=Kind.FLAG, help="whether the random coefficients are correlated"
    )
    draws: int = option(
        500, kind=Kind.COUNT, least=1, help="draws for each person, or nodes of the quadrature"
    )
    draw_kind: str = option(
        HALTON, kind=Kind.CHOICE, choices=DRAW_KINDS, help="type of draws, or quadrature"
    )
    wtp_price: str | None = option(
        None,
        kind=Kind.COLUMN,
        help="price, for a model in willingness-to-pay space",
        label="WTP price",
    )

    @property
    def simulation(self) -> str:
        unit = "nodes" if self.draw_kind == GAUSS_HERMITE else "draws"
        return f"{self.draws:,} {unit}"

    @property
    def remark(self) -> str:
        return counted(len(self.random), "random coefficient")

    def check(self) -> None:
        if self.draw_kind == GAUSS_HERMITE:
            self._check_quadrature()
        if self.draw_kind == HALTON and len(self.random) > MOST_HALTON:
            raise refusal(
                f"Halton draws are for up to {MOST_HALTON} random coefficients, not "
                f"{len(self.random)}.",
                'draw_kind="sobol".',
                "draw_kind",
            )

    def _check_quadrature(self) -> None:
        kinds = set(self.random.values())
        if len(self.random) > 1 or kinds & {"triangular", "uniform"}:
            raise refusal(
                "Gauss-Hermite quadrature is for one random coefficient with a normal variate; "
                f"random has {dict(self.random)}.",
                'draw_kind="halton".',
                "draw_kind",
            )
        if self.draws > _MOST_NODES:
            raise refusal(
                f"Gauss-Hermite quadrature with {self.draws} nodes: weights underflow beyond "
                f"{_MOST_NODES}.",
                "draws=30.",
                "draws",
            )


@dataclass(frozen=True, kw_only=True)
class NestedLogit(ScaledChoiceModel):
    """Nested logit that follows from utility maximization.  McFadden (1978)."""

    name: ClassVar[str] = "nested_logit"
    title: ClassVar[str] = "Nested logit"
    formula: ClassVar[str] = (
        "Pr(j) = exp(Vⱼ/τₖ − Iₖ) exp(τₖIₖ) / Σₗ exp(τₗIₗ), Iₖ = ln Σ exp(Vⱼ/τₖ)"
    )
    roles: ClassVar[tuple[str, ...]] = (
        *("situation", "alternatives", "panel", "nests", "scale"),
        *_ROLES,
    )

    nests: Mapping[str, Sequence[str]] = option(
        kind=Kind.GROUPS,
        help="alternatives of each nest, by the nest's name",
        example={"fly": ["air"], "ground": ["train", "bus", "car"]},
        key="nest",
    )

    def check(self) -> None:
        members = list(chain.from_iterable(self.nests.values()))
        twice = [each for each in members if members.count(each) > 1]
        if twice:
            raise refusal(
                f"The alternative {twice[0]} is in two nests.", "each in one nest.", "nests"
            )
        for name in self.nests:
            if (tau := self.fixed.get(f"tau.{name}", 1.0)) <= 0:
                raise refusal(
                    f"tau.{name} is fixed at {tau:g}; it must be above 0.",
                    f'fixed={{"tau.{name}": 0.5}}.',
                    "fixed",
                )


@dataclass(frozen=True, kw_only=True)
class LatentClass(ChoiceModel):
    """Conditional logit with latent classes of persons.  Greene and Hensher (2003)."""

    name: ClassVar[str] = "latent_class"
    title: ClassVar[str] = "Latent class logit"
    formula: ClassVar[str] = "Pr(j) = Σ_c π_c(z′γ) Πₜ Prₜ(jₜ | β_c)"
    roles: ClassVar[tuple[str, ...]] = (
        *("situation", "alternatives", "panel", "classes", "membership"),
        *_ROLES,
    )

    classes: int = option(2, kind=Kind.COUNT, least=2, help="number of latent classes")
    membership: str = option(
        "~ 1",
        kind=Kind.FORMULA,
        help="formula of who belongs to which class",
        example="~ age + income",
    )
    starts: int = option(
        10, kind=Kind.COUNT, least=0, help="random starts besides the first; the best is kept"
    )


@dataclass(frozen=True, kw_only=True)
class MultinomialLogit(Model):
    """Multinomial logit of one row per decision maker.  McFadden (1974)."""

    name: ClassVar[str] = "multinomial_logit"
    title: ClassVar[str] = "Multinomial logit"
    formula: ClassVar[str] = "Pr(y = j | x) = exp(x′βⱼ) / Σₗ exp(x′βₗ), β = 0 at the base"
    outcome: ClassVar[str] = "a level"
    two_valued: ClassVar[bool] = False
    roles: ClassVar[tuple[str, ...]] = ("base", *_ROLES)
    built_by: ClassVar[str] = "workbench.models.choice.build"
    results: ClassVar[str] = "workbench.models.choice.results:MultinomialFit"
    computed_by: ClassVar[str] = COMPILED
    score_unit: ClassVar[str] = "person"
    offers_effects: ClassVar[bool] = False
    compiled_on_cpu: ClassVar[bool] = True

    base: str | None = option(
        None,
        kind=Kind.LEVEL,
        help="level whose coefficients are zero; the first by default",
        example="bus",
    )
