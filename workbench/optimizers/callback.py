"""Turn solvers with callbacks into generators of iterates.

A library's solver runs to its end and calls a callback at each step; a run takes one step after
the other from a generator.  Here the solver runs in its own thread and takes turns with the
consumer, so that only one of the two runs at any time.  The consumer evaluates the objective for
the solver, in the consumer's thread: the objective is called from one thread only (JAX's 64-bit
setting and OpenMP's teams belong to a thread), its errors are raised in the consumer, and while
it pauses, the solver waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any, TypeVar

import numpy as np

from workbench.optimizers.base import next_iterate
from workbench.protocols import Evaluation, Interrupted, Iterate, Numpy, Objective, Order

_POINTS = 64  # a line search of torchmin evaluates up to 25 points before it accepts one
_HESSIANS = 2  # a trust region compares a proposal with the point it starts from
_PATIENCE = 2.0  # seconds for a solver to notice that it was closed

Answer = TypeVar("Answer")


class Oracle:
    """The functions that a solver calls, from its own thread.

    Where the objective is not finite, a solver that requests a value alone receives ``inf``, and
    one that requests derivatives a finite parabola, because the interpolation of a line search
    turns ``inf`` into ``nan``.  The parabola has the slope of the last accepted point there, and
    its minimum lies at a tenth of the step tried.
    """

    def __init__(self, turns: _Turns, memory: _Memory, scale: float) -> None:
        self._turns = turns
        self._memory = memory
        self._scale = scale

    def value(self, theta: Numpy) -> float:
        """Return the objective, ``inf`` where it is not finite."""
        value = self._evaluate(theta, 0).value
        return self._scale * value if np.isfinite(value) else np.inf

    def value_and_gradient(self, theta: Numpy) -> tuple[float, Numpy]:
        """Return the objective and its gradient ``(k,)``, both finite."""
        answer = self._finite(theta, 1)
        return self._scale * answer.value, self._scale * _given(answer.gradient)

    def value_gradient_and_hessian(self, theta: Numpy) -> tuple[float, Numpy, Numpy]:
        """Return the objective, its gradient ``(k,)`` and its Hessian ``(k, k)``, all finite."""
        answer, scale = self._finite(theta, 2), self._scale
        gradient, hessian = _given(answer.gradient), _given(answer.hessian)
        return scale * answer.value, scale * gradient, scale * hessian

    def hessian_vector(self, theta: Numpy, vector: Numpy) -> Numpy:
        """Multiply the Hessian at ``theta`` with ``vector``."""
        point, direction = _own(theta), self._scale * _own(vector)
        return self._turns.ask(lambda: self._memory.objective.hessian_vector(point, direction))

    def step(self, theta: Numpy) -> None:
        """Report an accepted step, and wait until the consumer requests the next one."""
        self._turns.tell(_own(theta))

    def _evaluate(self, theta: Numpy, order: Order) -> Evaluation:
        point = _own(theta)
        return self._turns.ask(lambda: self._memory.evaluate(point, order))

    def _finite(self, theta: Numpy, order: Order) -> Evaluation:
        answer = self._evaluate(theta, order)
        if _is_finite(answer):
            return answer
        return _parabola(self._memory.accepted, _own(theta))


Solver = Callable[[Oracle, Numpy], Numpy | None]
"""Run a library's solver from a start ``(k,)`` and return its solution, or None if it gave up."""


def iterates(
    solver: Solver, objective: Objective, start: Numpy, *, scale: float = 1.0
) -> Generator[Iterate, None, None]:
    """Yield the start and every step the solver accepts, as it accepts it.

    The solver's solution follows as a last step when it is better than the last one reported.
    Closing the generator raises :class:`Interrupted` in the solver at its next evaluation, which
    is not made.

    Parameters
    ----------
    solver
        Runs in its own thread.
    objective
        Evaluated in the consumer's thread, once for each point.
    start
        The first point, shape ``(k,)``.
    scale
        Factor of the objective in the solver, but not in iterates.

    Raises
    ------
    BaseException
        Whatever the objective or the solver raises.
    """
    memory = _Memory(objective)
    yield memory.accept(_own(start))
    if not _is_finite(memory.accepted[1]):
        return
    turns = _Turns()
    oracle = Oracle(turns, memory, scale)
    turns.start(lambda: solver(oracle, _own(start)))
    try:
        while (message := turns.next_message()) is not None:
            yield memory.accept(message)
            turns.go_on()
        if turns.solution is not None and memory.improves(turns.solution):
            yield memory.accept(_own(turns.solution))
    finally:
        turns.close()


