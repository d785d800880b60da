"""Accounts, as operators end them."""

from __future__ import annotations

from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.ca.nouns import Account
from evercert.ca.operating.office import Office
from evercert.ca.problems import kept
from evercert.ca.store import accounts, audit

__all__ = ["account_of", "end_account"]


async def account_of(office: Office, number: int) -> Account:
    """Raises `not-found`."""
    found = await accounts.get(office.db, number)
    if found is None:
        raise EvercertError("not-found", f"there is no account {number}")
    return found


async def end_account(office: Office, number: int) -> Account:
    """Afterwards it is `revoked` for ever (RFC 8555 §7.1.2), with its orders and authorizations; its certificates live
    on. Raises `not-found`, or `conflict` where it has ended."""
    await account_of(office, number)
    why = kept(Problem(ProblemType.UNAUTHORIZED, "the CA's operator has ended the account"))
    now = office.clock.now()
    record = audit.appended("account revoked", {"account": number, "by": office.who}, now)
    return await accounts.end(office.db, number, "revoked", why, now, record)
