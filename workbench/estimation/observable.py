"""A record that grows while listeners read it."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Listener = TypeVar("Listener")


class Listeners(Generic[Listener]):
    """What is called at each change; members come and go from any thread."""

    def __init__(self) -> None:
        self._members: list[Listener] = []
        self._lock = threading.Lock()

    @property
    def members(self) -> tuple[Listener, ...]:
        """The members now, in the order in which they came."""
        with self._lock:
            return tuple(self._members)

    def add(self, listener: Listener) -> Callable[[], None]:
        """Add a member; return the function that removes it."""
        with self._lock:
            self._members.append(listener)
        return lambda: self.remove(listener)

    def remove(self, listener: Listener) -> None:
        """Remove a member, if it is still one."""
        with self._lock:
            if listener in self._members:
                self._members.remove(listener)


class Observable(Sequence[Item], Generic[Item]):
    """A sequence that only grows; reading is safe from any thread.

    The position of an item is its sequence number: a listener that has seen ``m`` items calls
    ``since(m)``.
    """

    def __init__(self) -> None:
        self._steps: list[Item] = []
        self._listeners: Listeners[Callable[[Item], None]] = Listeners()
        self._lock = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the items without the listeners."""
        own = {"_listeners", "_lock", "_steps"}
        kept = {name: value for name, value in self.__dict__.items() if name not in own}
        return {**kept, "_steps": self.since(0)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Observable.__init__(self)
        self.__dict__.update(state)

    def record(self, item: Item) -> None:
        """Append an item and tell the listeners; one that raises is reported once and dropped."""
        with self._lock:
            self._steps.append(item)
            listeners = self._listeners.members
        for listener in listeners:
            try:
                listener(item)
            except Exception as error:  # noqa: BLE001  a listener must never end a fit
                self._drop(listener, error)

    def listen(
        self, listener: Callable[[Item], None], *, replay: bool = False
    ) -> Callable[[], None]:
        """Call ``listener`` with every later item, until the function returned is called.

        With ``replay`` it gets the items so far first, each exactly once.
        """
        with self._lock:
            for item in self._steps if replay else ():
                listener(item)
            return self._listeners.add(listener)

    def since(self, sequence: int) -> list[Item]:
        """Return the items from position ``sequence`` on."""
        with self._lock:
            return self._steps[sequence:]

    @property
    def last(self) -> Item | None:
        """The newest item, or None before the first."""
        with self._lock:
            return self._steps[-1] if self._steps else None

    def __len__(self) -> int:
        with self._lock:
            return len(self._steps)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.since(0))

    def __getitem__(self, position):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN204
        return self.since(0)[position]

    def _drop(self, listener: Callable[[Item], None], error: Exception) -> None:
        self._listeners.remove(listener)
        warnings.warn(
            f"A listener of the trace raised {type(error).__name__}: {error}. "
            "It gets no further steps; the fit goes on.",
            RuntimeWarning,
            stacklevel=3,
        )
