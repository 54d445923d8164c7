"""Say whether ``import workbench`` finds the package that ``mle-workbench`` installed.

PyPI's distribution ``workbench`` is another project, and its package has the same name.  Installed
into one environment, the later of the two overwrites files of the earlier, and neither works.  This
package has a name of its own, so that it is there in either order: ``workbench`` calls
:func:`refuse_mixture` when it is imported, and ``python -m mle_workbench`` calls :func:`trouble`
where the other project's ``workbench`` is in the place of ours.
"""

from __future__ import annotations

import os

REINSTALL = "install `mle-workbench` again with pip's option --force-reinstall"
REMEDY = f"`pip uninstall workbench`, then {REINSTALL}."
_OTHER = "workbench-"
"""How the other distribution's folder of metadata begins: ``workbench-0.8.506.dist-info``."""


def refuse_mixture(package: str) -> None:
    """Refuse a package's folder that the distribution ``workbench`` has files in too.

    The folder that the package was installed into is listed once, and nothing else is read unless
    that distribution is there.

    Parameters
    ----------
    package
        The folder of the package ``workbench``.

    Raises
    ------
    ImportError
        With the name and version of the distribution, the folder, and what to do.
    """
    if other := other_distribution(package):
        raise ImportError(mixture(package, other), name="workbench", path=package)


def mixture(package: str, other: str) -> str:
    """Say that two distributions have files in the package's folder, and what to do."""
    return (
        f"The folder {package} has files of two distributions, {other} and mle-workbench, and"
        f" neither can work there.\n  Try: {REMEDY}"
    )


def other_distribution(package: str) -> str:
    """Return name and version of the distribution that has files in our folder; empty when none.

    Parameters
    ----------
    package
        The folder of the package ``workbench``.
    """
    place = os.path.dirname(package)  # noqa: PTH120, pathlib would triple the time of the import
    try:
        names = os.listdir(place)  # noqa: PTH208
    except OSError:  # a zip archive: nothing is installed into it
        return ""
    folders = [name for name in names if name.startswith(_OTHER) and name.endswith(".dist-info")]
    claims = [name for name in folders if _has_files_in(package, f"{place}{os.sep}{name}")]
    return claims[0].removesuffix(".dist-info").replace("-", " ", 1) if claims else ""


def _has_files_in(package: str, metadata: str) -> bool:
    """Return whether a distribution's list of files names one that lies in the package's folder."""
    place, _, folder = package.rpartition(os.sep)
    try:
        with open(f"{metadata}{os.sep}RECORD", encoding="utf-8") as record:  # noqa: PTH123
            files = [line.partition(",")[0].strip('"') for line in record]
    except OSError:
        return False
    ours = (file for file in files if file.startswith(f"{folder}/"))
    return any(os.path.exists(f"{place}{os.sep}{file}") for file in ours)  # noqa: PTH110
