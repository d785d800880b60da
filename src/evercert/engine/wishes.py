"""Wishes: checked before they are written down, so that what cannot work is told at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.db.protocol import Database
from evercert.engine.asking.choosing import cas_of
from evercert.engine.targets import Targets
from evercert.model.intent import CertificateIntent
from evercert.solve.solvers import check_rule
from evercert.store import budgets, certificates, health

__all__ = ["check", "wish"]


def check(intent: CertificateIntent, targets: Targets, resolve: Callable[[str], Secret]) -> None:
    """Raises what an attempt would raise on its way: an unknown solver, target or field, a missing secret."""
    keys = [spec.key for spec in intent.targets]
    if len(keys) != len(set(keys)):
        raise EvercertError(
            "bad-input", "two targets have one name", name=intent.name, hint="tell them apart: --deploy PLUGIN:LABEL"
        )
    try:
        for rule in intent.challenges:
            check_rule(rule, resolve)
        targets.check(intent)
    except EvercertError as error:
        raise error.about(name=intent.name) from error


async def wish(db: Database, intents: Sequence[CertificateIntent], now: datetime) -> None:
    """Afterwards the certificates are wanted, durably; those that failed or are held and wait are due at once, for
    somebody asks, and so is each of their CAs asked that did not answer a while ago, or said that it was too much."""
    await health.ask_again(db, now)
    for directory in {ca.directory for intent in intents for ca in cas_of(intent)}:
        await budgets.doubt(db, directory, now)
    await asyncio.gather(*(_wish(db, intent, now) for intent in intents))


async def _wish(db: Database, intent: CertificateIntent, now: datetime) -> None:
    if await _declared(db, intent, now) != "unchanged":
        return
    fact = await certificates.fact(db, intent.name)
    if fact and (fact.failure or fact.hold or any(each.failure for each in fact.deployments)):
        await certificates.wake(db, intent.name, now)


async def _declared(db: Database, intent: CertificateIntent, now: datetime) -> certificates.Declared:
    """Whoever came between may have wanted the same, so it is looked at once more; a second time is told."""
    try:
        return await certificates.declare(db, intent, now)
    except EvercertError as error:
        if error.code.name != "conflict":
            raise
        return await certificates.declare(db, intent, now)
