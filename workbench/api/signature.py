"""Show the declared options in the signature and the help of `workbench.fit`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, cleandoc, signature
from textwrap import fill
from typing import Any

from workbench.estimation.families import FAMILIES, OptionFamily
from workbench.estimation.model import Model
from workbench.estimation.specification import Specification
from workbench.literals import Choice
from workbench.models.registry import listed
from workbench.options import Kind, Option, options_of

_PLACE = "**options"
"""The line of a docstring that the options replace."""
_WIDTH = 96
_TYPES: Mapping[Kind, Any] = {
    Kind.COUNT: int,
    Kind.NUMBER: float,
    Kind.FLAG: bool,
    Kind.COLUMNS: str | Sequence[str],
    Kind.LEVEL: str | float,
    Kind.NUMBERS: Mapping[str, float],
    Kind.CHOICES: Mapping[str, str],
    Kind.GROUPS: Mapping[str, Sequence[str]],
    Kind.SETTINGS: Mapping[str, Any],
    Kind.MEMBER: Any,
}


@dataclass(frozen=True)
class Keyword:
    """An option of `workbench.fit` with the models that have it; none means all of them."""

    option: Option
    default: Any
    models: tuple[str, ...] = ()


def keywords() -> dict[str, Keyword]:
    """Return the options of a run, then those of the models, by name.

    Where models differ in a default it is None.
    """
    found = {each.name: Keyword(each, _default_of_run(each)) for each in options_of(Specification)}
    for model, kind in listed().items():
        for each in options_of(kind):
            before = found.get(each.name, Keyword(each, _shown(each)))
            same = before.default == _shown(each)
            default = _shown(each) if same else None
            found[each.name] = Keyword(before.option, default, (*before.models, model))
    return found


def keywords_of(model: type[Model], defaults: Mapping[str, Any]) -> dict[str, Keyword]:
    """Return the options of one model, then those of a run that have an effect on it, by name.

    Parameters
    ----------
    model
        The model.
    defaults
        Defaults of options of the run that are not those of every model.
    """
    defaults = {"weight_kind": model.weight_kind, **defaults}
    of_run = [e for e in options_of(Specification) if getattr(model, e.needs, True)]
    return {
        each.name: Keyword(each, defaults.get(each.name, _shown(each)))
        for each in (*options_of(model), *of_run)
    }


def show_options(function: Callable[..., Any], shown: Mapping[str, Keyword]) -> None:
    """Give a function the signature with these options, and their help in its docstring.

    A line ``**name`` of the docstring is replaced by the help of that option, and the line
    ``**options`` by that of all others.
    """
    own = signature(function)
    first = [p for p in own.parameters.values() if p.kind is not Parameter.VAR_KEYWORD]
    named = [_parameter(each) for name, each in shown.items() if name not in own.parameters]
    members = [
        Parameter(
            family.keyword,
            Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Mapping[str, Any] | None,
        )
        for family in _families(shown)
        if family.keyword not in shown
    ]
    function.__signature__ = own.replace(parameters=[*first, *named, *members])  # type: ignore[attr-defined]
    if function.__doc__:
        function.__doc__ = _documented(cleandoc(function.__doc__), shown)


def _documented(text: str, shown: Mapping[str, Keyword]) -> str:
    """Return a docstring with the help of options in their places."""
    named = {name for name in re.findall(r"^\*\*(\w+)$", text, re.MULTILINE) if name in shown}
    for name in named:
        text = text.replace(f"**{name}\n", "\n".join([*_entry(shown[name]), ""]))
    others = {name: each for name, each in shown.items() if name not in named}
    return text.replace(_PLACE, "\n".join(_entries(others)))


def _families(shown: Mapping[str, Keyword]) -> list[OptionFamily]:
    return [family for family in FAMILIES.values() if family.option in shown]


def _default_of_run(each: Option) -> Any:
    """Return the default of an option of every run; None where models differ."""
    differs = each.name == "weight_kind" and len({k.weight_kind for k in listed().values()}) > 1
    return None if differs else _shown(each)


def _shown(each: Option) -> Any:
    """Return an option's default as it is written in code."""
    return each.default.name if isinstance(each.default, Choice) else each.default


def _parameter(each: Keyword) -> Parameter:
    kind = _TYPES.get(each.option.kind, str)
    annotation = kind if kind is Any or each.default is not None else kind | None
    return Parameter(
        each.option.name, Parameter.KEYWORD_ONLY, default=each.default, annotation=annotation
    )


def _entry(each: Keyword) -> Iterator[str]:
    """Yield the lines of a docstring on an option."""
    yield f"{each.option.name} : {_type_in_words(each.option)}"
    yield _paragraph(_explained(each))


def _entries(shown: Mapping[str, Keyword]) -> Iterator[str]:
    """Yield the lines of a docstring on options, then on those of the members of families."""
    for each in shown.values():
        yield from _entry(each)
    for family in _families(shown):
        if own := family.options():
            yield f"{family.keyword} : mapping"
            yield _paragraph(f"Options of {family.option}= where that is a name:")
            for name, option in own.items():
                members = ", ".join(family.with_option(name))
                yield _paragraph(f"{name}: {option.help} ({members}).", indent=8)


def _type_in_words(each: Option) -> str:
    if each.kind is Kind.CHOICE:
        listed = ", ".join(f'"{choice}"' for choice in each.choices if choice is not None)
        return f"{{{listed}}}"
    return {
        Kind.COUNT: "int",
        Kind.NUMBER: "float",
        Kind.FLAG: "bool",
        Kind.COLUMNS: "str or list of str",
        Kind.MEMBER: "str or object",
    }.get(each.kind, "mapping" if each.kind.by_name else "str")


def _explained(each: Keyword) -> str:
    """Yield what an option does, its default, an example, and which models have it."""
    option = each.option
    text = f"{option.help[:1].upper()}{option.help[1:]}"
    if option.choices and option.kind is not Kind.CHOICE:
        text += f"; one of {', '.join(map(str, option.choices))}"
    if option.example is not None:
        text += f", as in {option.example!r}"
    if each.default not in (None, "", {}):
        text += f"; by default {each.default!r}"
    if option.name == "se":
        names = dict.fromkeys(name for kind in listed().values() for name in kind.covariance_names)
        text += f"; for least squares also {', '.join(names)}"
    return text + "." + (f"  For {', '.join(each.models)}." if each.models else "")


def _paragraph(text: str, indent: int = 4) -> str:
    pad = " " * indent
    return fill(text, _WIDTH, initial_indent=pad, subsequent_indent=pad, break_on_hyphens=False)
