"""The libraries that compute: each is imported at its first use."""

from __future__ import annotations

from functools import lru_cache

from workbench.backends.base import Array, Backend, RowFunction
from workbench.backends.devices import check_device
from workbench.errors import OptionError

BACKENDS = ("torch", "jax")

__all__ = ["BACKENDS", "Array", "Backend", "RowFunction", "backend_named"]


@lru_cache
def backend_named(name: str, device: str = "cpu", dtype: str = "float64") -> Backend:
    """Return the backend of a library on a device; the same arguments give the same object.

    Raises
    ------
    OptionError
        When the library or the precision is not among the choices.
    DeviceError
        When the library or the device is not available.
    """
    if name not in BACKENDS:
        raise OptionError(
            f'There is no library "{name}".', hint=f"one of {list(BACKENDS)}.", where="backend"
        )
    if dtype not in {"float64", "float32"}:
        raise OptionError(
            f'There is no precision "{dtype}".', hint="float64 or float32.", where="dtype"
        )
    check_device(device, name, dtype)
    if name == "torch":
        from workbench.backends.torch_backend import TorchBackend

        return TorchBackend("cuda:0" if device == "cuda" else device, dtype)
    from workbench.backends.jax_backend import JaxBackend

    return JaxBackend(device, dtype)
