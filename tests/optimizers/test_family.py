"""The contract of the family, for every member."""

from __future__ import annotations

import itertools
import threading
from contextlib import closing

import numpy as np
import pytest

from workbench.optimizers import OPTIMIZERS
from workbench.protocols import Interrupted

pytestmark = [
    pytest.mark.usefixtures("no_thread_left"),
    # pytorch-minimize 0.1.0 calls what torch 2.13 deprecates.
    pytest.mark.filterwarnings("ignore:torch.triangular_solve is deprecated:UserWarning"),
]

START = np.array([-1.2, 1.0])
# Gradient descent with one rate for all is slow along the valley; it is not meant for it.
SLOW = {"sgd", "adam"}
LIMIT = 3000

every_optimizer = pytest.mark.parametrize("kind", OPTIMIZERS.values(), ids=OPTIMIZERS)


def iterates_of(kind, objective, start, limit=LIMIT, gradient=1e-7):
    """Collect iterates until the gradient is small, the limit is met or the optimizer ends."""
    steps = []
    with closing(kind().iterate(objective, np.array(start, dtype=float))) as generator:
        for step in itertools.islice(generator, limit):
            steps.append(step)
            if step.gradient_norm < gradient:
                break
    return steps


@every_optimizer
def test_the_least_point_of_a_quadratic_is_reached(kind, objectives):
    objective = objectives["bowl"]()

    steps = iterates_of(kind, objective, np.zeros(3))

    np.testing.assert_allclose(steps[-1].params, objective.optimum, atol=1e-6)


@every_optimizer
def test_the_minimum_of_rosenbrocks_valley_is_reached(kind, objectives):
    objective = objectives["rosenbrock"]()

    steps = iterates_of(kind, objective, START, gradient=1e-10)

    if kind.name not in SLOW:
        np.testing.assert_allclose(steps[-1].params, objective.optimum, atol=1e-6)
    assert steps[-1].objective < steps[0].objective


@every_optimizer
def test_values_of_nan_are_avoided_or_end_the_run(kind, objectives):
    objective = objectives["fenced"]()

    steps = iterates_of(kind, objective, [8.0])

    assert abs(steps[-1].params[0] - 1) < 1e-5 or not np.isfinite(steps[-1].objective)
    assert kind.name in SLOW or np.isfinite(steps[-1].objective)


@every_optimizer
def test_the_first_iterate_is_the_start_and_numbers_follow(kind, objectives):
    steps = iterates_of(kind, objectives["rosenbrock"](), START, limit=5)

    assert [step.number for step in steps] == list(range(len(steps)))
    np.testing.assert_array_equal(steps[0].params, START)
    assert steps[0].step_length == 0


@every_optimizer
def test_figures_belong_to_the_parameters_of_their_iterate(kind, objectives):
    objective = objectives["rosenbrock"]()

    steps = iterates_of(kind, objective, START, limit=8)

    for last, step in itertools.pairwise(steps):
        assert step.objective == objective.value(step.params)
        assert step.gradient_norm == np.abs(objective.gradient(step.params)).max()
        assert step.step_length == pytest.approx(np.linalg.norm(step.params - last.params))


@every_optimizer
def test_the_start_is_left_as_it_was(kind, objectives):
    start = START.copy()

    with closing(kind().iterate(objectives["rosenbrock"](), start)) as generator:
        list(itertools.islice(generator, 6))

    np.testing.assert_array_equal(start, START)


@every_optimizer
def test_the_same_start_gives_the_same_trace(kind, objectives):
    first, second = (
        iterates_of(kind, objectives["rosenbrock"](), START, limit=12) for _ in range(2)
    )

    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.params, other.params)


@every_optimizer
def test_closing_makes_no_further_evaluation(kind, objectives):
    objective = objectives["rosenbrock"]()
    generator = kind().iterate(objective, START.copy())
    list(itertools.islice(generator, 3))
    evaluations = objective.evaluations

    generator.close()

    assert objective.evaluations == evaluations


@every_optimizer
@pytest.mark.parametrize("last", [1, 2, 7])
def test_an_interrupt_inside_the_objective_ends_the_run_at_once(kind, objectives, last):
    objective = objectives["rosenbrock"]()
    asked = itertools.count(1)

    def stop():
        if next(asked) >= last:
            raise Interrupted

    objective.before = stop

    with pytest.raises(Interrupted):
        iterates_of(kind, objective, START, gradient=0.0)
    assert next(asked) == last + 1


@every_optimizer
def test_an_error_inside_the_objective_reaches_the_caller(kind, objectives):
    objective = objectives["rosenbrock"]()
    error = ValueError("the likelihood is broken")
    asked = itertools.count(1)

    def break_down():
        if next(asked) == 4:
            raise error

    objective.before = break_down

    with pytest.raises(ValueError, match="broken") as caught:
        iterates_of(kind, objective, START, gradient=0.0)
    assert caught.value is error


@every_optimizer
def test_the_objective_is_only_evaluated_in_the_callers_thread(kind, objectives):
    objective = objectives["rosenbrock"]()

    iterates_of(kind, objective, START, limit=6)

    assert objective.threads == {threading.get_ident()}


@every_optimizer
def test_a_pause_inside_the_objective_pauses_the_run(kind, objectives):
    objective, steps = objectives["rosenbrock"](), []
    paused, resume = threading.Event(), threading.Event()
    asked = itertools.count(1)

    def pause():
        if next(asked) == 5:
            paused.set()
            assert resume.wait(10)

    objective.before = pause
    thread = threading.Thread(
        target=lambda: steps.extend(iterates_of(kind, objective, START, limit=20, gradient=0.0))
    )

    thread.start()
    assert paused.wait(10)
    held = objective.evaluations
    paused.clear()
    assert not paused.wait(0.05)
    assert objective.evaluations == held == 4
    resume.set()
    while thread.is_alive():
        thread.join(0.2)

    assert objective.evaluations > held
    assert steps
