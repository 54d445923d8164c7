"""A mixed logit of one random coefficient: people choose among apartments, draws are given.

All sides get the same attributes, choices and draws, and end at the same log-likelihood, to 1e-6
of its size, with a positive standard deviation.  The package gives standard errors from the exact
Hessian: the kernel from arrays, and the call ``wb.fit`` from a DataFrame.
The peers: BFGS of scipy on a simulated likelihood that JAX compiles and differentiates, choices
one-hot, without standard errors; xlogit, whose errors are of outer products; and biogeme with its
Hessian, where it is installed.  A row's agreement is the largest distance between estimates in
standard errors, of errors of one kind relative.  Sides stay on one core where the row says so.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.harness import Answer, Call, Report, Side, first_use, main, take_turns


@dataclass(frozen=True)
class Size:
    """People, options and draws."""

    people: int
    options: int
    draws: int

    def __str__(self) -> str:
        return f"{self.people:,} x {self.options} x {self.draws}"

    @property
    def cells(self) -> int:
        """The exponentials of one evaluation."""
        return self.people * self.options * self.draws


SIZES = (
    Size(10_000, 21, 12),
    Size(50_000, 21, 12),
    Size(10_000, 100, 12),
    Size(10_000, 21, 100),
    Size(10_000, 500, 12),
    Size(100_000, 21, 100),
)
QUICK = (Size(1_000, 5, 12),)
REPEATS, QUICK_REPEATS = 7, 2
SLOW = 2e7
"""Cells from which sides are compared on one core alone."""
SECONDS = {"JAX one-hot, BFGS": 0.4e-6, "xlogit": 1.2e-6, "biogeme": 1e-3}
"""About the seconds per cell of a peer; a turn of 5 s or more is repeated 3 times, of 15 s once."""
TRUE = np.array([0.8, -0.5, 0.4, -1.0])
SPREAD = 1.0
MIRROR = np.array([1.0, 1.0, 1.0, 1.0, -1.0])
"""Factors that change the sign of the standard deviation."""
SAME = 1e-6
"""The relative difference allowed between the log-likelihoods of two sides."""
FIRST_PEOPLE, FIRST_DRAWS = 800, 12
"""The numbers of persons and draws in the first stage."""


def run(quick: bool) -> Report:
    """Compare all sides at all sizes."""
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WORKBENCH_STORE"] = str(Path(folder) / "runs.sqlite")
        for size in QUICK if quick else SIZES:
            for cores in (1,) if quick or size.cells > SLOW else (1, 2):
                _compare(report, size, cores, quick)
        if not quick:
            _first_uses(report)
    return report


def _compare(report: Report, size: Size, cores: int, quick: bool) -> None:
    """Let the sides take turns at one size; kernel and whole call are the package's."""
    began, first = perf_counter(), size in (*QUICK, SIZES[0])
    mine = {"mixed logit": ours} | ({"mixed logit by wb.fit": whole_fit} if first else {})
    peers = {"JAX one-hot, BFGS": jax_one_hot, "xlogit": xlogit}
    if first and cores == 1 and find_spec("biogeme") is not None:
        peers["biogeme"] = biogeme
    sides = [Side(name, partial(on_cores, cores, side, size)) for name, side in mine.items()]
    for name, side in peers.items():
        turn = SECONDS[name] * size.cells
        turns = None if turn < 5 else 3 if turn < 15 else 1
        sides.append(Side(name, partial(on_cores, cores, side, size), turns))
    found = take_turns(sides, QUICK_REPEATS if quick else REPEATS, quick)
    best, cored = log_likelihood(size, found["mixed logit"].answer.estimates), _cored(cores)
    for name in peers:
        theirs = log_likelihood(size, found[name].answer.estimates)
        assert abs(theirs / best - 1) < SAME, (size, name, theirs, best)
    for name in mine:  # the call tries the other sign too, at which the maximum may be higher
        both = (found[name].answer.estimates * sign for sign in (1, MIRROR))
        assert max(log_likelihood(size, theta) for theta in both) / best - 1 < SAME, (size, name)
    for name, side in found.items():
        report.extra[f"peak memory, {name}, {size}, {cored}, MB"] = side.answer.peak
    for work in mine:
        for peer in peers:
            report.add(f"{work}, {cored}", str(size), found[work], peer, found[peer])
    seconds = perf_counter() - began
    print(
        f"{size}, {cored}: {seconds:.0f} s, {_ratios(report, len(mine) * len(peers))}",
        file=sys.stderr,
        flush=True,
    )


def _cored(cores: int) -> str:
    return "one core" if cores == 1 else f"{cores} cores"


def _ratios(report: Report, lines: int) -> str:
    last = report.results[-lines:]
    return "; ".join(f"{each.work} against {each.peer} {each.ratio:.3g}" for each in last)


def _first_uses(report: Report) -> None:
    size = SIZES[0]
    for name, side in (("ours", ours), ("wb.fit", whole_fit), ("JAX", jax_one_hot)):
        seconds = first_use(Side(name, partial(on_cores, 1, side, size)))
        report.extra[f"first use in a process, {name}, {size}, s"] = round(seconds, 3)


