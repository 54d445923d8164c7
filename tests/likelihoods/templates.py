"""Every likelihood template of the registry, by name."""

from __future__ import annotations

from workbench.models.registry import listed
from workbench.models.templates.options import TemplateModel

TEMPLATES = {
    name: kind.likelihood_class
    for name, kind in listed().items()
    if issubclass(kind, TemplateModel)
}
