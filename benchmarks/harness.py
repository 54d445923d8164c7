"""Shared parts of the benchmarks: sides in their own processes, medians, agreement, JSON.

Each side has a fresh process with the same settings and computes only in its turn, so that sides
take turns on the same machine and none inherits another's threads or memory.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from workbench import __version__

PACKAGES = (
    *("numpy", "scipy", "pandas", "torch", "pytorch-minimize", "jax", "numba"),
    *("statsmodels", "xlogit", "biogeme", "within_py", "pyfixest"),
)
BREATH = 0.3
"""Seconds between two turns, in which the last side's threads end."""
_NO_TRIMMING, _NO_MAPPING = (-1, 2**31 - 1), (-4, 0)
"""Settings of glibc's allocator: ``M_TRIM_THRESHOLD`` and ``M_MMAP_MAX`` of ``malloc.h``."""


@dataclass(frozen=True)
class Answer:
    """The result of a side: estimates ``(k,)`` and, where it has them, standard errors ``(k,)``.

    ``step`` is the seconds of one step of its optimizer, and ``peak`` the largest resident memory
    of its process in MB, where the side reports it.
    """

    estimates: np.ndarray
    errors: np.ndarray | None = None
    step: float | None = None
    peak: int | None = None


Call = Callable[[], Answer]


@dataclass(frozen=True)
class Side:
    """One method to get the answer: ``prepare(quick)`` returns the call that is timed.

    ``repeats`` caps the turns of a side that takes so long that it needs no turn to warm up.
    """

    name: str
    prepare: Callable[[bool], Call]
    repeats: int | None = None


@dataclass(frozen=True)
class Timing:
    """The seconds of each turn of a side, and its last answer."""

    seconds: tuple[float, ...]
    answer: Answer
    steps: tuple[float, ...] = ()

    @property
    def median(self) -> float:
        return median(self.seconds)

    def of_a_step(self) -> Timing:
        """Return the same for one step of the optimizer."""
        return Timing(self.steps, self.answer)


@dataclass(frozen=True)
class Result:
    """One line of the table: ours against one peer; ``ratio`` is theirs over ours."""

    work: str
    size: str
    ours_seconds: float
    peer: str
    peer_seconds: float
    ratio: float
    agreement: float | None
    repeats: int


@dataclass
class Report:
    """All results of a benchmark; ``extra`` has figures without a peer."""

    results: list[Result] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def add(self, work: str, size: str, ours: Timing, peer: str, theirs: Timing) -> None:
        self.results.append(
            Result(
                work=work,
                size=size,
                ours_seconds=ours.median,
                peer=peer,
                peer_seconds=theirs.median,
                ratio=theirs.median / ours.median,
                agreement=agreement(ours.answer, theirs.answer),
                repeats=min(len(ours.seconds), len(theirs.seconds)),
            )
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "machine": machine(),
            "versions": versions(),
            "results": [asdict(result) for result in self.results],
            "extra": self.extra,
        }


def agreement(ours: Answer, theirs: Answer) -> float:
    """Return the largest difference: estimates in standard errors, standard errors relatively."""
    assert ours.errors is not None
    apart = np.abs(ours.estimates - theirs.estimates) / ours.errors
    if theirs.errors is not None:
        apart = np.append(apart, np.abs(theirs.errors / ours.errors - 1))
    return float(apart.max())


def take_turns(sides: Sequence[Side], repeats: int, quick: bool) -> dict[str, Timing]:
    """Time the sides in turn, each in its own process, the quick ones after a turn to warm up."""
    workers = [_Worker(side, quick) for side in sides]
    for worker in workers:
        if worker.side.repeats is None:
            worker.turn()
    found: dict[str, list[tuple[float, Answer]]] = {worker.side.name: [] for worker in workers}
    for turn in range(repeats):
        for worker in workers:
            if turn < (worker.side.repeats or repeats):
                time.sleep(BREATH)
                found[worker.side.name].append(worker.turn())
    for worker in workers:
        worker.end()
    return {name: _timing(turns) for name, turns in found.items()}


def _timing(turns: Sequence[tuple[float, Answer]]) -> Timing:
    steps = tuple(answer.step for _, answer in turns if answer.step is not None)
    return Timing(tuple(seconds for seconds, _ in turns), turns[-1][1], steps)


def first_use(side: Side) -> float:
    """Return the seconds of the first call in a fresh process, with its data already loaded."""
    worker = _Worker(side, quick=False)
    seconds, _ = worker.turn()
    worker.end()
    return seconds


class _Worker:
    """A process that holds one side and computes on request."""

    def __init__(self, side: Side, quick: bool) -> None:
        self.side = side
        context = multiprocessing.get_context("spawn")
        self._line, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(side.prepare, quick, other))
        self._process.start()
        other.close()
        self._heard()

    def turn(self) -> tuple[float, Answer]:
        self._line.send(True)
        seconds, answer = self._heard()
        return seconds, answer

    def end(self) -> None:
        self._line.send(False)
        self._process.join()

    def _heard(self) -> Any:
        try:
            return self._line.recv()
        except EOFError:
            raise RuntimeError(f"The side {self.side.name!r} ended by itself.") from None


def _serve(prepare: Callable[[bool], Call], quick: bool, line: Connection) -> None:
    keep_memory()
    call = prepare(quick)
    line.send(None)
    while line.recv():
        began = time.perf_counter()
        answer = call()
        line.send((time.perf_counter() - began, answer))


def settle_threads() -> None:
    """Let torch's workers sleep at barriers, for every side alike; set before torch is imported."""
    os.environ["OMP_WAIT_POLICY"] = "passive"


def keep_memory() -> None:
    """Let this process keep the memory that it frees, for every side alike, where glibc allocates.

    The host of a virtual machine takes free memory back after a second or two, and the next use
    waits for the host, which says nothing about a side.
    """
    allocator = ctypes.CDLL(None)
    if hasattr(allocator, "mallopt"):
        for setting in (_NO_TRIMMING, _NO_MAPPING):
            allocator.mallopt(*setting)


def machine() -> dict[str, Any]:
    """Describe the machine without naming it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages used."""
    found = {"python": platform.python_version(), "workbench": __version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def table(results: Iterable[dict[str, Any]]) -> str:
    """Write results as a Markdown table."""
    head = "| work | size | ours, s | peer | peer, s | ratio | agreement | repeats |"
    rule = "|---|---|---:|---|---:|---:|---:|---:|"
    lines = [
        f"| {r['work']} | {r['size']} | {_figure(r['ours_seconds'])} | {r['peer']} "
        f"| {_figure(r['peer_seconds'])} | {_figure(r['ratio'])} | {_tiny(r['agreement'])} "
        f"| {r['repeats']} |"
        for r in results
    ]
    return "\n".join([head, rule, *lines])


def _figure(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def _tiny(value: float | None) -> str:
    return "" if value is None else f"{value:.0e}"


def smallest(results: Sequence[Result]) -> str:
    """Name the line with the smallest ratio."""
    least = min(results, key=lambda result: result.ratio)
    return f"Smallest ratio: {least.ratio:.3g}, {least.work} against {least.peer}."


def main(name: str, run: Callable[[bool], Report]) -> None:
    """Read the options, run a benchmark, print its table, and write its JSON."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}")
    parser.add_argument("--quick", action="store_true", help="small data and few repeats")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    options = parser.parse_args()
    settle_threads()
    report = run(options.quick)
    found = report.to_dict()
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if report.results:
        print(table(found["results"]))
    for key, value in report.extra.items():
        print(f"{key}: {value}")
    if report.results:
        print(smallest(report.results))
