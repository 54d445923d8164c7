"""Choose the pass over persons for a backend."""

from __future__ import annotations

from importlib.util import find_spec

from workbench.backends import Backend
from workbench.kernels.choice.draws import Quadrature
from workbench.kernels.choice.passes.base import Pass
from workbench.kernels.choice.passes.blocked import BlockedPass
from workbench.kernels.choice.passes.structure import Structure
from workbench.kernels.choice.situations import Situations
from workbench.protocols import Numpy


def pass_over(
    situations: Situations, structure: Structure, draws: Numpy | Quadrature | None, xp: Backend
) -> Pass:
    """Return numba's on the CPU in float64, where it is installed; else the backend's."""
    if xp.device == "cpu" and xp.dtype == "float64" and find_spec("numba") is not None:
        from workbench.kernels.choice.passes.compiled import CompiledPass

        return CompiledPass(situations, structure, draws)
    return BlockedPass(situations, structure, draws, xp)
