"""The saved output is tested through what it publishes."""

import threading

import pytest

from tests.notebook.fake_run import FakeRun
from workbench.errors import OptionError
from workbench.notebook.live import saved
from workbench.notebook.live.saved import SavedOutput


@pytest.fixture
def published(monkeypatch):
    """What is shown in a notebook that this process takes itself to be in."""
    shown = []
    monkeypatch.setattr(saved, "in_jupyter", lambda: True)
    monkeypatch.setattr(
        saved,
        "publish",
        lambda data, *, display_id=None, update=False: shown.append((data, display_id, update)),
    )
    return shown


def settle() -> None:
    """Wait for the threads that make results."""
    for thread in threading.enumerate():
        if thread.name == "workbench-saved":
            thread.join(20)


def ended(name: str = "baseline") -> FakeRun:
    run = FakeRun(name)
    run.step(0.7)
    run.step(0.5)
    run.end()
    return run


def test_a_placeholder_is_replaced_by_the_result_when_the_last_run_ends(published):
    first, second = ended("first"), FakeRun("second")
    output = SavedOutput(first, second)
    output.show()
    second.step(0.6)

    thread = threading.Thread(target=second.end)
    thread.start()
    thread.join()
    settle()

    (placeholder, place, first_update), (result, same_place, update) = published
    assert "first, second" in placeholder["text/plain"]
    assert (place == same_place, first_update, update) == (True, False, True)
    assert "<table" in result["text/html"]
    assert "second" in result["text/plain"]


def test_a_page_that_was_closed_at_the_end_gets_the_result_again(published):
    output = SavedOutput(ended())
    output.show()

    output.refresh()

    assert [update for _, _, update in published] == [False, True, True]


def test_nothing_is_published_before_a_run_ends_or_without_runs(published):
    for output in (SavedOutput(FakeRun()), SavedOutput()):
        output.show()
        output.refresh()

    assert [update for _, _, update in published] == [False, False]


def test_a_run_added_later_is_saved_too(published):
    output = SavedOutput(ended("first"))
    output.show()
    second = FakeRun("second")
    second.step()

    output.add(second)
    second.end()
    settle()

    assert "second" in published[-1][0]["text/plain"]


def test_a_run_without_a_fit_leaves_its_sentence_escaped(published):
    run = FakeRun("<script>alert(1)</script>")
    output = SavedOutput(run)
    output.show()

    run.fail(OptionError("There is no column <b>.", "pick another."))
    settle()

    html = published[-1][0]["text/html"]
    assert "There is no column &lt;b&gt;." in html
    assert "<script" not in html


def test_a_folded_result_opens_by_itself_where_no_page_closes_it(published):
    output = SavedOutput(ended(), folded=True)

    output.show()

    assert published[-1][0]["text/html"].startswith('<details open class="workbench-saved">')


def test_outside_jupyter_nothing_is_published(monkeypatch):
    monkeypatch.setattr(saved, "publish", lambda *_, **__: pytest.fail("published"))

    SavedOutput(ended()).show()
