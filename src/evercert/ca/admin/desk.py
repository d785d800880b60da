"""Where one call is answered: the office of whoever calls, and what else a running CA shows."""

from __future__ import annotations

from dataclasses import dataclass

from evercert.ca.issuing.issuers import Issuers
from evercert.ca.operating.office import Office
from evercert.ca.status.making import ListMaker

__all__ = ["AdminDesk"]


@dataclass(frozen=True, slots=True)
class AdminDesk:
    office: Office
    issuers: Issuers
    lists: ListMaker
