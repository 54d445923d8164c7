"""How often 95 % intervals of a mixed logit cover the truth, over 1,000 simulated samples.

Each sample has people who choose several times, with a random coefficient of the price.
There is no peer: the share is compared with 0.95, which 1,000 samples distinguish from 0.93 and
0.97.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.harness import Report, main

SAMPLES, QUICK_SAMPLES = 1_000, 20
PEOPLE, SITUATIONS, OPTIONS, DRAWS = 400, 6, 3, 200
TRUE = {"price": -1.0, "quality": 0.5, "sd.price": 0.8}
KINDS = ("hessian", "opg", "robust")
HALF_WIDTH = 1.959963984540054
"""Standard errors on each side of an estimate."""


def run(quick: bool) -> Report:
    """Fit every sample, and count the intervals that hold the truth."""
    os.environ["WORKBENCH_STORE"] = ":memory:"
    count = QUICK_SAMPLES if quick else SAMPLES
    held = {(kind, name): 0 for kind in KINDS for name in TRUE}
    estimates, seconds, converged = [], [], 0
    for sample in samples(count):
        began = perf_counter()
        fit = fitted(sample)
        seconds.append(perf_counter() - began)
        estimates.append(fit.params[[*TRUE]].to_numpy())
        if not fit.converged:
            continue
        converged += 1
        for kind, name in held:
            apart = abs(fit.params[name] - TRUE[name]) / fit.standard_errors(kind)[name]
            held[kind, name] += bool(apart <= HALF_WIDTH)
    return _report(held, np.array(estimates), seconds, converged)


def _report(
    held: dict[tuple[str, str], int], estimates: np.ndarray, seconds: list[float], converged: int
) -> Report:
    report = Report()
    size = f"{PEOPLE} people x {SITUATIONS} situations x {OPTIONS} options, {DRAWS} draws"
    report.extra[f"samples that converged, of {len(seconds):,}; {size}"] = converged
    report.extra["a fit, median s"] = round(median(seconds), 3)
    for name, mean in zip(TRUE, estimates.mean(axis=0), strict=True):
        report.extra[f"mean estimate of {name}, where the truth is {TRUE[name]:g}"] = f"{mean:.3f}"
    for (kind, name), count in held.items():
        report.extra[f"coverage of {name}, {kind}"] = f"{count / converged:.1%}"
    return report


def samples(count: int) -> Iterator[Any]:
    """Draw long tables of choices."""
    import pandas as pd

    for seed in range(count):
        random = np.random.default_rng(seed)
        x = random.normal(size=(PEOPLE, SITUATIONS, OPTIONS, 2))
        price = TRUE["price"] + TRUE["sd.price"] * random.normal(size=(PEOPLE, 1, 1))
        utility = price * x[..., 0] + TRUE["quality"] * x[..., 1] + random.gumbel(size=x.shape[:-1])
        chosen = utility == utility.max(axis=-1, keepdims=True)
        person, situation, option = np.indices(utility.shape).reshape(3, -1)
        yield pd.DataFrame(
            {
                "person": person,
                "situation": person * SITUATIONS + situation,
                "option": option,
                "chosen": chosen.ravel().astype(int),
                "price": x[..., 0].ravel(),
                "quality": x[..., 1].ravel(),
            }
        )


def fitted(sample: Any) -> Any:
    """Fit a sample by the public call."""
    import workbench as wb

    return wb.fit(
        "mixed_logit",
        "chosen ~ price + quality",
        sample,
        situation="situation",
        alternatives="option",
        panel="person",
        random={"price": "normal"},
        draws=DRAWS,
        se="robust",
    )


if __name__ == "__main__":
    main("mixed_logit_coverage", run)