class _Memory:
    """Evaluate the objective once for each point, and keep the latest results."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.accepted: tuple[Numpy, Evaluation]
        self._last: Iterate | None = None
        self._known: dict[bytes, Evaluation] = {}

    def evaluate(self, theta: Numpy, order: Order) -> Evaluation:
        """Return the known evaluation of the point, or evaluate the objective."""
        key = theta.tobytes()
        answer = self._known.pop(key, None)
        if answer is None or not _reaches(answer, order):
            answer = self.objective.evaluate(theta, order)
        self._known[key] = answer
        self._forget_the_oldest()
        return answer

    def accept(self, theta: Numpy) -> Iterate:
        """Make the point the present one and describe the step to it."""
        here = self.evaluate(theta, 1)
        if self._last is None or _is_finite(here):
            self.accepted = theta, here
        self._last = next_iterate(self._last, theta, here.value, _given(here.gradient))
        return self._last

    def improves(self, theta: Numpy) -> bool:
        """Whether the point is better than the last one accepted."""
        if self._last is None or np.array_equal(theta, self._last.params):
            return False
        return self.evaluate(_own(theta), 1).value < self._last.objective

    def _forget_the_oldest(self) -> None:
        keys = list(self._known)
        if len(keys) > _POINTS:
            del self._known[keys[0]]
        if len(keys) > _HESSIANS:
            older = keys[-_HESSIANS - 1]
            self._known[older] = replace(self._known[older], hessian=None)


@dataclass
class _Question:
    answer: Callable[[], Any]


@dataclass
class _End:
    error: BaseException | None = None


class _Turns:
    """Two threads that wait for each other: the solver's and the consumer's."""

    def __init__(self) -> None:
        self.solution: Numpy | None = None
        self._from_solver: SimpleQueue[Any] = SimpleQueue()
        self._to_solver: SimpleQueue[Any] = SimpleQueue()
        self._closed = False
        self._ended = threading.Event()

    def start(self, solve: Callable[[], Numpy | None]) -> None:
        """Run the solver in a thread that does not keep the interpreter alive."""
        threading.Thread(target=self._run, args=(solve,), name="solver", daemon=True).start()

    # The solver's side -------------------------------------------------------------------------
    def ask(self, answer: Callable[[], Answer]) -> Answer:
        """Let the consumer compute a result."""
        if not self._closed:
            self._from_solver.put(_Question(answer))
            reply: Answer = self._to_solver.get()
        if self._closed:
            raise Interrupted
        return reply

    def tell(self, theta: Numpy) -> None:
        """Pass a step on; a closed run is noticed at the next evaluation.

        TNC's C code does not look for exceptions after its callback (scipy 1.17), hence none here.
        """
        if not self._closed:
            self._from_solver.put(theta)
            self._to_solver.get()

    def _run(self, solve: Callable[[], Numpy | None]) -> None:
        end = _End()
        try:
            self.solution = solve()
        except BaseException as error:  # noqa: BLE001  raised again where the step is awaited
            end = _End(error)
        self._ended.set()
        self._from_solver.put(end)

    # The consumer's side -----------------------------------------------------------------------
    def next_message(self) -> Numpy | None:
        """Evaluate for the solver until it reports a step; return None at its end."""
        while isinstance(message := self._from_solver.get(), _Question):
            self._to_solver.put(message.answer())
        if not isinstance(message, _End):
            step: Numpy = message
            return step
        if message.error is not None:
            raise message.error
        return None

    def go_on(self) -> None:
        """Let the solver compute its next step."""
        self._to_solver.put(None)

    def close(self) -> None:
        """Interrupt the solver and wait for its thread to end.

        A solver in its own linear algebra is not waited for; it ends at its next evaluation.
        """
        self._closed = True
        self._to_solver.put(None)
        self._ended.wait(_PATIENCE)


def _own(theta: Numpy) -> Numpy:
    return np.array(theta, dtype=np.float64).reshape(-1)


def _given(array: Numpy | None) -> Numpy:
    if array is None:
        raise TypeError("The objective left out a derivative that was requested.")
    return np.array(array, dtype=np.float64)


def _reaches(answer: Evaluation, order: Order) -> bool:
    return (answer.value, answer.gradient, answer.hessian)[order] is not None


def _is_finite(answer: Evaluation) -> bool:
    parts = (answer.value, answer.gradient, answer.hessian)
    return all(bool(np.isfinite(part).all()) for part in parts if part is not None)


def _parabola(accepted: tuple[Numpy, Evaluation], theta: Numpy) -> Evaluation:
    params, here = accepted
    step = theta - params
    slope = abs(float(_given(here.gradient) @ step)) or 1.0
    curvature = 10 * slope / float(step @ step)
    gradient = 0.9 * curvature * step
    return Evaluation(here.value + 4 * slope, gradient, curvature * np.eye(step.size))
