"""A Gaussian linear model of 50,000 rows and 100 regressors, and a logit of the same size.

Every side starts from the same DataFrame and the same random start values, standard normal
coefficients and a log of sigma near zero, and ends with estimates; all but SGD and the scipy
side also give standard errors from the Hessian.  A row's agreement is the largest distance
between the two answers: of estimates in standard errors, of standard errors relative.
"""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.harness import Answer, Call, Report, Side, first_use, main, take_turns

FULL, QUICK = (50_000, 100), (2_000, 10)
REPEATS, QUICK_REPEATS = 15, 2
SGD_STEPS, QUICK_SGD_STEPS = 3_000, 300
SAME = {"closed form, numpy": 1e-6, "pytorch-minimize L-BFGS + Hessian": 1e-2}
"""Largest distance from sides that end at the maximum; L-BFGS stops at a gradient of 1e-5."""
HALF_LOG_TWO_PI = 0.5 * np.log(2 * np.pi)


def run(quick: bool) -> Report:
    """Compare all sides."""
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WORKBENCH_STORE"] = str(Path(folder) / "runs.sqlite")
        _gaussian(report, quick)
        _logit(report, quick)
        if not quick:
            _first_uses(report, folder)
    return report


def _gaussian(report: Report, quick: bool) -> None:
    sides = [
        *(Side(f"workbench, {name}", partial(ours, "gaussian", name)) for name in ("torch", "jax")),
        Side("closed form, numpy", closed_form),
        Side("pytorch-minimize L-BFGS + Hessian", pytorch_minimize),
        Side("scipy BFGS without derivatives", scipy_without_derivatives, repeats=3),
        Side("torch SGD", torch_sgd, repeats=1),
    ]
    found = take_turns(sides, QUICK_REPEATS if quick else REPEATS, quick)
    for name in ("torch", "jax"):
        mine = found[f"workbench, {name}"]
        for peer in (side.name for side in sides[2:]):
            report.add(f"gaussian, {name}", _size(quick), mine, peer, found[peer])
    for result in report.results:
        assert result.agreement is not None
        assert result.agreement < SAME.get(result.peer, np.inf), result


def _logit(report: Report, quick: bool) -> None:
    libraries = ("torch", "jax")
    mine = [Side(f"workbench, {name}", partial(ours, "logit", name)) for name in libraries]
    peers = [Side("Newton in numpy", numpy_newton), Side("statsmodels Newton", statsmodels_newton)]
    found = take_turns([*mine, *peers], QUICK_REPEATS if quick else REPEATS, quick)
    for name, side in zip(libraries, mine, strict=True):
        for peer in (side.name for side in peers):
            us, them = found[side.name], found[peer]
            report.add(f"logit, {name}", _size(quick), us, peer, them)
            us, them = us.of_a_step(), them.of_a_step()
            report.add(f"a Newton step of logit, {name}", _size(quick), us, peer, them)


def _first_uses(report: Report, folder: str) -> None:
    """Time first fits in fresh processes: nothing compiled before, and compiled code on disk."""
    os.environ["XDG_CACHE_HOME"] = folder
    for model in ("gaussian", "logit"):
        for name, how in (
            ("torch", ""),
            ("jax", " (never compiled)"),
            ("jax", " (compiled on disk)"),
        ):
            seconds = first_use(Side(f"workbench, {name}", partial(ours, model, name)))
            report.extra[f"first {model} fit of a process on {name}{how}, s"] = round(seconds, 3)


def _size(quick: bool) -> str:
    rows, columns = QUICK if quick else FULL
    return f"{rows:,} x {columns}"


# The data ----------------------------------------------------------------------------------------


def draw(quick: bool) -> Any:
    """Return the sample, or a small one of the same kind."""
    from workbench.data.sources import simulated

    rows, columns = QUICK if quick else FULL
    return simulated.gaussian(rows, columns)


def draw_logit(quick: bool) -> Any:
    """Return the same regressors with a two-valued outcome."""
    frame = draw(quick)
    index = frame["y"].to_numpy() / 10
    chance = 1 / (1 + np.exp(-index))
    random = np.random.default_rng(7)
    return frame.assign(y=(random.random(len(frame)) < chance).astype(float))


def start_values(columns: int) -> tuple[np.ndarray, float]:
    """Return start values for intercept and slopes ``(1 + columns,)``, and the log of sigma."""
    random = np.random.default_rng(11)
    return random.standard_normal(1 + columns), float(0.1 * random.standard_normal())


def formula_of(frame: Any) -> str:
    return "y ~ " + " + ".join(name for name in frame.columns if name != "y")