def on_cores(cores: int, side: Callable[[Size], Call], size: Size, quick: bool) -> Call:
    """Hold the process of a side on so many cores, before any library starts its threads."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    os.environ["OMP_NUM_THREADS"] = str(cores)
    call = side(size)
    return lambda: replace(call(), peak=peak())


def peak() -> int:
    """Return the largest resident memory that this process has had, MB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


# The data ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """Attributes ``(n, J, p)``, the chosen option ``(n,)``, draws ``(n, R, 1)``."""

    x: np.ndarray
    chosen: np.ndarray
    draws: np.ndarray


def draw(size: Size) -> Sample:
    """Draw apartments, with a random coefficient of the last attribute, the price."""
    from workbench.kernels.choice.draws import base_draws

    random = np.random.default_rng(1)
    x = random.standard_normal((size.people, size.options, len(TRUE)))
    utility = x @ TRUE + x[..., -1] * SPREAD * random.standard_normal((size.people, 1))
    chosen = (utility + random.gumbel(size=utility.shape)).argmax(axis=1)
    return Sample(x, chosen, base_draws("halton", size.people, size.draws, 1))


def log_likelihood(size: Size, theta: np.ndarray) -> float:
    """Return the simulated log-likelihood at means and standard deviation."""
    from workbench.backends import backend_named
    from workbench.kernels.choice.coefficients import RandomCoefficient
    from workbench.kernels.choice.mixed import MixedKernel

    sample = draw(size)
    random, xp = [RandomCoefficient(len(TRUE) - 1)], backend_named("torch")
    kernel = MixedKernel(situations(sample.x, sample.chosen), random, False, sample.draws, None, xp)
    return kernel.totals(theta).value


def situations(x: np.ndarray, chosen: np.ndarray) -> Any:
    """Take the chosen option from the others."""
    from workbench.kernels.choice.situations import Situations

    people, options, columns = x.shape
    rows, width = np.arange(people), (options - 1) * columns
    table, mine = x.reshape(people, -1), x[rows, chosen]
    # The last option takes the place of the chosen one; rows as long as can be are subtracted.
    others = table[:, :width] - np.tile(mine, options - 1)
    moved = rows[chosen < options - 1]
    cube = others.reshape(people, options - 1, columns)
    cube[moved, chosen[moved]] = x[moved, -1] - mine[moved]
    first = np.arange(people + 1)
    return Situations(others.reshape(-1, columns), first * (options - 1), first)


# Ours --------------------------------------------------------------------------------------------


def ours(size: Size) -> Call:
    """Fit by Newton from a conditional logit, first over few people and draws, then over all."""
    from workbench.backends import backend_named
    from workbench.kernels.choice.coefficients import RandomCoefficient
    from workbench.kernels.choice.conditional import ConditionalKernel
    from workbench.kernels.choice.mixed import MixedKernel

    sample, random = draw(size), [RandomCoefficient(len(TRUE) - 1)]
    xp = backend_named("torch")

    def call() -> Answer:
        few = slice(None, FIRST_PEOPLE if size.people > 4 * FIRST_PEOPLE else None)
        first = situations(sample.x[few], sample.chosen[few])
        draws = sample.draws[few, :FIRST_DRAWS]
        theta = np.append(newton_from(ConditionalKernel(first, xp), np.zeros(len(TRUE)), 1.0), 0.5)
        kernel = MixedKernel(first, random, False, draws, None, xp)
        if draws.shape != sample.draws.shape:
            theta = newton_from(kernel, theta, 0.1)
            everyone = situations(sample.x, sample.chosen)
            kernel = MixedKernel(everyone, random, False, sample.draws, None, xp)
        theta = newton_from(kernel, theta, 1e-6)
        hessian = kernel.totals(theta, 2).hessian
        return Answer(theta, np.sqrt(np.diag(np.linalg.inv(-hessian))))

    return call


def newton_from(kernel: Any, start: np.ndarray, tolerance: float) -> np.ndarray:
    """Step until the Newton decrement of the log-likelihood is below a tolerance, in nats."""
    from workbench.optimizers.newton import Newton

    for step in Newton().iterate(Mean(kernel), start):
        if step.decrement is not None and step.decrement < tolerance:
            return step.params
    raise RuntimeError("Newton's method made no more progress.")


@dataclass(frozen=True)
class Mean:
    """The mean negative log-likelihood of a kernel, as an objective."""

    kernel: Any

    @property
    def size(self) -> int:
        return self.kernel.size

    @property
    def observations(self) -> float:
        return float(self.kernel.situations.persons)

    def evaluate(self, theta: np.ndarray, order: int = 0) -> Any:
        from workbench.protocols import Evaluation

        found, n = self.kernel.totals(theta, order), -self.observations
        parts = (None if part is None else part / n for part in (found.gradient, found.hessian))
        return Evaluation(found.value / n, *parts)


