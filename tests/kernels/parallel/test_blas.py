"""BLAS has one thread inside the context, and then as many as before."""

from __future__ import annotations

import threading

import pytest

from workbench.kernels.parallel.blas import _libraries, one_blas_thread


def threads():
    return [get() for get, _ in _libraries()]


@pytest.fixture(autouse=True)
def two_threads():
    """Give BLAS two threads, so that there is something to take away."""
    before = threads()
    for _, set_to in _libraries():
        set_to(2)
    yield
    for number, (_, set_to) in zip(before, _libraries(), strict=True):
        set_to(number)


def test_blas_of_numpy_and_of_scipy_is_found():
    assert len(_libraries()) == 2


def test_the_threads_come_back_at_the_end():
    with one_blas_thread():
        within = threads()

    assert (within, threads()) == ([1, 1], [2, 2])


def test_the_threads_come_back_after_an_error():
    with pytest.raises(ValueError, match="within"), one_blas_thread():
        raise ValueError("within")

    assert threads() == [2, 2]


def test_the_last_of_two_that_overlap_gives_the_threads_back():
    first_left, second_in = threading.Event(), threading.Event()

    @one_blas_thread()
    def second():
        second_in.set()
        first_left.wait(10)

    other = threading.Thread(target=second)
    with one_blas_thread():
        other.start()
        second_in.wait(10)
    between = threads()
    first_left.set()
    other.join(10)

    assert (between, threads()) == ([1, 1], [2, 2])
