"""The kernel of the workbench: this Python, with the settings that its libraries need."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

NAME = "workbench"
TITLE = "workbench (Python 3)"
ENVIRONMENT = {
    # Torch's OpenMP workers spin at barriers; on a busy machine that made a logit gradient
    # 10 to 30 times slower.
    "OMP_WAIT_POLICY": "passive",
}


def install(prefix: Path | None = None) -> Path:
    """Install the kernel, so that Jupyter offers "workbench (Python 3)".

    Parameters
    ----------
    prefix
        The environment whose ``share/jupyter/kernels`` receives it; this Python's by default.

    Returns
    -------
    The folder of the kernel.
    """
    from ipykernel.kernelspec import write_kernel_spec
    from jupyter_client.kernelspec import KernelSpecManager

    with tempfile.TemporaryDirectory() as folder:
        draft = write_kernel_spec(
            Path(folder) / NAME,
            overrides={"display_name": TITLE, "env": ENVIRONMENT},
            python_arguments=["-Xfrozen_modules=off"],  # debugpy warns about frozen modules
        )
        home = Path(prefix or sys.prefix) / "share" / "jupyter" / "kernels" / NAME
        shutil.rmtree(home, ignore_errors=True)
        KernelSpecManager().install_kernel_spec(draft, NAME, prefix=str(prefix or sys.prefix))
    return home


if __name__ == "__main__":
    install()
