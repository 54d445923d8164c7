"""The Newton decrement of each template by numpy and scipy alone."""

from __future__ import annotations

import numpy as np
from scipy.special import expit
from scipy.stats import norm


def decrement(model, params, y, X):
    """Return g'H⁻¹g of the total log-likelihood at ``params``, infinite where H is no maximum's."""
    with np.errstate(all="ignore"):
        score, information = DERIVATIVES[model](np.asarray(params, dtype=float), y, X)
    scale = np.sqrt(np.abs(np.diag(information)))
    if not np.isfinite(scale).all() or (scale == 0).any():
        return np.inf
    scaled = information / np.outer(scale, scale)
    if np.linalg.eigvalsh(scaled)[0] <= 0:
        return np.inf
    mean_gradient = score / scale
    return float(mean_gradient @ np.linalg.solve(scaled, mean_gradient))


def gaussian(params, y, X):
    beta, s = params[:-1], params[-1]
    e, n, k = y - X @ beta, len(y), len(beta)
    information = np.empty((k + 1, k + 1))
    information[:k, :k] = X.T @ X / s**2
    information[:k, k] = information[k, :k] = 2 * X.T @ e / s**3
    information[k, k] = 3 * e @ e / s**4 - n / s**2
    return np.append(X.T @ e / s**2, e @ e / s**3 - n / s), information


def logit(params, y, X):
    p = expit(X @ params)
    return X.T @ (y - p), (X * (p * (1 - p))[:, None]).T @ X


def probit(params, y, X):
    sign = 2 * y - 1
    z = sign * (X @ params)
    hazard = np.exp(norm.logpdf(z) - norm.logcdf(z))
    return X.T @ (sign * hazard), (X * (hazard * (hazard + z))[:, None]).T @ X


def poisson(params, y, X):
    mean = np.exp(X @ params)
    return X.T @ (y - mean), (X * mean[:, None]).T @ X


DERIVATIVES = {"gaussian": gaussian, "logit": logit, "probit": probit, "poisson": poisson}
