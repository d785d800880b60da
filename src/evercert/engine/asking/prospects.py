"""What is known of the CAs of a certificate, for the hand that chooses one and for people who ask why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from evercert.db.protocol import Database
from evercert.engine.asking.choosing import Ask, cas_of, choose
from evercert.model.fact import CertificateFact, Issuance, Outage
from evercert.model.terms import CaChoice
from evercert.store import accounts, health

__all__ = ["Prospect", "begun_at", "prospects"]


class Prospect(msgspec.Struct, frozen=True):
    """A CA of a certificate: whether it would be asked now; and what came of it so far that keeps it from that."""

    ca: str
    account: str
    asked: bool
    verdict: str = ""
    reason: str = ""
    until: datetime | None = None


async def begun_at(db: Database, fact: CertificateFact) -> dict[CaChoice, Issuance]:
    """The open issuances of the certificate, by their CA and account."""
    found: dict[CaChoice, Issuance] = {}
    for issuance in filter(None, (fact.open_issuance, fact.rival)):
        account = await accounts.get(db, issuance.account_id)
        if account is not None:
            found[CaChoice(account.ca, account.name)] = issuance
    return found


async def prospects(db: Database, fact: CertificateFact, now: datetime) -> list[Prospect]:
    """Of each of its CAs, in order."""
    outages = await health.outages(db)
    choice = choose(fact, now, outages, tuple(await begun_at(db, fact)))
    asked = choice.cas if isinstance(choice, Ask) else ()
    return [_prospect(fact, ca, outages, now, asked=ca in asked) for ca in cas_of(fact.intent, fact.incident_ca)]


def _prospect(
    fact: CertificateFact, ca: CaChoice, outages: Mapping[str, Outage], now: datetime, *, asked: bool
) -> Prospect:
    trial = next((each for each in fact.trials if each.is_of(ca)), None)
    if trial is not None and trial.until > now:
        return Prospect(ca.directory, ca.account, asked, trial.verdict.value, trial.message, trial.until)
    if outage := outages.get(ca.directory):
        return Prospect(ca.directory, ca.account, asked, "outage", outage.message, outage.until)
    return Prospect(ca.directory, ca.account, asked)
