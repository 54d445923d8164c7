"""Send the steps of runs to a page in batches, and carry out the page's commands.

Nothing here can slow or break a fit: the trace keeps the history, a listener only sets a flag,
and one thread per view reads what is new and sends it.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from workbench.errors import WorkbenchError
from workbench.estimation.trace import FIGURES
from workbench.notebook.live.cards import card_of, state_of
from workbench.notebook.live.inner_trace import rows_since
from workbench.notebook.live.thinning import positions
from workbench.protocols import Iterate, Numpy

if TYPE_CHECKING:
    from workbench.runs.run import Run

BATCH_PAUSE = 0.1
"""Seconds between two messages of steps of a run that has just begun: at most 10 a second."""

CALM_PAUSE = 0.25
"""Seconds between two messages of steps of a run that has gone on for a while."""

CALM_AFTER = 3.0
"""Seconds after which a run has gone on for a while."""

BLOCKING_PAUSE = 0.2
"""Seconds between two messages while a cell blocks the kernel and no answer can arrive."""

AHEAD = 60
"""Messages of steps that may be under way: a page acknowledges every five seconds, since the
kernel answers each of its messages, and the notebook shows that."""

PATIENCE = 0.5
"""Seconds to wait for a page's acknowledgement before sending again anyway."""

CARD_PAUSE = 0.1
"""Seconds between two cards of one run that differ in their figures only."""

BATCH_ROWS = 32
BATCH_BYTES = 500_000
SNAPSHOT_ROWS = 2000
BLOCKING_BYTES = 200_000
_FEWEST_ROWS = 50
_LONGEST_ID = 64
_MOST_RUNS = 1000
_HEARTBEAT = 0.5
_figures_of = attrgetter(*FIGURES)
_LOGGER = logging.getLogger(__name__)

STEERING = ("pause", "resume", "stop", "cancel")
"""The commands that a page may give a run."""

_TYPES = ("ready", "ack", "resync", "remedy", *STEERING)


class Send(Protocol):
    """What carries a message to the page: a widget's ``send``."""

    def __call__(self, content: dict[str, Any], buffers: list[bytes]) -> None: ...


@dataclass
class _Feed:
    """How much of one run has been sent to the page."""

    run: Run
    sent: int = 0
    inner_sent: int = 0
    card: str = ""
    state: str = ""
    card_at: float = 0.0
    closed: bool = False
    endings: list[Callable[[], None]] = field(default_factory=list)

    @property
    def parameters(self) -> int:
        return len(self.run.parameter_names)

    @property
    def waiting(self) -> int:
        return len(self.run.trace) - self.sent + len(self.run.demeaning) - self.inner_sent


