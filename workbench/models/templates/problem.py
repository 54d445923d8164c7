"""A linear-index template joined with its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, final

import numpy as np

from workbench.backends import Backend, backend_named
from workbench.covariances import ClusterMeat, Curvature
from workbench.data.design import Design
from workbench.errors import DataError, LikelihoodError, OptionError
from workbench.estimation.objective import ScaledObjective
from workbench.estimation.problem import Problem
from workbench.estimation.procedure import Optimized
from workbench.estimation.separation_evidence import SeparationEvidence
from workbench.estimation.specification import Specification
from workbench.kernels.likelihood.grouped import GroupedKernel
from workbench.kernels.likelihood.linear_predictor import LinearPredictorKernel
from workbench.kernels.likelihood.parameters import Scale
from workbench.kernels.likelihood.scores import RowScores, UnitScores
from workbench.kernels.linear.moments import GaussianMoments
from workbench.likelihoods.base import Likelihood, Observed, Start, Support, total
from workbench.models.design.checks import check_enough_rows, check_names, check_outcome
from workbench.models.design.clusters import notes_on_clusters
from workbench.models.design.scaling import INTERCEPT, outcome_scale
from workbench.models.design.weights import weights_of
from workbench.models.templates.coordinates import TemplateCoordinates
from workbench.models.templates.equations import equation_columns, stacked_names
from workbench.models.templates.null_model import maximum
from workbench.models.templates.options import without_names
from workbench.models.templates.results import TemplateState
from workbench.models.templates.separation import evidence
from workbench.protocols import Numpy

# On an unconstrained scale; at an inner maximum a last step is below 1e-4 of a standard error.
_STILL_MOVING = 0.1
# A dispersion, or a share of inflated zeros, that float32 cannot tell from zero.
_NEGLIGIBLE = 1e-5


@final
class TemplateProblem(Problem):
    """The objective of a template, its start, and the facts at any point."""

    def __init__(self, template: Likelihood, specification: Specification, design: Design) -> None:
        super().__init__(specification, design)
        self.template = template
        self._last: tuple[Numpy, Numpy, RowScores | UnitScores] | None = None
        self._score: tuple[Numpy, Numpy] | None = None
        self._searched: set[int] = set()
        self.title = template.title  # type: ignore[misc]
        self.depvar = design.outcome_name
        self.dropped, self.clusters = dict(design.dropped), dict(design.clusters)
        self.units = self._units_of(design)
        self.notes = tuple(design.notes)
        for name, codes in self.clusters.items():
            self.notes += notes_on_clusters(codes, name)
        check_outcome(template, design)
        self._prepare(weights_kind=specification.weight_kind)
        template.check_data(self._observed(), self.depvar)
        self.notes += template.notes_before(self._observed(), self.depvar)

    def _units_of(self, design: Design) -> Any:
        """Return the group of each row ``(n,)`` where groups are the units, or None.

        Raises
        ------
        OptionError
            When rows of a group have weights.
        """
        if self.template.unit == "row":
            return None
        if design.weights is not None:
            raise OptionError(
                f"{self.title} is a likelihood of groups, so its rows have no weights.",
                hint="leave weights= out.",
                code="no-weights",
                where="weights",
            )
        name = str(self.template.group)
        codes = design.clusters[name]
        if name not in self.specification.clusters:
            self.clusters.pop(name)
        return codes

    def _prepare(self, weights_kind: str) -> None:
        design, template = self.design, self.template
        y, offset = design.outcome, design.offset
        self.weights = weights_of(design.weights, weights_kind, len(y))
        self.observations = self.weights.observations
        if template.scales_outcome and offset is not None:
            y, offset = y - offset, None
        scale = outcome_scale(y, design.names) if template.scales_outcome else (0.0, 1.0)
        self.y = (y - scale[0]) / scale[1] if template.scales_outcome else y
        self.offset = offset
        self.parts = equation_columns(
            template, design, self.y, self.weights.values, self.specification.collinear
        )
        self.columns = self.parts[0].columns
        self.left_out = tuple(s for part in self.parts for s in part.columns.left_out)
        self.notes += tuple(note for part in self.parts for note in part.columns.notes)
        self._name_parameters()
        self.coordinates = TemplateCoordinates(template, self.parts, self.scale, *scale)

    def _name_parameters(self) -> None:
        design, coefficients = self.design, stacked_names(self.parts)
        self.blocks = self.template.blocks(self.y, design.outcome_levels or ())
        self.further_parameters = tuple(name for block in self.blocks for name in block.names)
        self.scale = Scale(len(coefficients), self.blocks)
        self.parameter_names = (*coefficients, *self.further_parameters)
        check_names(self.parameter_names)
        further = [name for part in self.parts[1:] for name in part.names]
        columns = tuple(n for n in design.names if n != INTERCEPT or self.parts[0].intercept == 0)
        every = (*columns, *further, *self.further_parameters)
        check_enough_rows(int(self.observations), every, (*columns, *further))

    @property
    def column_sd(self) -> Mapping[str, float]:
        """Standard deviations of the regressors, by name."""
        found = {name: sd for part in self.parts for name, sd in part.column_sd.items()}
        return {name: sd for name, sd in found.items() if name.rpartition(":")[2] != INTERCEPT}

    # What the optimizer needs -------------------------------------------------------------------

    @property
    def backend(self) -> Backend:
        """The backend of the specification."""
        specification = self.specification
        return backend_named(specification.backend, specification.device, specification.dtype)

    @cached_property
    def kernel(self) -> LinearPredictorKernel | GroupedKernel:
        """The sums over the rows, made when first used."""
        return self._kernel_of(self.backend, [part.columns.x for part in self.parts])

    def _kernel_of(
        self, xp: Backend, designs: Sequence[Numpy]
    ) -> LinearPredictorKernel | GroupedKernel:
        formula, columns = without_names(self.template).contributions, self._further_columns
        offsets = [self.offset, *([None] * (len(designs) - 1))]
        if self.units is not None:
            return GroupedKernel(
                formula,
                xp,
                self.y,
                designs,
                self.units,
                offsets=offsets,
                blocks=self.blocks,
                columns=columns,
            )
        return LinearPredictorKernel(
            formula,
            xp,
            self.y,
            designs,
            offsets=offsets,
            weights=self.weights.values,
            blocks=self.blocks,
            columns=columns,
            outcome_term=self.template.outcome_term if self._has_outcome_term else None,
        )

    @property
    def _has_outcome_term(self) -> bool:
        return type(self.template).outcome_term is not Likelihood.outcome_term

    @property
    def _further_columns(self) -> dict[str, Numpy]:
        """The columns that the formula reads besides the outcome, by role."""
        template, design = self.template, self.design
        named = {role: getattr(template, role) for role in template.columns}
        read = {role: design.columns[name] for role, name in named.items() if name}
        return read | dict(template.derived(self.y, design.outcome_levels or ()))

    def _observed(self) -> Observed:
        weights = self.weights.values
        return Observed(
            self.y,
            tuple(part.columns.x for part in self.parts),
            self.offset,
            self.columns.moments if weights is None else None,
            self._further_columns,
            weights,
        )

    @property
    def procedure(self) -> Optimized:
        """By an optimizer."""
        return Optimized(self.objective)

    def objective(self) -> ScaledObjective:
        """Return the objective; the Gaussian's comes from second moments alone."""
        return self._objective

    @cached_property
    def _objective(self) -> ScaledObjective:
        specification = self.specification
        kernel: Any = self.kernel
        if self.template.scales_outcome and specification.dtype == "float64":
            kernel = GaussianMoments(self.columns.moments)
        return ScaledObjective(
            kernel, self.coordinates.raw, self.observations, specification.backend
        )

    @cached_property
    def start(self) -> Numpy:
        """Start values from the template's closed form, replaced by the user's where given."""
        raw = _stacked(self.template.start(self._observed()), self.scale)
        return self.unconstrained_start(np.asarray(np.linalg.solve(self.coordinates.raw, raw)))

    def natural(self, theta: Numpy) -> Numpy:
        """Return natural parameters, shape ``(k,)``."""
        return self.coordinates.natural(theta)

    def unconstrained(self, params: Numpy) -> Numpy:
        """Return unconstrained parameters from natural parameters."""
        return self.coordinates.unconstrained(params)

    # Facts at a point ---------------------------------------------------------------------------

    def loglik(self, theta: Numpy) -> float:
        """Return the log-likelihood, in nats, in the outcome's own units."""
        value = total(self._rows(theta)[0], self.weights.values)
        return value - self.observations * self.objective_shift

    @property
    def objective_shift(self) -> float:
        """The log of what the outcome was divided by, in nats per observation."""
        return float(np.log(self.coordinates.outcome_sd))

    def loglik_null(self) -> float | None:
        """Return the log-likelihood of constants alone, from a closed form or a small fit."""
        design, template = self.design, self.template
        found = template.null_loglik(design.outcome, self.weights.values, design.offset)
        return self._fitted_null if found is None else found

    @cached_property
    def _fitted_null(self) -> float:
        """The log-likelihood of constants alone, by Newton's method in float64 on the CPU."""
        ones = [np.ones((len(self.y), int(not e.thresholds))) for e in self.template.equations]
        kernel = self._kernel_of(backend_named(self.specification.backend), ones)
        seen = replace(self._observed(), designs=tuple(ones), moments=None)
        start = _stacked(self.template.start(seen), kernel.scale)
        return maximum(kernel, start, self.observations, self.specification.backend)

    def score(self, theta: Numpy) -> Numpy:
        """Return the total score from the rows, shape ``(k,)``."""
        if self._score is None or not np.array_equal(self._score[0], theta):
            summed = self._rows(theta)[1].total(self.weights.values)
            self._score = (theta.copy(), summed)
        return self._score[1]

    def _rows(self, theta: Numpy) -> tuple[Numpy, RowScores | UnitScores]:
        """Return each row's log-likelihood and score, kept for the last point."""
        if self._last is None or not np.array_equal(self._last[0], theta):
            values, scores = self.kernel.scores(self.coordinates.raw @ theta)
            self._last = (theta.copy(), values, scores.by(self.coordinates.raw))
        return self._last[1:]

    def curvature(self, theta: Numpy, *, scores: bool = True) -> Curvature:
        """Return the Hessian, and the sums of scores where they are needed."""
        hessian = self.objective().evaluate(theta, 2).hessian
        assert hessian is not None
        opg = self._rows(theta)[1].outer(self.weights.in_scores) if scores else None
        jacobian = self.coordinates.jacobian(theta)
        return self.curved(theta, -hessian * self.observations, jacobian, opg, scores=scores)

    def cluster_meat(self, theta: Numpy, codes: Any) -> ClusterMeat:
        """Return the outer products of the scores summed by cluster."""
        groups, by_unit = int(codes.max()) + 1, self._by_unit(codes)
        sums = self._rows(theta)[1].grouped(self.weights.values, by_unit, groups)
        return ClusterMeat(sums.T @ sums, groups)

    def _by_unit(self, codes: Any) -> Any:
        """Return the cluster of each unit.

        Raises
        ------
        DataError
            When the rows of a group are in several clusters.
        """
        if self.units is None:
            return codes
        found = np.zeros(int(self.units.max()) + 1, dtype=np.int64)
        found[self.units] = codes
        if (found[self.units] != codes).any():
            raise DataError(
                "The rows of a group are in several clusters.",
                hint="a cluster column in which each group is whole.",
                code="clusters-split-groups",
                where="cluster",
            )
        return found

    def score_rows(self, theta: Numpy) -> Numpy:
        """Return the weighted score of each row, ``(n, k)``."""
        if self.units is not None:
            return super().score_rows(theta)
        return self._rows(theta)[1].rows(self.weights.values)

    def check_start(self, theta: Numpy) -> None:
        """Refuse a start where the log-likelihood of some row is not finite."""
        if np.isfinite(self.objective().evaluate(theta, 2).value):
            return
        values, scores = self._rows(theta)
        bad = ~np.isfinite(values) | ~scores.finite()
        if not bad.any():
            return
        row = int(np.flatnonzero(bad)[0])
        params = self.natural(theta)
        products = np.abs(self.columns.shifted[row] * params[: len(self.columns.names)])
        name = (
            self.columns.names[int(products.argmax())] if products.size else self.parameter_names[0]
        )
        value = params[self.parameter_names.index(name)]
        raise LikelihoodError(
            f"The log-likelihood is not finite at the start: {int(bad.sum())} rows, the first is "
            f"row {int(self.design.rows[row])}, where {name} = {value:.4g} weighs most.",
            hint=f'a start value of {name} nearer to zero, as in start={{"{name}": 0.0}}.',
            code="start-not-finite",
            where=name,
        )

    # What has no maximum ------------------------------------------------------------------------

    def separation(self, theta: Numpy) -> SeparationEvidence | None:
        """Look for separation once in each equation, when fitted probabilities first saturate."""
        every = self._searched.issuperset(range(len(self.parts)))
        if every or self.template.support is Support.REAL:
            return None
        inner = self.coordinates.raw @ theta
        parameters = self.scale.natural(inner)[self.scale.first :]
        predictors = self.kernel.predictors(inner)
        for at, saturated in enumerate(self.template.saturated(self.y, predictors, parameters)):
            if not saturated or at in self._searched:
                continue
            self._searched.add(at)
            found = evidence(self.template, at, self.y, self.parts[at], self.depvar)
            if found is not None:
                return found
        return None

    def at_bound(self, newton_step: Numpy) -> tuple[int, ...]:
        """Return the parameters that a Newton step still moves far, as towards a bound.

        On the unconstrained scale a bound is infinitely far away: there the gain of a step goes
        to zero while its length does not.
        """
        moving = [i for i in self.coordinates.bounded if abs(newton_step[i]) > _STILL_MOVING]
        found = dict.fromkeys(moving)
        for at, place in self.coordinates.vanishing:
            if newton_step[at] < -_STILL_MOVING:
                found |= dict.fromkeys(place)
        return tuple(sorted(found))

    def notes_at(self, theta: Numpy, curvature: Curvature | None) -> tuple[str, ...]:
        """Return what the template says of a maximum, or of a run that ended near a limit."""
        if curvature is None:
            return ()
        decrement = self.decrement(curvature, theta)
        if decrement is None or decrement > self.tolerance:
            near = self._near_limits(theta)
            return (self.template.at_limit(near, self.depvar),) if near else ()
        if self._are_probabilities:
            return ()
        parameters = self.scale.natural(self.coordinates.raw @ theta)[self.scale.first :]
        return self.template.notes_after(
            self._observed(), parameters, self.loglik(theta), self.depvar
        )

    def _near_limits(self, theta: Numpy) -> list[str]:
        """Return the parameters that are as good as at a bound, whether a step says so or not."""
        shown = dict(zip(self.parameter_names, self.natural(theta).tolist(), strict=True))
        found = [n for n in self.template.positive if shown[n] < _NEGLIGIBLE]
        gone = [at for at, _ in self.coordinates.vanishing if theta[at] < np.log(_NEGLIGIBLE)]
        return [*found, *(self.parameter_names[at] for at in gone)]

    @property
    def _are_probabilities(self) -> bool:
        """Whether the log-likelihood is one of weighted rows, by which no test is made."""
        specification = self.specification
        return specification.weights is not None and specification.weight_kind == "probability"

    def bound_message(self, names: Sequence[str]) -> str:
        """Say what it means that parameters lie at a bound, where the template knows."""
        return self.template.at_limit(names, self.depvar)

    # Prediction ---------------------------------------------------------------------------------

    def predictors(self, params: Numpy) -> list[Numpy]:
        """Return the linear predictor of each equation at natural parameters, ``(n,)`` each."""
        found, at = [], 0
        designs = [self.design.matrix, *(s.matrix for s in self.design.equations.values())]
        for part, matrix in zip(self.parts, designs, strict=True):
            count = len(part.names)
            found.append(matrix[:, list(part.columns.kept)] @ params[at : at + count])
            at += count
        if self.design.offset is not None:
            found[0] = found[0] + self.design.offset
        return found

    def residuals(self, params: Numpy) -> Numpy:
        """Return outcome minus fitted mean, shape ``(n,)``."""
        mean = self.template.mean(self.predictors(params), params[self.scale.first :])
        return super().residuals(params) if mean is None else self.design.outcome - mean

    def state(self) -> TemplateState:
        """Return the formula's state, the columns kept and the outcome's levels."""
        levels = self.design.outcome_levels
        first, *further = self.parts
        ordered = self.template.support is Support.ORDERED
        return TemplateState(
            {name: sd for part in self.parts for name, sd in part.column_sd.items()},
            design=self.design.state,
            kept=first.columns.kept,
            offset=self.specification.offset,
            levels=None if levels is None or ordered else list(levels),
            equations=[part.to_dict() for part in further],
            ordered_levels=list(levels or ()) if ordered else [],
        )


def _stacked(start: Start, scale: Scale) -> Numpy:
    """Return start values of the kernel, unconstrained, ``(k,)``."""
    return scale.unconstrained(np.concatenate([*start.coefficients, start.parameters]))
