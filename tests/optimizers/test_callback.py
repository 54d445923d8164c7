"""Generators from solvers with callbacks, with solvers written for the test."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

from workbench.optimizers.callback import iterates
from workbench.protocols import Interrupted

pytestmark = pytest.mark.usefixtures("no_thread_left")


def shrinking(oracle, start):
    """Halve the point without end."""
    theta = start
    while True:
        theta = theta / 2
        oracle.value_and_gradient(theta)
        oracle.step(theta)


def test_solver_and_consumer_take_turns(objectives):
    objective = objectives["bowl"]()

    generator = iterates(shrinking, objective, np.ones(3))
    counts = [objective.evaluations for _, _ in zip(range(4), generator, strict=False)]
    generator.close()

    assert counts == [1, 2, 3, 4]


def test_no_point_is_evaluated_twice(objectives):
    objective = objectives["bowl"]()

    def repeating(oracle, start):
        for _ in range(5):
            oracle.value(start)
            oracle.value_and_gradient(start)
        oracle.step(start)
        return start

    steps = list(iterates(repeating, objective, np.ones(3)))

    assert len(steps) == 2
    assert objective.evaluations == 1


def test_a_better_solution_than_the_last_step_is_yielded(objectives):
    objective = objectives["bowl"]()

    steps = list(iterates(lambda _, start: start / 2, objective, np.full(3, 9.0)))

    np.testing.assert_array_equal(steps[-1].params, np.full(3, 4.5))


def test_a_worse_solution_than_the_last_step_is_not_yielded(objectives):
    objective = objectives["bowl"]()

    steps = list(iterates(lambda _, start: 2 * start, objective, np.full(3, 9.0)))

    assert len(steps) == 1


def test_an_error_of_the_solver_reaches_the_caller(objectives):
    def failing(oracle, start):
        oracle.value(start)
        raise RuntimeError("the solver is broken")

    with pytest.raises(RuntimeError, match="the solver is broken"):
        list(iterates(failing, objectives["bowl"](), np.ones(3)))


def test_a_solver_that_swallows_interrupts_ends_at_its_next_evaluation(objectives):
    caught = []

    def stubborn(oracle, start):
        oracle.step(start)
        for _ in range(3):
            try:
                oracle.value(start)
            except Interrupted as interrupt:
                caught.append(interrupt)
        return start

    generator = iterates(stubborn, objectives["bowl"](), np.ones(3))
    next(generator)
    next(generator)
    generator.close()

    assert len(caught) == 3


def test_a_generator_that_is_dropped_ends_its_thread(objectives):
    generator = iterates(shrinking, objectives["bowl"](), np.ones(3))
    next(generator)
    next(generator)
    assert any(thread.name == "solver" for thread in threading.enumerate())

    del generator
    gc.collect()


def test_a_generator_that_was_not_started_starts_no_thread(objectives):
    before = threading.active_count()

    iterates(shrinking, objectives["bowl"](), np.ones(3))

    assert threading.active_count() == before


def test_a_start_that_is_not_finite_is_the_only_iterate(objectives):
    steps = list(iterates(shrinking, objectives["fenced"](), np.array([-1.0])))

    assert len(steps) == 1
    assert not np.isfinite(steps[0].objective)


def test_outside_the_domain_solvers_get_a_parabola_with_its_minimum_a_tenth_of_the_way_back(
    objectives,
):
    objective, seen = objectives["fenced"](), []

    def probing(oracle, start):
        seen.append(oracle.value_gradient_and_hessian(start - 10))
        seen.append(oracle.value(start - 10))

    list(iterates(probing, objective, np.array([4.0])))

    (value, gradient, hessian), alone = seen
    slope = objective.gradient(np.array([4.0])) * -10
    np.testing.assert_allclose(-10 - gradient / hessian[0], -1)
    np.testing.assert_allclose(gradient - hessian[0] * -10, objective.gradient(np.array([4.0])))
    assert value == pytest.approx(objective.value(np.array([4.0])) + 4 * abs(slope[0]))
    assert alone == np.inf
