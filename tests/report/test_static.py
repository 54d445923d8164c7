"""What a saved notebook keeps is legible without script, style sheet or network."""

from __future__ import annotations

import base64
import io
import re
import sys

import matplotlib.image
import numpy as np
import pytest

from tests.report.stand_in import newton_trace
from workbench.estimation.outcome import Outcome
from workbench.estimation.trace import Trace
from workbench.literals import Choice
from workbench.protocols import Iterate
from workbench.report.plots.palette import GREY, SERIES
from workbench.report.plots.trace_png import draw, trace_charts
from workbench.report.static import static_bundle


def test_a_bundle_has_html_markdown_and_plain_text_with_the_same_estimate(logit):
    bundle = static_bundle(logit, title="Labour force")

    assert set(bundle) == {"text/html", "text/markdown", "text/plain"}
    assert all("0.221" in text and "Labour force" in text for text in bundle.values())


def test_the_page_asks_for_nothing_and_runs_nothing(logit, probit, stopped, separated):
    page = static_bundle([logit, probit, stopped, separated])["text/html"]

    addresses = re.findall(r"(?:src|href)=\"([^\"]*)\"", page)
    assert all(address.startswith("data:image/png;base64,") for address in addresses)
    assert not re.search(r"<(script|style|svg|link|iframe)|url\(|\son\w+=", page)


def test_a_separated_run_shows_its_evidence_and_no_estimate_of_it(logit, separated):
    bundle = static_bundle([logit, separated])

    for text in bundle.values():
        assert "No maximum exists: hours predicts inlf exactly." in text
        assert "increases without bound as the coefficient of hours grows" in text
        assert "428" in text
        assert "Remove hours, run again" in text
        assert not re.search(r"987\.6|123\.4", text)


def test_a_run_that_hit_its_limit_shows_a_heading_evidence_cause_and_remedies(stopped):
    plain = static_bundle(stopped)["text/plain"]

    order = ["! Not converged", "limit of 12 steps", "about 63", "Likely cause", "Continue with"]
    places = [plain.index(words) for words in order]
    assert places == sorted(places)


def test_a_failure_alone_has_no_table_of_estimates(separated):
    assert "Standard errors" not in static_bundle(separated)["text/html"]


def test_the_text_of_a_picture_names_its_last_values(logit, probit):
    page = static_bundle([logit, probit])["text/html"]

    alternatives = re.findall(r"alt=\"([^\"]*)\"", page)
    assert len(alternatives) == 2
    assert "Logit ends at" in alternatives[0]
    assert "Probit ends at" in alternatives[0]
    assert "at step 5" in alternatives[1]


def test_a_picture_has_two_pixels_for_each_of_the_page_and_a_clear_ground(logit):
    page = static_bundle(logit)["text/html"]
    data = base64.b64decode(re.findall(r"base64,([^\"]+)", page)[0])

    pixels = matplotlib.image.imread(io.BytesIO(data))

    assert pixels.shape[:2] == (330, 780)
    assert pixels[2, 2, 3] == 0


def test_pictures_are_drawn_without_pyplot(logit):
    sys.modules.pop("matplotlib.pyplot", None)

    draw(trace_charts([logit])[0])

    assert "matplotlib.pyplot" not in sys.modules


@pytest.mark.parametrize("color", [GREY, *(series.color for series in SERIES)])
@pytest.mark.parametrize("ground", ["#ffffff", "#111111"])
def test_every_colour_of_a_picture_keeps_three_to_one_on_white_and_on_black(color, ground):
    bright, dark = sorted([luminance(color), luminance(ground)], reverse=True)

    assert (bright + 0.05) / (dark + 0.05) >= 3


