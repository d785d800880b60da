"""Accounts made at their CA, each by what was said of it: its contacts, and its external account where the CA wants one
(RFC 8555 §7.3.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from evercert.acme import wire
from evercert.acme.cas import eab_at
from evercert.acme.client import AsyncClient
from evercert.acme.jose import ExternalAccount
from evercert.acme.problem import Problem, ProblemType
from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.db.protocol import Database
from evercert.engine.limits.budget import account_draw, limits_of
from evercert.engine.limits.spending import Payer
from evercert.engine.report import Telling
from evercert.model.access import CaAccess, Registration
from evercert.model.fact import Account
from evercert.store import accounts, cas

__all__ = ["Registering"]


@dataclass(frozen=True, slots=True)
class Registering:
    """Owned by the engine's accounts."""

    db: Database
    clock: Clock
    resolve: Callable[[str], Secret]
    telling: Telling

    async def __call__(self, account: Account, client: AsyncClient) -> Account:
        """Afterwards the CA has the account, whose key it is asked with, and that is durable. May be repeated. Raises
        `Held` where a limit, known or not yet, leaves no room for another one, and `ca-refused` where its external
        account is used up."""
        access = await cas.access(self.db, account.ca)
        wanted = access.registration(account.name)
        before = await self._made_before(account, access, wanted)
        terms = (await client.directory()).meta.terms_of_service
        self.telling(f"registering at {account.ca}" + (f", agreeing to {terms}" if terms else ""))
        known = await self._made(client, access, wanted, before)
        now = self.clock.now()
        return await accounts.registered(self.db, account, known.url, wanted.contacts, now=now, eab_kid=wanted.eab_kid)

    async def _made_before(self, account: Account, access: CaAccess, wanted: Registration) -> str:
        """The other account that the external one has made already, if any; raises where it makes no other. Another
        process may have registered this one meanwhile, which newAccount then returns."""
        if not wanted.eab_kid:
            return ""
        made = await accounts.made_with(self.db, access.directory, wanted.eab_kid, but=account.id)
        if made is None:
            return ""
        if made.is_spent or eab_at(access.directory).once:
            words = f"external account {wanted.eab_kid} is used up by account {made.name!r}"
            raise EvercertError("ca-refused", words, ca=access.directory, hint=_hint(access, wanted))
        self.telling(f"external account {wanted.eab_kid}, which has made account {made.name!r}, is shown again")
        return made.name

    async def _made(self, client: AsyncClient, access: CaAccess, wanted: Registration, before: str) -> wire.Account:
        payer = Payer(self.db, self.clock, access.directory)
        draws = (account_draw(limits_of(access)),)
        await payer.pay(draws, lambda paid: self.db.write(*paid))
        try:
            external = await self._external(wanted)
            return await client.new_account(wanted.contacts, terms_agreed=True, eab=external)
        except EvercertError as error:
            if held := await payer.learned(draws, error):
                raise held from error
            if isinstance(error, Problem):
                await self._refused(access, wanted, before, error)
            raise

    async def _refused(self, access: CaAccess, wanted: Registration, before: str, problem: Problem) -> None:
        """Afterwards the problem says what to do, and an external account that has made another one is known to be used
        up, where the CA's words are about it. One that has made none may just be wrong."""
        is_refused = wanted.eab_kid and problem.refuses_binding
        if not is_refused and problem.type is not ProblemType.EXTERNAL_ACCOUNT_REQUIRED:
            return
        problem.hint = _hint(access, wanted)
        is_spent = bool(wanted.eab_kid and before) and problem.names_binding
        if wanted.eab_kid:
            problem.hint = f"external account {wanted.eab_kid} {_used(before, is_spent=is_spent)}: {problem.hint}"
        if is_spent:
            await self.db.write(accounts.spent(access.directory, wanted.eab_kid))

    async def _external(self, wanted: Registration) -> ExternalAccount | None:
        if not wanted.eab_kid:
            return None
        # A program that says it may take seconds.
        key = await asyncio.to_thread(self.resolve, wanted.eab_key)
        return ExternalAccount(wanted.eab_kid, key, wanted.eab_algorithm)


def _used(before: str, *, is_spent: bool) -> str:
    if is_spent:
        return f"is used up by account {before!r}"
    if before:
        return f"has made account {before!r}, and may be used up"
    return "was shown, and is wrong, too old or used up"


def _hint(access: CaAccess, wanted: Registration) -> str:
    how = eab_at(access.directory).how
    which = "" if wanted.name == "default" else f"--account {wanted.name} "
    return (
        f"get an unused key id and HMAC key from the CA{f' ({how})' if how else ''}, and give them as "
        f"{which}--eab-kid and --eab-key, or under [cas.*] of the declaration"
    )
