"""What the extras of ``mle-workbench`` bring, and the commands that install them."""

from __future__ import annotations

EXTRAS = {
    "torch": ("torch", "torchmin"),
    "jax": ("jax", "optax"),
    "fixed-effects": ("numba", "within"),
    "lab": (
        "jupyterlab",
        "jupyter_server",
        "ipykernel",
        "ipywidgets",
        "anywidget",
        "plotly",
        "matplotlib",
        "maketables",
        "docx",
        "linearmodels",
        "statsmodels",
    ),
    "sql": ("sqlalchemy",),
    "excel": ("openpyxl",),
}
"""The names by which the libraries of each extra are imported."""


def install_extra(extra: str) -> str:
    """Return the command that installs an extra.

    Examples
    --------
    >>> install_extra("sql")
    "pip install 'mle-workbench[sql]'"
    """
    return f"pip install 'mle-workbench[{extra}]'"


def install_command(library: str) -> str:
    """Return the command that installs a library, with the extra that brings it.

    A library that the list does not name comes with one that it does, such as ``traitlets``; all
    of those belong to the extra ``lab``.

    Examples
    --------
    >>> install_command("numba")
    "pip install 'mle-workbench[fixed-effects]'"
    >>> install_command("traitlets.config")
    "pip install 'mle-workbench[lab]'"
    """
    name = library.partition(".")[0]
    return install_extra(next((extra for extra, all_ in EXTRAS.items() if name in all_), "lab"))
