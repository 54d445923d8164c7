r"""An option is declared once; signatures, flags, forms, records and checks are read from that.

Models, optimizers, demeaners and covariances are frozen dataclasses; their fields are options::

    @dataclass(frozen=True, kw_only=True)
    class MixedLogit(Model):
        draws: int = option(500, kind=Kind.COUNT, least=1, help="draws per decision maker")

The kind of an option says how a value is checked (:meth:`Option.checked`), read from a word of a
cell (:meth:`Option.read`), written as one (:meth:`Option.written`), and which control of a form it
is (:meth:`Option.schema`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields, replace
from enum import Enum
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

from workbench.errors import OptionError
from workbench.literals import (
    Choice,
    choice_text,
    columns_text,
    parse_choice,
    parse_columns,
    parse_literal,
    parse_named,
    parse_settings,
    parse_start,
    settings_text,
    start_text,
)
from workbench.names import nearest


class Kind(Enum):
    """What the value of an option is."""

    COUNT = "whole number"
    NUMBER = "number"
    FLAG = "yes or no"
    CHOICE = "one of a list"
    TEXT = "text"
    COLUMN = "column"
    COLUMNS = "columns"
    LEVEL = "level of the outcome"
    FORMULA = "one-sided formula"
    CONDITION = "condition on rows"
    NUMBERS = "numbers by name"
    CHOICES = "choices by name"
    GROUPS = "lists by name"
    SETTINGS = "values by name"
    MEMBER = "member of a family, with its options"

    @property
    def by_name(self) -> bool:
        """Whether the value is a mapping of names."""
        return self in {Kind.NUMBERS, Kind.CHOICES, Kind.GROUPS, Kind.SETTINGS}


@dataclass(frozen=True)
class Option:
    """One option, as a dataclass field declares it.

    Attributes
    ----------
    name
        The field's name; the flag of a cell is ``--`` with dashes for underscores.
    kind
        What a value is.
    help
        What the option does, in a few words without a final stop.
    default
        An option with the default None may be None.
    required
        Whether a value must be given.
    least, above, most, below
        Bounds of a number: from ``least`` to ``most``, both included, or strictly between
        ``above`` and ``below``.
    choices
        The values of a choice, or of the mapping's values; of a text the usual ones.
    example
        A value as a person might write it.
    label
        The words of a form; the name with blanks for underscores by default.
    said
        Words of a form for some of the values, as in ``(("", "as found"), (";", "semicolon ;"))``;
        those for the default stand where no value is given.
    key
        What the names of a value by name are, as in ``"column"``.
    needs
        What a run must have, one of `estimation.effects.REQUIREMENTS`, for the option to have an
        effect.
    in_likelihood
        Whether another value is another log-likelihood; or the capability of a model with which
        it is, as in ``"seeded"``.
    refused
        Whether the option is refused where it has no effect; else that is noted.
    owner, code
        The title of what declares the option, and the code of the error that refuses a value.
    """

    name: str
    kind: Kind
    help: str
    default: Any = None
    required: bool = False
    least: float = -math.inf
    above: float = -math.inf
    most: float = math.inf
    below: float = math.inf
    choices: tuple[Any, ...] = ()
    example: Any = None
    label: str = ""
    said: tuple[tuple[Any, str], ...] = ()
    key: str = "name"
    needs: str = ""
    in_likelihood: bool | str = True
    refused: bool = False
    owner: str = ""
    code: str = "bad-option"

    @property
    def flag(self) -> str:
        """The flag of a cell.

        >>> Option("draw_kind", Kind.CHOICE, "type of draws").flag
        '--draw-kind'
        """
        return f"--{self.name.replace('_', '-')}"

    @property
    def words(self) -> str:
        """The label of the option, which is its name in words where none was declared."""
        return self.label or self.name.replace("_", " ").capitalize()

    @property
    def subject(self) -> str:
        """The option as the beginning of a sentence."""
        return f"{self.owner}: the option {self.name}" if self.owner else f"The option {self.name}"

    def checked(self, value: Any) -> Any:
        """Return a value in its plain form, such as ``int`` for a numpy integer.

        Raises
        ------
        OptionError
            When it is not what the option must be.
        """
        if value is None and self.default is None and not self.required:
            return None
        return _CHECKS[self.kind](self, value)

    def read(self, text: str) -> Any:
        """Read a value from a word, as a cell or a form gives it; the inverse of `written`.

        Raises
        ------
        OptionError
            When the word does not read as this kind of option.

        Examples
        --------
        >>> Option("random", Kind.CHOICES, "").read("price=normal, time=lognormal")
        {'price': 'normal', 'time': 'lognormal'}
        """
        if self.kind.by_name:
            found: Any = parse_literal(text) if text.lstrip().startswith("{") else None
            reader = _READERS.get(self.kind, parse_named)
            return reader(text, self.name) if found is None else found
        if self.kind is Kind.MEMBER:
            return parse_choice(text)
        if self.kind is Kind.COLUMNS:
            return parse_columns(text, self.name)
        if self.kind in _AS_TEXT:
            return text
        value = parse_literal(text.strip().capitalize() if self.kind is Kind.FLAG else text)
        if value is None and self.kind is Kind.NUMBER:
            with suppress(ValueError):  # inf, which is not a literal
                return float(text)
        return text if value is None else value

    def written(self, value: Any) -> str:
        """Write a value as one word; texts are written without change.

        >>> Option("draws", Kind.COUNT, "").written(500)
        '500'
        """
        if self.kind is Kind.COLUMNS:
            return columns_text([value] if isinstance(value, str) else value)
        if isinstance(value, str):
            return value
        if isinstance(value, Choice):
            return choice_text(value)
        if self.kind is Kind.NUMBERS:
            return start_text(value)
        plain = self.kind.by_name and not any(isinstance(v, list | tuple) for v in value.values())
        return settings_text(value) if plain else repr(value)

    def schema(self) -> dict[str, Any]:
        """Return plain JSON types from which a form draws the control."""
        return {
            "name": self.name,
            "label": self.words,
            "kind": self.kind.name.lower(),
            "key": self.key,
            "help": self.help,
            "default": plain(self.default),
            "required": self.required,
            "optional": self.default is None and not self.required,
            "least": _finite(max(self.least, self.above)),
            "most": _finite(min(self.most, self.below)),
            "choices": [plain(each) for each in self.choices],
            "said": plain(self.said),
            "example": self.example if self.example is None else self.written(self.example),
        }


_AS_TEXT = {Kind.TEXT, Kind.COLUMN, Kind.LEVEL, Kind.FORMULA, Kind.CONDITION, Kind.CHOICE}
"""The kinds that are read as text, even where a value looks like a number."""
_READERS: dict[Kind, Callable[[str, str], dict[str, Any]]] = {
    Kind.NUMBERS: parse_start,
    Kind.SETTINGS: parse_settings,
}
"""Of the values by name, those that are read in a way of their own."""


def option(default: Any = MISSING, *, kind: Kind, help: str, **more: Any) -> Any:  # noqa: A002
    """Declare an option as a field of a dataclass; see `Option` for the arguments.

    Examples
    --------
    >>> @dataclass(frozen=True, kw_only=True)
    ... class Sampler(Options):
    ...     title: ClassVar[str] = "Sampler"
    ...     draws: int = option(500, kind=Kind.COUNT, least=1, help="draws for each person")
    >>> Sampler(draws=200).changed()
    {'draws': 200}
    """
    if default is MISSING:
        needed = Option("", kind, help, required=True, **more)
        return field(default=None, metadata={"option": needed})
    metadata = {"option": Option("", kind, help, default, **more)}
    if isinstance(default, Mapping):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is declared by fields: a value is checked by its kind when an object is made.

    Fields that `option` did not declare are no options and are left alone.  An object may be made
    without a required option, which is None then; `complete` refuses it.
    """

    title: ClassVar[str] = ""
    refusal_code: ClassVar[str] = "bad-option"
    """The code of the error that refuses a value."""
    unknown_code: ClassVar[str] = "no-such-option"
    """The code of the error that refuses the name of an option."""
    chosen_by: ClassVar[str] = ""
    """The option whose value this is, as ``"optimizer"``, at which an unknown name is reported."""
    renamed: ClassVar[Mapping[str, str]] = {}
    """The names of options by names that they had before."""
    renamed_columns: ClassVar[Mapping[str, str]] = {}
    """The names of columns that the package makes by names that they had before."""

    def __post_init__(self) -> None:
        self.check_values()
        if not missing_of(self):
            self.check()

    def check_values(self) -> None:
        """Bring each value into its plain form, or refuse it."""
        missing = {each.name for each in missing_of(self)}
        for each in options_of(type(self)):
            if each.name not in missing:
                object.__setattr__(self, each.name, each.checked(getattr(self, each.name)))

    def check(self) -> None:
        """Refuse combinations of options that do not fit each other.

        Raises
        ------
        OptionError
            Naming the option, the value found, and what to do.
        """

    @classmethod
    def lacks(cls) -> str:
        """Return what begins the sentence on an unknown option, as in ``"Newton has"``."""
        return f"{cls.title} has"

    def changed(self) -> dict[str, Any]:
        """Return the options that differ from their defaults, as plain JSON types."""
        return {
            each.name: plain(getattr(self, each.name))
            for each in options_of(type(self))
            if getattr(self, each.name) != each.default
        }

    def to_dict(self) -> dict[str, Any]:
        """Return every option, as plain JSON types."""
        return {each.name: plain(getattr(self, each.name)) for each in options_of(type(self))}

    def of_kind(self, *kinds: Kind) -> dict[str, Any]:
        """Return the options of some kinds that have a value, by name.

        >>> Options().of_kind(Kind.COLUMN)
        {}
        """
        values = {
            each.name: getattr(self, each.name)
            for each in options_of(type(self))
            if each.kind in kinds
        }
        return {name: value for name, value in values.items() if value}


