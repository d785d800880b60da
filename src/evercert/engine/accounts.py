"""Accounts at CAs, made when first needed, and the one client that each of them has."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from evercert.acme.client import AsyncClient
from evercert.acme.problem import Problem, ProblemType
from evercert.acme.wire import directory_urls
from evercert.base.clock import Clock
from evercert.base.errors import EvercertError, NetworkFailure
from evercert.base.message import Transport
from evercert.base.secret import Secret
from evercert.db.protocol import Database
from evercert.engine.registering import Registering
from evercert.engine.report import Telling
from evercert.model.access import CaAccess
from evercert.model.fact import Account, AccountStatus, IssuedCertificate
from evercert.model.intent import CertificateIntent
from evercert.pki.key_type import KeyType
from evercert.pki.keys import PrivateKey, generate
from evercert.pki.seal import Sealer
from evercert.store import accounts, cas, directories, keys

__all__ = ["Accounts", "Registered"]

# What a CA may answer to an account that has ended; the one of them is said of much else as well.
_MAYBE_ENDED: Final = frozenset({ProblemType.UNAUTHORIZED, ProblemType.ACCOUNT_DOES_NOT_EXIST})


@dataclass(frozen=True, slots=True)
class Registered:
    """An account that the CA knows, its key, and the client that speaks for it."""

    account: Account
    key: PrivateKey
    client: AsyncClient


class Accounts:
    """Owned by the engine. One client per account, so that a thousand orders share connections,
    nonces and the directory."""

    def __init__(
        self,
        db: Database,
        sealer: Sealer,
        clock: Clock,
        transport_to: Callable[[CaAccess], Transport],
        resolve: Callable[[str], Secret],
        telling: Telling,
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._clock = clock
        self._transport_to = transport_to
        self._introduced = Registering(db, clock, resolve, telling)
        self._telling = telling
        self._ready: dict[tuple[str, str], Registered] = {}
        self._making: dict[tuple[str, str], asyncio.Lock] = {}
        self._turned_away: Counter[str] = Counter()

    async def registered(self, ca: str, name: str) -> Registered:
        """The account of that name at the CA; afterwards it exists there and is durable here.

        The key is durable before newAccount is sent, and newAccount with a known key returns the
        account that is there (RFC 8555 §7.3.1), so dying in between makes no second account. The store is
        looked at each time: another process may have given the account a new key, or ended it.
        """
        if ready := await self._still_ready(ca, name):
            return ready
        failures = self._turned_away[ca]
        async with self._making.setdefault((ca, name), asyncio.Lock()):
            ready = await self._still_ready(ca, name)
            if ready is None:
                # A thousand tasks that wait for one account fail together, not each after its own time-out.
                if self._turned_away[ca] != failures:
                    raise NetworkFailure("unreachable", "the CA could not be reached a moment ago", ca=ca)
                ready = self._ready[ca, name] = await self._noticed(ca, name)
            return ready

    async def _noticed(self, ca: str, name: str) -> Registered:
        try:
            return await self._register(ca, name)
        except NetworkFailure:
            self._turned_away[ca] += 1
            raise

    async def issuer_of(self, certificate: IssuedCertificate, intent: CertificateIntent) -> tuple[str, str]:
        """The CA that issued the certificate, which may be another than is asked first now, and the name of the
        account there; the intent's own where it came from elsewhere."""
        number = certificate.issuance_id
        known = await accounts.of_issuance(self._db, number) if number else None
        return known or (intent.ca, intent.account)

    async def that_issued(self, certificate: IssuedCertificate, intent: CertificateIntent) -> Registered:
        """The account of `issuer_of`, as `registered` has it."""
        return await self.registered(*await self.issuer_of(certificate, intent))

    async def _still_ready(self, ca: str, name: str) -> Registered | None:
        """The account that was made ready before, if the store still has it like that."""
        if (ca, name) not in self._ready:
            return None
        account = await accounts.find(self._db, ca, name)
        ready = self._ready.get((ca, name))
        return ready if ready and ready.account == account else None

    @asynccontextmanager
    async def asking(self, registered: Registered) -> AsyncIterator[AsyncClient]:
        """What the CA refuses in there is raised as it is `judged`."""
        try:
            yield registered.client
        except Problem as problem:
            raise await self.judged(registered, problem) from problem

    async def judged(self, refused: Registered, error: EvercertError) -> EvercertError:
        """*error*, which came of asking the CA by that account; or that the account has ended, if the CA says so of it
        (RFC 8555 §7.3.6). Then that is kept, and the next use registers another one. Idempotent: of many tasks and
        processes that find it out, one does it. While it is not known which key is the account's, nothing is."""
        if not isinstance(error, Problem) or error.type not in _MAYBE_ENDED:
            return error
        account = refused.account
        async with self._making.setdefault((account.ca, account.name), asyncio.Lock()):
            known = await accounts.get(self._db, account.id)
            if known == account and account.next_key_id is None:  # not changed, or being changed, since
                known = await self._as_the_ca_says(refused)
        return error if known is None or known.status is AccountStatus.VALID else _told(known)

    async def _as_the_ca_says(self, refused: Registered) -> Account | None:
        """The account after the CA was asked for it; none where it does not say."""
        try:
            standing = await refused.client.standing(generate(KeyType.EC256))
        except EvercertError:
            return None
        if standing == "valid":
            return refused.account
        return await self._ended(refused.account, standing)

    async def _ended(self, account: Account, standing: str) -> Account | None:
        status = AccountStatus.DEACTIVATED if standing == "deactivated" else AccountStatus.REVOKED
        try:
            known = await accounts.end(self._db, account, status, now=self._clock.now())
        except EvercertError as error:
            if error.code.name != "conflict":  # that another process ended it is what was wanted
                raise
            return await accounts.get(self._db, account.id)
        which = f"the account {account.url}"
        words = f"says that {which} is {standing}" if standing else f"does not know {which} any more"
        self._telling(f"{account.ca} {words}")
        return known

    async def connect(self, ca: str, key: PrivateKey, account_url: str = "") -> AsyncClient:
        """A client for *ca* with any key, going the way that this installation goes there."""
        access = await cas.access(self._db, ca)
        return AsyncClient(
            ca,
            key,
            self._transport_to(access),
            self._clock,
            account_url=account_url,
            allow_http=access.allow_http,
            on_wait=self._telling.waiting,
        )

    async def takes(self, account: Account, key: PrivateKey) -> bool:
        """Whether the CA knows *key* as the account's; raises where it does not say."""
        client = await self.connect(account.ca, key)
        try:
            found = await client.new_account(only_return_existing=True)
        except Problem as problem:
            if problem.type is ProblemType.RATE_LIMITED or problem.status >= 500:
                raise
            return False
        return found.url == account.url

    async def _register(self, ca: str, name: str) -> Registered:
        account = await accounts.find(self._db, ca, name) or await self._new_account(ca, name)
        key = await self._key_of(account)
        client = await self.connect(ca, key, account.url)
        await self._notice_changes(ca, directory_urls(await client.directory()))
        if not account.url:
            account = await self._introduced(account, client)
        return Registered(account, key, client)

    async def _key_of(self, account: Account) -> PrivateKey:
        """The account's key; while a rollover's outcome is unknown, the one of both that the CA takes. Nothing
        is written down: the process that rolls over may still be at it."""
        if account.next_key_id is not None:
            key = await keys.load(self._db, self._sealer, account.next_key_id)
            if await self.takes(account, key):
                return key
        return await keys.load(self._db, self._sealer, account.key_id)

    async def _notice_changes(self, ca: str, seen: dict[str, str]) -> None:
        """Tell of URLs that are not what they were; a CA may move them, and so may somebody in between."""
        before = await directories.remembered(self._db, ca)
        if before == seen:
            return
        for name in sorted(before):
            if before[name] != seen.get(name, ""):
                self._telling(f"the CA's {name} was {before[name] or 'not there'} and is {seen.get(name) or 'gone'}")
        await directories.remember(self._db, ca, seen, self._clock.now())

    async def _new_account(self, ca: str, name: str) -> Account:
        now, access = self._clock.now(), await cas.access(self._db, ca)
        key = await asyncio.to_thread(generate, access.registration(name).account_key or access.account_key)
        key_id = await keys.add(self._db, self._sealer, key, "account", now)
        try:
            return await accounts.add(self._db, ca, name, key_id, now=now)
        except EvercertError:
            # Another process was first; its account is this one's too, and this key goes with retention.
            if other := await accounts.find(self._db, ca, name):
                return other
            raise


def _told(account: Account) -> EvercertError:
    """What there is to say of an account that has ended."""
    words = {
        AccountStatus.DEACTIVATED: f"the account {account.url} is deactivated",
        AccountStatus.REVOKED: f"the CA has revoked the account {account.url}, or does not know it any more",
    }
    return EvercertError(
        "acme",
        words[account.status],
        ca=account.ca,
        hint="somebody who has its key did that, or the CA; the next attempt registers another one, "
        "or take over one that is valid: evercert account import",
    )
