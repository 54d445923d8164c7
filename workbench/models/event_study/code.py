"""The call that repeats an event study in two stages."""

from __future__ import annotations

from typing import Any

from workbench.data.formula.parser import split_formula
from workbench.estimation.code import Call
from workbench.estimation.specification import Specification
from workbench.models.event_study.options import DID2S


def did2s_call(specification: Specification) -> Call:
    """Return the call of ``wb.did2s`` that repeats a run."""
    stage = split_formula(specification.formula or "")
    options: dict[str, Any] = {
        "yname": stage.outcome.strip("`").replace("``", "`"),
        "first_stage": specification.model.settings["first_stage"],
        "second_stage": f"~ {stage.terms}",
        "treatment": specification.model.settings["treatment"],
        "cluster": specification.clusters[0],
        "weights": specification.weights,
        "ssc": specification.ssc,
        "name": specification.name,
    }
    defaults = {"weights": None, "ssc": "none", "name": DID2S.name}
    differing = {
        name: value
        for name, value in options.items()
        if name not in defaults or value != defaults[name]
    }
    return Call("did2s", (specification.data,), differing)
