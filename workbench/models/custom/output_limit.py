"""Limit what a user's own log-likelihood prints in a run."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

LINES = 200
LETTERS = 20_000
"""The lines and characters that one run may print."""

_NOTICE = (
    "\n… The log-likelihood has printed enough: what it prints from here on is not shown. "
    "Print only now and then, or step through it outside a run.\n"
)


class OutputLimit:
    """The lines and characters that one run may still print."""

    def __init__(self, lines: int = LINES, letters: int = LETTERS) -> None:
        self._lines, self._letters = lines, letters

    def allowed(self, text: str) -> str:
        """Return what may be printed of a text: all, its beginning and a notice, or nothing."""
        if self._spent():
            return ""
        head = "".join(text.splitlines(keepends=True)[: self._lines])[: self._letters]
        self._lines -= head.count("\n")
        self._letters -= len(head)
        return head.rstrip("\n") + _NOTICE if self._spent() else head

    def _spent(self) -> bool:
        return self._lines <= 0 or self._letters <= 0


_CURRENT: ContextVar[OutputLimit | None] = ContextVar("limit", default=None)


class _LimitedStream:
    """Standard output that writes the text of a thread up to the limit of that thread."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        limit = _CURRENT.get()
        self.stream.write(text if limit is None else limit.allowed(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class _Replacement:
    """Replace ``sys.stdout`` while a thread has a limit.

    ``print`` of Python 3.11 keeps no reference to ``sys.stdout``, so recent replacements are
    kept: another thread may be printing while ``sys.stdout`` changes.
    """

    def __init__(self) -> None:
        self._lock, self._users = threading.Lock(), 0
        self._recent: deque[_LimitedStream] = deque(maxlen=16)

    def enter(self) -> None:
        with self._lock:
            self._users += 1
            output: Any = sys.stdout
            if not isinstance(output, _LimitedStream):
                sys.stdout = self._before(output)

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            output: Any = sys.stdout
            if not self._users and isinstance(output, _LimitedStream):
                sys.stdout = output.stream

    def _before(self, output: Any) -> Any:
        if not self._recent or self._recent[-1].stream is not output:
            self._recent.append(_LimitedStream(output))
        return self._recent[-1]


_REPLACEMENT = _Replacement()


@contextmanager
def limited(limit: OutputLimit) -> Iterator[None]:
    """Apply a limit to what this thread prints; other threads have none."""
    _REPLACEMENT.enter()
    token = _CURRENT.set(limit)
    try:
        yield
    finally:
        _CURRENT.reset(token)
        _REPLACEMENT.leave()
