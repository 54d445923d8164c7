"""The stream is tested through what it sends: no page, a list of messages."""

import json
import threading
import time

import numpy as np
import pytest

from tests.notebook.fake_run import FakeRun
from workbench.demeaners.base import DemeanStep
from workbench.errors import OptionError
from workbench.estimation.outcome import Outcome
from workbench.estimation.trace import FIGURES
from workbench.literals import Choice
from workbench.notebook.live import stream
from workbench.notebook.live.cards import card_of
from workbench.notebook.live.inner_trace import rows_since
from workbench.notebook.live.stream import BATCH_ROWS, SNAPSHOT_ROWS, Streamer, rows_of, thinned

LONG = 20.0
"""Seconds a test waits for what takes a fraction of one on a quiet machine."""


class Page:
    """Keeps what it is sent, and acknowledges steps at once when asked to."""

    def __init__(self, *, answers: bool = True) -> None:
        self.messages: list[tuple[dict, list[bytes]]] = []
        self.times: list[float] = []
        self.answers = answers
        self.streamer: Streamer | None = None

    def __call__(self, content: dict, buffers: list[bytes]) -> None:
        self.messages.append((content, buffers))
        if buffers:
            self.times.append(time.monotonic())
        if self.answers and buffers and self.streamer is not None:
            self.streamer.handle({"type": "ack"})

    def of(self, kind: str) -> list[dict]:
        return [content for content, _ in self.messages if content["type"] == kind]

    def steps(self) -> np.ndarray:
        """Every row that batches brought, in the order of arrival."""
        return np.concatenate(
            [rows(content, buffers) for content, buffers in self.messages if buffers]
        )


def rows(content: dict, buffers: list[bytes]) -> np.ndarray:
    return np.frombuffer(buffers[0]).reshape(-1, content["width"])


def stream_to(page: Page, *runs: FakeRun, **options) -> Streamer:
    streamer = page.streamer = Streamer(page, **options)
    for run in runs:
        streamer.attach(run)
    return streamer


def test_the_card_of_a_stopped_run_marks_no_phase_done_that_did_not_run():
    run = FakeRun()
    run.step()
    run.end(Outcome.STOPPED, "You stopped the run.")

    states = {phase["key"]: phase["state"] for phase in card_of(run)["phases"]}

    assert states["optimize"] == "stopped"
    assert states["hessian"] == "none"


def test_every_step_arrives_once_and_in_order():
    page, run = Page(), FakeRun()
    streamer = stream_to(page, run)

    for _ in range(30):
        run.step()
        time.sleep(0.005)
    run.end()

    assert streamer.wait(LONG)
    np.testing.assert_array_equal(page.steps()[:, 0], np.arange(30))


def test_a_batch_holds_the_figures_and_then_the_parameters():
    page, run = Page(), FakeRun(parameters=("a", "b"))
    streamer = stream_to(page, run)

    run.step(0.5, decrement=0.25, params=np.array([1.0, 2.0]), seconds=3.0, evaluations=4)
    run.end()

    assert streamer.wait(LONG)
    (row,) = page.steps()
    assert dict(zip(FIGURES, row, strict=False))["objective"] == 0.5
    np.testing.assert_array_equal(row, [0, 3, 4, 0.5, 0.1, 0.25, 0.2, 1, 2])


def sweep(run: FakeRun, *residuals: float) -> None:
    """Take one iteration over as many columns."""
    number = len(run.demeaning) + 1
    run.demeaning.take(DemeanStep(number, np.array(residuals)), seconds=number / 100)


def test_iterations_of_demeaning_travel_with_the_steps_and_all_arrive():
    page, run = Page(), FakeRun()
    run.phases |= {"demean": ("current", None)}
    run.demeaning.begin(["lwage", "educ"], 1e-8)
    streamer = stream_to(page, run)

    for number in range(1, 41):
        sweep(run, 1 / number, 2 / number)
        time.sleep(0.003)
    cards = page.of("card")
    run.step()
    run.end()

    assert streamer.wait(LONG)
    sent = [content["demeaning"] for content in page.of("batch")]
    rows = np.concatenate([np.frombuffer(buffers[1]) for _, buffers in page.messages if buffers])
    rows = rows.reshape(-1, 6)
    assert sum(each["n"] for each in sent) == 40
    assert rows[:, 0].tolist() == list(range(40))
    assert rows[:, 2].tolist() == list(range(1, 41))
    np.testing.assert_allclose(rows[:, 4:], np.outer(1 / np.arange(1, 41), [1, 2]))
    assert len(page.of("batch")) <= 20
    assert page.of("closed")[-1]["inner_last"] == 40
    assert cards[-1]["run"]["demeaning"] == {"columns": ["lwage", "educ"], "tol": 1e-8}
    assert "in educ, the slowest of 2 columns, to fall below 10⁻⁸" in (cards[-1]["run"]["sentence"])


