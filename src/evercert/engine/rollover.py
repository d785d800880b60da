"""Giving an account a new key, so that no crash leaves us without the right one (RFC 8555 §7.3.5)."""

from __future__ import annotations

import asyncio

from evercert.acme.problem import Problem
from evercert.base.clock import Clock
from evercert.db.protocol import Database
from evercert.engine.accounts import Accounts
from evercert.model.fact import Account
from evercert.pki.keys import KeyType, generate
from evercert.pki.seal import Sealer
from evercert.store import accounts, keys

__all__ = ["roll_over", "settle_rollover"]


async def roll_over(
    db: Database, sealer: Sealer, known: Accounts, account: Account, clock: Clock, key_type: KeyType
) -> None:
    """Afterwards the account has a new key, here and at the CA.

    Both keys are durable before keyChange is sent; if its answer is lost, the CA is asked which
    of them it takes.
    """
    await settle_rollover(db, sealer, known, account, clock)
    client = (await known.registered(account.ca, account.name)).client
    now = clock.now()
    key = await asyncio.to_thread(generate, key_type)
    next_key_id = await keys.add(db, sealer, key, "account", now)
    account = await accounts.begin_rollover(db, account, next_key_id, now=now)
    try:
        await client.roll_over(key)
    except Problem:
        await accounts.end_rollover(db, account, account.key_id, now=clock.now())
        raise
    await accounts.end_rollover(db, account, next_key_id, now=clock.now())


async def settle_rollover(db: Database, sealer: Sealer, known: Accounts, account: Account, clock: Clock) -> None:
    """Afterwards no rollover of the account is in doubt: the CA was asked which key it takes."""
    if account.next_key_id is None:
        return
    key = await keys.load(db, sealer, account.next_key_id)
    client = await known.connect(account.ca, key)
    try:
        found = await client.new_account(only_return_existing=True)
    except Problem:
        right = account.key_id
    else:
        right = account.next_key_id if found.url == account.url else account.key_id
    await accounts.end_rollover(db, account, right, now=clock.now())
