"""A run of several optimizations, from few draws to many, numbers its steps throughout."""

from __future__ import annotations

import numpy as np

import workbench as wb

ROLES = {"situation": "individual", "alternatives": "mode"}


def test_evaluations_and_seconds_go_on_from_one_stage_to_the_next():
    travel = wb.load("modechoice")
    options = {**ROLES, "random": {"ttme": "normal"}, "draws": 120}

    fit = wb.fit("mixed_logit", "choice ~ ttme + gc", travel, **options)

    steps = fit.trace.to_frame()
    assert steps["stage"].nunique() > 1
    for count in ("number", "evaluations", "seconds"):
        assert (np.diff(steps[count]) > 0).all(), count
