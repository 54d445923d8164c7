"""The options of ``%%mle``: one list from which the magic is read, explained and completed."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.utils._process_common import arg_split

from workbench.backends import BACKENDS
from workbench.covariances import ALIASES, KINDS
from workbench.covariances.small_sample import CONVENTIONS
from workbench.data.formula.fixed_effects import RULES
from workbench.demeaners import DEMEANERS
from workbench.errors import OptionError
from workbench.models.choice.options import DRAW_KINDS
from workbench.models.registry import listed
from workbench.notebook.cell.session import remembered
from workbench.optimizers import OPTIMIZERS

WEIGHT_KINDS = ("frequency", "probability", "analytic")

Values = Callable[[], Iterable[str]]


@dataclass(frozen=True)
class MagicOption:
    """One option: its flag, what it does, and what it may be.

    ``values`` lists the choices to complete; ``column`` says that it names a column of the data.
    """

    flag: str
    explanation: str
    values: Values = tuple
    column: bool = False
    kind: type = str
    action: str = "store"

    @property
    def keyword(self) -> str:
        """The keyword of :func:`workbench.fit` that the option sets."""
        return self.flag.removeprefix("--").replace("-", "_")

    def decorate(self, method: Any) -> Any:
        """Add the option to a magic's parser."""
        settings: dict[str, Any] = {"action": self.action, "help": self.explanation}
        if self.action != "store_true":
            settings |= {"type": self.kind, "metavar": self.keyword.upper()}
        return argument(self.flag, **settings)(method)  # type: ignore[no-untyped-call]


def _models() -> Iterable[str]:
    return [name for name, kind in listed().items() if kind.needs_formula]


OPTIONS = (
    MagicOption("--sql", 'query of the database that the cell names: "SELECT * FROM wages"'),
    MagicOption("--model", "the template", _models),
    MagicOption("--situation", "column that identifies a choice situation", column=True),
    MagicOption("--alternatives", "column of the alternatives' names", column=True),
    MagicOption("--panel", "column of the person who chooses several times", column=True),
    MagicOption("--random", 'random coefficients: "price=normal, time=lognormal"'),
    MagicOption("--correlated", "whether they are correlated", lambda: ("True", "False")),
    MagicOption("--draws", "draws for each person"),
    MagicOption("--draw-kind", "how they are drawn", lambda: DRAW_KINDS),
    MagicOption("--wtp-price", "the price, for willingness-to-pay space", column=True),
    MagicOption("--nests", """nests: "{'fly': ['air'], 'ground': ['train', 'bus']}" """.strip()),
    MagicOption("--classes", "number of latent classes"),
    MagicOption("--membership", 'formula of who belongs to which class: "~ age"'),
    MagicOption("--starts", "random starts beside the first one"),
    MagicOption("--scale", 'formula of the log of the scale of utility: "~ survey"'),
    MagicOption("--base", "the level whose coefficients are zero"),
    MagicOption("--fixed", 'parameters held at a value: "cost=-1"'),
    MagicOption("--se", "kind of standard errors", lambda: (*KINDS, *ALIASES)),
    MagicOption("--cluster", "column to cluster by; may stand twice", column=True, action="append"),
    MagicOption("--se-options", 'what the errors are told: "time=year, lag=2"'),
    MagicOption("--weights", "column of weights", column=True),
    MagicOption("--weight-kind", "what the weights count", lambda: WEIGHT_KINDS),
    MagicOption("--offset", "column added to the linear index", column=True),
    MagicOption("--optimizer", 'its name, or with settings: "sgd(lr=1e-5)"', lambda: OPTIMIZERS),
    MagicOption("--demeaner", "what takes fixed effects out", lambda: ("auto", *DEMEANERS)),
    MagicOption("--fixef-rm", "rows alone in a level of a fixed effect", lambda: RULES),
    MagicOption("--backend", "the library that computes", lambda: BACKENDS),
    MagicOption("--device", "where it computes", lambda: ("cpu", "cuda", "mps")),
    MagicOption("--dtype", "precision of the numbers", lambda: ("float64", "float32")),
    MagicOption("--start", 'start values: "educ=0.1, sigma=2"'),
    MagicOption("--max-steps", "step limit", kind=int),
    MagicOption("--missing", "rows with missing values", lambda: ("drop", "raise")),
    MagicOption("--collinear", "columns that repeat others", lambda: ("drop", "refuse")),
    MagicOption("--positive", "the level of a two-valued text outcome that counts as 1"),
    MagicOption("--seed", "seed of everything random", kind=int),
    MagicOption("--ssc", "small-sample convention", lambda: CONVENTIONS),
    MagicOption("--name", "name of the run"),
    MagicOption("--formula", "formula beside a body, whose outcome is y and whose index is eta"),
    MagicOption("--by", "column of the units that loglik has one value for", column=True),
    MagicOption("--beside", "a named fit to show beside this one", remembered, action="append"),
    MagicOption("--background", "return at once", action="store_true"),
)

LITERAL = ("random", "correlated", "draws", "nests", "classes", "starts", "fixed")
"""The options of choice models that are no texts."""

OWN = ("sql", "model", "formula", "by", "beside", "background")
"""The options that are no setting of the estimation, or only together with the body."""


def with_options(method: Any) -> Any:
    """Give a magic the options of this page, in their order."""
    data: Any = argument("data", nargs="?", help="variable, shipped sample, or file")  # type: ignore[no-untyped-call]
    for option in reversed(OPTIONS):
        method = option.decorate(method)
    method = magic_arguments("mle")(data(method))  # type: ignore[no-untyped-call]
    method.parser.allow_abbrev = False  # otherwise --mod passes for --model
    return method


def read_line(parser: ArgumentParser, line: str) -> Namespace:
    """Read the options of a cell's first line.

    Raises
    ------
    OptionError
        When a quotation mark is left open, an option is unknown, or its value cannot be read.
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
    _check_known(words)
    try:
        return parser.parse_args(words)
    except UsageError as error:
        raise _unreadable(str(error)) from None


def _check_known(words: list[str]) -> None:
    flags = [option.flag for option in OPTIONS]
    for word in words:
        flag = word.partition("=")[0]
        if flag.startswith("--") and flag not in flags:
            nearest = next(iter(get_close_matches(flag, flags, n=1)), "")
            raise OptionError(
                f"%%mle has no option {flag}.",
                f"{nearest}." if nearest else f"one of {' '.join(flags)}.",
                code="no-such-option",
                where="line 1",
                suggestion=nearest,
            )


def _unreadable(message: str) -> OptionError:
    """Say in our words what argparse could not read."""
    option = next((item for item in OPTIONS if f"argument {item.flag}:" in message), None)
    problem = message.removeprefix(f"argument {option.flag}: ") if option else message
    return OptionError(
        f"%%mle cannot read {option.flag if option else 'its first line'}: {problem}.",
        f"{option.flag} {option.keyword.upper()} gives {option.explanation}."
        if option
        else "put names with spaces in quotation marks.",
        code="unreadable-option",
        where="line 1",
    )