def test_a_page_reloaded_while_demeaning_gets_every_iteration():
    page, run = Page(), FakeRun()
    run.demeaning.begin(["y"], 1e-8)
    streamer = stream_to(page, run)
    for number in range(1, 6):
        sweep(run, 1 / number)

    opening = streamer.opening()["snapshots"][0]
    streamer.handle({"type": "ready", "seen": {run.id: 2}})
    streamer.close()

    assert len(np.frombuffer(opening["inner_trace"])) == 5 * 5
    (message, buffers) = next(m for m in page.messages if m[0]["type"] == "snapshot")
    assert message["demeaning"] == {"first": 0, "n": 5, "width": 5, "decimated": False}
    np.testing.assert_allclose(np.frombuffer(buffers[1]).reshape(5, 5)[:, 4], 1 / np.arange(1, 6))


def test_a_long_demeaning_is_thinned_with_its_ends_and_its_peaks():
    run = FakeRun()
    run.demeaning.begin(["y"], 1e-8)
    for number in range(5000):
        sweep(run, 10.0 if number == 1234 else 1 / (number + 1))

    header, data = rows_since(run.demeaning, 0, 200)

    rows = np.frombuffer(data).reshape(-1, header["width"])
    assert header == {"first": 0, "n": 5000, "width": 5, "decimated": True}
    assert len(rows) <= 200
    assert {0, 1234, 4999} <= set(rows[:, 0].astype(int))


def test_the_last_step_arrives_although_the_page_never_answers():
    page, run = Page(answers=False), FakeRun()
    streamer = stream_to(page, run)

    for _ in range(5):
        run.step()
        time.sleep(0.08)
    run.end()

    assert streamer.wait(LONG)
    assert page.of("closed")[-1]["last"] == 5
    assert page.steps()[-1, 0] == 4


def test_a_page_that_does_not_answer_gets_no_more_than_may_be_under_way(monkeypatch):
    monkeypatch.setattr(stream, "PATIENCE", LONG)
    monkeypatch.setattr(stream, "BATCH_PAUSE", 0.01)
    monkeypatch.setattr(stream, "AHEAD", 3)
    page, run = Page(answers=False), FakeRun()
    streamer = stream_to(page, run)

    for _ in range(20):
        run.step()
        time.sleep(0.03)
    sent_without_answer = len(page.of("batch"))
    streamer.handle({"type": "ack"})
    run.end()

    assert streamer.wait(LONG)
    assert sent_without_answer == 3
    assert page.steps()[-1, 0] == 19


def test_new_figures_travel_with_the_steps():
    page, run = Page(), FakeRun()
    streamer = stream_to(page, run)

    for _ in range(5):
        run.step()
        time.sleep(0.15)
    between = len(page.of("card"))
    run.end()

    assert streamer.wait(LONG)
    assert [content["card"]["step"] for content in page.of("batch")] == list(range(5))
    assert between <= 1


def test_batches_are_never_closer_than_their_pause():
    page, first, second = Page(), FakeRun("first"), FakeRun("second")
    streamer = stream_to(page, first, second)

    for _ in range(200):
        first.step()
        second.step()
        time.sleep(0.003)
    for run in (first, second):
        run.end()

    assert streamer.wait(LONG)
    assert np.diff(page.times).min() >= 0.9 * stream.BATCH_PAUSE
    assert {content["run"] for content in page.of("batch")} == {first.id, second.id}


def test_a_broken_page_neither_ends_the_stream_nor_the_run(caplog):
    def broken(content: dict, buffers: list[bytes]) -> None:
        raise ConnectionError("the socket is gone")

    run = FakeRun()
    streamer = Streamer(broken)
    streamer.attach(run)

    run.step()
    run.end()

    assert streamer.wait(LONG)
    assert caplog.text.count("could not be reached") == 1


def test_numbers_that_are_not_finite_stay_in_the_buffer_and_out_of_the_json():
    page, run = Page(), FakeRun()
    streamer = stream_to(page, run)

    run.step(np.inf, gradient_norm=np.nan)
    run.end(Outcome.NOT_FINITE, "The log-likelihood is not finite at the start.")

    assert streamer.wait(LONG)
    for content, _ in page.messages:
        json.dumps(content, allow_nan=False)
    assert np.isinf(page.steps()[0, FIGURES.index("objective")])


