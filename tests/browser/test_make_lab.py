"""What stands on the page that ``make lab`` opens, before any key is pressed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.browser.opened import see

pytestmark = pytest.mark.browser

START = Path(__file__).parents[2] / "notebooks" / "00-start.ipynb"
RUN_BEFORE = [{"output_type": "stream", "name": "stdout", "text": "from yesterday"}]
LATE = 3000
"""Milliseconds after which a cell that were to run by itself would have run."""
STATE = """(path) => {
    const panels = [...window.jupyterapp.shell.widgets('main')];
    const panel = panels.find((one) => one.context?.path === path);
    return { unsaved: panel.context.model.dirty, scrolled: panel.content.outerNode.scrollTop };
}"""


@pytest.fixture
def start(views, lab):
    """Open the notebook that the server was started on, of these cells, with a new kernel."""
    path = "notebooks/start.ipynb"

    def open_start(notebook):
        lab.copy("start", notebook)
        return views(path)

    yield open_start
    lab.shut_down(path)


@pytest.fixture
def shipped():
    """The notebook of ``make lab``."""
    return json.loads(START.read_text("utf-8"))


def test_the_workbench_stands_ready_and_one_click_estimates(start, shipped):
    view = start(shipped)
    see(view.widget)

    view.press_run()

    see(view.card("Logit"), "Converged")


def test_the_notebook_shows_its_head_and_has_nothing_to_save(start, shipped, lab):
    view = start(shipped)
    see(view.widget)

    view.page.wait_for_timeout(LATE)

    assert view.page.evaluate(STATE, view.path) == {"unsaved": False, "scrolled": 0}
    assert lab.read(view.path) == shipped


def test_a_cell_that_was_run_before_is_left_as_it_was(start, shipped):
    first = next(cell for cell in shipped["cells"] if cell["cell_type"] == "code")
    first |= {"source": "ran = True", "outputs": RUN_BEFORE, "execution_count": 1}

    view = start(shipped)
    view.page.wait_for_timeout(LATE)

    assert not view.ask("'ran' in globals()")
    see(view.cell(1), "from yesterday")


def test_no_other_notebook_runs_by_itself(opened):
    view = opened("ran = True")

    view.page.wait_for_timeout(LATE)

    assert not view.ask("'ran' in globals()")


def test_a_notebook_opened_beside_the_first_does_not_run_by_itself(start, shipped, lab):
    beside = lab.write("beside", "ran = True")
    view = start(shipped)
    see(view.widget)

    view.command("docmanager:open", path=beside)
    view.path = beside
    view.wait_for_kernel()
    view.page.wait_for_timeout(LATE)

    assert not view.ask("'ran' in globals()")
