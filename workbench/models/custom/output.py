"""What a person's own log-likelihood prints: shown, up to a limit for each run."""

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
"""What one run may print."""

_NOTICE = (
    "\n… The log-likelihood has printed enough: what it prints from here on is not shown. "
    "Print only now and then, or step through it outside a run.\n"
)


class Allowance:
    """How much one run may still print."""

    def __init__(self, lines: int = LINES, letters: int = LETTERS) -> None:
        self._lines, self._letters = lines, letters

    def shown(self, text: str) -> str:
        """Return what is shown of a text: all of it, a beginning and a sentence, or nothing."""
        if self._spent():
            return ""
        head = "".join(text.splitlines(keepends=True)[: self._lines])[: self._letters]
        self._lines -= head.count("\n")
        self._letters -= len(head)
        return head.rstrip("\n") + _NOTICE if self._spent() else head

    def _spent(self) -> bool:
        return self._lines <= 0 or self._letters <= 0


_CURRENT: ContextVar[Allowance | None] = ContextVar("allowance", default=None)


class _Metered:
    """Standard output, of which threads under an allowance write no more than that."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        allowance = _CURRENT.get()
        self.stream.write(text if allowance is None else allowance.shown(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class _Gate:
    """Stands between Python and its output while anybody is under an allowance.

    ``print`` of Python 3.11 holds no reference of its own to ``sys.stdout``, so what stood there
    is kept: another thread may be printing while the gate opens or shuts.
    """

    def __init__(self) -> None:
        self._lock, self._users = threading.Lock(), 0
        self._kept: deque[_Metered] = deque(maxlen=16)

    def enter(self) -> None:
        with self._lock:
            self._users += 1
            output: Any = sys.stdout
            if not isinstance(output, _Metered):
                sys.stdout = self._before(output)

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            output: Any = sys.stdout
            if not self._users and isinstance(output, _Metered):
                sys.stdout = output.stream

    def _before(self, output: Any) -> Any:
        if not self._kept or self._kept[-1].stream is not output:
            self._kept.append(_Metered(output))
        return self._kept[-1]


_GATE = _Gate()


@contextmanager
def limited(allowance: Allowance) -> Iterator[None]:
    """Print under an allowance in this thread; other threads print as they did."""
    _GATE.enter()
    token = _CURRENT.set(allowance)
    try:
        yield
    finally:
        _CURRENT.reset(token)
        _GATE.leave()
