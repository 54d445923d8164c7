"""``%load_ext workbench``: the magic and its completions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.notebook.cell.completions import matcher_for
from workbench.notebook.cell.magic import MleMagics

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_MATCHER = "workbench.mle"


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add ``%%mle`` to a shell; loading it again has no effect."""
    unload_ipython_extension(shell)
    shell.register_magics(MleMagics)
    shell.input_transformers_cleanup.append(_bare)
    shell.Completer.custom_matchers.insert(0, matcher_for(shell))


def load_if_missing() -> None:
    """Load the extension if the shell lacks it, so that the cell shown on the page runs."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is not None and "mle" not in shell.magics_manager.magics["cell"]:
        load_ipython_extension(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take the magic and its completions away."""
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("mle", None)
    _drop(shell.input_transformers_cleanup, lambda member: member is _bare)
    _drop(
        shell.Completer.custom_matchers,
        lambda member: getattr(member, "matcher_identifier", "") == _MATCHER,
    )


def _bare(lines: list[str]) -> list[str]:
    """Let ``%%mle`` without a body through to the magic, which says what is missing.

    IPython refuses a cell magic whose body is empty before the magic is called.
    """
    first, rest = lines[:1], lines[1:]
    bare = first and first[0].split()[:1] == ["%%mle"] and not "".join(rest).strip()
    return [first[0].removeprefix("%"), *rest] if bare else lines


def _drop(members: list[Any], unwanted: Callable[[Any], bool]) -> None:
    members[:] = [member for member in members if not unwanted(member)]