# Objects from options, and options from classes --------------------------------------------------
Made = TypeVar("Made", bound=Options)


def options_of(kind: Any) -> tuple[Option, ...]:
    """Return the options that a class declares, inherited ones first."""
    return _declared(kind)


@lru_cache(maxsize=512)
def _declared(kind: Any) -> tuple[Option, ...]:
    owner = {"owner": getattr(kind, "title", ""), "code": getattr(kind, "refusal_code", "")}
    return tuple(
        replace(item.metadata["option"], name=item.name, **owner)
        for item in fields(kind)
        if "option" in item.metadata
    )


def options_from(kind: type[Made], values: Mapping[str, Any]) -> Made:
    """Make an object from options by name; a name that an option had before is understood.

    Raises
    ------
    OptionError
        When a name is unknown (the nearest is the suggestion), a value is missing or refused.
    """
    values = {kind.renamed.get(name, name): value for name, value in values.items()}
    check_names(kind, values)
    return complete(kind(**values))


def check_names(kind: type[Options], given: Iterable[str]) -> None:
    """Refuse a name that is not an option of a class.

    Raises
    ------
    OptionError
        Naming the owner and the option; the nearest one is the suggestion.
    """
    known = [each.name for each in options_of(kind)]
    for name in given:
        if name not in known:
            near = nearest(name, known)
            listed = f"one of {', '.join(known)}." if known else "leave it out."
            raise OptionError(
                f'{kind.lacks()} no option "{name}".',
                hint=f"{near}=?" if near else listed,
                code=kind.unknown_code,
                where=kind.chosen_by or name,
                suggestion=near,
            )


