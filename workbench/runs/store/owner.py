"""The process that writes a record, and whether it still runs."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

HEARTBEAT_LIMIT = 30.0
"""Seconds of silence after which a process that cannot be looked up counts as gone."""


def this_process() -> dict[str, Any]:
    """Return the process's number, its start time and a hash that tells machines apart."""
    pid = os.getpid()
    return {"pid": pid, "started": _start_of(pid), "machine": _machine()}


def is_alive(owner: Mapping[str, Any], heartbeat: float) -> bool:
    """Return whether the process that wrote a record still runs.

    Parameters
    ----------
    owner
        What :func:`this_process` returned there.
    heartbeat
        When it last wrote, in seconds since the epoch.
    """
    recent = abs(time.time() - heartbeat) < HEARTBEAT_LIMIT
    if owner.get("machine") != _machine():
        return recent
    if owner.get("started") is not None:
        return _start_of(int(owner["pid"])) == int(owner["started"])
    return recent and _exists(int(owner["pid"]))


def _start_of(pid: int) -> int | None:
    """Return the start of a live process in clock ticks since boot; None when unknown or dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _exists(pid: int) -> bool:
    if sys.platform == "win32":  # there, os.kill ends the process whatever the signal
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@cache
def _machine() -> str:
    """Hash what tells this boot of this machine, or this container, from any other."""
    marks = [platform.node()]
    try:
        marks.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        marks.append(str(Path("/proc/self/ns/pid").readlink()))
    except OSError:
        marks.append(platform.system())
    return hashlib.sha256("\n".join(marks).encode()).hexdigest()[:16]