def test_a_page_that_opens_late_gets_the_whole_trace():
    page, run = Page(), FakeRun()
    streamer = stream_to(page, run)
    for _ in range(7):
        run.step()
    run.end()
    streamer.wait(LONG)
    page.messages.clear()

    streamer.handle({"type": "ready", "seen": {}})

    (snapshot,) = page.of("snapshot")
    assert (snapshot["first"], snapshot["n"], snapshot["decimated"]) == (0, 7, False)
    assert page.of("card")[0]["run"]["state"] == "done"
    assert page.of("closed")[0]["last"] == 7


def test_a_page_that_has_seen_everything_gets_no_steps_again():
    page, run = Page(), FakeRun()
    streamer = stream_to(page, run)
    run.step()
    run.end()
    streamer.wait(LONG)
    page.messages.clear()

    streamer.handle({"type": "ready", "seen": {run.id: 1}})

    assert page.of("snapshot") == []


def test_a_gap_is_answered_with_a_snapshot():
    page, run = Page(), FakeRun()
    streamer = stream_to(page, run)
    run.step()
    run.end()
    streamer.wait(LONG)
    page.messages.clear()

    streamer.handle({"type": "resync", "run": run.id})

    assert [content["n"] for content in page.of("snapshot")] == [1]


def test_the_opening_state_holds_cards_and_traces():
    run = FakeRun()
    for _ in range(3):
        run.step()
    streamer = Streamer(Page())
    streamer.attach(run)

    opening = streamer.opening()
    streamer.close()

    assert [card["id"] for card in opening["cards"]] == [run.id]
    (snapshot,) = opening["snapshots"]
    assert len(snapshot["rows"]) == 8 * 3 * snapshot["width"]


def test_a_blocking_cell_sends_whole_bounded_traces_and_waits_for_no_answer():
    page, run = Page(answers=False), FakeRun(parameters=[f"b{i}" for i in range(500)])
    streamer = stream_to(page, run, blocking=True)

    for _ in range(300):
        run.step()
    run.end()

    assert streamer.wait(LONG)
    assert page.of("batch") == []
    assert page.of("snapshot")[-1]["n"] == 300
    assert all(len(buffers[0]) <= stream.BLOCKING_BYTES for _, buffers in page.messages if buffers)


def test_a_million_steps_become_a_snapshot_of_two_thousand_rows():
    run = FakeRun(parameters=("a",))
    run.step()
    run.trace._steps = run.trace._steps * 1_000_000
    streamer = Streamer(Page())
    streamer.attach(run)

    (snapshot,) = streamer.opening()["snapshots"]
    streamer.close()

    assert snapshot["n"] == 1_000_000
    assert snapshot["decimated"]
    assert len(snapshot["rows"]) <= 8 * SNAPSHOT_ROWS * snapshot["width"]


def test_thinning_keeps_the_ends_and_every_extreme():
    run = FakeRun()
    for number in range(1000):
        run.step(100.0 if number == 317 else -50.0 if number == 801 else np.sin(number))
    steps = run.trace.since(0)

    kept = thinned(steps, BATCH_ROWS)

    numbers = [step.number for step in kept]
    assert len(kept) <= BATCH_ROWS
    assert numbers == sorted(set(numbers))
    assert {0, 317, 801, 999} <= set(numbers)


def test_rows_agree_with_the_trace():
    run = FakeRun()
    run.step(decrement=None)
    run.step(0.4, decrement=0.1)

    np.testing.assert_array_equal(rows_of(run.trace.since(0), 2), run.trace.rows())


@pytest.mark.parametrize("order", ["pause", "resume", "stop", "cancel"])
def test_a_command_is_acknowledged_and_carried_out(order):
    page, run = Page(), FakeRun()
    streamer = stream_to(page, run)

    streamer.handle({"type": order, "run": run.id})
    streamer.close()

    assert run.orders == [order]
    assert page.of("received")[0]["run"] == run.id


def test_going_on_with_newton_shows_the_new_run():
    page, run, begun = Page(), FakeRun(), []
    streamer = stream_to(page, run, on_run=begun.append)
    run.step()
    run.end(Outcome.STOPPED, "You stopped the run.")

    streamer.handle({"type": "remedy", "run": run.id, "action": "continue-newton"})
    streamer.close()

    assert run.continued == ["newton"]
    assert [new.name for new in begun] == ["baseline continued"]


