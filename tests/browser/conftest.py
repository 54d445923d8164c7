"""One JupyterLab and one Chromium for all browser tests; a page for each."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, sync_playwright

from tests.browser.lab import Lab
from tests.browser.opened import PATIENCE, Opened

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HERE = {"127.0.0.1", "localhost"}
WINDOW = {"width": 1360, "height": 960}
INSIDE = {"data", "blob", "about", "file"}
ACCEPTED = (
    re.compile("widget model not found"),  # a saved notebook is opened without its kernel
    re.compile("Comm not found for comm id"),  # another page of the shared kernel opened it
    re.compile(r"404 .*/api/contents/"),  # JupyterLab looks after a notebook that was deleted
)
"""Errors that JupyterLab itself writes to the console."""


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_STORE", os.fspath(folder / "runs.sqlite"))
        server = Lab(folder)
    server.wait()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def browser():
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "The browser tests need Chromium; try: apt-get install chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def context(browser):
    window = browser.new_context(viewport=WINDOW, accept_downloads=True)
    window.set_default_timeout(1000 * PATIENCE)
    return window


class Watch:
    """What the pages of one test asked for, and what they complained of.

    An error inside JupyterLab's own scripts alone is not the workbench's: its splash screen,
    for one, is removed twice when two themes follow each other quickly.
    """

    def __init__(self) -> None:
        self.strangers: list[str] = []
        self.complaints: list[str] = []

    def follow(self, page: Page) -> None:
        page.on("request", lambda request: self._ask(request.url))
        page.on("websocket", lambda socket: self._ask(socket.url))
        page.on("pageerror", self._fail)
        page.on("console", self._hear)

    def _ask(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in INSIDE and parts.hostname not in HERE:
            self.strangers.append(url)

    def _fail(self, error: Error) -> None:
        stack = error.stack or ""
        frames = [line for line in stack.splitlines() if line.lstrip().startswith("at ")]
        if not frames or not all("/static/lab/" in frame for frame in frames):
            self.complaints.append(f"{error}\n{stack}")

    def _hear(self, message: ConsoleMessage) -> None:
        text = f"{message.text} ({message.location.get('url', '')})"
        if message.type == "error" and not any(known.search(text) for known in ACCEPTED):
            self.complaints.append(text)


@contextmanager
def visiting(lab: Lab, context: BrowserContext) -> Iterator[Callable[[str], Opened]]:
    """Open notebooks by their path, leave them in the end, and see that nothing was wrong."""
    watch, opened = Watch(), []

    def visit(path: str) -> Opened:
        page = context.new_page()
        page.set_viewport_size(WINDOW)
        watch.follow(page)
        opened.append(Opened(page, path, lab.page(path)))
        return opened[-1]

    yield visit
    complaints = list(watch.complaints)  # messages while widgets are closed do not matter
    for view in opened:
        try:
            view.leave()
        except Error:  # the page or its kernel is gone; the next test gets new ones
            lab.replace_kernel()
    assert not watch.strangers
    assert not complaints


@pytest.fixture
def views(lab, context):
    """Open a notebook that is there, as a person does on the next day."""
    with visiting(lab, context) as visit:
        yield visit


@pytest.fixture
def opened(views, lab, request):
    """Open a notebook of the given cells, with the kernel that all tests share or its own."""

    def open_notebook(*cells: str, shared: bool = True) -> Opened:
        name = re.sub(r"\W", "-", request.node.name.removeprefix("test_"))[:60]
        return views(lab.write(name, *cells, shared=shared))

    return open_notebook
