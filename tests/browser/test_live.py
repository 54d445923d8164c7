"""A run under way: its controls, a page that is loaded anew, a kernel that dies."""

from __future__ import annotations

import os
import signal

import pytest
from playwright.sync_api import expect

from tests.browser.cells import HELD, STEERED, WAITING, WORKBENCH
from tests.browser.opened import see, wait_until

pytestmark = pytest.mark.browser


def test_stop_takes_at_most_one_evaluation_more_and_keeps_the_last_step(opened):
    view = opened(STEERED)
    view.run()
    view.until("len(calls) >= 12")

    view.card("slow").get_by_role("button", name="Stop").click()
    see(view.card("slow"), "Stopped")

    assert view.ask("calls.count('stopping')") <= 1
    assert view.ask("run.result().outcome.name") == "STOPPED"
    last = view.ask("run.trace.last.number")
    expect(view.card("slow").locator("dd").first).to_have_text(str(last))
    wait_until(lambda: view.steps("Gap")[-1] == last)


def test_a_paused_run_waits_for_resume_while_other_cells_run(opened):
    view = opened(STEERED, "[run.status, 6 * 7]")
    view.run()
    view.until("len(calls) >= 5")

    view.run(1)
    see(view.cell(1), "['running', 42]")
    view.card("slow").get_by_role("button", name="Pause").click()
    see(view.card("slow"), "Paused")
    view.code("gate.wait(1)")
    held = view.ask("calls.count('paused')")
    view.run(1)
    see(view.cell(1), "['paused', 42]")
    before = view.ask("len(calls)")
    view.card("slow").get_by_role("button", name="Continue").click()
    view.until(f"len(calls) > {before}")

    assert held <= 1
    assert view.ask("run.status") == "running"


def test_a_page_reloaded_during_a_run_has_the_whole_trace(opened):
    view = opened(WAITING)
    view.run()
    view.until("len(calls) >= 20")

    view.reload()
    see(view.card("slow"), "Running")
    wait_until(lambda: len(view.steps("Gap")) >= 10)
    anew = view.steps("Gap")
    view.code("most = 40\ngate.set()\ngate.clear()")
    view.until("len(calls) >= 40")
    view.card("slow").get_by_role("button", name="Stop").click()
    view.until("run.status == 'stopping'")
    view.code("gate.set()")
    see(view.card("slow"), "Stopped")

    steps = view.ask("[step.number for step in run.trace.since(0)]")
    assert anew == steps[: len(anew)]
    assert view.page.locator("section.wb").count() == 1
    wait_until(lambda: view.steps("Gap") == steps)


def test_a_killed_kernel_changes_the_status_label_and_finished_runs_can_still_be_exported(opened):
    view = opened(WORKBENCH, HELD, "wb.runs()", shared=False)
    view.run(0)
    view.press_run()
    see(view.card("Logit"), "Converged")
    view.run(1)
    view.open("Setup")
    view.widget.get_by_label("Name of this run").fill("cut short")
    view.press_run()
    see(view.card("cut short"), "Running")
    view.until("len(page._list.shown()[0].run.trace) >= 3")

    os.kill(view.ask("__import__('os').getpid()"), signal.SIGKILL)
    see(view.card("cut short"), "Kernel gone")
    view.dismiss()
    view.open("Results")
    with view.page.expect_download() as download:
        view.widget.get_by_role("button", name="Export").click()
        view.widget.get_by_role("menuitem", name="CSV").click()

    assert "educ" in download.value.path().read_text(encoding="utf-8")
    see(view.widget.locator("table.reg"), "Observations")
    expect(view.card("cut short").get_by_role("button", name="Stop")).to_have_count(0)
    view.wait_for_kernel()
    found = view.ask(
        "runs[runs.name == 'cut short'].status.tolist()",
        code="import workbench as wb\nruns = wb.runs()",
    )
    assert found == ["! Interrupted"]