def whole_fit(size: Size) -> Call:
    """Fit from a DataFrame by the public call, with all results of the table."""
    import pandas as pd

    import workbench as wb

    sample = draw(size)
    names = ["size", "floor", "distance", "price"]
    frame = pd.DataFrame(sample.x.reshape(-1, len(names)), columns=names)
    frame["person"] = np.repeat(np.arange(size.people), size.options)
    frame["apartment"] = np.tile(np.arange(size.options), size.people)
    frame["chosen"] = (np.arange(size.options) == sample.chosen[:, None]).astype(int).ravel()

    def call() -> Answer:
        fit = wb.fit(
            "mixed_logit",
            "chosen ~ size + floor + distance + price",
            frame,
            situation="person",
            alternatives="apartment",
            random={"price": "normal"},
            draws=size.draws,
        )
        return Answer(fit.params.to_numpy(), fit.se.to_numpy())

    return call


# Peers -------------------------------------------------------------------------------------------


def jax_one_hot(size: Size) -> Call:
    """Minimize by scipy's BFGS; the likelihood keeps probabilities by option, person and draw."""
    import jax
    import jax.numpy as jnp
    from scipy.optimize import minimize

    jax.config.update("jax_enable_x64", True)
    sample = draw(size)
    one_hot = (np.arange(size.options) == sample.chosen[:, None]).astype(float)

    def mean_negative(theta: Any, x: Any, one_hot: Any, draws: Any) -> Any:
        price = theta[-2] + theta[-1] * draws
        utility = (x[..., :-1] @ theta[:-2])[..., None] + x[..., -1:] * price[:, None, :]
        chances = jax.nn.softmax(utility, axis=1)
        of_chosen = jnp.sum(chances * one_hot[..., None], axis=1)
        return -jnp.mean(jnp.log(jnp.mean(of_chosen, axis=1)))

    compiled = jax.jit(jax.value_and_grad(mean_negative))

    def call() -> Answer:
        data = [jnp.asarray(part) for part in (sample.x, one_hot, sample.draws[..., 0])]

        def both(theta: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = compiled(theta, *data)
            return float(value), np.asarray(gradient)

        start = np.append(np.zeros(len(TRUE)), 0.5)
        return Answer(minimize(both, start, jac=True, method="BFGS").x)

    return call


def xlogit(size: Size) -> Call:
    """Fit by xlogit, which starts from its own multinomial logit; the draws are given to it."""
    from xlogit import MixedLogit

    sample = draw(size)
    names = [f"x{k}" for k in range(len(TRUE))]
    x = sample.x.reshape(-1, len(names))
    options = np.tile(np.arange(size.options), size.people)
    people = np.repeat(np.arange(size.people), size.options)
    chosen = options == np.repeat(sample.chosen, size.options)
    given = np.moveaxis(sample.draws, 1, 2)
    MixedLogit._generate_draws = lambda *_, **__: given

    def call() -> Answer:
        model = MixedLogit()
        model.fit(
            X=x,
            y=chosen,
            varnames=names,
            alts=options,
            ids=people,
            randvars={names[-1]: "n"},
            n_draws=size.draws,
            verbose=0,
        )
        return Answer(model.coeff_)

    return call


def biogeme(size: Size) -> Call:
    """Fit by biogeme, which has errors of the Hessian too; its draws are given to it."""
    import pandas as pd
    from biogeme.biogeme import BIOGEME
    from biogeme.database import Database
    from biogeme.draws import RandomNumberGeneratorTuple
    from biogeme.expressions import Beta, Draws, MonteCarlo, Variable, log
    from biogeme.models import logit
    from biogeme.parameters import Parameters

    sample, columns = draw(size), range(len(TRUE))
    names = [f"x{j}_{k}" for j in range(size.options) for k in columns]
    wide = pd.DataFrame(sample.x.reshape(size.people, -1), columns=names)
    wide["chosen"] = sample.chosen
    given = RandomNumberGeneratorTuple(lambda *_: sample.draws[..., 0], "those of the other sides")

    def call() -> Answer:
        means = [Beta(f"mean{k}", 0.0, None, None, 0) for k in columns]
        spread = Beta("spread", 0.5, None, None, 0)
        slopes = [*means[:-1], means[-1] + spread * Draws("draws", "GIVEN")]
        utility = {
            j: sum(slopes[k] * Variable(f"x{j}_{k}") for k in columns) for j in range(size.options)
        }
        chance = logit(utility, None, Variable("chosen"))
        model = BIOGEME(
            Database("apartments", wide),
            log(MonteCarlo(chance)),
            parameters=Parameters(),
            random_number_generators={"GIVEN": given},
            number_of_draws=size.draws,
            number_of_threads=int(os.environ["OMP_NUM_THREADS"]),
            calculating_second_derivatives="analytical",
            generate_html=False,
            generate_yaml=False,
            save_iterations=False,
            tolerance=1e-9,
        )
        found = model.estimate()
        values = found.get_beta_values()
        names = [*(f"mean{k}" for k in columns), "spread"]
        places = [found.beta_names.index(name) for name in names]
        errors = np.sqrt(np.diag(found.rao_cramer_variance_covariance_matrix))[places]
        return Answer(np.array([values[name] for name in names]), errors)

    return call


if __name__ == "__main__":
    main("mixed_logit", run)
