"""Least squares in closed form: certified data, nearly collinear columns, frequencies."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import workbench as wb

QUARTIC = "y ~ year + I(year**2) + I(year**3) + I(year**4)"

# NIST Statistical Reference Datasets, Filip: certified values, with 15 digits.
FILIP = """
-1467.48961422980 298.084530995537
-2772.17959193342 559.779865474950
-2316.37108160893 466.477572127796
-1127.97394098372 227.204274477751
-354.478233703349 71.6478660875927
-75.1242017393757 15.2897178747400
-10.8753180355343 2.23691159816033
-1.06221498588947 0.221624321934227
-0.0670191154593408 0.0142363763154724
-0.00246781078275479 0.000535617408889821
-0.0000402962525080404 0.00000896632837373868
"""
FILIP_Y = """
.8116 .9072 .9052 .9039 .8053 .8377 .8667 .8809 .7975 .8162 .8515 .8766 .8885 .8859 .8959 .8913
.8959 .8971 .9021 .909 .9139 .9199 .8692 .8872 .89 .891 .8977 .9035 .9078 .7675 .7705 .7713 .7736
.7775 .7841 .7971 .8329 .8641 .8804 .7668 .7633 .7678 .7697 .77 .7749 .7796 .7897 .8131 .8498 .8741
.8061 .846 .8751 .8856 .8919 .8934 .894 .8957 .9047 .9129 .9209 .9219 .7739 .7681 .7665 .7703 .7702
.7761 .7809 .7961 .8253 .8602 .8809 .8301 .8664 .8834 .8898 .8964 .8963 .9074 .9119 .9228
"""
FILIP_X = """
6.860120914 4.324130045 4.358625055 4.358426747 6.955852379 6.661145254 6.355462942 6.118102026
7.115148017 6.815308569 6.519993057 6.204119983 5.853871964 6.109523091 5.79832982 5.482672118
5.171791386 4.851705903 4.517126416 4.143573228 3.709075441 3.499489089 6.300769497 5.953504836
5.642065153 5.031376979 4.680685696 4.329846955 3.928486195 8.56735134 8.363211311 8.107682739
7.823908741 7.522878745 7.218819279 6.920818754 6.628932138 6.323946875 5.991399828 8.781464495
8.663140179 8.473531488 8.247337057 7.971428747 7.676129393 7.352812702 7.072065318 6.774174009
6.478861916 6.159517513 6.835647144 6.53165267 6.224098421 5.910094889 5.598599459 5.290645224
4.974284616 4.64454848 4.290560426 3.885055584 3.408378962 3.13200249 8.726767166 8.66695597
8.511026475 8.165388579 7.886056648 7.588043762 7.283412422 6.995678626 6.691862621 6.392544977
6.067374056 6.684029655 6.378719832 6.065855188 5.752272167 5.132414673 4.811352704 4.098269308
3.66174277 3.2644011
"""
# NIST, Wampler3: the certified standard errors; those of Wampler4 and 5 are 100 and 10,000 times
# as large.  All coefficients are one.
WAMPLER = (
    2152.32624678170,
    2363.55173469681,
    779.343524331583,
    101.475507550350,
    5.64566512170752,
    0.112324854679312,
)
_SEVEN = [759, -2048, 2048, -2048, 2523, -2048, 2048, -2048, 1838, -2048, 2048]
WAMPLER_ERRORS = np.array(_SEVEN + _SEVEN[-2::-1], dtype=float)
# Seven of the digits that condition numbers of 1e10 leave of 16 in the certified columns.
CERTIFIED = 1e-6


def powers(name, degree):
    return " + ".join([name, *(f"I({name}**{k})" for k in range(2, degree + 1))])


def exact(x, y):
    """Solve the normal equations of integer columns in rational numbers."""
    x, y = [[Fraction(int(v)) for v in row] for row in x], [Fraction(float(v)) for v in y]
    k = len(x[0])
    rows = [
        [sum(r[i] * r[j] for r in x) for j in range(k)]
        + [sum(r[i] * v for r, v in zip(x, y, strict=True))]
        for i in range(k)
    ]
    for i in range(k):
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for j in range(k):
            if j != i:
                rows[j] = [a - rows[j][i] * b for a, b in zip(rows[j], rows[i], strict=True)]
    return np.array([float(row[-1]) for row in rows])


def nearly_collinear(noise, rows=80):
    """Draw x1 and a copy of it with noise of a standard deviation, and outcomes of x1."""
    rng = np.random.default_rng(9)
    z, x1, e, u = rng.normal(size=(4, rows))
    frame = pd.DataFrame({"z": z, "x1": x1, "x2": x1 + noise * e, "y": 1 + x1 + z + u})
    return frame.assign(b=(frame.y > 1) * 1, c=rng.poisson(np.exp(0.2 * x1)), g=np.arange(rows) % 5)


@pytest.mark.parametrize("model", ["ols", "feols"])
def test_the_certified_polynomial_of_degree_ten_is_met(model):
    certified = np.array([row.split() for row in FILIP.split("\n") if row], dtype=float)
    frame = pd.DataFrame({"y": FILIP_Y.split(), "x": FILIP_X.split()}).astype(float)
    frame["x"] = -frame.x

    fit = wb.fit(model, f"y ~ {powers('x', 10)}", frame, se="iid")

    np.testing.assert_allclose(fit.params, certified[:, 0], rtol=CERTIFIED)
    np.testing.assert_allclose(fit.standard_errors(), certified[:, 1], rtol=CERTIFIED)
    assert any("digits" in note for note in fit.notes)


@pytest.mark.parametrize("factor", [1, 100, 10_000])
def test_the_certified_polynomials_of_degree_five_are_met(factor):
    x = np.arange(21.0)
    y = sum(x**k for k in range(6)) + factor * WAMPLER_ERRORS

    fit = wb.fit("ols", f"y ~ {powers('x', 5)}", pd.DataFrame({"x": x, "y": y}), se="iid")

    np.testing.assert_allclose(fit.params, np.ones(6), rtol=CERTIFIED)
    np.testing.assert_allclose(fit.standard_errors(), factor * np.array(WAMPLER), rtol=CERTIFIED)


@pytest.mark.parametrize("base", [1.0, 0.1])
def test_the_certified_exact_polynomials_are_met(base):
    x = np.arange(21.0)
    y = sum(base**k * x**k for k in range(6))

    fit = wb.fit("ols", f"y ~ {powers('x', 5)}", pd.DataFrame({"x": x, "y": y}))

    np.testing.assert_allclose(fit.params, base ** np.arange(6.0), rtol=CERTIFIED)


@pytest.mark.parametrize("model", ["ols", "feols", "gaussian"])
@pytest.mark.parametrize(("first", "last"), [(1900, 2020), (1950, 2000), (1980, 2020)])
def test_a_quartic_in_calendar_years_is_that_of_rational_arithmetic(model, first, last):
    rng = np.random.default_rng(first)
    years = rng.integers(first, last, 60)
    frame = pd.DataFrame({"year": years, "y": 0.02 * (years - first) + rng.normal(size=60)})
    expected = exact(np.column_stack([years.astype(object) ** k for k in range(5)]), frame.y)

    fit = wb.fit(model, QUARTIC, frame)

    np.testing.assert_allclose(fit.params.iloc[:5], expected, rtol=1e-5)
    assert any("digits" in note for note in fit.notes)


@pytest.mark.parametrize("noise", [1e-6, 3e-8, 1e-8, 1e-9, 1e-10, 1e-11, 1e-13, 1e-15, 0.0])
@pytest.mark.parametrize(
    ("model", "formula"),
    [
        ("ols", "y ~ z + x1 + x2"),
        ("ols", "y ~ 0 + z + x1 + x2"),
        ("feols", "y ~ z + x1 + x2"),
        ("feols", "y ~ z + x1 + x2 | g"),
        ("logit", "b ~ z + x1 + x2"),
        ("poisson", "c ~ z + x1 + x2"),
        ("fepois", "c ~ z + x1 + x2 | g"),
        ("fepois", "c ~ z + x1 + x2"),
    ],
)
def test_a_column_is_fitted_with_all_its_numbers_or_left_out_by_name(model, formula, noise):
    fit = wb.fit(model, formula, nearly_collinear(noise))

    assert fit.outcome.converged
    assert np.isfinite(fit.standard_errors()).all()
    assert ("x2" in fit.params.index) != any(text.startswith("x2 ") for text in fit.left_out)
    if "x2" in fit.params.index and noise < 1e-7:
        assert any(note.startswith("x2 is almost a combination") for note in fit.notes)


@pytest.mark.parametrize("se", ["iid", "robust", "HC2", "HC3", "cluster", "CRV3"])
def test_a_frequency_is_that_many_rows_for_every_kind_of_errors(se):
    frame = nearly_collinear(1.0).assign(w=np.arange(80) % 4)
    rows = frame.loc[frame.index.repeat(frame.w)]
    options = {"se": se, **({"cluster": "g"} if se in {"cluster", "CRV3"} else {})}

    fit = wb.fit("ols", "y ~ z + x2", frame, weights="w", weight_kind="frequency", **options)
    long = wb.fit("ols", "y ~ z + x2", rows, **options)

    np.testing.assert_allclose(fit.standard_errors(), long.standard_errors(), rtol=1e-10)
    figures = [(each.nobs, each.df_resid, each.loglik, each.aic, each.bic) for each in (fit, long)]
    np.testing.assert_allclose(*figures, rtol=1e-10)
