"""Local files: checks of the path, format and size before a file is parsed."""

from __future__ import annotations

import os
from pathlib import Path

from workbench.errors import DataError
from workbench.extras import install_command

RUNS_CODE = {
    ".pkl", ".pickle", ".p", ".joblib", ".dill", ".pt", ".pth", ".npy", ".npz", ".rds", ".rda",
}  # fmt: skip
"""Formats that can run code on reading, or need such code to be read."""

LARGEST = 4 * 1024**3
"""Bytes of a file, and of its columns once unpacked."""


def checked_path(reference: str | Path, suffixes: tuple[str, ...]) -> Path:
    """Return the path of a readable local file.

    Raises
    ------
    DataError
        When the reference is a URL, the format runs code on reading or is not known, the path is
        not a regular file, or the file is too large.
    """
    text = os.fspath(reference)
    if "://" in text or text.startswith("\\\\"):
        raise _refused(text, "is not a local file", "download it first.", "not-local")
    path = _expanded(text)
    _check_format(path, text, suffixes)
    try:
        there, regular = path.exists(), path.is_file()
    except OSError as error:  # a name that is too long
        reason = error.strerror or type(error).__name__
        raise _refused(
            text[:100], f"cannot be opened ({reason})", "a shorter path.", "no-file"
        ) from error
    if not regular:
        reason = "is not a regular file" if there else "does not exist"
        raise _refused(text, reason, f"a file below {Path.cwd().name}/ or a full path.", "no-file")
    refuse_large(path.stat().st_size, text)
    return path


def suffix_of(path: Path, suffixes: tuple[str, ...]) -> str:
    """Return the last two suffixes where they are known together, as ``.csv.gz``, else the last."""
    both = "".join(path.suffixes[-2:]).lower()
    return both if both in suffixes else path.suffix.lower()


def refuse_large(size: int, name: str) -> None:
    """Refuse more bytes than `LARGEST`."""
    if size > LARGEST:
        raise _refused(
            name,
            f"has {size / 1e9:,.1f} GB, more than {LARGEST / 1e9:,.1f} GB",
            "read the columns you need with pandas, and pass the DataFrame.",
            "too-large",
        )


def unreadable(path: Path, error: Exception) -> DataError:
    """Return the error for a file with another content than its name says."""
    reason = (str(error).splitlines() or [""])[0][:200]
    hint = "open it with pandas, with the options it needs, and pass the DataFrame."
    if isinstance(error, ImportError):
        hint = f"{install_command(error.name or '')}, which brings what reads it."
    return _refused(
        path.name, f"cannot be read ({type(error).__name__}: {reason})", hint, "unreadable"
    )


def _expanded(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise _refused(text, "has an unknown home directory", "a full path.", "no-file") from error


def _check_format(path: Path, text: str, suffixes: tuple[str, ...]) -> None:
    suffix = suffix_of(path, suffixes)
    readable = ", ".join(suffixes)
    if suffix in RUNS_CODE:
        reason = f"is not read: a {suffix} file can run code when it is opened"
        raise _refused(text, reason, f"save the data as one of {readable}.", "runs-code")
    if suffix not in suffixes:
        raise _refused(text, "has an unknown format", f"one of {readable}.", "format")


def _refused(name: str, reason: str, hint: str, code: str) -> DataError:
    return DataError(f'"{name}" {reason}.', hint=hint, code=code, where=name)