def test_a_refused_command_is_reported_to_the_page():
    def refuse(optimizer=None, max_steps=None):
        raise OptionError("The data are gone.", "run the cell again.")

    page, run = Page(), FakeRun()
    run.continue_with = refuse
    streamer = stream_to(page, run)

    streamer.handle({"type": "remedy", "run": run.id, "action": "continue"})
    streamer.close()

    assert page.of("refused")[0]["sentence"] == "The data are gone.\n  Try: run the cell again."


def test_other_remedies_go_to_the_owner_of_the_page_only_if_it_offered_them():
    chosen, run = [], FakeRun()
    streamer = Streamer(
        Page(), able=("remove",), on_remedy=lambda run, action: chosen.append((run.id, action))
    )
    streamer.attach(run)

    for action in ("remove", "rows", "__init__", 7, None):
        streamer.handle({"type": "remedy", "run": run.id, "action": action})
    streamer.close()

    assert chosen == [(run.id, "remove")]


@pytest.mark.parametrize(
    "content",
    [
        {"type": "stop", "run": "no such run"},
        {"type": "stop", "run": ["a list"]},
        {"type": "stop", "run": "x" * 10_000_000},
        {"type": "ready", "seen": "everything"},
        {"type": "ready", "seen": {str(number): 1 for number in range(5000)}},
        {"type": "resync"},
    ],
    ids=["unknown run", "a list", "ten megabytes", "no mapping", "too many", "nothing"],
)
def test_a_crafted_message_is_ignored_with_a_log_line(content, caplog):
    page, run = Page(), FakeRun()
    streamer = stream_to(page, run)

    streamer.handle(content)
    streamer.close()

    assert run.orders == []
    assert "Ignored" in caplog.text


@pytest.mark.parametrize("content", [None, 7, "stop", [], {}, {"type": "compare"}, {"type": []}])
def test_messages_of_other_pages_are_left_to_them(content):
    assert Streamer(Page()).handle(content) is None


def test_the_stream_rests_when_all_runs_ended_and_wakes_for_the_next():
    page, first = Page(), FakeRun("first")
    streamer = stream_to(page, first)
    first.step()
    first.end()
    streamer.wait(LONG)
    resting = [thread.name for thread in threading.enumerate()].count("workbench-stream")
    second = FakeRun("second")

    streamer.attach(second)
    second.step()
    second.end()

    assert streamer.wait(LONG)
    assert resting == 0
    assert {content["run"] for content in page.of("closed")} == {first.id, second.id}


def test_a_separated_run_reports_what_happened_and_shows_no_estimate():
    run = FakeRun()
    run.step(0.01)
    evidence = {
        "regressors": ["hours"],
        "table": {"columns": ["hours = 0"], "rows": [["inlf = 0", 325]]},
    }
    run.end(Outcome.SEPARATED, "No maximum exists: hours predicts inlf exactly.", evidence=evidence)

    card = card_of(run, able=("remove",))

    assert (card["state"], card["tone"]) == ("failed", "err")
    assert card["heading"] == "No maximum exists: hours predicts inlf exactly."
    assert card["evidence"]["table"]["rows"] == [["inlf = 0", "325"]]
    assert card["evidence"]["parameter"] == "hours"
    assert [remedy["action"] for remedy in card["remedies"] if remedy["able"]] == ["remove"]


def test_an_unnamed_run_is_called_by_its_models_title():
    run = FakeRun(name="")

    names = []
    for model in ("logit", "ols", "body"):
        run.specification = run.specification.replace(model=Choice(model))
        names.append(card_of(run)["name"])

    assert names == ["Logit", "OLS", "Own likelihood"]


def test_an_error_without_a_fit_is_shown_with_its_hint():
    run = FakeRun()
    run.fail(OptionError("There is no column hours.", "pick another."))

    card = card_of(run)

    assert card["status_label"] == "✕ Failed"
    assert card["heading"] == "There is no column hours."
    assert card["evidence"]["sentences"] == ["Try: pick another."]


def test_the_distance_to_convergence_is_one_sentence():
    run = FakeRun()
    run.step()

    run.step(decrement=5.7e-6)
    with_decrement = card_of(run)["sentence"]
    run.step(gradient_norm=1.7e-2, step_length=2.3e-4)
    without = card_of(run)["sentence"]

    assert with_decrement == "Decrement 5.7 × 10⁻⁶, to fall below 10⁻⁸."
    assert without == "Largest gradient 0.017 per row; step length 0.00023."
