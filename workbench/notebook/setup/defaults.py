"""The choices that the Setup tab opens with: a known model of the data, or a simple one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from workbench.data.names import quoted
from workbench.data.table import ColumnSummary
from workbench.models.choice.options import ConditionalLogit
from workbench.notebook.setup import fields as choice_form
from workbench.notebook.setup.available import Offer
from workbench.notebook.setup.data import Opened
from workbench.notebook.setup.form import Chosen

CLASSICS = (
    ("logit", "inlf ~ nwifeinc + educ + exper + expersq + age + kidslt6 + kidsge6"),
    ("logit", "GRADE ~ GPA + TUCE + PSI"),
    ("logit", "vote ~ TVnews + selfLR + age + educ + income"),
    (
        "poisson",
        "mdvis ~ lncoins + idp + lpi + fmde + physlm + disea + hlthg + hlthf + hlthp",
    ),
    ("feols", "lwage ~ expersq + married + union | nr + year"),
    ("feols", "y ~ x + sunab(first_treated, year) | unit + year"),
    ("ols", "lwage ~ educ + exper + expersq + black + smsa + south"),
    ("gaussian", "lwage ~ educ + exper + tenure"),
    ("gaussian", "affairs ~ rate_marriage + age + yrs_married + children + religious + educ"),
    ("gaussian", "TOTEMP ~ GNPDEFL + GNP + UNEMP + ARMED + POP + YEAR"),
)
"""A template and a formula, for data sets that textbooks use."""
_FEW_REGRESSORS = 5


def opening(opened: Opened | None, offer: Offer) -> Chosen:
    """Return the choices the page opens with: a known model of the data, or a simple one."""
    there = [item.key for item in offer.libraries if item.enabled]
    chosen = Chosen(library="torch" if there == ["torch"] else "jax")
    if opened is None:
        return chosen
    if (choice := choice_form.proposed(opened.table.names)) is not None:
        formula, columns = choice
        return replace(chosen, template=ConditionalLogit.name, formula=formula, **columns)
    template, formula = _first_model(opened.table.summary())
    return replace(chosen, template=template, formula=formula)


def _first_model(summaries: Sequence[ColumnSummary]) -> tuple[str, str]:
    """Return the textbook's model of known columns, else a first model of any table."""
    names = {item.name for item in summaries}
    for template, formula in CLASSICS:
        if names.issuperset(re.findall(r"\w+", formula.replace("sunab(", ""))):
            return template, formula
    numeric = [item for item in summaries if _is_number(item)]
    usable = [item for item in numeric if not item.missing] or numeric
    outcome = _likely_outcome(usable)
    if outcome is None:
        return "gaussian", ""
    others = [quoted(item.name) for item in usable if item is not outcome]
    if not all(re.fullmatch(r"x\d+", name) for name in others):
        others = others[:_FEW_REGRESSORS]  # a table of y and x1 to x100 is all model
    counts = outcome.kind == "integer" and outcome.minimum == 0
    template = "logit" if outcome.kind == "0/1" else "poisson" if counts else "gaussian"
    return template, f"{quoted(outcome.name)} ~ {' + '.join(others) or '1'}"


def _likely_outcome(usable: Sequence[ColumnSummary]) -> ColumnSummary | None:
    called_y = (item for item in usable if item.name.lower() == "y")
    binary = (item for item in usable if item.kind == "0/1")
    return next(called_y, None) or next(binary, None) or next(iter(usable), None)


def _is_number(item: ColumnSummary) -> bool:
    return item.kind in {"0/1", "integer", "number"} and item.minimum != item.maximum
