"""The call that repeats an event study in two stages."""

from __future__ import annotations

from workbench.data.formula.parser import split_formula
from workbench.estimation.code import Call, own_options, run_options
from workbench.estimation.specification import Specification
from workbench.models.event_study.options import DEFAULTS, DID2S


def did2s_call(specification: Specification) -> Call:
    """Return the call of ``wb.did2s`` that repeats a run."""
    stage = split_formula(specification.formula or "")
    weighted = {"weight_kind": DID2S.weight_kind} if specification.weights else {}
    options = {
        "yname": stage.outcome.strip("`").replace("``", "`"),
        "second_stage": f"~ {stage.terms}",
        **own_options(specification),
        "cluster": specification.cluster,
        **dict(run_options(specification, {**DEFAULTS, **weighted})),
    }
    return Call("did2s", (specification.data,), options)