def luminance(color: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    parts = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_the_gap_is_to_the_leaders_best_value_and_half_its_decrement(logit):
    short = logit.but(
        name="short", trace=newton_trace(("a",), logit.loglik, steps=2), decrement=753.0
    )
    leader = logit.but(decrement=0.02)

    gaps = trace_charts([leader, short])[0].lines

    ahead = short.trace.last.objective - leader.trace.last.objective
    assert gaps[0].values[-1] == pytest.approx(0.01 / 753)
    assert gaps[1].values[-1] == pytest.approx(ahead + 0.01 / 753)


def test_a_slow_run_that_was_stopped_is_as_far_from_its_end_as_its_pace_says(logit):
    trace = Trace(("a",))
    distance = 0.999 ** np.arange(600.0)
    for number, far in enumerate(distance):
        trace.record(
            Iterate(
                number=number,
                params=np.zeros(1),
                objective=far,
                gradient_norm=far,
                step_length=far,
                decrement=None,
                seconds=0.01,
                evaluations=number + 1,
            )
        )
    slow = logit.but(trace=trace, decrement=None, outcome=Outcome.STOPPED)

    line = trace_charts([slow])[0].lines[0]

    np.testing.assert_allclose(line.values, distance, rtol=1e-9)


def test_runs_of_different_models_each_have_their_own_reference(logit, probit):
    shifted = probit.but(trace=newton_trace(("a",), -1000.0))

    gaps = trace_charts([logit, shifted])[0].lines

    assert gaps[1].values[-1] < 1e-10


def test_few_draws_fall_to_their_own_best_value_and_other_draws_have_their_own_reference(logit):
    def mixed(draws, *steps):
        trace = Trace(("a",))
        for number, (stage, objective) in enumerate(steps):
            trace.record(Iterate(number, np.zeros(1), objective, 0.1, stage=stage))
        model = Choice("mixed_logit", {"random": {"a": "normal"}, "draws": draws})
        asked = logit.specification.replace(model=model)
        return logit.but(specification=asked, trace=trace, decrement=0.0, name=f"{draws}")

    first = mixed(400, ("50 draws", 2.0), ("50 draws", 0.5), ("optimize", 1.25), ("optimize", 1.0))
    other = mixed(800, ("optimize", 0.75), ("optimize", 0.25))

    gaps = [line.values for line in trace_charts([first, other])[0].lines]

    rounding = np.finfo(float).eps
    np.testing.assert_allclose(gaps[0], [1.5, rounding, 0.25, rounding])
    np.testing.assert_allclose(gaps[1], [0.5, rounding])


def test_other_modes_have_separate_thin_lines(logit):
    trace = Trace(("a",))
    for number, (stage, objective) in enumerate(
        [("optimize", 1.5), ("optimize", 1.0), ("other sign of sd.a", 1.75)]
    ):
        trace.record(Iterate(number, np.zeros(1), objective, 0.1, stage=stage))

    own, other = trace_charts([logit.but(trace=trace, decrement=0.0, name="mixed")])[0].lines

    assert [own.name, other.name] == ["mixed", "mixed, other sign of sd.a"]
    assert [own.thin, other.thin] == [False, True]
    np.testing.assert_allclose(own.values, [0.5, np.finfo(float).eps])
    np.testing.assert_allclose(other.values, [0.75])


def test_a_long_trace_is_thinned_and_keeps_its_last_point(logit):
    long = logit.but(trace=newton_trace(("a",), logit.loglik, steps=3))
    for step in range(4, 5000):
        last = long.trace.last
        long.trace.record(type(last)(step, last.params, last.objective, 1 / step))

    line = trace_charts([long])[0].lines[0]

    assert len(line.steps) <= 1000
    assert line.steps[-1] == 4999


def test_without_decrements_the_lower_chart_is_the_gradient(logit):
    blind = newton_trace(("a",), logit.loglik, steps=0)
    first = blind.last
    plain = type(blind)(("a",))
    plain.record(type(first)(0, first.params, first.objective, 0.5))

    charts = trace_charts([logit.but(trace=plain)])

    assert charts[1].title == "Largest gradient element"


def test_a_fit_without_a_trace_has_a_table_and_no_picture(logit):
    page = static_bundle(logit.but(trace=type(logit.trace)()))["text/html"]

    assert "0.221" in page
    assert "<img" not in page
