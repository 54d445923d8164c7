"""The trace view is tested as an object: its traits, and what it does with messages."""

import io

import pytest

from tests.notebook.fake_run import FakeRun
from workbench.errors import WorkbenchError
from workbench.notebook import bundle
from workbench.notebook.live.terminal import ProgressLine
from workbench.notebook.widgets.trace_view import TraceView


@pytest.fixture(autouse=True)
def _built(tmp_path, monkeypatch):
    """A page of one line, so that these tests need no front end."""
    (tmp_path / "workbench.js").write_text("export default {}", encoding="utf-8")
    (tmp_path / "workbench.css").write_text(".wb {}", encoding="utf-8")
    monkeypatch.setattr(bundle, "STATIC", tmp_path)


def test_the_view_opens_with_what_its_runs_have_done():
    run = FakeRun()
    run.step()

    view = TraceView(run)
    view.close()

    assert view.page_kind == "trace"
    assert [card["name"] for card in view.opening["cards"]] == ["baseline"]
    assert view.opening["snapshots"][0]["n"] == 1


def test_a_blocking_view_has_no_buttons():
    view = TraceView(FakeRun(), steerable=False)
    view.close()

    assert not view.steerable


def test_a_press_on_stop_reaches_the_run():
    run = FakeRun()
    view = TraceView(run)

    view._handle_custom_msg({"type": "stop", "run": run.id}, [])
    view.close()

    assert run.orders == ["stop"]


def test_outside_jupyter_the_progress_is_text(capsys):
    run = FakeRun()
    view = TraceView(run)

    run.step()
    run.end()
    view.streamer.wait(20)

    assert "baseline: ✓ Converged. Converged after 5 steps" in capsys.readouterr().err


def test_a_log_gets_one_line_at_the_end_and_a_terminal_follows_the_steps():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    log, terminal, run = io.StringIO(), Terminal(), FakeRun()
    ProgressLine(run, log)
    ProgressLine(run, terminal)

    run.step(0.5)
    run.end()

    assert log.getvalue().count("\n") == 1
    assert "step 0, log-likelihood −376.50" in terminal.getvalue()


def test_a_page_that_is_not_built_says_how_to_build_it(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "STATIC", tmp_path / "nowhere")

    with pytest.raises(WorkbenchError, match="not built") as caught:
        TraceView(FakeRun())

    command = "install the package with `pip install .`, or run `make lab` in its folder."
    assert caught.value.hint == command
