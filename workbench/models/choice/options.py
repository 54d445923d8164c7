"""What the models of discrete choice are told beside their formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from difflib import get_close_matches
from itertools import chain
from math import isfinite
from numbers import Integral, Real
from typing import Any, ClassVar

from workbench.data.formula.parser import variables
from workbench.data.names import level_text, quoted
from workbench.errors import OptionError
from workbench.estimation.specification import Choice, Specification
from workbench.kernels.choice.coefficients import KINDS as DISTRIBUTIONS
from workbench.kernels.choice.draws import DRAW_KINDS as SEQUENCES, MOST_HALTON
from workbench.models.choice.data import Roles

HALTON, GAUSS_HERMITE = "halton", "gauss_hermite"
DRAW_KINDS = (*SEQUENCES, GAUSS_HERMITE)
"""How the variates of persons are drawn, or the nodes that stand for them."""
_MOST_NODES = 200
_NAME_COLUMNS = ("choosers", "alternatives", "panel", "scale", "membership")


@dataclass(frozen=True)
class ChoiceSettings:
    """What every model of long choice data is told.

    Attributes
    ----------
    choosers, alternatives, panel
        The columns that name choice situation, alternative and person.
    fixed
        Parameters that are held at a value, by name.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    formula: ClassVar[str]
    outcome: ClassVar[str] = "0 or 1"
    own_roles: ClassVar[tuple[str, ...]] = ("choosers", "alternatives", "panel")

    choosers: str = ""
    alternatives: str = ""
    panel: str | None = None
    fixed: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, example in (("choosers", "id"), ("alternatives", "mode")):
            if not getattr(self, name):
                raise _refusal(
                    f"{self.title} needs the column of the {name}.", f'{name}="{example}".', name
                )
        for name in ("choosers", "alternatives", "panel"):
            _check_text(name, getattr(self, name), optional=name == "panel")
        self._keep("fixed", _numbers("fixed", self.fixed))

    def _keep(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @property
    def roles(self) -> Roles:
        """The columns that name situation, alternative and person."""
        return Roles(self.choosers, self.alternatives, self.panel)

    def columns(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the columns of a table that these settings read."""
        return self.roles.columns


@dataclass(frozen=True)
class ScaledSettings(ChoiceSettings):
    """What models are told whose errors may vary more for some persons than for others.

    Attributes
    ----------
    scale
        The formula of the log of the scale, of columns with one value a person; empty for one
        scale.
    """

    own_roles: ClassVar[tuple[str, ...]] = (*ChoiceSettings.own_roles, "scale")

    scale: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_text("scale", self.scale, optional=False)
        if self.scale:
            _check_right_side("scale", self.scale, "~ survey")

    def columns(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the columns that these settings read, those of the scale included."""
        return (*self.roles.columns, *_read_by(self.choosers, self.scale, names))


@dataclass(frozen=True)
class ConditionalSettings(ScaledSettings):
    """McFadden's conditional logit."""

    name: ClassVar[str] = "conditional_logit"
    title: ClassVar[str] = "Conditional logit"
    formula: ClassVar[str] = "Pr(j) = exp(xⱼ′β) / Σₗ exp(xₗ′β)"


@dataclass(frozen=True)
class MixedSettings(ScaledSettings):
    """The mixed logit by simulated maximum likelihood.

    Attributes
    ----------
    random
        The distribution of each random coefficient, by the name of its column.
    correlated
        Whether the random coefficients are correlated, by a Cholesky factor.
    draws
        Draws for each person, or nodes for ``"gauss_hermite"``.
    draw_kind
        One of `DRAW_KINDS`.
    wtp_price
        The price's column, for a model in willingness-to-pay space, or None.
    """

    name: ClassVar[str] = "mixed_logit"
    title: ClassVar[str] = "Mixed logit"
    formula: ClassVar[str] = "Pr(j₁ … j_T) = ∫ Πₜ Prₜ(jₜ | β) f(β) dβ"
    own_roles: ClassVar[tuple[str, ...]] = (*ChoiceSettings.own_roles, "random", "scale")

    random: Mapping[str, str] = field(default_factory=dict)
    correlated: bool = False
    draws: int = 500
    draw_kind: str = "halton"
    wtp_price: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_random()
        _check_flag("correlated", self.correlated)
        self._keep("draws", _count("draws", self.draws, 1))
        _check_member("draw_kind", self.draw_kind, DRAW_KINDS)
        _check_text("wtp_price", self.wtp_price, optional=True)
        if self.draw_kind == GAUSS_HERMITE:
            self._check_quadrature()
        if self.draw_kind == HALTON and len(self.random) > MOST_HALTON:
            raise _refusal(
                f"Halton draws serve up to {MOST_HALTON} random coefficients, not "
                f"{len(self.random)}.",
                'draw_kind="sobol".',
                "draw_kind",
            )

    def _check_random(self) -> None:
        if not _is_mapping(self.random) or not self.random:
            raise _refusal(
                "Mixed logit needs its random coefficients.",
                'random={"price": "normal"}, or the model "conditional_logit".',
                "random",
            )
        self._keep("random", {str(name): kind for name, kind in self.random.items()})
        for name, kind in self.random.items():
            _check_member("random", kind, DISTRIBUTIONS, f"The distribution of {name}")

    def _check_quadrature(self) -> None:
        kinds = set(self.random.values())
        if len(self.random) > 1 or kinds & {"triangular", "uniform"}:
            raise _refusal(
                "Gauss-Hermite quadrature is for one random coefficient with a normal variate; "
                f"random has {dict(self.random)}.",
                'draw_kind="halton".',
                "draw_kind",
            )
        if self.draws > _MOST_NODES:
            raise _refusal(
                f"Gauss-Hermite quadrature with {self.draws} nodes: weights underflow beyond "
                f"{_MOST_NODES}.",
                "draws=30.",
                "draws",
            )


@dataclass(frozen=True)
class NestedSettings(ScaledSettings):
    """The nested logit that follows from utility maximisation.

    Attributes
    ----------
    nests
        The alternatives of each nest, by the nest's name.
    """

    name: ClassVar[str] = "nested_logit"
    title: ClassVar[str] = "Nested logit"
    formula: ClassVar[str] = (
        "Pr(j) = exp(Vⱼ/τₖ − Iₖ) exp(τₖIₖ) / Σₗ exp(τₗIₗ), Iₖ = ln Σ exp(Vⱼ/τₖ)"
    )
    own_roles: ClassVar[tuple[str, ...]] = (*ChoiceSettings.own_roles, "nests", "scale")

    nests: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _is_mapping(self.nests) or not self.nests:
            raise _refusal(
                "Nested logit needs its nests.",
                'nests={"fly": ["air"], "ground": ["train", "bus", "car"]}.',
                "nests",
            )
        for name, members in self.nests.items():
            if not isinstance(members, list | tuple) or not members:
                raise _refusal(
                    f"The nest {name} is {members!r}, not a list of alternatives.",
                    f'nests={{"{name}": ["train", "bus"], ...}}.',
                    "nests",
                )
        plain = {str(name): [level_text(each) for each in of] for name, of in self.nests.items()}
        self._keep("nests", plain)
        members = list(chain.from_iterable(plain.values()))
        twice = [each for each in members if members.count(each) > 1]
        if twice:
            raise _refusal(
                f"The alternative {twice[0]} stands in two nests.", "each in one nest.", "nests"
            )
        for name in plain:
            if (held := self.fixed.get(f"tau.{name}", 1.0)) <= 0:
                raise _refusal(
                    f"tau.{name} is held at {held:g}; it must be above 0.",
                    f'fixed={{"tau.{name}": 0.5}}.',
                    "fixed",
                )


@dataclass(frozen=True)
class LatentClassSettings(ChoiceSettings):
    """The logit with latent classes.

    Attributes
    ----------
    classes
        Their number.
    membership
        The formula of who belongs to which class, of columns with one value a person.
    starts
        Random starts beside the first one; the best maximum is kept.
    """

    name: ClassVar[str] = "latent_class"
    title: ClassVar[str] = "Latent class logit"
    formula: ClassVar[str] = "Pr(j₁ … j_T) = Σ_c π_c(z′γ) Πₜ Prₜ(jₜ | β_c)"
    own_roles: ClassVar[tuple[str, ...]] = (*ChoiceSettings.own_roles, "classes", "membership")

    classes: int = 2
    membership: str = "~ 1"
    starts: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        self._keep("classes", _count("classes", self.classes, 2))
        self._keep("starts", _count("starts", self.starts, 0))
        _check_text("membership", self.membership, optional=False)
        _check_right_side("membership", self.membership, "~ age + income")

    def columns(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the columns that these settings read, those of the membership included."""
        return (*self.roles.columns, *_read_by(self.choosers, self.membership, names))


@dataclass(frozen=True)
class MultinomialSettings:
    """The multinomial logit of one row a chooser.

    Attributes
    ----------
    base
        The level whose coefficients are zero; None is the first one.
    """

    name: ClassVar[str] = "multinomial_logit"
    title: ClassVar[str] = "Multinomial logit"
    formula: ClassVar[str] = "Pr(y = j | x) = exp(x′βⱼ) / Σₗ exp(x′βₗ), β = 0 at the base"
    outcome: ClassVar[str] = "a level"
    own_roles: ClassVar[tuple[str, ...]] = ("base",)

    base: str | None = None

    def __post_init__(self) -> None:
        if self.base is None or isinstance(self.base, str):
            return
        if not isinstance(self.base, Real):
            raise _refusal(
                f"The base is a {type(self.base).__name__}, not a level of the outcome.",
                'base="bus".',
                "base",
            )
        whole = isinstance(self.base, bool | Integral)
        object.__setattr__(self, "base", level_text(self.base if whole else float(self.base)))

    def columns(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the columns that these settings read: none."""
        return ()


Settings = ChoiceSettings | MultinomialSettings

MODELS: dict[str, type[Settings]] = {
    kind.name: kind
    for kind in (
        ConditionalSettings,
        MultinomialSettings,
        MixedSettings,
        NestedSettings,
        LatentClassSettings,
    )
}
"""The settings of each model of discrete choice, by its name."""


def option_names(model: str) -> tuple[str, ...]:
    """Return the options of a model that are its own; none for models without."""
    return tuple(item.name for item in fields(MODELS[model])) if model in MODELS else ()


def choice_with(model: str, options: Mapping[str, Any]) -> Choice:
    """Return a model with those of its options that differ from the defaults, as JSON has them.

    Raises
    ------
    OptionError
        When an option cannot serve.
    """
    kind = MODELS[model]
    plain = asdict(kind(**options))
    defaults = {item.name: _default(item) for item in fields(kind)}
    return Choice(model, {name: v for name, v in plain.items() if v != defaults[name]})


def settings_for(choice: Choice) -> Any:
    """Return the settings of a model by name, checked."""
    return MODELS[choice.name](**choice.settings)


def columns_of_model(asked: Specification, names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a table that the model's own options name."""
    if asked.model.name not in MODELS:
        return ()
    found: tuple[str, ...] = settings_for(asked.model).columns(names)
    return found


def columns_told(model: Choice) -> dict[str, Any]:
    """Return those of a model's own options that say which columns it reads."""
    told = model.settings if model.name in MODELS else {}
    return {name: told[name] for name in _NAME_COLUMNS if name in told}


def _default(item: Any) -> Any:
    return item.default if item.default_factory is MISSING else item.default_factory()


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _check_text(name: str, value: Any, *, optional: bool) -> None:
    if isinstance(value, str) or (optional and value is None):
        return
    raise _refusal(
        f"The option {name} is a {type(value).__name__}, not a text.",
        f'the name of a column: {name}="column".',
        name,
    )


def _check_right_side(name: str, text: str, example: str) -> None:
    if not text.strip().startswith("~"):
        raise _refusal(
            f'The {name} "{text}" is no right side of a formula.', f'{name}="{example}".', name
        )


def _read_by(outcome: str, text: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that a right side reads, if any, behind the column of an outcome."""
    return tuple(variables(f"{quoted(outcome)} {text.strip()}", names)) if text else ()


def _check_flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise _refusal(f"The option {name} is {value!r}.", "True or False.", name)


def _count(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise _refusal(
            f"The option {name} is {value!r}.", f"a whole number of at least {least}.", name
        )
    return int(value)


def _check_member(name: str, value: Any, known: Sequence[str], what: str = "") -> None:
    if value in known:
        return
    near = get_close_matches(str(value), known, n=1)
    raise OptionError(
        f'{what or f"The option {name}"} is "{value}".',
        hint=f'"{near[0]}"?' if near else f"one of {list(known)}.",
        code="bad-option",
        where=name,
        suggestion=near[0] if near else "",
    )


def _numbers(name: str, values: Any) -> dict[str, float]:
    hint = f'{name}={{"cost": -1.0}}.'
    try:
        found = {str(key): float(value) for key, value in dict(values).items()}
    except (TypeError, ValueError):
        raise _refusal(
            f"The option {name} is {values!r}, not numbers by name.", hint, name
        ) from None
    for key, value in found.items():
        if not isfinite(value):
            raise _refusal(f"The option {name} has {value:g} for {key}.", hint, name)
    return found


def _refusal(problem: str, hint: str, where: str) -> OptionError:
    return OptionError(problem, hint=hint, code="bad-option", where=where)