class Streamer:
    """Keep one page up to date with a set of runs.

    Parameters
    ----------
    send
        Called as ``send(content, buffers)`` from one thread of this object, and from the thread
        that calls :meth:`handle`; an error it raises is logged once and changes nothing else.
    blocking
        Whether the cell that shows the page waits for the runs: then no answer can arrive, so
        the whole thinned trace is sent a few times a second, and nothing waits for the page.
    able
        The remedies that ``on_remedy`` can apply, besides continuing.
    on_way
        Called as ``on_remedy(run, action)`` when the user chose one of ``able``.
    on_run
        Called with the new run when the user continued an ended one.
    """

    def __init__(
        self,
        send: Send,
        *,
        blocking: bool = False,
        able: Collection[str] = (),
        on_remedy: Callable[[Run, str], None] | None = None,
        on_run: Callable[[Run], None] | None = None,
    ) -> None:
        self.able = frozenset(able) | _CONTINUE.keys()
        self._send = send
        self._blocking = blocking
        self._on_remedy = on_remedy
        self._on_run = on_run
        self._feeds: dict[str, _Feed] = {}
        self._lock = threading.RLock()
        self._news = threading.Event()
        self._under_way = 0
        self._sent_at = 0.0
        self._turn = 0
        self._idle = threading.Event()
        self._idle.set()
        self._complained = False

    def attach(self, run: Run) -> None:
        """Show ``run`` on the page, from its first step on."""
        with self._lock:
            if run.id in self._feeds:
                return
            feed = self._feeds[run.id] = _Feed(run)
            observed = (run.trace, run.demeaning, run)
            feed.endings = [each.listen(self._notify) for each in observed]
            if self._idle.is_set():
                self._idle.clear()
                threading.Thread(target=self._flow, name="workbench-stream", daemon=True).start()
        self._notify()

    def detach(self, run_id: str) -> None:
        """Take a run from the page."""
        with self._lock:
            feed = self._feeds.pop(run_id, None)
            if feed is not None:
                self._forget(feed)
                self._post({"type": "removed", "run": run_id})

    def resend_card(self, run_id: str) -> None:
        """Send the card of a run anew, as after a new name."""
        with self._lock:
            if feed := self._feeds.get(run_id):
                self._send_card(feed, again=True)

    def opening(self) -> dict[str, Any]:
        """Return the state a page starts from, for a trait: every card and every trace so far."""
        with self._lock:
            feeds = list(self._feeds.values())
            return {
                "cards": [self._card(feed) for feed in feeds],
                "snapshots": [_flat(*self._snapshot(feed)) for feed in feeds],
            }

    def close(self) -> None:
        """Listen to no run any more; the page keeps what it has."""
        with self._lock:
            for feed in self._feeds.values():
                self._forget(feed)
                feed.closed = True
        self._notify()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until everything of every run was sent; False when time ran out."""
        return self._idle.wait(timeout)

    # Messages from the page

    def handle(self, content: object) -> str | None:
        """Do what a message of the page asks; its type, or None when it is not the stream's.

        A message of the wrong shape, or about an unknown run, is ignored with a log line.
        """
        kind = content.get("type") if isinstance(content, Mapping) else None
        if not isinstance(content, Mapping) or kind not in _TYPES:
            return None
        if kind == "ready":
            self._on_ready(content.get("seen"))
        elif kind == "ack":
            self._on_ack()
        elif (feed := self._feed_named(content.get("run"))) is None:
            _LOGGER.warning("Ignored a message %r about an unknown run.", kind)
        elif kind in STEERING:
            self._answer(feed, _orders(feed.run)[kind])
        elif kind == "remedy":
            self._answer(feed, lambda: self._take_remedy(feed.run, content.get("action")))
        else:
            self._on_resync(feed)
        return str(kind)

    def _feed_named(self, run_id: object) -> _Feed | None:
        if not isinstance(run_id, str) or len(run_id) > _LONGEST_ID:
            return None
        return self._feeds.get(run_id)

    def _on_ready(self, seen: object) -> None:
        """Send to a page that has just opened everything it has not seen."""
        if not isinstance(seen, Mapping) or len(seen) > _MOST_RUNS:
            _LOGGER.warning("Ignored a message 'ready' without the steps seen.")
            return
        with self._lock:
            self._under_way = 0
            for feed in self._feeds.values():
                self._send_card(feed, again=True)
                if seen.get(feed.run.id) != len(feed.run.trace) + len(feed.run.demeaning):
                    self._send_snapshot(feed)
                if feed.closed:
                    self._post_closed(feed)

    def _on_ack(self) -> None:
        """Note that the page has taken what was under way."""
        self._under_way = 0
        self._notify()

    def _on_resync(self, feed: _Feed) -> None:
        with self._lock:
            self._send_snapshot(feed)
        self._notify()

    def _answer(self, feed: _Feed, act: Callable[[], None]) -> None:
        """Acknowledge the message, then act; an error is sent to the page, not raised."""
        self._post({"type": "received", "run": feed.run.id})
        try:
            act()
        except WorkbenchError as error:
            self._post({"type": "refused", "run": feed.run.id, "sentence": str(error)})
        self._notify()

    def _take_remedy(self, run: Run, action: object) -> None:
        if not isinstance(action, str) or action not in self.able:
            _LOGGER.warning("Ignored an unknown remedy for a run.")
        elif action in _CONTINUE:
            self._go_on(run.continue_with(optimizer=_CONTINUE[action]))
        elif self._on_remedy is not None:
            self._on_remedy(run, action)

    def _go_on(self, run: Run) -> None:
        self.attach(run)
        if self._on_run is not None:
            self._on_run(run)

    # Messages to the page

    def _notify(self, _: object = None) -> None:
        """Note that there is news; called from the threads of the fits, so it does no more."""
        self._news.set()

    def _flow(self) -> None:
        try:
            while not self._rests():
                self._news.wait(_HEARTBEAT)
                self._news.clear()
                self._try_to_flush()
                time.sleep(self._pause())
        finally:
            self._end()

    def _pause(self) -> float:
        if self._blocking:
            return BLOCKING_PAUSE
        with self._lock:
            ages = [feed.run.elapsed() for feed in self._feeds.values() if not feed.closed]
        return BATCH_PAUSE if min(ages, default=0.0) < CALM_AFTER else CALM_PAUSE

    def _try_to_flush(self) -> None:
        """Flush; a card that cannot be made is reported once, and the flow goes on."""
        try:
            self.flush()
        except Exception as error:  # noqa: BLE001  one broken card must not stop the others
            if not self._complained:
                _LOGGER.warning("A run could not be shown: %s", error)
            self._complained = True

    def _rests(self) -> bool:
        """Return whether every run is closed; then this thread ends until the next run."""
        with self._lock:
            if all(feed.closed for feed in self._feeds.values()):
                self._idle.set()
            return self._idle.is_set()

    def _end(self) -> None:
        """Close what has ended, even if the flow itself broke."""
        with self._lock:
            self._idle.set()
            for feed in self._feeds.values():
                if not feed.closed and _is_over(feed.run):
                    self._close(feed)

    def flush(self) -> None:
        """Send what is due: cards that changed, one batch of steps, and the ends of runs."""
        with self._lock:
            open_feeds = [feed for feed in self._feeds.values() if not feed.closed]
            over = {feed.run.id for feed in open_feeds if _is_over(feed.run)}
            for feed in open_feeds:
                self._send_card(feed)
            self._send_steps([feed for feed in open_feeds if feed.waiting > 0])
            for feed in open_feeds:
                if feed.run.id in over and feed.waiting <= 0:
                    self._send_card(feed, again=True)
                    self._close(feed)

    def _send_steps(self, waiting: list[_Feed]) -> None:
        if self._blocking:
            for feed in waiting:
                self._send_snapshot(feed)
        elif waiting and self._may_send():
            self._turn += 1
            self._send_batch(waiting[self._turn % len(waiting)])
        if any(feed.waiting > 0 for feed in waiting):
            self._notify()

    def _may_send(self) -> bool:
        """Return whether the page has acknowledged enough, or the time to wait is over."""
        return self._under_way < AHEAD or time.monotonic() - self._sent_at > PATIENCE

    def _send_batch(self, feed: _Feed) -> None:
        steps = feed.run.trace.since(feed.sent)
        rows = rows_of(thinned(steps, _most_rows(feed, BATCH_ROWS, BATCH_BYTES)), feed.parameters)
        header = _header("batch", feed, feed.sent, len(steps), rows)
        feed.sent += len(steps)
        header["demeaning"], inner_trace = rows_since(
            feed.run.demeaning, feed.inner_sent, BATCH_ROWS
        )
        feed.inner_sent += header["demeaning"]["n"]
        self._under_way += 1
        self._sent_at = time.monotonic()
        self._post({**header, "card": self._new_card(feed)}, [rows.tobytes(), inner_trace])

    def _send_snapshot(self, feed: _Feed) -> None:
        header, rows, inner_trace = self._snapshot(feed)
        feed.sent, feed.inner_sent = header["n"], header["demeaning"]["n"]
        self._post({**header, "card": self._new_card(feed)}, [rows, inner_trace])

    def _snapshot(self, feed: _Feed) -> tuple[dict[str, Any], bytes, bytes]:
        most = SNAPSHOT_ROWS
        if self._blocking:
            most = max(_FEWEST_ROWS, _most_rows(feed, most, BLOCKING_BYTES))
        steps = feed.run.trace.since(0)
        rows = rows_of(thinned(steps, most), feed.parameters)
        header = _header("snapshot", feed, 0, len(steps), rows)
        header["demeaning"], inner_trace = rows_since(feed.run.demeaning, 0, most)
        return header, rows.tobytes(), inner_trace

    def _card(self, feed: _Feed) -> dict[str, Any]:
        return card_of(feed.run, able=self.able)

    def _send_card(self, feed: _Feed, *, again: bool = False) -> None:
        """Send the card at once when its state changed; new figures alone travel with the steps."""
        calm = _state(feed.run) == feed.state
        if calm and not again and (feed.waiting or time.monotonic() - feed.card_at < CARD_PAUSE):
            return
        before, card = feed.card, self._new_card(feed)
        if again or feed.card != before:
            self._post({"type": "card", "run": card})

    def _new_card(self, feed: _Feed) -> dict[str, Any]:
        """Return the card as it is now, and remember it as sent."""
        card = self._card(feed)
        feed.card = json.dumps({**card, "elapsed": None})
        feed.state, feed.card_at = _state(feed.run), time.monotonic()
        return card

    def _close(self, feed: _Feed) -> None:
        self._forget(feed)
        feed.closed = True
        self._post_closed(feed)

    def _post_closed(self, feed: _Feed) -> None:
        ends = {"last": len(feed.run.trace), "inner_last": len(feed.run.demeaning)}
        self._post({"type": "closed", "run": feed.run.id, **ends})

    @staticmethod
    def _forget(feed: _Feed) -> None:
        for end in feed.endings:
            end()
        feed.endings = []

    def _post(self, content: dict[str, Any], buffers: Iterable[bytes] = ()) -> None:
        try:
            self._send(content, list(buffers))
        except Exception as error:  # noqa: BLE001  a broken connection must never end a fit
            if not self._complained:
                _LOGGER.warning("The page could not be reached: %s", error)
            self._complained = True


_CONTINUE: Mapping[str, str | None] = {"continue": None, "continue-newton": "newton"}
"""The remedies that every page can apply, with the optimizer that continues."""


def _orders(run: Run) -> dict[str, Callable[[], None]]:
    return {"pause": run.pause, "resume": run.resume, "stop": run.stop, "cancel": run.cancel}


def thinned(steps: list[Iterate], most: int) -> list[Iterate]:
    """Keep at most ``most`` steps that draw the same line: min/max decimation.

    Of every stretch the steps with the lowest and the highest objective stay, in their order;
    the first and the last step always stay.
    """
    objective = np.fromiter((step.objective for step in steps), np.float64, len(steps))
    return [steps[at] for at in positions(objective, most)]


def rows_of(steps: list[Iterate], parameters: int) -> Numpy:
    """Return steps as an array ``(steps, 7 + parameters)``: `FIGURES`, then the parameters."""
    rows = np.full((len(steps), len(FIGURES) + parameters), np.nan)
    for row, step in zip(rows, steps, strict=True):
        row[: len(FIGURES)] = [np.nan if value is None else value for value in _figures_of(step)]
        row[len(FIGURES) :] = step.params
    return rows


def _most_rows(feed: _Feed, most: int, size: int) -> int:
    """Return how many steps fit into so many bytes: two at least, ``most`` at most."""
    return min(most, max(2, size // (8 * (len(FIGURES) + feed.parameters))))


def _header(kind: str, feed: _Feed, first: int, n: int, rows: Numpy) -> dict[str, Any]:
    return {
        "type": kind,
        "run": feed.run.id,
        "first": first,
        "n": n,
        "width": rows.shape[1],
        "decimated": len(rows) < n,
    }


def _flat(header: dict[str, Any], rows: bytes, inner_trace: bytes) -> dict[str, Any]:
    return {**header, "rows": rows, "inner_trace": inner_trace}


def _state(run: Run) -> str:
    """Return the state that is sent at once; the message of a run that goes on counts its steps."""
    message = "" if run.status == "running" else run.message
    return json.dumps([run.status, run.phases, message], default=str)


def _is_over(run: Run) -> bool:
    return state_of(run) in ("done", "stopped", "failed")
