"""The further state of a fit, in plain types that the record can store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Self


@dataclass(frozen=True)
class State:
    """What every fit keeps; each family adds its own.

    Attributes
    ----------
    column_sd
        The standard deviation of each regressor, by its name, where it is known.
    """

    readers: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    """How a field is made from the plain types in which it is stored, by its name."""
    old_words: ClassVar[Mapping[str, str]] = {"spreads": "column_sd"}
    """The present name of a field, by its name in older records."""

    column_sd: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types, except that figures may be NaN or infinite."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Read what `to_dict` or an older version wrote; what is unknown is left out."""
        named = {cls.old_words.get(name, name): value for name, value in stored.items()}
        known = {each.name for each in fields(cls)} & named.keys()
        return cls(**{name: cls.readers.get(name, _as_it_is)(named[name]) for name in known})


def _as_it_is(value: Any) -> Any:
    return value
