"""SGD and Adam against closed forms, against each other's library, and after a restart."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from workbench.errors import WorkbenchError
from workbench.optimizers.adam import Adam
from workbench.optimizers.base import StateBox
from workbench.optimizers.sgd import SGD

START = np.array([4.0, 4.0, -4.0])
LIBRARIES = ["torch", "jax"]
METHODS = [SGD(), SGD(momentum=0.9), Adam()]
# Two libraries order the same few operations differently.
ROUNDING = 1e-12


@pytest.fixture
def bowl(objectives):
    """Make a quadratic for a library."""
    return lambda library: replace(objectives["bowl"](), backend_name=library)


def points(optimizer, objective, count, start=START, state=None):
    return [step.params for step in islice(optimizer.iterate(objective, start, state), count)]


@pytest.mark.parametrize("library", LIBRARIES)
def test_sgd_on_a_quadratic_follows_its_closed_form(library, bowl):
    objective, rate = bowl(library), 0.3
    shrink = np.eye(3) - rate * objective.hessian(START)

    found = points(SGD(lr=rate), objective, 30)

    away = np.linalg.matrix_power(shrink, 29) @ (START - objective.optimum)
    np.testing.assert_allclose(found[-1], objective.optimum + away, rtol=ROUNDING)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_torch_and_optax_take_the_same_steps(method, bowl):
    by_torch, by_optax = (points(method, bowl(library), 50) for library in LIBRARIES)

    np.testing.assert_allclose(by_torch, by_optax, rtol=ROUNDING)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_restart_from_the_stored_state_continues_as_if_nothing_had_happened(
    method, library, bowl
):
    box = StateBox()

    whole = points(method, bowl(library), 20)
    half = points(method, bowl(library), 10, state=box)
    stored = json.loads(json.dumps(box.to_dict()))
    rest = points(method, bowl(library), 11, start=half[-1], state=StateBox(stored))

    np.testing.assert_array_equal(whole[9:], rest)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_rate_for_the_sum_is_the_rate_for_the_mean_times_the_observations(library, bowl):
    objective = bowl(library)

    of_sum = points(SGD(lr=0.002, reduction="sum"), objective, 10)
    of_mean = points(SGD(lr=0.002 * objective.observations), objective, 10)

    np.testing.assert_allclose(of_sum, of_mean, rtol=ROUNDING)


@pytest.mark.parametrize("library", LIBRARIES)
def test_too_high_a_rate_ends_at_the_first_value_that_is_not_finite(library, objectives):
    objective = replace(objectives["fenced"](), backend_name=library)

    steps = list(SGD(lr=50.0).iterate(objective, np.array([8.0])))

    assert not np.isfinite(steps[-1].objective)
    assert len(steps) == 2


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: SGD(lr=-1), "lr is -1"),
        (lambda: SGD(lr=float("nan")), "lr is nan"),
        (lambda: SGD(momentum=1), "momentum is 1"),
        (lambda: SGD(reduction="total"), '"total"'),
        (lambda: Adam(beta2=1.5), "beta2 is 1.5"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name_and_value(make, named):
    with pytest.raises(WorkbenchError, match=named) as caught:
        make()

    assert caught.value.hint
