"""Giving an account a new key, so that no crash leaves us without the right one (RFC 8555 §7.3.5)."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database
from evercert.engine.accounts import Accounts
from evercert.model.fact import Account
from evercert.pki.keys import KeyType, generate
from evercert.pki.seal import Sealer
from evercert.store import accounts, keys

__all__ = ["roll_over"]


async def roll_over(
    db: Database, sealer: Sealer, known: Accounts, account: Account, clock: Clock, key_type: KeyType
) -> None:
    """Afterwards the account has a new key, here and at the CA.

    Both keys are durable before keyChange is sent; if its answer is lost, the CA is asked which
    of them it takes.
    """
    await _settle(db, sealer, known, account, clock)
    registered = await known.registered(account.ca, account.name)
    now = clock.now()
    key = await asyncio.to_thread(generate, key_type)
    next_key_id = await keys.add(db, sealer, key, "account", now)
    account = await accounts.begin_rollover(db, account, next_key_id, now=now)
    try:
        await registered.client.roll_over(key)
    except EvercertError as error:
        with suppress(EvercertError):  # where the CA does not say, it stays in doubt, and both keys stay
            await _settle(db, sealer, known, account, clock)
        raise await known.judged(registered, error) from error
    await accounts.end_rollover(db, account, next_key_id, now=clock.now())


async def _settle(db: Database, sealer: Sealer, known: Accounts, account: Account, clock: Clock) -> None:
    """Afterwards no rollover of the account is in doubt: the CA was asked which key it takes."""
    if account.next_key_id is None:
        return
    key = await keys.load(db, sealer, account.next_key_id)
    right = account.next_key_id if await known.takes(account, key) else account.key_id
    await accounts.end_rollover(db, account, right, now=clock.now())
