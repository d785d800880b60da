"""On what terms a certificate is kept: whose it is, how much it matters, when it may be renewed, what becomes of it."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Final

import msgspec

__all__ = [
    "LONGEST_NAME",
    "MERGED",
    "CaChoice",
    "Criticality",
    "Freeze",
    "OnRemoval",
    "Terms",
    "Window",
    "is_printable_name",
    "rank_of",
]


# So begins the name of a merged certificate, and no other.
MERGED: Final = "merged:"
# As long as a DNS name: it becomes a folder's name, too.
LONGEST_NAME: Final = 253


def is_printable_name(name: str) -> bool:
    """Whether a certificate may be called so; whether merged ones alone may, `MERGED` says."""
    return name.isprintable() and 0 < len(name) <= LONGEST_NAME


class Criticality(Enum):
    """What is due together is done in this order."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"

    @property
    def rank(self) -> int:
        return list(Criticality).index(self)


def rank_of(criticality: Criticality, *, pressing: bool = False) -> int:
    """The place in the order of work: 0 to 3 where the end is near, 4 to 7 else."""
    return criticality.rank + (0 if pressing else len(Criticality))


class OnRemoval(Enum):
    """What becomes of a certificate that is declared no longer."""

    KEEP = "keep"  # it stays, and is renewed, as if it had been obtained by hand
    DELETE = "delete"  # it is forgotten, with its key
    REVOKE = "revoke"  # it is revoked at its CA, then forgotten


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a renewal may begin and servers may be touched: on those days (Monday is 0) from one minute of the day to
    another, in a time zone. It lasts until the next day where `until` is not after `since`."""

    days: tuple[int, ...]
    since: int
    until: int
    zone: str = "UTC"


class Freeze(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No renewal begins in it and no server is touched, unless waiting for its end would cause a lapse."""

    since: datetime
    until: datetime
    reason: str = ""


class CaChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A CA's directory URL, and which account there."""

    directory: str
    account: str = "default"

    @property
    def called(self) -> str:
        """As people read it."""
        return self.directory if self.account == "default" else f"{self.directory} (account {self.account})"


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is not said is not written down, so that a term that is added later changes no intent that is stored.

    `further_cas` come after the intent's own, in order. `installed_as` is for targets that another declared
    certificate brought with it: the target's key, and the name under which it is installed. `merge`: it may share a
    certificate of at most so many names with others; `members` are those that a merged one is made of, each with its
    names.
    """

    owner: str = ""
    tags: tuple[str, ...] = ()
    criticality: Criticality = Criticality.NORMAL
    on_removal: OnRemoval = OnRemoval.KEEP
    further_cas: tuple[CaChoice, ...] = ()
    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    installed_as: dict[str, str] = {}
    merge: int = 0
    members: dict[str, tuple[str, ...]] = {}
