"""The choices on this machine, each with the reason why it is greyed."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from workbench.backends.devices import Device, devices, installed
from workbench.estimation.model import model_class
from workbench.extras import install_command
from workbench.models.registry import MODELS, listed
from workbench.optimizers import describe

LIBRARIES = {"torch": "torch", "jax": "JAX"}
_GIBIBYTE = 2**30


@dataclass(frozen=True)
class MenuEntry:
    """One choice of a list: its key, its label, and why it is unavailable."""

    key: str
    label: str
    note: str = ""
    enabled: bool = True
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class Available:
    """Templates, libraries, devices and optimizers of this machine."""

    templates: tuple[MenuEntry, ...]
    libraries: tuple[MenuEntry, ...]
    devices: tuple[MenuEntry, ...]
    optimizers: tuple[MenuEntry, ...]
    places: tuple[Device, ...] = ()

    def title(self, template: str) -> str:
        """Return the label of a template, or its name when it is not listed."""
        known = {item.key: item.label for item in self.templates}
        return known.get(template) or (
            model_class(template).title if template in MODELS else template
        )

    def equation(self, template: str) -> str:
        """Return the one-line formula of a template."""
        return next((item.note for item in self.templates if item.key == template), "")

    def runs_on(self, library: str, device: str) -> bool:
        """Return whether a library computes on a device here."""
        return any(place.name == device and library in place.libraries for place in self.places)

    def numbers(self, device: str) -> list[MenuEntry]:
        """Return the precisions, those the device lacks greyed."""
        known = next((p.dtypes for p in self.places if p.name == device), ("float64", "float32"))
        return [
            MenuEntry(name, name, "", name in known, "" if name in known else f"{device} has none.")
            for name in ("float64", "float32")
        ]


@lru_cache(maxsize=1)
def available_here() -> Available:
    """Find the choices on this machine, once; this loads torch, which takes seconds."""
    return _available(tuple(devices()))


def available_at_first() -> Available:
    """Return what is known without loading a library: the processor, and what is installed."""
    if "torch" in sys.modules or not installed("torch"):
        return available_here()
    return _available((Device("cpu", "CPU", True, libraries=tuple(LIBRARIES)),))


def _available(places: tuple[Device, ...]) -> Available:
    return Available(
        templates=_templates(),
        libraries=tuple(_library(name, label) for name, label in LIBRARIES.items()),
        devices=tuple(_device(place) for place in places),
        optimizers=_optimizers(),
        places=places,
    )


def _library(name: str, label: str) -> MenuEntry:
    there = installed(name)
    return MenuEntry(
        name, label, "", there, "" if there else f"Not installed: {install_command(name)}"
    )


def _device(place: Device) -> MenuEntry:
    title, _, rest = place.title.partition(", ")
    memory = place.memory_bytes
    parts = [rest, f"{memory / _GIBIBYTE:.0f} GiB" if memory else ""]
    return MenuEntry(
        place.name, title, ", ".join(filter(None, parts)), place.available, place.reason
    )


def _templates() -> tuple[MenuEntry, ...]:
    """List the models with a formula, then the user's own likelihood."""
    known = [kind for kind in listed().values() if kind.needs_formula]
    own = model_class(written_model())
    written = MenuEntry(own.name, own.title, f"{own.formula} below")
    return (*(MenuEntry(model.name, model.title, model.formula) for model in known), written)


@lru_cache
def written_model() -> str:
    """Return the name of the model with a user's own log-likelihood."""
    return next(name for name in MODELS if model_class(name).from_source)


@lru_cache
def absorbing_model() -> str:
    """Return the name of the first model that takes fixed effects out."""
    return next(name for name, kind in listed().items() if kind.absorbs)


@lru_cache
def usual_model(outcome: str) -> str:
    """Return the name of the model that is proposed for a type of outcome."""
    return next(name for name, kind in listed().items() if kind.usual_for == outcome)


def _optimizers() -> tuple[MenuEntry, ...]:
    """List the optimizers, each with its library where the title does not say it."""
    return tuple(
        MenuEntry(
            row.name,
            row.title,
            "" if row.library == "workbench" or row.library in row.title else row.library,
            row.available,
            row.reason,
        )
        for row in describe()
    )
