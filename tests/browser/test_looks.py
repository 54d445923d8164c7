"""The page in both themes, in narrow places, for screen readers, and with hostile names."""

from __future__ import annotations

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.cells import WORKBENCH
from tests.browser.conftest import WINDOW, visiting
from tests.browser.opened import see, wait_until

pytestmark = pytest.mark.browser

TABS = ("Setup", "Run", "Results")
OUTSIDE = """
(root) => {
  const edge = root.getBoundingClientRect().right + 1;
  const scrolls = (at) => getComputedStyle(at).overflowX !== 'visible';
  const clipped = (at) => at !== root && (scrolls(at) || clipped(at.parentElement));
  const out = (at) => at.getBoundingClientRect().right > edge && !clipped(at.parentElement);
  const seen = [...root.querySelectorAll('*')].filter((at) => at.checkVisibility());
  return seen.filter(out).map((at) => at.outerHTML.slice(0, 120));
}
"""
ON_TOP = """(button) => {
  const box = button.getBoundingClientRect();
  return button.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
}"""
GRID_PIXELS = """(canvas) => {
  const hair = getComputedStyle(canvas).getPropertyValue('--wb-hair').trim();
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hair.slice(at, at + 2), 16));
  const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let at = 0; at < data.length; at += 4)
    found += data[at] === red && data[at + 1] === green && data[at + 2] === blue;
  return found;
}"""
HOSTILE = [
    '<img src="http://attacker.example/x" onerror="window.hit=1">',
    '"><script>window.hit=1</script>',
    "<svg onload='window.hit=1'>",
    "javascript:alert(1)",
    "{{7*7}}",
    "$\\href{javascript:alert(1)}{x}$",
]


@pytest.fixture(scope="module")
def workbench(lab, context):
    """Open a workbench with two finished runs, for all tests that only look at it."""
    with visiting(lab, context) as visit:
        view = visit(lab.write("looks", WORKBENCH, shared=False))
        view.run()
        view.press_run()
        see(view.card("Logit"), "Converged")
        view.open("Setup")
        view.widget.get_by_label("Template").select_option("probit")
        view.press_run()
        see(view.card("Probit"), "Converged")
        yield view


@pytest.fixture
def compared(workbench):
    """Hand out the workbench on its Run tab, in a wide and light window."""
    workbench.page.set_viewport_size(WINDOW)
    workbench.open("Run")
    yield workbench
    workbench.command("apputils:change-theme", theme="JupyterLab Light")
    expect(workbench.widget).to_have_attribute("data-theme", "light")


def test_a_change_of_theme_recolours_the_page_and_its_charts_without_a_reload(compared):
    view = compared
    text, chart = text_colour(view), pixels(view)

    view.command("apputils:change-theme", theme="JupyterLab Dark")
    expect(view.widget).to_have_attribute("data-theme", "dark")
    wait_until(lambda: text_colour(view) != text)
    wait_until(lambda: pixels(view) != chart)
    view.command("apputils:change-theme", theme="JupyterLab Light")
    expect(view.widget).to_have_attribute("data-theme", "light")

    wait_until(lambda: text_colour(view) == text)
    wait_until(lambda: pixels(view) == chart)


def test_a_chart_that_is_out_of_the_page_takes_a_new_theme_when_it_comes_back(opened):
    view = opened(WORKBENCH)
    view.run()
    run_named(view, "logit", "before")
    charts = view.widget.locator(".mul canvas")
    charts.first.scroll_into_view_if_needed()
    wait_until(lambda: charts.first.evaluate(GRID_PIXELS))

    run_named(view, "ols", "without charts")
    expect(charts).to_have_count(0)
    for theme in ("Dark", "Light"):
        view.command("apputils:change-theme", theme=f"JupyterLab {theme}")
        expect(view.widget).to_have_attribute("data-theme", theme.lower())
    run_named(view, "logit", "after")

    charts.first.scroll_into_view_if_needed()
    wait_until(lambda: charts.first.evaluate(GRID_PIXELS))


@pytest.mark.parametrize("width", [980, 600, 490])
def test_nothing_sticks_out_of_a_narrow_page(compared, width):
    view = compared
    view.fit_width(width)

    for tab in TABS:
        view.open(tab)
        outside = view.widget.evaluate(OUTSIDE)
        assert outside == [], tab
        assert view.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
