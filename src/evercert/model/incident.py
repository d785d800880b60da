"""An incident: certificates that must be replaced before their time, all of them, as fast as the CA's limits allow."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import msgspec

from evercert.model.terms import CaChoice
from evercert.pki.key_type import KeyType

__all__ = ["Incident", "IncidentState", "Measures", "Selection", "Stage"]


class IncidentState(Enum):
    OPENING = "opening"  # its certificates are being written down; if that was interrupted, it can only be cancelled
    OPEN = "open"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"


class Stage(Enum):
    """How far an incident is with one certificate that was issued."""

    WAITING = "waiting"  # -> replacing, revoking (where it is revoked first), replaced
    REPLACING = "replacing"  # -> replaced; -> waiting where the incident is paused
    REPLACED = "replaced"  # another one is current, but not in every target yet; -> revoking, done
    REVOKING = "revoking"  # -> done; -> replacing where it is revoked first
    DONE = "done"
    FAILED = "failed"  # given up, with the reason


class Selection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which certificates: those of which all that is said here is true.

    `ca` is the directory URL of the CA that issued it; `issuer` and `name` are shell patterns; serials are
    lower-case hexadecimal without leading zeros, and a range holds both its ends; `key` is the SHA-256 of the
    SubjectPublicKeyInfo in hexadecimal. `serials` is a set from `serials_file`, which is not kept: what was chosen is.
    """

    ca: str = ""
    issuer: str = ""
    serial_from: str = ""
    serial_to: str = ""
    serials_file: str = ""
    serials: frozenset[str] = frozenset()
    key: str = ""
    key_type: KeyType | None = None
    profile: str = ""
    issued_from: datetime | None = None
    issued_until: datetime | None = None
    expires_before: datetime | None = None
    owner: str = ""
    tag: str = ""
    name: str = ""


class Measures(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is done with them. Each is replaced, with a new key.

    `revoke` is a reason of RFC 5280, or None: they are not revoked by us. They are revoked once their replacement is
    in every target, or *first*. The first wave has at most `wave_size` certificates, each later one `growth` times
    as many as the one before; none mixes criticalities. A wave waits until the one before is through, where `waits`.
    None is released while more than `most_failing` of the released ones fail. `deadline` is only compared with.
    `to_ca` is the directory URL of the CA that is asked first, by `to_account`, before those that are wanted.
    """

    revoke: int | None = None
    revoke_first: bool = False
    wave_size: int = 100
    growth: int = 2
    waits: bool = True
    most_failing: float = 0.2
    deadline: datetime | None = None
    to_ca: str = ""
    to_account: str = "default"

    @property
    def instead(self) -> CaChoice | None:
        """Who is asked first, if that is not who is wanted."""
        return CaChoice(self.to_ca, self.to_account) if self.to_ca else None


class Incident(msgspec.Struct, frozen=True):
    """`stalled` says why no further wave is released, and is empty where one may be; `tolerated` is how many
    failures an operator has seen and taken."""

    id: int
    opened_at: datetime
    closed_at: datetime | None
    state: IncidentState
    reason: str
    selection: Selection
    measures: Measures
    stalled: str = ""
    tolerated: int = 0
