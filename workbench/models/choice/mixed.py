"""The mixed logit with its data: simulated maximum likelihood, or quadrature."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, final

import numpy as np

from workbench.backends.devices import host_memory
from workbench.covariances import Curvature
from workbench.errors import OptionError
from workbench.estimation.problem import Problem
from workbench.estimation.stages import other_sign, with_draws
from workbench.estimation.stopping import SAME_MAXIMUM
from workbench.kernels.choice.coefficients import (
    EXPONENTIAL,
    LINEAR,
    MINUS_EXPONENTIAL,
    RandomCoefficient,
    factor_pairs,
)
from workbench.kernels.choice.draws import Quadrature, base_draws, gauss_hermite
from workbench.kernels.choice.mixed import MixedKernel
from workbench.kernels.choice.scaled import Scaled
from workbench.kernels.choice.situations import Int64
from workbench.models.choice.coordinates import SeparateCoordinates
from workbench.models.choice.fixed_parameters import PersonKernel
from workbench.models.choice.options import GAUSS_HERMITE, MixedLogit
from workbench.models.choice.prediction import Mixture
from workbench.models.choice.problem import ChoiceProblem
from workbench.models.choice.situation_scores import mixed_situation_scores
from workbench.models.choice.starts import conditional_start, mixed_start
from workbench.models.choice.state import ChoiceState
from workbench.protocols import Numpy

# The warm start uses an eighth of the draws, if there are many, and at least these.
_MANY, _SHARE, _FEWEST = 100, 8, 25
# The start of a standard deviation, in units of its column's scale or of a coefficient's log.
_FIRST_SD = 0.5
_SMALLEST = 0.05
# With more random coefficients than this, the other signs are not tried one by one.
_SIGNS_TRIED = 6
# The decrement that a kink may leave, in nats.
_KINKED = 0.01
# In units of the log, at an inner maximum a last step is below 1e-4 of a standard error.
_STILL_MOVING = 0.1
# A run keeps its draws and the batches of its kernel; the second set of draws at its end is cut
# from one twice as long.
_COPIES = 5
# The share of a standard error that simulation may add before it is worth a warning.
_WORTH_SAYING = 0.1


def random_coefficients(
    settings: MixedLogit, names: Sequence[str], left_out: Sequence[str]
) -> tuple[RandomCoefficient, ...]:
    """Return the random coefficients in the order of the draws.

    Raises
    ------
    OptionError
        When one is not among the columns of the formula.
    """
    for name in settings.random:
        if name not in names:
            why = next((said for said in left_out if said.startswith(f"{name} ")), "")
            raise OptionError(
                f'The random coefficient "{name}" is not in the formula.{" " if why else ""}{why}',
                hint=f"one of {list(names)}.",
                code="no-such-coefficient",
                where="random",
            )
    return tuple(RandomCoefficient(names.index(n), kind) for n, kind in settings.random.items())


def sd_names(settings: MixedLogit) -> tuple[str, ...]:
    """Return the names of standard deviations, or of the Cholesky factor's elements."""
    names = list(settings.random)
    if not settings.correlated:
        return tuple(f"sd.{name}" for name in names)
    pairs = factor_pairs(len(names), True).tolist()
    return tuple(f"chol.{names[column]}.{names[row]}" for row, column in pairs)


