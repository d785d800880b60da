"""What the operator has decided for everybody: the terms, the CA's names, what is offered beside plain orders."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

__all__ = ["Recurring", "Rules"]


@dataclass(frozen=True, slots=True)
class Recurring:
    """What recurrent orders (RFC 8739) may ask for."""

    shortest: timedelta = timedelta(hours=1)
    longest: timedelta = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator has decided for everybody. `terms` is the URL of the terms of service, "" for none."""

    terms: str = ""
    website: str = ""
    caa_identities: tuple[str, ...] = ()
    eab_required: bool = False
    subdomains: bool = True
    recurrence: Recurring | None = field(default_factory=Recurring)
    default_profile: str = "default"
