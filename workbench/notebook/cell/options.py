"""The flags of ``%%mle``, read from the options that models, runs and families declare."""

from __future__ import annotations

import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.utils._process_common import arg_split

from workbench.errors import OptionError
from workbench.estimation.families import FAMILIES
from workbench.estimation.specification import Specification
from workbench.models.registry import listed
from workbench.names import nearest
from workbench.options import Kind, Option, Options, option, options_of


@dataclass(frozen=True, kw_only=True)
class CellData(Options):
    """The options of a cell on its data and its model."""

    sql: str | None = option(
        None,
        kind=Kind.TEXT,
        help="query of the database that the cell names",
        example="SELECT * FROM wages",
    )
    read: Mapping[str, Any] | None = option(
        None,
        kind=Kind.SETTINGS,
        help="options of wb.read_csv or wb.read_excel for the file that the cell names",
        example={"decimal": ",", "skip": 3},
    )
    model: str | None = option(None, kind=Kind.TEXT, help="model, as wb.models() lists them")


@dataclass(frozen=True, kw_only=True)
class CellBody(Options):
    """The options with a log-likelihood in the body, and on how the cell shows its fit."""

    formula: str | None = option(
        None,
        kind=Kind.TEXT,
        help="formula of a log-likelihood that reads the outcome as y and its predictor as eta",
    )
    by: str | None = option(
        None, kind=Kind.COLUMN, help="column of the units that loglik has one value for"
    )
    beside: str | None = option(
        None, kind=Kind.TEXT, help="named fit to show in the same table; may be given twice"
    )
    background: bool = option(False, kind=Kind.FLAG, help="return at once")


@dataclass(frozen=True)
class Flag:
    """A flag of the first line.

    Attributes
    ----------
    option
        What it sets.
    family
        The family whose member has the option, as in ``"optimizer"``; empty for other options.
    owners
        The models, or the members of the family, that have the option; empty for every model.
    """

    option: Option
    family: str = ""
    owners: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name in what the parser returns, as in ``"optimizer_lr"``."""
        return f"{self.family}_{self.option.name}" if self.family else self.option.name

    @property
    def flag(self) -> str:
        """The flag as it is written, as in ``"--optimizer-lr"``."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def bare(self) -> bool:
        """Whether the flag stands without a value."""
        return self.option in CELL and self.option.kind is Kind.FLAG

    @property
    def may_repeat(self) -> bool:
        """Whether the flag may be given several times."""
        return self.option.kind is Kind.COLUMNS or self.name == "beside"

    @property
    def explanation(self) -> str:
        """What the option does, its choices, an example, and the models that have it."""
        each = self.option
        choices = f": {', '.join(map(str, each.choices))}" if each.choices else ""
        shown = f", as in {each.written(each.example)}" if each.example is not None else ""
        every = self.family and len(self.owners) == len(FAMILIES[self.family].members)
        owners = f" ({', '.join(self.owners)})" if self.owners and not every else ""
        return f"{each.help}{choices}{shown}{owners}"

    def decorate(self, method: Any) -> Any:
        """Add the flag to a magic's parser."""
        action = "append" if self.may_repeat else "store_true" if self.bare else "store"
        settings: dict[str, Any] = {"action": action, "help": self.explanation.replace("%", "%%")}
        if not self.bare:
            settings["metavar"] = self.name.upper()
        return argument(self.flag, **settings)(method)  # type: ignore[no-untyped-call]


CELL = (*options_of(CellData), *options_of(CellBody))
"""The options of the cell itself."""
READ = next(each for each in CELL if each.name == "read")
"""The options with which the cell's file is read."""


def _flags() -> Iterator[Flag]:
    """Yield the flags that every line may have, in the order of help and completions."""
    yield from map(Flag, options_of(CellData))
    owners: dict[str, list[str]] = {}
    declared: dict[str, Option] = {}
    for model, kind in listed().items():
        for each in options_of(kind):
            declared.setdefault(each.name, each)
            owners.setdefault(each.name, []).append(model)
    yield from (Flag(each, owners=tuple(owners[name])) for name, each in declared.items())
    yield from map(Flag, options_of(Specification))
    yield from map(Flag, options_of(CellBody))