def arrays(frame: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return outcome ``(n,)`` and design ``(n, p)`` with a constant first."""
    x = frame.drop(columns="y").to_numpy()
    return frame["y"].to_numpy(), np.column_stack([np.ones(len(x)), x])


# Ours --------------------------------------------------------------------------------------------


def ours(model: str, backend: str, quick: bool) -> Call:
    """Fit by the package, the whole call: formula, checks, record, standard errors."""
    import workbench as wb

    frame = draw(quick) if model == "gaussian" else draw_logit(quick)
    formula, start = formula_of(frame), None
    if model == "gaussian":
        beta, log_sigma = start_values(frame.shape[1] - 1)
        names = ["Intercept", *frame.columns.drop("y")]
        start = dict(zip(names, beta.tolist(), strict=True)) | {"sigma": float(np.exp(log_sigma))}

    def call() -> Answer:
        fit = wb.fit(model, formula, frame, backend=backend, start=start)
        assert fit.converged
        steps = np.diff([step.seconds for step in fit.trace])
        return Answer(fit.params.to_numpy(), fit.se.to_numpy(), float(np.median(steps)))

    return call


# Peers -------------------------------------------------------------------------------------------


def closed_form(quick: bool) -> Call:
    """Solve the normal equations; standard errors of maximum likelihood, that of sigma included."""
    frame = draw(quick)

    def call() -> Answer:
        y, x = arrays(frame)
        gram = x.T @ x
        beta = np.linalg.solve(gram, x.T @ y)
        sigma = np.sqrt(np.mean((y - x @ beta) ** 2))
        errors = sigma * np.sqrt(np.diag(np.linalg.inv(gram)))
        return Answer(np.append(beta, sigma), np.append(errors, sigma / np.sqrt(2 * len(y))))

    return call


def pytorch_minimize(quick: bool) -> Call:
    """Minimize by L-BFGS with automatic gradients; standard errors from an automatic Hessian."""
    import torch
    from torchmin import minimize

    frame = draw(quick)
    beta, log_sigma = start_values(frame.shape[1] - 1)
    start = torch.tensor(np.append(beta, log_sigma))

    def call() -> Answer:
        y, x = (torch.tensor(part) for part in arrays(frame))

        def mean_negative(theta: torch.Tensor) -> torch.Tensor:
            residuals = (y - x @ theta[:-1]) * torch.exp(-theta[-1])
            return theta[-1] + 0.5 * (residuals**2).mean() + HALF_LOG_TWO_PI

        found = minimize(mean_negative, start, method="l-bfgs", max_iter=1_000)
        hessian = torch.autograd.functional.hessian(mean_negative, found.x)
        errors = torch.sqrt(torch.diag(torch.linalg.inv(hessian)) / len(y)).numpy()
        return _natural(found.x.numpy(), errors)

    return call


def scipy_without_derivatives(quick: bool) -> Call:
    """Minimize by BFGS with finite differences; its approximate inverse Hessian is not used."""
    from scipy.optimize import minimize

    frame = draw(quick)
    start = np.append(*start_values(frame.shape[1] - 1))

    def call() -> Answer:
        y, x = arrays(frame)

        def mean_negative(theta: np.ndarray) -> float:
            residuals = (y - x @ theta[:-1]) * np.exp(-theta[-1])
            return float(theta[-1] + 0.5 * np.mean(residuals**2) + HALF_LOG_TWO_PI)

        found = minimize(mean_negative, start, method="BFGS", options={"maxiter": 100})
        return _natural(found.x)

    return call


def torch_sgd(quick: bool) -> Call:
    """Take gradient steps on the sum over all rows, rate 1e-5 at 50,000 rows, no errors."""
    import torch

    frame = draw(quick)
    start = np.append(*start_values(frame.shape[1] - 1))
    rate, steps = 0.5 / len(frame), QUICK_SGD_STEPS if quick else SGD_STEPS

    def call() -> Answer:
        y, x = (torch.tensor(part) for part in arrays(frame))
        theta = torch.tensor(start, requires_grad=True)
        optimizer = torch.optim.SGD([theta], lr=rate)
        for _ in range(steps):
            optimizer.zero_grad()
            residuals = (y - x @ theta[:-1]) * torch.exp(-theta[-1])
            total = len(y) * theta[-1] + 0.5 * (residuals**2).sum()
            total.backward()
            optimizer.step()
        return _natural(theta.detach().numpy())

    return call


def _natural(theta: np.ndarray, errors: np.ndarray | None = None) -> Answer:
    """Turn the log of sigma, the last element, into sigma, its error by the delta method."""
    sigma = np.exp(theta[-1])
    shown = np.append(theta[:-1], sigma)
    return Answer(shown, None if errors is None else np.append(errors[:-1], sigma * errors[-1]))


def numpy_newton(quick: bool) -> Call:
    """Fit the logit by a loop written in numpy."""
    frame = draw_logit(quick)

    def call() -> Answer:
        y, x = arrays(frame)
        beta, steps, began = np.zeros(x.shape[1]), 0, perf_counter()
        while True:
            chance = 1 / (1 + np.exp(-(x @ beta)))
            gradient = x.T @ (y - chance)
            hessian = x.T @ (x * (chance * (1 - chance))[:, None])
            change = np.linalg.solve(hessian, gradient)
            if gradient @ change < 1e-10:
                break
            beta, steps = beta + change, steps + 1
        step = (perf_counter() - began) / (steps + 1)
        return Answer(beta, np.sqrt(np.diag(np.linalg.inv(hessian))), step)

    return call


def statsmodels_newton(quick: bool) -> Call:
    """Fit the logit by statsmodels; a step is the whole fit over its number of steps."""
    from statsmodels.discrete.discrete_model import Logit

    frame = draw_logit(quick)

    def call() -> Answer:
        began = perf_counter()
        fit = Logit(*arrays(frame)).fit(method="newton", disp=0)
        step = (perf_counter() - began) / fit.mle_retvals["iterations"]
        return Answer(fit.params, fit.bse, step)

    return call


if __name__ == "__main__":
    main("ols", run)
