"""A person's own likelihood as a model: a function, or the text of a ``%%mle`` cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from workbench.estimation.model import Model
from workbench.estimation.specification import Source


@dataclass(frozen=True)
class Written(Model):
    """A log-likelihood written as text, which replays from the text alone."""

    name: ClassVar[str] = "body"
    title: ClassVar[str] = "Own likelihood"
    formula: ClassVar[str] = "ℓᵢ as written"
    outcome: ClassVar[str] = "any"
    roles: ClassVar[tuple[str, ...]] = ("columns", "cluster", "weights", "offset")
    built_by: ClassVar[str] = "workbench.models.custom.build"
    results: ClassVar[str] = "workbench.models.custom.results:CustomFit"
    needs_formula: ClassVar[bool] = False
    listed: ClassVar[bool] = False
    called_by: ClassVar[str] = "workbench.models.custom.code:text_call"
    from_source: ClassVar[bool] = True
    source_text: ClassVar[str] = "params: sigma > 0 = 1.0\nloglik = normal_logpdf(y, eta, sigma)"

    source: Source | None = None


def likelihood(text: str, *, by: str | None = None) -> Written:
    r"""Make a model of a likelihood body, as a ``%%mle`` cell has it.

    Parameters
    ----------
    text
        ``params:`` lines and assignments, the last of them of ``loglik``.
    by
        The column that groups rows into units, when ``loglik`` has one value per unit.

    Examples
    --------
    >>> model = likelihood("params: mu, sigma > 0\nloglik = normal_logpdf(y, mu, sigma)")
    >>> model.source.by is None
    True
    """
    return Written(Source(text, by))