@final
class MixedProblem(ChoiceProblem):
    """The objective of a mixed logit.

    Unconstrained parameters are means and standard deviations of coefficients of scaled columns.
    A standard deviation may have either sign; a negative one is made positive by changing the
    sign of its draws.
    """

    saddles = True
    settings: MixedLogit
    simulation: Mapping[str, Any]

    def _set_up(self) -> None:
        settings, names = self.settings, self.data.names
        self.random = random_coefficients(settings, names, self.data.left_out)
        self.pairs = factor_pairs(len(self.random), settings.correlated)
        self.signs = np.ones(len(self.random))
        self.simulation = {}
        self.further_parameters = tuple(n for n in sd_names(settings) if n not in settings.fixed)
        self.wtp = self._price()
        self._check_memory()
        self._note_kinks()
        logs = [n for n, kind in settings.random.items() if "lognormal" in kind]
        if logs:
            self.notes += (
                f"{' and '.join(logs)}: the mean and the sd are those of the logarithm.",
            )

    def _note_kinks(self) -> None:
        """Allow for kinks: a coefficient cut at zero gives the likelihood a kink at each draw."""
        cut = [n for n, kind in self.settings.random.items() if kind == "truncated_normal"]
        if cut:
            self.tolerance = _KINKED
            self.notes += (
                f"{' and '.join(cut)}: cut at zero, so the simulated likelihood has a kink at each "
                "draw, and its maximum may be one.",
            )

    def _check_memory(self) -> None:
        settings, memory = self.settings, host_memory()
        if settings.draw_kind == GAUSS_HERMITE or memory is None:
            return
        needed = _COPIES * 8.0 * self.data.persons * settings.draws * len(self.random)
        if needed > memory:
            raise OptionError(
                f"{settings.draws:,} draws of {len(self.random)} variates for each of "
                f"{self.data.persons:,} persons need about {needed / 1e9:,.1f} GB; this machine "
                f"has {memory / 1e9:,.1f} GB.",
                hint="fewer draws=.",
                code="too-large",
                where="draws",
            )

    def _price(self) -> int | None:
        name, names = self.settings.wtp_price, self.data.names
        if name is None or name in names:
            return None if name is None else names.index(name)
        raise OptionError(
            f'The price "{name}" is not in the formula.',
            hint=f"one of {list(names)}.",
            code="no-such-coefficient",
            where="wtp_price",
        )

    # Names and coordinates ----------------------------------------------------------------------

    @property
    def own_names(self) -> tuple[str, ...]:
        return (*self.data.names, *sd_names(self.settings))

    @cached_property
    def units(self) -> Numpy:
        """The ratio of a natural coefficient to that of the scaled column, ``(p,)``."""
        units = 1 / self.scales
        if self.wtp is not None:
            price = self.scales[self.wtp]
            units = price / self.scales
            units[self.wtp] = 1 / price
        return units

    @cached_property
    def own_coordinates(self) -> SeparateCoordinates:
        units, logs = self.units, self._logs
        slopes, shifts = np.where(logs, 1.0, units), np.where(logs, np.log(units), 0.0)
        of = np.array([self.random[row].column for row, _ in self.pairs.tolist()], dtype=np.int64)
        slopes = np.concatenate([slopes, slopes[of]])
        shifts = np.concatenate([shifts, np.zeros(len(of))])
        return SeparateCoordinates(slopes, shifts, np.zeros(len(slopes), dtype=bool))

    @property
    def scaled_parameters(self) -> Scaled:
        """In willingness-to-pay space the scale multiplies the price's coefficient alone."""
        p, of = len(self.data.names), [self.random[row].column for row, _ in self.pairs.tolist()]
        concerned = np.ones(p) if self.wtp is None else np.arange(p) == self.wtp
        logs = self._logs
        means, sds = concerned * ~logs, (concerned * ~logs)[of]
        return Scaled(np.concatenate([means, sds]), np.concatenate([concerned * logs, 0 * sds]))

    @property
    def _logs(self) -> Any:
        """Whether a column's parameter is the mean of logs, ``(p,)``."""
        shapes = {each.column: each.shape for each in self.random}
        exponential = {EXPONENTIAL, MINUS_EXPONENTIAL}
        return np.array([shapes.get(j) in exponential for j in range(len(self.data.names))])

    @cached_property
    def first_guess(self) -> Numpy:
        """The conditional logit's estimates and sds of half a scale, improved with few draws."""
        found = conditional_start(self.situations, self.backend)
        if self.wtp is not None:
            price = found[self.wtp]
            price = price if abs(price) > _SMALLEST else np.copysign(_SMALLEST, price)
            found = -found / price
            found[self.wtp] = price
        means = found.copy()
        for each in self.random:
            if each.shape == LINEAR:
                continue
            sign = -1.0 if each.shape == MINUS_EXPONENTIAL else 1.0
            size = max(sign * found[each.column], _SMALLEST)
            means[each.column] = np.log(size) if "lognormal" in each.kind else size
        own = [row == column for row, column in self.pairs.tolist()]
        guess = np.concatenate([means, np.where(own, _FIRST_SD, 0.0)])
        size = len(guess)
        return mixed_start(
            self.situations,
            self._with_few_draws,
            guess,
            held=self.held_values[:size],
            free=self.free[self.free < size],
            backend_name=self.specification.backend,
        )

    def _with_few_draws(self, persons: Int64, most: int) -> MixedKernel:
        """Return the kernel of some persons, by their positions, with some of their draws."""
        base, sets = self.base, self.situations.of(persons)
        few = base if isinstance(base, Quadrature) else base[persons, :most]
        correlated = self.settings.correlated
        return MixedKernel(sets, self.random, correlated, few, self.wtp, self.backend)

    @property
    def linear_columns(self) -> list[int]:
        """Columns whose coefficients, or their means, are unrestricted."""
        bounded = {each.column for each in self.random if each.shape != LINEAR}
        free = [] if self.wtp is not None else super().linear_columns
        return [j for j in free if j not in bounded]

    # Draws --------------------------------------------------------------------------------------

    def drawn(self, persons: int, first: int, draws: int) -> Numpy | Quadrature:
        """Return draws of ``persons`` persons after the ``first`` ones, or nodes."""
        settings = self.settings
        if settings.draw_kind == GAUSS_HERMITE:
            return gauss_hermite(draws)
        variates = [each.variate for each in self.random]
        seed, q = self.specification.seed, len(self.random)
        return base_draws(settings.draw_kind, first + persons, draws, q, seed, variates)[first:]

    @cached_property
    def base(self) -> Numpy | Quadrature:
        """The run's draws with their original signs, as its kernel reads them."""
        return self.drawn(self.data.persons, 0, self.settings.draws)

    @property
    def draws(self) -> Numpy | Quadrature:
        """The run's draws ``(n, R, q)``, with the signs for positive sds, or nodes."""
        return self.base if isinstance(self.base, Quadrature) else self.base * self.signs

    def kernel_with(self, draws: Numpy | Quadrature) -> PersonKernel:
        """Return a kernel over these draws."""

        def make(persons: Int64 | None) -> MixedKernel:
            own = draws if persons is None or isinstance(draws, Quadrature) else draws[persons]
            sets, correlated = self.sets_of(persons), self.settings.correlated
            return MixedKernel(sets, self.random, correlated, own, self.wtp, self.backend)

        return self.with_scale(make)

    def make_kernel(self) -> PersonKernel:
        return self.kernel_with(self.base)

    def warm_starts(self) -> Sequence[Problem]:
        """Return first the problem with an eighth of many draws, unless start values are given."""
        draws, started = self.base, self.specification.start or {}
        whole = super().warm_starts()
        if isinstance(draws, Quadrature) or draws.shape[1] < _MANY:
            return whole
        if all(name in started for name in self.parameter_names):
            return whole
        few = max(_FEWEST, draws.shape[1] // _SHARE)
        coarse = self.coarser(with_draws(few))
        coarse.__dict__["base"] = np.ascontiguousarray(draws[:, :few])
        return (coarse, *whole)

    # Signs --------------------------------------------------------------------------------------

    def _place(self, k: int) -> tuple[list[int], int]:
        """Return the free positions of the sds that multiply variate ``k``, and of its own."""
        p = len(self.data.names)
        whole = [p + i for i, pair in enumerate(self.pairs.tolist()) if pair[1] == k]
        own = next(p + i for i, pair in enumerate(self.pairs.tolist()) if pair == [k, k])
        place = {int(j): i for i, j in enumerate(self.free)}
        if not all(j in place for j in whole):
            return [], -1
        return [place[j] for j in whole], place[own]

    def _with_sign_changed(self, theta: Numpy, k: int) -> Numpy:
        turned, (places, _) = theta.copy(), self._place(k)
        turned[places] = -turned[places]
        return turned

    def other_modes(self, theta: Numpy) -> Mapping[str, Numpy]:
        """Return the mirror point of each standard deviation, by the name of its stage."""
        if self._symmetric or len(self.random) > _SIGNS_TRIED:
            return {}
        places = {k: self._place(k) for k in range(len(self.random))}
        return {
            other_sign(self.parameter_names[own]): self._with_sign_changed(theta, k)
            for k, (whole, own) in places.items()
            if whole
        }

    @property
    def _symmetric(self) -> bool:
        """Whether draws of the other sign are the same, as mirrored draws of one coefficient."""
        settings = self.settings
        mirrored = settings.draw_kind == "antithetic" and settings.draws % 2 == 0
        return settings.draw_kind == GAUSS_HERMITE or (mirrored and len(self.random) == 1)

    def normalize(self, theta: Numpy) -> Numpy:
        """Make negative sds positive by the signs of their draws, which is the same model."""
        turned = np.ones(len(self.random))
        for k in range(len(self.random)):
            places, own = self._place(k)
            if places and theta[own] < 0:
                theta, turned[k] = self._with_sign_changed(theta, k), -1.0
        if (turned < 0).any():
            self.signs = self.signs * turned
            signs, p = np.ones(len(self.all_names)), len(self.data.names)
            signs[p : p + len(self.pairs)] = turned[self.pairs[:, 1]]
            self.__dict__["kernel"] = self.kernel.with_signs(signs)
            self.__dict__.pop("_objective", None)
        return theta

    def at_bound(self, newton_step: Numpy) -> tuple[int, ...]:
        """Return each mean of logs that a step still lowers by far: coefficients go to zero."""
        logs = {each.column for each in self.random if "lognormal" in each.kind}
        places = [i for i, j in enumerate(self.free.tolist()) if j in logs]
        return tuple(i for i in places if newton_step[i] < -_STILL_MOVING)

    def start_from(self, params: Mapping[str, float]) -> dict[str, float]:
        """Return estimates with the signs of sds for the original draws."""
        signs = self.signs[self.pairs[:, 1]].tolist()
        turned = dict(zip(sd_names(self.settings), signs, strict=True))
        return {name: value * turned.get(name, 1.0) for name, value in params.items()}

    # Simulation error      -----------------------------------------------------------------------

    def notes_at(self, theta: Numpy, curvature: Curvature | None) -> tuple[str, ...]:
        """Measure the simulation error, and describe it."""
        if curvature is not None and curvature.at_bound:
            return tuple(self._on_sign(i) for i in curvature.at_bound)
        if curvature is None or curvature.negative:
            return ()
        self.simulation = self._measured(theta, curvature)
        return (*self._on_draws(), *self._on_signs(), *self._on_noise())

    def _measured(self, theta: Numpy, curvature: Curvature) -> dict[str, Any]:
        persons, draws = self.data.persons, self.settings.draws
        quadrature = self.settings.draw_kind == GAUSS_HERMITE
        fresh = self.drawn(
            persons, 0 if quadrature else persons, draws * 2 if quadrature else draws
        )
        other = self.kernel.over(self.kernel_with(fresh))
        weights = self.weights.values
        weights = np.ones(persons) if weights is None else weights
        apart = (self.kernel.scores(theta) - other.scores(theta)) * weights[:, None]
        second = other.values(theta)
        if not quadrature:
            second = np.logaddexp(self.kernel.values(theta), second) - np.log(2.0)
        carried = curvature.jacobian @ curvature.bread
        if quadrature:
            noise = np.abs(carried @ apart.sum(axis=0))
        else:
            noise = np.sqrt(np.diag(carried @ (apart.T @ apart / 2) @ carried.T))
        errors = np.sqrt(np.diag(curvature.jacobian @ curvature.bread @ curvature.jacobian.T))
        names = self.parameter_names
        return {
            "draws": draws,
            "loglik": self.loglik(theta),
            "loglik_twice": float(weights @ second),
            "noise": dict(zip(names, noise.tolist(), strict=True)),
            "share": dict(zip(names, (noise / errors).tolist(), strict=True)),
        }

    def _on_draws(self) -> tuple[str, ...]:
        kind, found = self.settings.draw_kind, self.simulation
        what = "nodes" if kind == GAUSS_HERMITE else f"{_DRAWN[kind]} draws for each person"
        return (
            f"{found['draws']:,} {what}; with twice as many the log-likelihood here would be "
            f"{_figure(found['loglik_twice'])} in place of {_figure(found['loglik'])}.",
        )

    def _on_sign(self, place: int) -> str:
        name = self.parameter_names[place]
        kind = self.settings.random[name]
        sign, other = (
            ("positive", "negative_lognormal") if kind == "lognormal" else ("negative", "lognormal")
        )
        return (
            f"The coefficients of {name}, which a {kind.replace('_', ' ')} distribution keeps "
            f'{sign}, go to zero: the choices suggest the other sign, as in "{other}".'
        )

    def _on_signs(self) -> tuple[str, ...]:
        """Say how far the maxima with other signs are below."""
        here = self.simulation["loglik"]
        below = [(name, here - value) for name, value in self.rejected_modes.items()]
        lower = [(name, _gap(gap)) for name, gap in below if gap > SAME_MAXIMUM]
        if not lower:
            return ()
        (first, gap), *others = lower
        more = [f", that {name.removeprefix('other sign ')} {gap}" for name, gap in others]
        return (
            f"The {first} ends {gap} log-likelihood units lower with these draws{''.join(more)}.",
        )

    def _on_noise(self) -> tuple[str, ...]:
        share = self.simulation["share"]
        loud = {name: each for name, each in share.items() if each > _WORTH_SAYING}
        if not loud:
            return ()
        name = max(loud, key=lambda each: loud[each])
        enough = self.settings.draws * (loud[name] / _WORTH_SAYING) ** 2
        others = f", and over a tenth for {len(loud) - 1} more" if len(loud) > 1 else ""
        return (
            f"Simulation noise is {loud[name]:.2f} of the standard error of {name}{others}; about "
            f"draws={_rounded(enough):,} would bring it to a tenth.",
        )

    # After the fit ------------------------------------------------------------------------------

    def conditional_means(self, theta: Numpy) -> Numpy:
        """Return the mean of each random coefficient given a person's choices, ``(n, q)``."""
        kernel: Any = self.kernel.kernel
        columns, whole = [each.column for each in self.random], self.kernel.inner(theta)
        means = kernel.conditional_means(whole) * self.units[columns]
        if self.scale is None:
            return np.asarray(means)
        logs = self.scale.values @ whole[len(self.own_names) :]
        concerned = self.scaled_parameters.multiplied + self.scaled_parameters.shifted
        return np.asarray(means / np.exp(np.outer(logs, concerned[columns])))

    def situation_opg(self, theta: Numpy) -> Numpy | None:
        """Return the outer products of the scores of situations, ``(k, k)``, without a scale."""
        if self.scale is not None:
            return None
        return self.products_by_situation(self.situation_scores(theta)[:, self.free])

    def situation_scores(self, theta: Numpy) -> Numpy:
        """Return the score of each situation by all parameters, unweighted, ``(s, K)``."""
        mixed = self.mixture_at(self.kernel.whole(theta))
        return mixed_situation_scores(self.situations, mixed, self.draws, self.pairs)

    def mixture_at(self, theta: Numpy) -> Mixture:
        """Return the distribution of the scaled columns' coefficients at all parameters."""
        p, q = len(self.data.names), len(self.random)
        factor = np.zeros((q, q))
        for value, (row, column) in zip(theta[p:], self.pairs.tolist(), strict=True):
            factor[row, column] = value
        return Mixture(theta[:p].copy(), factor, self.random, self.wtp)

    def state(self) -> ChoiceState:
        return replace(
            super().state(),
            signs=self.signs.tolist(),
            rejected_modes=dict(self.rejected_modes),
            simulation=dict(self.simulation),
        )


_DRAWN = {
    "halton": "Halton",
    "sobol": "scrambled Sobol",
    "mlhs": "MLHS",
    "antithetic": "antithetic",
    "random": "pseudo-random",
}


def _gap(value: float) -> str:
    return f"about {value:,.2f}" if value >= 0.005 else "less than 0.01"


def _figure(value: float) -> str:
    return f"{value:,.3f}".replace("-", "−")


def _rounded(value: float) -> int:
    """Round up to two digits."""
    unit = int(10 ** max(int(np.log10(value)) - 1, 0))
    return math.ceil(value / unit) * unit
