"""Pictures of event studies: what stands on them, and where."""

from __future__ import annotations

import io
from xml.etree import ElementTree as ET

import matplotlib.image
import numpy as np
import pytest

import workbench as wb
from workbench.errors import OptionError
from workbench.report.plots.event_study import THEMES


@pytest.fixture(scope="module")
def staggered():
    return wb.load("staggered")


@pytest.fixture(scope="module")
def fits(staggered):
    """Estimate one panel by two-way effects, by cohorts, and in two stages."""
    study = "i(time_to_treatment, ever_treated, ref=[-1, -1000])"
    cohorts = "y ~ x + sunab(first_treated, year) | unit + year"
    by = {"cluster": "region"}
    return (
        wb.fit("feols", f"y ~ x + {study} | unit + year", staggered, name="two-way", **by),
        wb.fit("feols", cohorts, staggered, name="cohorts", **by),
        wb.did2s(
            *(staggered, "y", "~ x | unit + year"),
            *("~ i(time_to_treatment, ref=[-1, -1000])", "treated", "region"),
        ),
    )


def test_three_estimators_stand_side_by_side_with_their_own_intervals(fits):
    plot = wb.event_plot(*fits)

    assert [line.name for line in plot.lines] == ["two-way", "cohorts", "did2s"]
    assert plot.axis == "periods since treatment"
    for line, fit in zip(plot.lines, fits, strict=True):
        assert list(line.places) == [e for e in range(-9, 9) if e != -1]
        rows = [name for name in fit.params.index if name != "x"]
        limits = fit.conf_int().loc[rows]
        np.testing.assert_array_equal(line.values, fit.params[rows])
        np.testing.assert_array_equal(line.lower, limits["lower"])
        np.testing.assert_array_equal(line.upper, limits["upper"])


def test_the_reference_is_marked_and_never_treated_units_are_not(fits):
    assert [line.references for line in wb.event_plot(*fits).lines] == [(-1.0,)] * 3


def test_a_higher_confidence_level_has_wider_intervals_and_is_named(fits):
    narrow, wide = (fits[1].plot(level=level) for level in (0.9, 0.99))

    assert (wide.lines[0].lower < narrow.lines[0].lower).all()
    assert "(99 % intervals)" in wide.words


@pytest.mark.parametrize("theme", THEMES)
def test_each_theme_has_its_ground_and_draws_on_it(fits, theme):
    picture = matplotlib.image.imread(io.BytesIO(wb.event_plot(*fits).png(theme)))

    ground = {"light": (1, 1, 1, 1), "dark": (17 / 255, 17 / 255, 17 / 255, 1)}
    corner = picture[0, 0]
    if theme == "both":
        assert corner[3] == 0
    else:
        np.testing.assert_allclose(corner, ground[theme], atol=1e-6)
    assert len(np.unique(picture.reshape(-1, 4), axis=0)) > 50


def test_a_drawing_is_text_that_names_the_fits_and_is_the_same_again(fits):
    plot = wb.event_plot(*fits)

    drawing = plot.svg("light")

    words = "".join(ET.fromstring(drawing).itertext())
    assert all(name in words for name in ("two-way", "cohorts", "did2s", "reference"))
    assert drawing == plot.svg("light")


def test_a_picture_is_saved_as_its_path_ends(fits, tmp_path):
    plot = fits[0].plot()

    plot.save(tmp_path / "effects.png")
    plot.save(tmp_path / "effects.svg", theme="dark")

    assert (tmp_path / "effects.png").read_bytes().startswith(b"\x89PNG")
    assert "#111111" in (tmp_path / "effects.svg").read_text()
    with pytest.raises(OptionError, match=r'path ends in "\.gif"'):
        plot.save(tmp_path / "effects.gif")


def test_levels_of_text_are_named_and_the_first_is_the_reference(staggered):
    named = staggered.assign(kind=staggered.region.mod(3).map({0: "a", 1: "b", 2: "c"}))

    plot = wb.fit("ols", "y ~ i(kind)", named).plot()

    assert plot.labels == ("a", "b", "c")
    assert (list(plot.lines[0].places), plot.lines[0].references) == ([1, 2], (0.0,))


def test_a_fit_without_an_event_shows_its_regressors(staggered):
    plot = wb.fit("ols", "y ~ x + treated", staggered).plot()

    assert plot.labels == ("x", "treated")


def test_a_notebook_gets_a_picture_with_words_for_who_cannot_see_it(fits):
    bundle, about = fits[1].plot()._repr_mimebundle_()

    assert set(bundle) == {"image/png", "text/plain"}
    assert about["image/png"]["alt"].startswith("cohorts, by periods since treatment: −9:")


def test_fits_without_periods_are_refused(fits, staggered):
    with pytest.raises(OptionError, match="no estimates by period"):
        wb.event_plot(fits[1].aggregate("att"))
    with pytest.raises(OptionError, match="no estimates by period of quarter"):
        wb.event_plot(fits[0], variable="quarter")
    with pytest.raises(OptionError, match="0 fits cannot be drawn"):
        wb.event_plot()
    with pytest.raises(OptionError, match='no theme "blue"'):
        fits[0].plot().png("blue")
    both = wb.fit("ols", "y ~ i(year) + i(region)", staggered, name="both")
    with pytest.raises(OptionError, match='"both" codes year and region'):
        wb.event_plot(both)