def complete(given: Made) -> Made:
    """Return an object that has its required options.

    Raises
    ------
    OptionError
        Naming the first option that is missing.
    """
    if missing := missing_of(given):
        raise missing_option(missing[0])
    return given


def missing_of(given: Options) -> tuple[Option, ...]:
    """Return the required options that have no value."""
    declared = options_of(type(given))
    return tuple(e for e in declared if e.required and getattr(given, e.name) is None)


def plain(value: Any) -> Any:
    """Return a value in plain JSON types: mappings as dictionaries, sequences as lists."""
    if isinstance(value, Choice):
        return {"name": value.name, "settings": plain(value.settings)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


# Refusals ---------------------------------------------------------------------------------------
def unknown_member(
    family: str, name: str, known: Iterable[str], elsewhere: Mapping[str, str] | None = None
) -> OptionError:
    """Return the error for the name of no member of a family, with the nearest name.

    Parameters
    ----------
    family
        The option of the run that names a member, as ``"optimizer"``.
    name, known
        The name given, and those of the members.
    elsewhere
        Names of members by their names in other programs, in small letters.
    """
    near = (elsewhere or {}).get(name.lower()) or nearest(name.lower(), known)
    hint = f"{near!r}, or another " if near else "one "
    return OptionError(
        f"There is no {family} {name!r}.",
        hint=f"{hint}of {', '.join(known)}.",
        code=f"unknown-{family}",
        where=family,
        suggestion=near,
    )


def missing_option(each: Option) -> OptionError:
    """Say that an option must be given, with an example."""
    owner = each.owner or "This"
    return refusal(f"{owner} needs the option {each.name}: {each.help}.", _hint(each), each.name)


def refusal(problem: str, hint: str, where: str, code: str = "bad-option") -> OptionError:
    """Return the error that refuses a value of an option."""
    return OptionError(problem, hint=hint, code=code, where=where)


def not_a_choice(
    what: str, value: Any, choices: Sequence[Any], where: str, code: str = "bad-option"
) -> OptionError:
    """Say that a value is not among the choices, with the nearest one."""
    words = [str(each) for each in choices if each is not None]
    near = nearest(str(value), words)
    return OptionError(
        f'{what} is "{value}".',
        hint=f'"{near}"?' if near else f"one of {words}.",
        code=code,
        where=where,
        suggestion=near,
    )


def _hint(each: Option) -> str:
    """Return an option with its example, as a person would write it in a call."""
    example = each.name if each.example is None else each.example
    return f"{each.name}={example!r}.".replace("'", '"')


def _refused(each: Option, value: Any, hint: str) -> OptionError:
    """Return the error of a value that is not what the option must be."""
    return refusal(f"{each.subject} is {value!r:.80}.", hint, each.name, each.code)


# Checks by kind ---------------------------------------------------------------------------------
def _count(each: Option, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or not _within(each, int(value)):
        raise _refused(each, value, f"a whole number{_span(each)}.")
    return int(value)


def _number(each: Option, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not _within(each, float(value)):
        raise _refused(each, value, f"a number{_span(each)}.")
    return float(value)


def _flag(each: Option, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _refused(each, value, "True or False.")
    return value


def _choice(each: Option, value: Any) -> Any:
    if value not in each.choices:
        raise not_a_choice(each.subject, value, each.choices, each.name, each.code)
    return value


def _text(each: Option, value: Any) -> str:
    if not isinstance(value, str):
        raise refusal(
            f"The option {each.name} is a {type(value).__name__}, not a text.",
            f'{each.name}="{value!s:.40}".' if isinstance(value, Real) else _hint(each),
            each.name,
        )
    return value


def _column(each: Option, value: Any) -> str:
    if each.required and value in (None, ""):
        raise missing_option(each)
    if not isinstance(value, str):
        raise refusal(
            f"The option {each.name} is a {type(value).__name__}, not a text.",
            f'the name of a column: {each.name}="column".',
            each.name,
        )
    return value


def _columns(each: Option, value: Any) -> tuple[str, ...]:
    listed = (value,) if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(name, str) for name in listed):
        raise refusal(
            f"The option {each.name} is a {type(value).__name__}, not a text or a list of texts.",
            f'names of columns: {each.name}="column", or {each.name}=["one", "other"].',
            each.name,
        )
    return tuple(dict.fromkeys(listed))


def _level(each: Option, value: Any) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, Real):
        raise refusal(
            f"The {each.name} is a {type(value).__name__}, not a level of the outcome.",
            _hint(each),
            each.name,
        )
    whole = isinstance(value, bool | Integral)
    return str(value) if whole else f"{float(value):.15g}"


def _formula(each: Option, value: Any) -> str:
    text = _text(each, value)
    if text.strip() and not text.strip().startswith("~"):
        raise refusal(
            f'The {each.name} "{text}" is not a one-sided formula.', _hint(each), each.name
        )
    if each.default and not text.strip():
        raise refusal(f"The {each.name} is empty.", _hint(each), each.name)
    return text


def _condition(each: Option, value: Any) -> str | None:
    return _text(each, value).strip() or None


def _mapping(each: Option, value: Any) -> dict[str, Any]:
    try:
        found = dict(value)
    except (TypeError, ValueError):
        raise refusal(
            f"The option {each.name} is {value!r:.80}, not {each.kind.value}.",
            _hint(each),
            each.name,
        ) from None
    if each.required and not found:
        raise refusal(f"The option {each.name} is empty.", _hint(each), each.name)
    return {str(key): item for key, item in found.items()}


def _numbers(each: Option, value: Any) -> dict[str, float]:
    try:
        found = {name: float(item) for name, item in _mapping(each, value).items()}
    except (TypeError, ValueError):
        raise refusal(
            f"The option {each.name} is {value!r:.80}, not numbers by name.",
            _hint(each),
            each.name,
        ) from None
    for name, number in found.items():
        if not math.isfinite(number):
            raise refusal(
                f"The option {each.name} has {number:g} for {name}.", _hint(each), each.name
            )
    return found


def _choices(each: Option, value: Any) -> dict[str, Any]:
    found = _mapping(each, value)
    for name, item in found.items():
        if item not in each.choices:
            raise not_a_choice(
                f"The value of {each.name} for {name}", item, each.choices, each.name
            )
    return found


def _groups(each: Option, value: Any) -> dict[str, list[str]]:
    found = _mapping(each, value)
    for name, members in found.items():
        if not isinstance(members, list | tuple) or not members:
            raise refusal(
                f"The option {each.name} has {members!r:.80} for {name}, not a list of names.",
                _hint(each),
                each.name,
            )
    return {name: [_level(each, item) for item in of] for name, of in found.items()}


def _settings(each: Option, value: Any) -> dict[str, Any]:
    return _mapping(each, value)


def _member(each: Option, value: Any) -> Choice:
    if not isinstance(value, Choice):
        raise _refused(each, value, _hint(each))
    return value


_CHECKS: dict[Kind, Callable[[Option, Any], Any]] = {
    Kind.COUNT: _count,
    Kind.NUMBER: _number,
    Kind.FLAG: _flag,
    Kind.CHOICE: _choice,
    Kind.TEXT: _text,
    Kind.COLUMN: _column,
    Kind.COLUMNS: _columns,
    Kind.LEVEL: _level,
    Kind.FORMULA: _formula,
    Kind.CONDITION: _condition,
    Kind.NUMBERS: _numbers,
    Kind.CHOICES: _choices,
    Kind.GROUPS: _groups,
    Kind.SETTINGS: _settings,
    Kind.MEMBER: _member,
}


def _within(each: Option, value: float) -> bool:
    return each.least <= value <= each.most and each.above < value < each.below


def _span(each: Option) -> str:
    """Say the bounds of a number.

    >>> _span(Option("lr", Kind.NUMBER, "", above=0.0)), _span(Option("k", Kind.COUNT, "", least=1))
    (' above 0', ' of at least 1')
    """
    words = [
        f" of at least {each.least:g}" if math.isfinite(each.least) else "",
        f" above {each.above:g}" if math.isfinite(each.above) else "",
        f" and at most {each.most:g}" if math.isfinite(each.most) else "",
        f" and below {each.below:g}" if math.isfinite(each.below) else "",
    ]
    return "".join(words)


def _finite(bound: float) -> float | None:
    return bound if math.isfinite(bound) else None