@pytest.mark.parametrize("width", [980, 600])
def test_run_is_in_sight_before_anybody_scrolls(compared, width, theme):
    view = compared
    view.command("apputils:change-theme", theme=f"JupyterLab {theme}")
    view.fit_width(width)

    view.open("Setup")
    view.page.locator(".jp-WindowedPanel-outer").evaluate("(outer) => outer.scrollTo(0, 0)")

    button = view.widget.get_by_role("button", name="▶ Run")
    expect(button).to_be_in_viewport(ratio=1)
    assert button.evaluate(ON_TOP)


def test_a_run_has_the_same_line_on_every_tab(compared):
    view = compared
    view.open("Run")
    view.widget.get_by_role("button", name="Overlay another run").click()
    view.widget.locator(".pick").get_by_label("Logit").check()

    looks = {name: look(view.card(name)) for name in ("Logit", "Probit")}

    view.open("Results")
    for place in ("table.reg thead", "table.dg tbody", ".keys"):
        region = view.widget.locator(place)
        shown = [look(region, at) for at in (0, 1)]
        assert shown == [looks["Logit"], looks["Probit"]], place
    assert looks["Logit"] != looks["Probit"]


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_an_accessibility_check_finds_nothing_on_any_tab(compared, theme):
    view = compared
    view.command("apputils:change-theme", theme=f"JupyterLab {theme}")
    expect(view.widget).to_have_attribute("data-theme", theme.lower())

    found = {}
    for tab in TABS:
        view.open(tab)
        report = Axe().run(view.page, context="section.wb").response
        found[tab] = [
            (violation["id"], [node["target"] for node in violation["nodes"]][:3])
            for violation in report["violations"]
        ]

    assert found == {tab: [] for tab in TABS}


def test_hostile_names_are_shown_as_text(opened):
    dialogs = []
    columns = json.dumps(HOSTILE)
    view = opened(
        "import numpy as np\nimport pandas as pd\nimport workbench as wb\n"
        f"names = {columns}\n"
        "draws = np.random.default_rng(1).normal(size=(60, len(names)))\n"
        "hostile = pd.DataFrame(draws, columns=names)\n"
        'hostile["y"] = draws[:, 0] + np.random.default_rng(2).normal(size=60)\n'
        'hostile["g"] = [names[row % 2] for row in range(60)]\n'
        "page = wb.Workbench(hostile)\npage"
    )
    view.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    view.run()
    view.widget.get_by_label("Template").select_option("gaussian")
    view.formula.fill("y ~ `{{7*7}}` + g")
    view.widget.get_by_label("Name of this run").fill(HOSTILE[0])
    see(view.widget.locator(".check"), "parameters")

    view.press_run()
    see(view.card(HOSTILE[0]), "Converged")
    view.open("Results")
    see(view.widget.locator("table.reg"), HOSTILE[0])
    saved = view.page.locator("details.workbench-saved")
    saved.locator("summary").click()
    see(saved, HOSTILE[0])

    assert dialogs == []
    assert view.page.evaluate("window.hit") is None
    for inside in ("img", "script", "iframe", "svg[onload]"):
        expect(view.widget.locator(inside)).to_have_count(0)
    expect(saved.locator("img:not([src^='data:image/png']), script, svg")).to_have_count(0)


def look(element, at=0):
    """Return the classes of a line's sample, which say its colour and dash."""
    return element.locator(".swt .l").nth(at).get_attribute("class")


def text_colour(view):
    """Return the colour of the text on the tab that is open."""
    colour = "(root) => getComputedStyle(root.querySelector('.panel:not([hidden])')).color"
    return view.widget.evaluate(colour)


def run_named(view, template, name):
    """Run a template under a name of its own, and wait for its end."""
    view.open("Setup")
    view.widget.get_by_label("Template").select_option(template)
    view.widget.get_by_label("Name of this run").fill(name)
    view.press_run()
    see(view.card(name), "Converged")


def pixels(view):
    """Return a digest of what the first chart has drawn."""
    canvas = view.chart("Gap").locator("canvas").first
    return canvas.evaluate("(canvas) => canvas.toDataURL()")
