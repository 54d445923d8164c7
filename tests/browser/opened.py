"""A notebook that stands open in the browser, as the tests handle it."""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, expect

PATIENCE = 120
"""Seconds to wait for what must come, on a machine that has other things to do."""

# Each of these is the body of a function of `path`, `one` and `two` in the page, where `panel`
# is the notebook; a promise that is never kept must not hold the tests for ever.
_IN_PAGE = """
async ([path, one, two, patience]) => {
  const app = window.jupyterapp;
  const panel = app && [...app.shell.widgets('main')].find((at) => at.context?.path === path);
  const late = new Promise((_, no) => setTimeout(() => no(new Error('too late')), patience));
  return Promise.race([late, (async () => {%s})()]);
}"""
_READY = """
    if (!panel) return false;
    await panel.context.ready;
    await panel.sessionContext.ready;
    return panel.sessionContext.session?.kernel?.connectionStatus === 'connected';
"""
_START = """
    panel.content.activeCellIndex = one;
    panel.content.deselectAll();
    app.commands.execute('notebook:run-cell');
"""
_RUN = _START.replace("app.commands", "await app.commands")
_COMMAND = """
    app.shell.activateById(panel.id);
    await app.commands.execute(one, two);
"""
_ASK = """
    const kernel = panel.sessionContext.session.kernel;
    const content = { code: one, silent: true, user_expressions: { answer: two } };
    const reply = (await kernel.requestExecute(content).done).content;
    if (reply.status !== 'ok') return JSON.stringify(reply);
    const answer = reply.user_expressions.answer;
    return answer.status === 'ok' ? { text: answer.data['text/plain'] } : JSON.stringify(answer);
"""
_ROWS = """(chart) => [...chart.querySelectorAll('tbody tr')].map(
    (row) => [...row.children].map((cell) => cell.innerText.trim()))"""
_FOCUSED = """() => {
    const focused = document.activeElement;
    const at = document.getElementById(focused.getAttribute('aria-activedescendant')) ?? focused;
    const style = (one) => getComputedStyle(one);
    const ringed = (one) => style(one).boxShadow !== 'none'
        || (style(one).outlineStyle !== 'none' && parseFloat(style(one).outlineWidth) > 0);
    return { html: at.outerHTML.slice(0, 120), ring: ringed(at) || ringed(at.parentElement) };
}"""
# The kernel is shared: its names, runs, widgets and records end with the notebook.
_EMPTY = """
import ipywidgets, workbench
from workbench.runs.store import current_store
from workbench.runs.run import Run
[thing.cancel() for thing in list(globals().values()) if isinstance(thing, Run)]
ipywidgets.Widget.close_all()
[current_store().delete(record.id) for record in current_store().runs()]
get_ipython().reset(new_session=False)
__import__("workbench").use_store(":memory:")
"""


class Opened:
    """One notebook in one page: its cells, its widget, and its kernel."""

    def __init__(self, page: Page, path: str, address: str) -> None:
        self.page, self.path = page, path
        page.goto(address)
        self.wait_for_kernel()
        self.command("application:toggle-left-area")

    def leave(self) -> None:
        """Free the kernel of what this notebook made, and close the page."""
        if self.page.is_closed():
            return
        try:
            self.code(_EMPTY)
        finally:
            self.page.close()

    def wait_for_kernel(self) -> None:
        wait_until(lambda: self._do(_READY))

    def reload(self) -> None:
        """Save the notebook, load the page anew, and wait for its kernel."""
        self.command("docmanager:save")
        self.page.reload()
        self.wait_for_kernel()

    def run(self, index: int = 0) -> None:
        """Run a cell and wait for its end."""
        self._do(_RUN, index)

    def start(self, index: int = 0) -> None:
        """Run a cell and do not wait."""
        self._do(_START, index)

    def ask(self, expression: str, code: str = "") -> Any:
        """Return what an expression is in the kernel, by way of JSON."""
        text = f"__import__('json').dumps({expression})"
        answer = self._do(_ASK, code, text)
        assert isinstance(answer, dict), answer
        return json.loads(ast.literal_eval(answer["text"]))

    def command(self, name: str, **options: Any) -> None:
        """Give JupyterLab one of its own commands, for this notebook."""
        self._do(_COMMAND, name, options)

    def until(self, expression: str) -> None:
        """Wait until an expression is true in the kernel."""
        wait_until(lambda: self.ask(expression))

    def code(self, source: str) -> None:
        """Run code in the kernel that the notebook does not show."""
        self.ask("None", code=source)

    def cell(self, index: int) -> Locator:
        return self.page.locator(".jp-Notebook-cell").nth(index)

    @property
    def widget(self) -> Locator:
        return self.page.locator("section.wb").first

    @property
    def formula(self) -> Locator:
        return self.widget.get_by_label("Formula")

    def tab(self, name: str) -> Locator:
        return self.widget.get_by_role("tab", name=name)

    def press_run(self) -> None:
        self.widget.get_by_role("button", name="▶ Run").click()

    def open(self, tab: str) -> None:
        self.tab(tab).click()

    def card(self, name: str) -> Locator:
        return self.widget.get_by_role("article", name=f"Run {name}", exact=True)

    def chart(self, title: str) -> Locator:
        return self.widget.locator(f'[aria-roledescription=chart][aria-label^="{title}"]')

    def numbers(self, title: str) -> list[list[str]]:
        """Return the rows of a chart's table, opened by its key and closed again."""
        chart = self.chart(title)
        chart.scroll_into_view_if_needed()
        chart.press("t")
        found: list[list[str]] = chart.evaluate(_ROWS)
        chart.press("t")
        return found

    def steps(self, title: str) -> list[int]:
        """Return the steps of a chart's table, which holds every one of fifty at most."""
        return [int(row[0].replace(",", "")) for row in self.numbers(title)]

    def stops(self, within: str) -> list[dict[str, Any]]:
        """Go with the Tab key through the elements inside, and say which show a focus ring."""
        found = []
        while self.inside(within):
            found.append(self.page.evaluate(_FOCUSED))
            self.page.keyboard.press("Tab")
        self.page.keyboard.press("Shift+Tab")
        return found

    def inside(self, selector: str) -> bool:
        """Say whether the keyboard's focus is inside an element."""
        return bool(self.page.evaluate(f"!!document.activeElement.closest('{selector}')"))

    def to(self, words: str) -> None:
        """Go with the Tab key to the element of these words."""
        for _ in range(60):
            if words in self.page.evaluate("document.activeElement.textContent"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"The Tab key does not reach {words!r}.")

    def dismiss(self) -> None:
        """Close the dialog in which JupyterLab tells of a dead kernel."""
        self.page.locator(".jp-Dialog button.jp-mod-accept").click()

    def fit_width(self, width: int) -> None:
        """Make the window as wide as the widget needs to be of a width."""
        box = self.widget.bounding_box()
        window = self.page.viewport_size
        assert box
        assert window
        self.page.set_viewport_size(
            {**window, "width": int(window["width"] - box["width"] + width)}
        )

    def _do(self, body: str, one: Any = None, two: Any = None) -> Any:
        """Do something in the page that only JupyterLab itself can do."""
        return self.page.evaluate(_IN_PAGE % body, [self.path, one, two, 1000 * PATIENCE])


def wait_until(holds: Callable[[], Any]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "It did not happen."
        time.sleep(0.1)


def see(locator: Locator, text: Any = None) -> None:
    """Wait until an element is there, with a text where one is given."""
    if text is None:
        expect(locator).to_be_visible(timeout=1000 * PATIENCE)
    else:
        expect(locator).to_contain_text(text, timeout=1000 * PATIENCE)
