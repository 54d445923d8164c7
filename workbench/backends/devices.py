"""The devices of this machine, and why others are not available."""

from __future__ import annotations

import importlib.util
import os
import platform
from dataclasses import dataclass

from workbench.errors import DeviceError
from workbench.extras import install_command


@dataclass(frozen=True)
class Device:
    """A device to compute on.

    Attributes
    ----------
    name
        Its name in ``device=``: ``"cpu"``, ``"cuda:0"``, ``"mps"``.
    available, reason
        Whether it can be used, and in a sentence why not.
    memory_bytes
        Its memory, in bytes, or None where it cannot be read.
    libraries, dtypes
        The libraries and precisions that run on it.
    """

    name: str
    title: str
    available: bool
    reason: str = ""
    memory_bytes: int | None = None
    libraries: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ("float64", "float32")

    def nearest(self, library: str, dtype: str) -> tuple[str, str]:
        """Return a library and a precision that run here: those given, as far as they do."""
        libraries = [each for each in self.libraries if each != "numpy"]
        known = library in libraries or not libraries
        return library if known else libraries[0], dtype if dtype in self.dtypes else self.dtypes[0]


def installed(library: str) -> bool:
    """Return whether a library can be imported, without importing it."""
    return importlib.util.find_spec(library) is not None


def devices() -> list[Device]:
    """List every device, the missing ones with the reason.

    Examples
    --------
    >>> devices()[0].name
    'cpu'
    """
    return [_cpu(), *_cuda(), _mps()]


def dtypes_of(name: str) -> tuple[str, ...]:
    """Return the precisions of a device, by its name or that of one of several."""
    return ("float32",) if name.startswith("mps") else ("float64", "float32")


def check_device(name: str, library: str, dtype: str) -> None:
    """Refuse a device, library or precision that is not available, naming those that are.

    Raises
    ------
    DeviceError
        When one of them is not available.
    """
    if not installed(library):
        raise DeviceError(
            f"The library {library} is not installed.",
            hint=install_command(library),
            code="no-library",
            where="backend",
        )
    device = device_named(name)
    if device is None or not device.available or library not in device.libraries:
        _refuse_device(name, library, device)
    elif dtype not in device.dtypes:
        raise DeviceError(
            f"The device {name} has no {dtype}.",
            hint=f"dtype one of {list(device.dtypes)}" + ', or device="cpu".' * (name != "cpu"),
            code="no-dtype",
            where="dtype",
        )


def device_named(name: str) -> Device | None:
    """Return a device by name, ``"cuda"`` being the first one; None where there is none.

    Examples
    --------
    >>> device_named("cpu").nearest("torch", "float32")
    ('torch', 'float32')
    """
    if name == "cpu":  # torch, which takes seconds to load, is not asked
        return _cpu()
    wanted = "cuda:0" if name == "cuda" else name
    return next((device for device in devices() if device.name == wanted), None)


def _refuse_device(name: str, library: str, device: Device | None) -> None:
    there = [d.name for d in devices() if d.available and library in d.libraries]
    because = "This machine has none."
    if device is not None:
        because = device.reason or f"The {library} installed here does not support it."
    raise DeviceError(
        f'The device "{name}" is not available to {library}. {because}',
        hint=f"one of {there}.",
        code="no-device",
        where="device",
    )


def _cpu() -> Device:
    cores = os.cpu_count() or 1
    libraries = tuple(library for library in ("torch", "jax") if installed(library))
    title = f"CPU, {cores} core{'s' if cores > 1 else ''}"
    return Device("cpu", title, True, "", host_memory(), ("numpy", *libraries))


def host_memory() -> int | None:
    """Return the memory of this machine in bytes, or None where that is unknown."""
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cuda() -> list[Device]:
    if not installed("torch"):
        return [Device("cuda:0", "CUDA", False, "PyTorch is not installed.")]
    import torch

    if not torch.cuda.is_available():
        return [Device("cuda:0", "CUDA", False, _why_no_cuda(torch))]
    return [_cuda_device(torch, number) for number in range(torch.cuda.device_count())]


def _why_no_cuda(torch) -> str:  # type: ignore[no-untyped-def]  # noqa: ANN001
    if torch.version.cuda is None and torch.version.hip is None:
        return "PyTorch here was built without CUDA."
    return "PyTorch finds no CUDA or ROCm device."


def _cuda_device(torch, number: int) -> Device:  # type: ignore[no-untyped-def]  # noqa: ANN001
    properties = torch.cuda.get_device_properties(number)
    kind = "ROCm, which PyTorch calls cuda" if torch.version.hip else "CUDA"
    libraries = ("torch", "jax") if _jax_has_gpu() else ("torch",)
    title = f"{properties.name} ({kind})"
    return Device(f"cuda:{number}", title, True, "", properties.total_memory, libraries)


def _jax_has_gpu() -> bool:
    if not installed("jax"):
        return False
    import jax

    return any(device.platform in {"gpu", "cuda", "rocm"} for device in jax.devices())


def _mps() -> Device:
    title, only = "MPS, float32 only", ("float32",)
    if platform.system() != "Darwin":
        reason = f"Needs an Apple GPU; this is {platform.system()}."
        return Device("mps", title, False, reason, dtypes=only)
    if not installed("torch"):
        return Device("mps", title, False, "PyTorch is not installed.", dtypes=only)
    import torch

    there = torch.backends.mps.is_available()
    reason = "" if there else "PyTorch finds no Apple GPU."
    return Device("mps", title, there, reason, None, ("torch",), only)