def _flags_of_members() -> Iterator[Flag]:
    for family in FAMILIES.values():
        for name, each in family.options().items():
            yield Flag(each, family.option, family.with_option(name))


OPTIONS = tuple(_flags())
"""The flags of the data, the models, the run and the cell."""
MEMBER_OPTIONS = tuple(_flags_of_members())
"""The flags of optimizers, demeaners and standard errors, as in ``--optimizer-lr``."""
FLAGS = {each.flag: each for each in (*OPTIONS, *MEMBER_OPTIONS)}
"""Every flag by its spelling."""
_RENAMED = {
    f"--{old.replace('_', '-')}": f"--{new.replace('_', '-')}"
    for kind in listed().values()
    for old, new in kind.renamed.items()
}
"""Flags by their former spellings."""


def with_options(method: Any) -> Any:
    """Give a magic every flag, in the order of help."""
    data: Any = argument("data", nargs="?", help="variable, shipped sample, or file")  # type: ignore[no-untyped-call]
    for each in reversed(FLAGS.values()):
        method = each.decorate(method)
    method = magic_arguments("mle")(data(method))  # type: ignore[no-untyped-call]
    method.parser.allow_abbrev = False  # otherwise --mod passes for --model
    return method


def read_line(parser: ArgumentParser, line: str) -> Namespace:
    """Read the options of a cell's first line.

    Raises
    ------
    OptionError
        When a quotation mark is left open, an option is unknown or given twice, or has no value.
    """
    try:
        words = arg_split(line, posix=True)
    except ValueError:
        raise OptionError(
            f"A quotation mark is left open in `{line.strip()}`.",
            "close it, or write a name without spaces bare.",
            code="open-quotation",
            where="line 1",
        ) from None
    words = list(_renamed(words))
    _check_flags(words)
    try:
        return parser.parse_args(words)
    except UsageError as error:
        raise _unreadable(str(error)) from None


def _renamed(words: Iterable[str]) -> Iterator[str]:
    """Yield words with the present spelling of flags, and warn of former spellings."""
    for word in words:
        flag, sign, value = word.partition("=")
        if flag in _RENAMED:
            warnings.warn(
                f"The option {flag} is called {_RENAMED[flag]} now.", FutureWarning, stacklevel=2
            )
        yield f"{_RENAMED.get(flag, flag)}{sign}{value}"


def _check_flags(words: list[str]) -> None:
    flags = [word.partition("=")[0] for word in words if word.startswith("--")]
    for number, flag in enumerate(flags):
        if flag not in FLAGS:
            raise _unknown(flag)
        if flag in flags[:number] and not FLAGS[flag].may_repeat:
            raise OptionError(
                f"The option {flag} is given twice.",
                "give it once.",
                code="option-twice",
                where="line 1",
            )


def _unknown(flag: str) -> OptionError:
    near = nearest(flag, FLAGS)
    return OptionError(
        f"%%mle has no option {flag}.",
        f"{near}." if near else f"one of {' '.join(each.flag for each in OPTIONS)}.",
        code="no-such-option",
        where="line 1",
        suggestion=near,
    )


def _unreadable(message: str) -> OptionError:
    """Return our error for what argparse could not read."""
    found = next((each for each in FLAGS.values() if f"argument {each.flag}:" in message), None)
    problem = message.removeprefix(f"argument {found.flag}: ") if found else message
    return OptionError(
        f"%%mle cannot read {found.flag if found else 'its first line'}: {problem}.",
        f"{found.flag} {found.name.upper()} gives {found.explanation}."
        if found
        else "put names with spaces in quotation marks.",
        code="unreadable-option",
        where="line 1",
    )
