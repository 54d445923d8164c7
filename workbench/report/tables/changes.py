"""What differs between two runs: the settings first, then the results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.covariances import TOGETHER
from workbench.covariances.kinds import covariances
from workbench.demeaners import DEMEANERS
from workbench.estimation.model import model_class
from workbench.estimation.specification import DataReference, RunOptions
from workbench.optimizers import OPTIMIZERS
from workbench.options import options_of, plain
from workbench.report import numbers
from workbench.report.labels import (
    data_name,
    is_solved,
    library,
    optimizer_title,
    reads_same_columns,
    shown_errors,
    unique_names,
)

if TYPE_CHECKING:
    from workbench.results.fit import Fit

SETTINGS = {
    "model": "Template",
    "data": "Data",
    "formula": "Formula",
    "source": "Log-likelihood",
    **{each.name: each.words for each in options_of(RunOptions) if each.name != "name"},
}
"""The labels of a specification's settings, except its name."""

_WORDS: Mapping[str, Mapping[str, str]] = {
    "se": {name: kind.word for name, kind in covariances().items()},
    "optimizer": {name: kind.title for name, kind in OPTIMIZERS.items()},
    "demeaner": {name: kind.title for name, kind in DEMEANERS.items()},
    "fixef_rm": {"singleton": "left out", "none": "kept"},
}
"""The labels of the values of a setting."""


@dataclass(frozen=True)
class Change:
    """One line: a label, and the value in the first and in the second run."""

    label: str
    first: str
    second: str


@dataclass(frozen=True)
class Changes:
    """What differs between two runs, and which settings are the same."""

    names: tuple[str, str]
    settings: tuple[Change, ...]
    same: tuple[tuple[str, str], ...]
    results: tuple[Change, ...]

    @property
    def sentence(self) -> str:
        """How many settings are the same."""
        count = len(self.same)
        return f"{count} settings are the same." if count != 1 else "1 setting is the same."


def what_changed(first: Fit, second: Fit) -> Changes:
    """Compare the settings and the results of two runs."""
    before, after = (_settings(fit) for fit in (first, second))
    if not reads_same_columns(first, second):
        # With other columns read, the fingerprint does not identify the table.
        before, after = (_without_fingerprint(settings) for settings in (before, after))
    own = [_own(fit) for fit in (first, second)]
    before, after = (each | {"model": each["model"]["name"]} for each in (before, after))
    pairs = [
        Change(label, _setting(key, before[key]), _setting(key, after[key]))
        for key, label in SETTINGS.items()
    ]
    names = dict.fromkeys([*own[0], *own[1]])
    pairs[1:1] = [Change(n, own[0].get(n, ""), own[1].get(n, "")) for n in names]
    name, other = unique_names([first, second])
    return Changes(
        (name, other),
        tuple(pair for pair in pairs if pair.first != pair.second),
        tuple((pair.label, pair.first) for pair in pairs if pair.first == pair.second),
        tuple(_results(first, second)),
    )


def _settings(fit: Fit) -> dict[str, Any]:
    """Return the settings of a fit, with what computed it in place of what was asked for."""
    solved = {"optimizer": optimizer_title(fit)} if is_solved(fit) else {}
    return fit.specification.to_dict() | {"backend": library(fit)} | solved


def _without_fingerprint(settings: dict[str, Any]) -> dict[str, Any]:
    return {**settings, "data": {**settings["data"], "fingerprint": ""}}


def _own(fit: Fit) -> dict[str, str]:
    """Return the model's own options, those left at their defaults too."""
    model = fit.specification.model
    declared = options_of(model_class(model.name))
    given = {each.name: model.settings.get(each.name, plain(each.default)) for each in declared}
    return {each.words: _words(given[each.name]) for each in declared}


def _words(value: Any) -> str:
    """Write an option in words: ``price normal, time lognormal``."""
    if value in (None, {}):
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return " and ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return numbers.count(value) if isinstance(value, int) else str(value)


def _setting(key: str, value: Any) -> str:
    """Return the value of a setting in words."""
    words = _WORDS.get(key, {})
    if key == "model":
        return model_class(value).title
    if value is None:
        return "automatic" if key in ("start", "max_steps", "ssc") else "none"
    if isinstance(value, list):
        return TOGETHER.join(value)
    if not isinstance(value, Mapping):
        return words.get(value, str(value))
    if key == "data":
        of = DataReference(**value)
        return ", ".join(filter(None, [data_name(of), of.fingerprint[:8]]))
    if key == "source":
        return str(value["text"])
    head, settings = (value["name"], value["settings"]) if "settings" in value else ("", value)
    given = (f"{name} {setting}" for name, setting in settings.items())
    return ", ".join(filter(None, [words.get(head, head), *given])) or "none"


def _results(first: Fit, second: Fit) -> Iterable[Change]:
    for label, written in _RESULTS.items():
        pair = written(first), written(second)
        if pair[0] != pair[1]:
            yield Change(label, *pair)
    if first.outcome.comparable and second.outcome.comparable:
        yield from _largest_difference(first, second)


def _shown(write: Callable[[Any], str], attribute: str) -> Callable[[Any], str]:
    """Write a statistic of a fit with estimates, else that there are none."""

    def written(fit: Fit) -> str:
        value = getattr(fit, attribute)
        return (write(value) if fit.outcome.comparable else "") or numbers.NOT_SHOWN

    return written


_RESULTS: dict[str, Callable[[Any], str]] = {
    "Outcome": lambda fit: fit.outcome.status_label,
    "Observations": lambda fit: numbers.count(fit.nobs),
    "Log-likelihood": _shown(numbers.log_likelihood, "loglik"),
    "Newton decrement": _shown(numbers.figure, "decrement"),
    "Steps": lambda fit: numbers.count(fit.steps),
    "Time": lambda fit: numbers.duration(fit.timing.get("total")),
}


def _largest_difference(first: Fit, second: Fit) -> Iterable[Change]:
    """Yield the largest difference of a parameter, in standard errors of the first run if any."""
    shared = first.params.index.intersection(second.params.index)
    gap = (first.params[shared] - second.params[shared]).abs()
    errors = shown_errors(first)[shared]
    moved = (gap / errors if errors.notna().any() else gap).dropna()
    if moved.empty or not moved.max() > np.finfo(float).eps:
        return
    name = str(moved.idxmax())
    decimals = numbers.decimals_of_row([errors[name]], [first.params[name]]) + 1
    one, other = (numbers.in_row(float(fit.params[name]), decimals) for fit in (first, second))
    other = f"within {numbers.figure(float(gap[name]), 2)}" if one == other else other
    yield Change(f"Largest difference: {name}", one, other)
