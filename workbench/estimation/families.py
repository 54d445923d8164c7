"""The families of optimizers, demeaners and covariances, and the options of their members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.covariances.kinds import covariances
from workbench.demeaners import DEMEANERS
from workbench.optimizers import OPTIMIZERS
from workbench.options import Option, options_of


@dataclass(frozen=True)
class OptionFamily:
    """A family with a member for each name that an option of the run may have.

    Attributes
    ----------
    option
        The option that names the member.
    members
        The classes of the members by name.
    """

    option: str
    members: Mapping[str, Any]

    @property
    def keyword(self) -> str:
        """The keyword of `workbench.fit` with the options of a member given by name."""
        return f"{self.option}_options"

    def options(self) -> dict[str, Option]:
        """Return the options of all members by name; the first member's where several have one."""
        found: dict[str, Option] = {}
        for kind in self.members.values():
            for each in options_of(kind):
                found.setdefault(each.name, each)
        return found

    def with_option(self, name: str) -> tuple[str, ...]:
        """Return the names of the members that have an option."""
        return tuple(
            member
            for member, kind in self.members.items()
            if name in {each.name for each in options_of(kind)}
        )


FAMILIES = {
    each.option: each
    for each in (
        OptionFamily("optimizer", OPTIMIZERS),
        OptionFamily("demeaner", DEMEANERS),
        OptionFamily("se", covariances()),
    )
}
"""The families by the option that names a member."""
