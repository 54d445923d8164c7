"""Open JupyterLab on a notebook: ``python -m workbench.notebook.lab notebooks/00-start.ipynb``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from jupyterlab.labapp import LabApp

from workbench.notebook import kernelspec

SETTINGS = (
    "--LabApp.expose_app_in_browser=True",  # lets the workbench insert cells
    "--LabApp.extension_manager=readonly",  # the other one lists what PyPI offers
    f"--LabApp.extra_labextensions_path={Path(__file__).parent / 'labextensions'}",
    "--log-level=WARN",
)

PREFERENCES = {
    # Nothing leaves this machine, so there is no question to ask about it.
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
}


def main(arguments: list[str]) -> None:
    """Install the kernel and our preferences, and serve JupyterLab until it is interrupted.

    Parameters
    ----------
    arguments
        A notebook, followed by any further options of JupyterLab.
    """
    notebook, *options = arguments
    kernelspec.install()
    _install_preferences()
    server = LabApp.initialize_server(argv=[*_options(Path(notebook)), *options])
    # Our extension runs the first cell of this notebook, and of no other.
    server.web_app.settings["page_config_data"]["workbenchStart"] = _address(Path(notebook))
    server.io_loop.add_callback(print, _welcome(server.local_url), flush=True)
    server.start()


def _install_preferences() -> None:
    folder = Path(sys.prefix) / "share" / "jupyter" / "lab" / "settings" / "overrides.d"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "workbench.json").write_text(json.dumps(PREFERENCES), encoding="utf-8")


def _options(notebook: Path) -> list[str]:
    folder = notebook.resolve().parent.parent
    page = f"/lab/tree/{_address(notebook)}"
    places = [f"--ServerApp.root_dir={folder}", f"--LabApp.default_url={page}"]
    return [*SETTINGS, *places, *_circumstances()]


def _address(notebook: Path) -> str:
    """Return where the notebook stands in the folder that the server shows."""
    return "/".join(notebook.resolve().parts[-2:])


def _circumstances() -> list[str]:
    """Return the options that depend on who asks, and from where."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    root = ["--allow-root"] if is_root else []
    return root if _has_display() else [*root, "--no-browser"]


def _has_display() -> bool:
    on_desktop = sys.platform in {"darwin", "win32"}
    return on_desktop or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _welcome(address: str) -> str:
    rule = "-" * 78
    return (
        f"\n{rule}\n  The workbench is at\n\n    {address}\n\n"
        f"  Open this address in a browser on this machine; Ctrl-C twice ends it.\n{rule}\n"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
