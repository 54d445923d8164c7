"""The operations of both libraries, and their derivatives, against scipy and mpmath."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import jax
import mpmath
import numpy as np
import pytest
import scipy.special as special

from workbench.backends import BACKENDS, backend_named

X = np.array([-3.0, -0.7, 0.2, 1.4, 6.0])
VERBS = {
    "exp": np.exp, "log": np.log, "log1p": np.log1p, "expm1": np.expm1, "sqrt": np.sqrt,
    "abs": np.abs, "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "lgamma": special.gammaln,
    "digamma": special.digamma, "erf": special.erf, "ndtr": special.ndtr,
    "log_ndtr": special.log_ndtr, "sigmoid": special.expit, "log_sigmoid": special.log_expit,
    "softplus": lambda x: np.logaddexp(0, x),
}  # fmt: skip
POSITIVE = {"log", "log1p", "sqrt", "lgamma", "digamma"}
TAILS = np.array([-40, -38.5, -30, -20.01, -12, -5, -1, 0, 0.5, 1, 5, 8, 12, 20, 30, 38, 40.0])
# JAX takes its log Phi from a series of three terms below -20, good to 2e-11 there; the hazard
# exp(log phi - log Phi) keeps 4e-9 of it, and h (h + x) cancels four digits more.
LOG_NDTR = {"torch": (1e-12, 1e-11, 1e-8), "jax": (1e-10, 1e-8, 1e-5)}


@pytest.fixture(params=BACKENDS)
def xp(request):
    """Each library on the CPU in float64."""
    return backend_named(request.param)


@pytest.mark.parametrize("verb", VERBS)
def test_an_operation_is_the_function_of_its_name(verb, xp):
    x = np.abs(X) if verb in POSITIVE else X

    with xp.scope():
        found = xp.numpy(getattr(xp, verb)(xp.array(x)))
        alone = float(getattr(xp, verb)(0.7))

    np.testing.assert_allclose(found, VERBS[verb](x), rtol=1e-12, atol=1e-15)
    assert alone == pytest.approx(float(VERBS[verb](np.float64(0.7))), rel=1e-12)


def test_operations_on_two_arrays_are_numpys(xp):
    a, b = X, X[::-1].copy()

    with xp.scope():
        left, right = xp.array(a), xp.array(b)
        found = {
            "maximum": xp.numpy(xp.maximum(left, right)),
            "minimum": xp.numpy(xp.minimum(left, 0.5)),
            "logaddexp": xp.numpy(xp.logaddexp(left, right)),
            "clip": xp.numpy(xp.clip(left, -1.0, 1.0)),
            "where": xp.numpy(xp.where(left > 0, left, 0.0)),
        }

    np.testing.assert_allclose(found["maximum"], np.maximum(a, b))
    np.testing.assert_allclose(found["minimum"], np.minimum(a, 0.5))
    np.testing.assert_allclose(found["logaddexp"], np.logaddexp(a, b))
    np.testing.assert_allclose(found["clip"], np.clip(a, -1, 1))
    np.testing.assert_allclose(found["where"], np.where(a > 0, a, 0))


def test_rows_of_one_code_are_summed(xp):
    values, codes = np.arange(12.0).reshape(6, 2), np.array([2, 0, 2, 1, 0, 2])
    expected = np.array([values[codes == g].sum(axis=0) for g in range(3)])

    with xp.scope():
        found = xp.numpy(xp.segment_sum(xp.array(values), xp.array(codes), 3))

    np.testing.assert_array_equal(found, expected)


def test_logsumexp_does_not_overflow(xp):
    x = np.array([[1000.0, 1001.0], [-1000.0, -999.0]])

    with xp.scope():
        found = xp.numpy(xp.logsumexp(xp.array(x), axis=1))

    np.testing.assert_allclose(found, special.logsumexp(x, axis=1), rtol=1e-15)


def normal_tails(x):
    """Return log Phi, the hazard h = phi / Phi and -h (h + x), to sixty digits."""
    with mpmath.workdps(60):
        at = mpmath.mpf(x)
        hazard = mpmath.npdf(at) / mpmath.ncdf(at)
        return [float(mpmath.log(mpmath.ncdf(at))), float(hazard), float(-hazard * (hazard + at))]


def test_log_ndtr_has_two_derivatives_far_into_both_tails(xp):
    expected = np.array([normal_tails(x) for x in TAILS])

    with xp.scope():
        values, first, second = xp.row_derivatives(xp.log_ndtr, (xp.array(TAILS),), 2)
        found = [xp.numpy(values), xp.numpy(first[0]), xp.numpy(second[0][0])]

    # Above 1e-12 the upper tail is below the rounding of any log-likelihood.
    for order, column, tolerance in zip(found, expected.T, LOG_NDTR[xp.name], strict=True):
        np.testing.assert_allclose(order, column, rtol=tolerance, atol=1e-12)
        assert np.isfinite(order).all()


def test_row_derivatives_are_those_of_each_row(xp):
    a, b = np.array([0.3, 1.2, 2.0]), np.array([1.5, 0.4, 0.9])

    with xp.scope():
        function = lambda u, v: u * xp.exp(v) + u**2  # noqa: E731
        values, first, second = xp.row_derivatives(function, (xp.array(a), xp.array(b)), 2)
        host = xp.numpy
        np.testing.assert_allclose(host(values), a * np.exp(b) + a**2)
        np.testing.assert_allclose(host(first[0]), np.exp(b) + 2 * a)
        np.testing.assert_allclose(host(first[1]), a * np.exp(b))
        np.testing.assert_allclose(host(second[0][0]), [2, 2, 2])
        np.testing.assert_allclose(host(second[0][1]), np.exp(b))
        np.testing.assert_allclose(host(second[1][0]), a * np.exp(b))


def test_gradient_hessian_and_jacobian_are_those_of_rosenbrock(xp):
    theta = np.array([-1.2, 1.0])
    x, y = theta

    with xp.scope():
        rosen = lambda t: 100 * (t[1] - t[0] ** 2) ** 2 + (1 - t[0]) ** 2  # noqa: E731
        value, gradient = xp.gradient(rosen, xp.array(theta))
        hessian = xp.numpy(xp.hessian(rosen, xp.array(theta)))
        steps = xp.array(np.array([1.0, 2.0, 3.0]))
        jacobian = xp.numpy(xp.jacobian(lambda t: steps * t[0] + t[1], xp.array(theta)))

    assert float(value) == pytest.approx(24.2)
    np.testing.assert_allclose(xp.numpy(gradient), [-215.6, -88.0])
    np.testing.assert_allclose(hessian, [[1200 * x**2 - 400 * y + 2, -400 * x], [-400 * x, 200]])
    np.testing.assert_allclose(jacobian, [[1, 1], [2, 1], [3, 1]])


def test_the_jacobian_of_a_parameter_without_effect_is_zero(xp):
    theta = np.array([0.5, 2.0])

    with xp.scope():
        rows = xp.array(np.array([1.0, 2.0, 3.0]))
        one = xp.numpy(xp.jacobian(lambda t: xp.exp(rows * t[0]), xp.array(theta)))
        none = xp.numpy(xp.jacobian(lambda _: rows * 2, xp.array(theta)))

    steps = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(one, np.column_stack([steps * np.exp(steps / 2), np.zeros(3)]))
    np.testing.assert_array_equal(none, np.zeros((3, 2)))


def test_a_jacobian_in_torch_does_not_load_its_compiler():
    code = (
        "import sys, torch; from workbench.backends import backend_named;"
        "xp = backend_named('torch'); xp.jacobian(lambda t: t.exp(), xp.array([1.0, 2.0]));"
        "print('torch._dynamo' in sys.modules)"
    )

    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert ran.stdout.strip() == "False"


def test_jacobians_of_several_threads_do_not_disturb_each_other(xp):
    steps = np.linspace(0.0, 1.0, 500)

    def slopes(scale):
        with xp.scope():
            rows, theta = xp.array(steps), xp.array(np.array([scale, 2.0]))
            return [
                xp.numpy(xp.jacobian(lambda t: xp.exp(t[0] * rows) * t[1], theta))
                for _ in range(20)
            ]

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(slopes, [0.1, 0.2, 0.3, 0.4]))

    for scale, jacobians in zip([0.1, 0.2, 0.3, 0.4], found, strict=True):
        curve = np.exp(scale * steps)
        expected = np.column_stack([2 * steps * curve, curve])
        for jacobian in jacobians:
            np.testing.assert_allclose(jacobian, expected, rtol=1e-13)


def test_only_float64_of_numpy_leaves_and_the_input_is_not_shared(xp):
    values = np.array([1.0, 2.0, 3.0])
    values.flags.writeable = False

    with xp.scope():
        array = xp.array(values)
        found = xp.numpy(array * 2)

    assert found.dtype == np.float64
    assert "64" in str(array.dtype)
    np.testing.assert_array_equal(values, [1, 2, 3])


def test_the_global_precision_of_jax_is_unchanged():
    before = jax.config.jax_enable_x64
    xp = backend_named("jax")

    with xp.scope():
        inside = xp.array(np.ones(2)).dtype

    assert str(inside) == "float64"
    assert jax.config.jax_enable_x64 == before
    assert str(jax.numpy.ones(2).dtype) == ("float64" if before else "float32")
