"""Models of choice against biogeme 3.3.2: its Hessian and its sandwich, on the travel mode data.

The utilities are ``asc_j + ttme * ttme_j + gc * gc_j`` with ``asc_1 = 0``; the formulas are
``loglogit``, ``lognested`` and ``log(MonteCarlo(logit(...)))``, whose random coefficient is
``ttme - sd * Draws(...)`` on the Halton sequence of base 2 from its element 100 on, 50 a person,
given to ``random_number_generators``.  Expected are ``get_beta_values()`` and the diagonals of
``rao_cramer_variance_covariance_matrix`` and ``robust_variance_covariance_matrix`` with
``tolerance=1e-12``.
"""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb

# What biogeme's trust region leaves: of a log-likelihood and of errors, relatively, and of
# estimates, in standard errors.
SAME_LIKELIHOOD, SAME_ERRORS, SAME_ESTIMATES = 1e-10, 1e-5, 1e-4

FORMULA = "choice ~ ttme + gc + C(mode)"
ROLES = {"situation": "individual", "alternatives": "mode"}
COMMON = ("C(mode)[T.2]", "C(mode)[T.3]", "C(mode)[T.4]", "ttme", "gc")


@pytest.fixture(scope="module")
def travel():
    """Return the travel mode data of Greene: 210 people among plane, train, bus and car."""
    return wb.load("modechoice")


def agrees(found, own, loglik, estimates, hessian, robust):
    """Compare a fit with what biogeme found, the model's own parameters last."""
    names = [*COMMON, *own]
    ours = found.params[names].to_numpy()
    assert found.loglik == pytest.approx(loglik, rel=SAME_LIKELIHOOD)
    assert (np.abs(ours - estimates) / hessian).max() < SAME_ESTIMATES
    for kind, expected in (("hessian", hessian), ("robust", robust)):
        errors = found.standard_errors(kind)[names].to_numpy()
        np.testing.assert_allclose(errors, expected, rtol=SAME_ERRORS)


def test_a_conditional_logit_is_biogemes(travel):
    found = wb.fit("conditional_logit", FORMULA, travel, **ROLES)

    agrees(
        found,
        (),
        -199.9766231118804,
        [-1.85335684497, -2.56562345902, -5.77635740026, -0.097090501114, -0.0157837466261],
        [0.370092419687, 0.384325007584, 0.655918592677, 0.0104350883764, 0.00438279171025],
        [0.470045798538, 0.420831467915, 0.837752909526, 0.0149478484268, 0.00491750182595],
    )


def test_a_nested_logit_is_biogemes(travel):
    """Its ``mu`` of a nest is one over our ``tau``; errors of that by the delta method."""
    mu = np.array([1.03216248141, 0.510899246417])
    hessian, robust = (
        np.array([0.240878278573, 0.133805665645]) / mu**2,
        np.array([0.223768901649, 0.157450398367]) / mu**2,
    )
    nests = {"public": ["2", "3"], "other": ["4", "1"]}

    found = wb.fit("nested_logit", FORMULA, travel, **ROLES, nests=nests)

    agrees(
        found,
        ("tau.public", "tau.other"),
        -195.81179952991283,
        [
            -1.15866670528,
            -2.04948778086,
            -6.33581145033,
            -0.110579839053,
            -0.0258244475662,
            *1 / mu,
        ],
        [
            0.689825991014,
            0.690767325789,
            1.02447032785,
            0.0173899788945,
            0.00693348172796,
            *hessian,
        ],
        [0.956802670793, 0.86786413088, 1.25612213505, 0.0217938375086, 0.00848793480525, *robust],
    )


def test_a_mixed_logit_is_biogemes_on_the_same_draws(travel):
    found = wb.fit("mixed_logit", FORMULA, travel, **ROLES, random={"ttme": "normal"}, draws=50)

    agrees(
        found,
        ("sd.ttme",),
        -182.99441172884045,
        [
            *(-1.74535303422, -2.75259625023, -11.1603551736),
            *(-0.201008613232, -0.0275010430706, 0.126619132939),
        ],
        [
            *(0.443891543479, 0.495442994246, 2.18417738588),
            *(0.0422735755982, 0.00792942508352, 0.037089916715),
        ],
        [
            *(0.506593291495, 0.533868131255, 1.83760195038),
            *(0.0367346951204, 0.00760094927919, 0.0361082426678),
        ],
    )
