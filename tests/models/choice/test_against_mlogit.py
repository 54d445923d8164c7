"""Models of choice against mlogit 1.1-3 under R 4.2.2, on the travel mode data and on its draws.

Each expected value is what ``mlogit(choice ~ ttme + gc | 1, x, reflevel = "air", ...)`` prints,
with ``x <- dfidx(modechoice, idx = c("individual", "mode"), choice = "choice")``, the options
given in each test, and ``tol = 1e-14``.  Its Halton draws (``R = 50, halton = NA``) are ours,
element by element.  From its own start it ends at the lower of the two maxima that a
standard deviation has with these draws; with a negative one in ``start`` it ends at the higher,
where we end.  Its errors are of outer products, but for the conditional logit, where they are of
the Hessian.
"""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb

# The digits that R prints of a log-likelihood; of estimates, in standard errors, and of standard
# errors, relatively, what mlogit's BFGS leaves.
SAME_LIKELIHOOD, SAME_ESTIMATES, SAME_ERRORS = 1e-11, 1e-6, 1e-6

ROLES = {"situation": "individual", "alternatives": "mode"}
CONSTANTS = ("C(mode)[T.2]", "C(mode)[T.3]", "C(mode)[T.4]")


@pytest.fixture(scope="module")
def travel():
    """Return the travel mode data of Greene: 210 people among plane, train, bus and car."""
    return wb.load("modechoice")


def agrees(found, names, loglik, estimates, errors):
    """Compare a fit with what mlogit printed, names in its order."""
    ours, se = found.params[list(names)].to_numpy(), found.se[list(names)].to_numpy()
    assert found.converged
    assert found.loglik == pytest.approx(loglik, rel=SAME_LIKELIHOOD)
    assert (np.abs(ours - estimates) / se).max() < SAME_ESTIMATES
    np.testing.assert_allclose(se, errors, rtol=SAME_ERRORS)


def test_a_conditional_logit_is_mlogits(travel):
    found = wb.fit("conditional_logit", "choice ~ ttme + gc + C(mode)", travel, **ROLES)

    agrees(
        found,
        (*CONSTANTS, "ttme", "gc"),
        -199.9766231119,
        [
            -1.85335763874190,
            -2.56562416352308,
            -5.77635887501501,
            -0.09709052295298,
            -0.01578374520719,
        ],
        [
            0.370092475621133,
            0.384325063744133,
            0.655918716044379,
            0.010435090250764,
            0.004382791909121,
        ],
    )


def test_a_nested_logit_is_mlogits(travel):
    """``nests = list(public = c("train", "bus"), other = c("car", "air"))``."""
    nests = {"public": ["2", "3"], "other": ["4", "1"]}

    found = wb.fit(
        "nested_logit", "choice ~ ttme + gc + C(mode)", travel, **ROLES, nests=nests, se="opg"
    )

    agrees(
        found,
        (*CONSTANTS, "ttme", "gc", "tau.public", "tau.other"),
        -195.8117995299,
        [
            *(-1.15866811395679, -2.04948918463348, -6.33581320779107),
            *(-0.11057986337456, -0.02582444172584, 0.96884003244181, 1.95733269808867),
        ],
        [
            *(0.574031107533270, 0.703244376053508, 1.118365307851470),
            *(0.019407599549315, 0.006165882650977, 0.294442439677479, 0.554652558197487),
        ],
    )


MIXED = {
    # rpar = c(ttme = "n"), and "t" and "u"
    "normal": (
        -182.9944117288,
        [
            *(-1.74535233310405, -2.75259523174692, -11.16035215753405),
            *(-0.20100856249233, -0.02750103990379, 0.12661910225018),
        ],
        [
            *(0.414002216677138, 0.472447936393288, 2.758628740997105),
            *(0.051474396138274, 0.008629761832059, 0.042386251481491),
        ],
    ),
    "triangular": (
        -183.6704698615,
        [
            *(-1.66521997468135, -2.67081934609921, -10.87328887800183),
            *(-0.19493354146812, -0.02652655912992, 0.29331031222535),
        ],
        [
            *(0.391668374212617, 0.457082502400780, 2.734495357523054),
            *(0.051206916424327, 0.008474235121292, 0.099666871735014),
        ],
    ),
    "uniform": (
        -184.9415334557,
        [
            *(-1.58180372418045, -2.58947854996441, -11.08130605107118),
            *(-0.19134975766141, -0.02498667683803, 0.20505427031231),
        ],
        [
            *(0.360689391658261, 0.438067283453804, 3.227091538554470),
            *(0.058721358447248, 0.008302423735908, 0.081956038814980),
        ],
    ),
}


@pytest.mark.parametrize(("kind", "expected"), MIXED.items(), ids=MIXED)
def test_a_mixed_logit_is_mlogits_on_the_same_draws(travel, kind, expected):
    found = wb.fit(
        "mixed_logit",
        "choice ~ ttme + gc + C(mode)",
        travel,
        **ROLES,
        random={"ttme": kind},
        draws=50,
        se="opg",
    )

    agrees(found, (*CONSTANTS, "ttme", "gc", "sd.ttme"), *expected)


def test_correlated_coefficients_are_mlogits_on_the_same_draws(travel):
    """``rpar = c(ttme = "n", gc = "n"), correlation = TRUE``."""
    found = wb.fit(
        "mixed_logit",
        "choice ~ ttme + gc + C(mode)",
        travel,
        **ROLES,
        random={"ttme": "normal", "gc": "normal"},
        correlated=True,
        draws=50,
        se="opg",
    )

    agrees(
        found,
        (*CONSTANTS, "ttme", "gc", "chol.ttme.ttme", "chol.ttme.gc", "chol.gc.gc"),
        -180.1397635165,
        [
            *(-1.92290276857236, -2.98602197088239, -12.54814897362617, -0.21927918891577),
            *(-0.04444587759743, 0.13831579925248, 0.02850379252159, 0.01435567550539),
        ],
        [
            *(0.50856238129742, 0.56064072058866, 3.62822197766471, 0.06453277163380),
            *(0.01774837403332, 0.05440373770649, 0.01795643340828, 0.02930686515883),
        ],
    )
