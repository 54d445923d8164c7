"""The logit with latent classes, with its data."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any, final

import numpy as np

from workbench.covariances import Curvature
from workbench.kernels.choice.latent_class import LatentClassKernel
from workbench.models.choice.coordinates import SeparateCoordinates
from workbench.models.choice.covariates import read_covariates
from workbench.models.choice.options import LatentClass
from workbench.models.choice.problem import UNKNOWN, ChoiceProblem
from workbench.models.choice.starts import conditional_start
from workbench.models.choice.state import ChoiceState
from workbench.protocols import Numpy

_STEPS_OF_EM = 30
# EM stops at smaller gains of a step, in nats; Newton's method continues.
_LITTLE = 0.01
# Starts are compared on this many persons at most.
_ENOUGH_PERSONS = 2_000
_FAR = 20.0
# In coefficients of scaled columns; at an inner maximum a last step is below 1e-4 of an error.
_STILL_MOVING = 0.1


@final
class LatentClassProblem(ChoiceProblem):
    """The objective of a logit with latent classes, in exact derivatives after starts by EM."""

    saddles = True
    unbounded = True
    settings: LatentClass

    def _set_up(self) -> None:
        assert self.extra is not None
        assert self.table is not None
        self.members = read_covariates(self.extra, self.data, self.table, self.roles, constant=True)
        for name in self.members.left_out:
            said = f"{name} is collinear in the membership and was left out."
            self.left_out = (*self.left_out, said)
        self.further_parameters = tuple(
            n for n in self._member_names if n not in self.settings.fixed
        )

    @property
    def _member_names(self) -> tuple[str, ...]:
        classes = range(2, self.settings.classes + 1)
        return tuple(f"membership{c}.{name}" for c in classes for name in self.members.names)

    @property
    def own_names(self) -> tuple[str, ...]:
        classes = range(1, self.settings.classes + 1)
        return (
            *(f"class{c}.{name}" for c in classes for name in self.data.names),
            *self._member_names,
        )

    @cached_property
    def own_coordinates(self) -> SeparateCoordinates:
        classes = self.settings.classes
        slopes = np.concatenate(
            [np.tile(1 / self.scales, classes), np.tile(1 / self.members.sizes, classes - 1)]
        )
        return SeparateCoordinates(slopes, np.zeros(len(slopes)), np.zeros(len(slopes), dtype=bool))

    def make_kernel(self) -> LatentClassKernel:
        return LatentClassKernel(self.situations, self.members.values, self.settings.classes)

    @property
    def linear_columns(self) -> list[int]:
        classes = range(1, self.settings.classes + 1)
        return [
            j
            for j, name in enumerate(self.data.names)
            if not any(f"class{c}.{name}" in self.held for c in classes)
        ]

    def slopes(self, theta: Numpy) -> Numpy:
        kernel: Any = self.kernel.kernel
        return np.asarray(kernel.slopes(self.kernel.whole(theta)))

    # Starts -------------------------------------------------------------------------------------

    @cached_property
    def first_guess(self) -> Numpy:
        """The best of several starts after a few steps of EM; equal classes would stay equal.

        All begin at the conditional logit's estimates, with memberships of persons drawn at
        random.
        """
        kernel, rng = self._sampled(), np.random.default_rng(self.specification.seed)
        middle = conditional_start(self.situations, self.backend)
        found = []
        for start in range(self.settings.starts + 1):
            posterior = self._random_posterior(rng, len(kernel.z), start)
            theta = np.concatenate(
                [np.tile(middle, kernel.classes), np.zeros((kernel.classes - 1) * kernel.g)]
            )
            found.append(_em_steps(kernel, theta, posterior))
        best = max(found, key=lambda pair: pair[0])
        worst = min(value for value, _ in found)
        if self.settings.starts:
            low, high = (f"{value:,.2f}".replace("-", "−") for value in (worst, best[0]))
            sampled = len(kernel.z) < self.data.persons
            self._note_on_starts = (
                f"The best of {len(found)} starts; after up to {_STEPS_OF_EM} steps of EM their "
                f"log-likelihoods lay between {low} and {high}"
                f"{f' for {len(kernel.z):,} persons' if sampled else ''}."
            )
        return best[1]

    _note_on_starts = ""

    def _sampled(self) -> LatentClassKernel:
        """Return the kernel of all persons, or of the first ones in a random order."""
        if self.data.persons <= _ENOUGH_PERSONS:
            return self.make_kernel()
        rng = np.random.default_rng(self.specification.seed)
        chosen = np.sort(rng.choice(self.data.persons, _ENOUGH_PERSONS, replace=False))
        return LatentClassKernel(
            self.situations.of(chosen), self.members.values[chosen], self.settings.classes
        )

    def _random_posterior(self, rng: np.random.Generator, persons: int, start: int) -> Numpy:
        classes = self.settings.classes
        share = rng.dirichlet(np.full(classes, 1.0 if start else 5.0), persons)
        return np.asarray(share)

    def normalize(self, theta: Numpy) -> Numpy:
        """Put the class with the largest mean membership first."""
        if self.settings.fixed:
            return theta
        kernel = self.make_kernel()
        shares = np.exp(kernel.log_membership(theta)).mean(axis=0)
        order = np.argsort(-shares, kind="stable")
        members = np.vstack(
            [np.zeros(kernel.g), theta[kernel.classes * kernel.p :].reshape(-1, kernel.g)]
        )
        members = members[order] - members[order[0]]
        return np.concatenate([kernel.slopes(theta)[order].reshape(-1), members[1:].reshape(-1)])

    # After the fit ------------------------------------------------------------------------------

    def posterior(self, theta: Numpy) -> Numpy:
        """Return the probability of each class given a person's choices, ``(n, C)``."""
        kernel: Any = self.kernel.kernel
        return np.asarray(kernel.posterior(self.kernel.whole(theta)))

    def class_shares(self, theta: Numpy) -> Numpy:
        """Return the mean membership of each class, ``(C,)``."""
        kernel: Any = self.kernel.kernel
        member = np.exp(kernel.log_membership(self.kernel.whole(theta)))
        return np.asarray(np.average(member, axis=0, weights=self.weights.values))

    def at_bound(self, newton_step: Numpy) -> tuple[int, ...]:
        """Return each coefficient that a step still moves far: its class is predicted exactly."""
        of_class = [name.startswith("class") for name in self.parameter_names]
        return tuple(np.flatnonzero(of_class & (np.abs(newton_step) > _STILL_MOVING)).tolist())

    def notes_at(self, theta: Numpy, curvature: Curvature | None) -> tuple[str, ...]:
        shares = self.class_shares(theta)
        self._shares = shares.tolist()
        listed = ", ".join(f"{share:.3f}" for share in self._shares)
        found = (f"Mean membership of the classes, largest first: {listed}.",)
        return (*found, *filter(None, [self._note_on_starts]), *self._on_diverging_classes(theta))

    def _on_diverging_classes(self, theta: Numpy) -> tuple[str, ...]:
        """Name the classes that predict the choices of their persons exactly, as small ones may."""
        hessian = self.kernel.totals(theta, 2).hessian
        if hessian is None or not self._diverges(theta):
            return ()
        far = [
            c
            for c in range(1, self.settings.classes + 1)
            if self._class_without_information(c, -hessian)
        ]
        if not far:
            return ()
        which = " and ".join(map(str, far))
        which_classes = f"classes {which}" if len(far) > 1 else f"class {which}"
        return (
            f"The coefficients of {which_classes} grow without bound: they predict choices "
            "exactly, so some have no maximum likelihood estimate; try fewer classes or variables.",
        )

    def _class_without_information(self, c: int, information: Numpy) -> bool:
        """Return whether a class's coefficients have a direction without information ``(k, k)``."""
        own = [i for i, n in enumerate(self.parameter_names) if n.startswith(f"class{c}.")]
        return bool(own and np.linalg.eigvalsh(information[np.ix_(own, own)])[0] < UNKNOWN)

    _shares: list[float] | None = None

    def state(self) -> ChoiceState:
        members = self.members.state()
        return replace(super().state(), class_shares=self._shares, members=members)


def _em_steps(kernel: LatentClassKernel, theta: Numpy, posterior: Numpy) -> tuple[float, Numpy]:
    """Return log-likelihood and parameters after some steps of EM from a posterior ``(n, C)``."""
    best = (-np.inf, theta)
    for _ in range(_STEPS_OF_EM):
        theta = np.clip(kernel.raised(theta, posterior), -_FAR, _FAR)
        value, posterior = kernel.expected(theta)
        gain = value - best[0]
        if gain > 0:
            best = (value, theta)
        if abs(gain) < _LITTLE:
            break
    return best
