"""What a person writes who checks types: `tests/test_stubs.py` runs mypy on it."""

from __future__ import annotations

from typing import assert_type

import workbench as wb
from workbench.models.choice.results import ChoiceFit
from workbench.models.linear.results import LinearFit
from workbench.models.templates.results import TemplateFit

LOGIT = "choice ~ ttme + invc"


def by_name() -> None:
    """Call models by name."""
    mixed = wb.fit(
        "mixed_logit",
        LOGIT,
        "modechoice",
        situation="individual",
        alternatives="mode",
        random={"ttme": "normal"},
        draws=500,
    )
    assert_type(mixed, ChoiceFit)
    assert_type(
        wb.fit("ols", "hours ~ educ", "mroz", se="CRV1", cluster=["age", "educ"]), LinearFit
    )
    assert_type(wb.start("logit", "inlf ~ educ", "mroz", start={"educ": 0.1}), wb.Run)


def by_class_and_object() -> None:
    """Call models by their classes and objects."""
    model = wb.MixedLogit(random={"ttme": "normal"}, draws=500)
    assert_type(wb.fit(model, LOGIT, "modechoice", situation="individual"), ChoiceFit)
    assert_type(wb.fit(wb.OLS, "hours ~ educ", "mroz"), LinearFit)
    assert_type(
        wb.fit(wb.Logit(), "inlf ~ educ", "mroz", optimizer=wb.SGD(lr=0.1), seed=3), TemplateFit
    )
    wb.fit("feols", "y ~ x | unit", "staggered", demeaner=wb.LSMR(tol=1e-10))


def by_any_name(name: str) -> None:
    """Call a model whose name is not known before the run."""
    assert_type(wb.fit(name, "y ~ x", {"y": [1.0], "x": [2.0]}, se="robust"), wb.Fit)


def lists() -> None:
    """Call the functions that have the names of packages."""
    assert_type(len(wb.models()), int)
    assert_type(len(wb.runs()), int)
    assert_type(wb.optimizers()[0].name, str)


def mistakes() -> None:
    """Each line is an error, or mypy says that it is ignored in vain."""
    wb.fit("mixed_logit", LOGIT, "modechoice", drws=500)  # type: ignore[call-overload]
    wb.fit("mixed_logit", LOGIT, "modechoice", draws="many")  # type: ignore[call-overload]
    wb.fit("logit", "inlf ~ educ", "mroz", draws=500)  # type: ignore[call-overload]
    wb.fit("ols", "hours ~ educ", "mroz", seed="three")  # type: ignore[call-overload]
    wb.fit("ols", "hours ~ educ", "mroz", se="HC9")  # type: ignore[call-overload]
    wb.fit("logit", "inlf ~ educ", "mroz", optimizer="bgfs")  # type: ignore[call-overload]
    wb.MixedLogit(draws="many")  # type: ignore[arg-type]
    wb.SGD(momentm=0.1)  # type: ignore[call-arg]
