"""A JupyterLab of the test session's own, started as ``make lab`` starts it."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.notebook import kernelspec

PATIENCE = 120
"""Seconds to wait for the server, on a machine that has other things to do."""


class Lab:
    """The server: where it is, its notebooks, and one warm kernel that the tests share.

    Parameters
    ----------
    folder
        Where its notebooks and its log are.
    environment
        The environment of the server and its kernels; by default that of this process.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] = os.environ) -> None:
        self.notebooks = folder / "notebooks"
        self.notebooks.mkdir()
        self._token = secrets.token_hex(16)
        self._port = _free_port()
        self._log = (folder / "lab.log").open("w")
        self._log_path = folder / "lab.log"
        self._environment = environment
        self._process = self._start()
        self._kernel = ""
        self._opened = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def wait(self) -> None:
        """Return when the server answers."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self._process.poll() is None:
            try:
                self.ask("GET", "/api/status")
            except OSError:
                time.sleep(0.2)
            else:
                return
        raise AssertionError(f"JupyterLab did not start:\n{self._log_path.read_text()}")

    def stop(self) -> None:
        """End the server, which ends its kernels."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(PATIENCE)
        self._log.close()

    def copy(self, name: str, notebook: dict[str, Any]) -> str:
        """Write a notebook as it is, and return its path on the server."""
        (self.notebooks / f"{name}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
        return f"notebooks/{name}.ipynb"

    def read(self, path: str) -> dict[str, Any]:
        """Return a notebook as it was saved."""
        notebook: dict[str, Any] = json.loads((self.notebooks.parent / path).read_text("utf-8"))
        return notebook

    def write(self, name: str, *cells: str, kernel: bool = True, shared: bool = True) -> str:
        """Write a notebook of code cells, give it a kernel, and return its path on the server."""
        path = f"notebooks/{name}.ipynb"
        text = json.dumps(_notebook(cells))
        (self.notebooks / f"{name}.ipynb").write_text(text, encoding="utf-8")
        if kernel:
            given = {"id": self._warm()} if shared else {"name": kernelspec.NAME}
            body = {"path": path, "name": name, "type": "notebook", "kernel": given}
            self.ask("POST", "/api/sessions", body)
        return path

    def page(self, path: str) -> str:
        """Return the address of a notebook, in a workspace that nothing else stands in."""
        self._opened += 1
        return f"{self.address}/lab/workspaces/w{self._opened}/tree/{path}?token={self._token}"

    def shut_down(self, path: str) -> None:
        """End the session of a notebook, and its kernel."""
        for session in self.ask("GET", "/api/sessions"):
            if session["path"] == path:
                self.ask("DELETE", f"/api/sessions/{session['id']}")
                self._kernel = "" if session["kernel"]["id"] == self._kernel else self._kernel

    def replace_kernel(self) -> None:
        """Give the next notebook a new shared kernel."""
        if self._kernel:
            self.ask("DELETE", f"/api/kernels/{self._kernel}")
        self._kernel = ""

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the server's own interface, and return its answer."""
        request = urllib.request.Request(
            self.address + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self._token}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read() or b"null")

    def _warm(self) -> str:
        if not self._kernel:
            self._kernel = self.ask("POST", "/api/kernels", {"name": kernelspec.NAME})["id"]
        return self._kernel

    def _start(self) -> subprocess.Popen[bytes]:
        start = self.notebooks / "start.ipynb"
        start.write_text(json.dumps(_notebook(())), encoding="utf-8")
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "workbench.notebook.lab", os.fspath(start)),
                *("--no-browser", f"--ServerApp.port={self._port}", "--ServerApp.port_retries=0"),
                f"--IdentityProvider.token={self._token}",
            ],
            env={**self._environment, "OMP_WAIT_POLICY": "passive"},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )


def _notebook(cells: tuple[str, ...]) -> dict[str, Any]:
    spec = {"name": kernelspec.NAME, "display_name": kernelspec.TITLE, "language": "python"}
    code = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    return {
        "cells": [
            {**code, "id": f"cell-{place}", "source": source} for place, source in enumerate(cells)
        ],
        "metadata": {"kernelspec": spec, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
