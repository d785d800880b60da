"""Wiring: every part made once, from the settings, and given to those who need it.

The only file that knows all rooms at once; it decides nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random, SystemRandom
from typing import Any, Protocol

from evercert.acme.cas import Rate
from evercert.base.clock import Clock, SystemClock
from evercert.base.message import Transport
from evercert.config.references import is_reference
from evercert.config.secrets import Secrets
from evercert.config.settings import Settings
from evercert.db.protocol import Database
from evercert.deploy.proof import Probe, prove
from evercert.engine.accounts import Accounts
from evercert.engine.asking.abandoning import Abandoning
from evercert.engine.asking.attempting import Attempting
from evercert.engine.asking.challenges import Challenges
from evercert.engine.asking.issuing import Issuing
from evercert.engine.asking.lingering import Lingering
from evercert.engine.asking.loopbreaker import LoopBreaker
from evercert.engine.asking.ordering import LeavingOut
from evercert.engine.asking.permission import Permission
from evercert.engine.asking.requesting import Requesting
from evercert.engine.asking.withdrawing import Withdrawing
from evercert.engine.cleaning import CleaningUp
from evercert.engine.deploying import Deploying
from evercert.engine.incident.advancing import Incidents
from evercert.engine.leases import Leases
from evercert.engine.leaving import Leaving
from evercert.engine.limits.pacing import Pace, Paced, rates_of
from evercert.engine.limits.seeding import seed
from evercert.engine.masterkey import open_master_key
from evercert.engine.notifying import Notifying
from evercert.engine.owner import Owner
from evercert.engine.readying import Readied
from evercert.engine.renewal.polling import Polling
from evercert.engine.renewal.renewing import RenewalInfo
from evercert.engine.report import Reporter, Telling, silent
from evercert.engine.revoking import Revoking
from evercert.engine.targets import Targets
from evercert.engine.wishes import check
from evercert.engine.work import Hand, Worker
from evercert.host.files import make_private_dir
from evercert.host.programs import SystemPrograms
from evercert.model.access import CaAccess
from evercert.model.intent import CertificateIntent, ChallengeRule
from evercert.model.task import Step
from evercert.net.dns import DnsResolver
from evercert.net.http import HttpSettings, HttpTransport
from evercert.net.tls import probe
from evercert.observe.caa import CaaLookup
from evercert.pki.seal import Sealer
from evercert.plugins import registry
from evercert.plugins.contracts import Ports, Resolver
from evercert.plugins.info import PluginKind
from evercert.solve.solvers import Solvers
from evercert.store.opening import open_store

__all__ = ["ClosableTransport", "Engine", "MakeResolver", "MakeTransport", "Servers", "open_checks", "open_engine"]

# So many times its width a worker's attempts may linger at one CA: half of all that it has in hand (engine/work.py). As
# many as its width begin in a minute, so that DNS which takes five of them to show a record is no slow CA.
_LINGERING = 4


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything that commands and the daemon work with. Open until `open_engine` is left."""

    settings: Settings
    clock: Clock
    db: Database
    sealer: Sealer
    ports: Ports
    accounts: Accounts
    targets: Targets
    worker: Worker
    polling: Polling
    incidents: Incidents
    notifying: Notifying
    telling: Telling
    secrets: Secrets
    transport_to: Callable[[CaAccess], Transport]
    check: Callable[[CertificateIntent], None]
    stand: Callable[[ChallengeRule], Awaitable[None]]


class ClosableTransport(Transport, Protocol):
    """A transport that owns its connections."""

    async def close(self) -> None: ...


MakeTransport = Callable[[HttpSettings, Clock], ClosableTransport]


class CaaResolver(Resolver, CaaLookup, Protocol):
    """A resolver that can also be asked who may issue."""


# Through the servers that are named, or where none is, through those of the machine.
MakeResolver = Callable[[Sequence[str]], CaaResolver]


@dataclass(frozen=True, slots=True)
class Servers:
    """How deploy targets are found, and how it is seen what they serve."""

    load: Callable[[PluginKind, str], Any] = registry.load
    probe: Probe = probe


@dataclass(slots=True)
class _Transports:
    """One pool of connections per way to a CA. Owned by the engine."""

    settings: Settings
    clock: Clock
    make: MakeTransport
    closing: AsyncExitStack
    secrets: Secrets
    open: dict[HttpSettings, ClosableTransport] = field(default_factory=dict)
    paces: dict[tuple[str, tuple[Rate, ...]], Pace] = field(default_factory=dict)

    def to(self, access: CaAccess) -> Transport:
        roots = Path(access.roots) if access.roots else None
        proxy = self._revealed(access.proxy) or self.settings.proxy
        transport = self._get(HttpSettings(roots=roots, proxy=proxy, family=access.family))
        rates = rates_of(access)
        if not rates:
            return transport
        pace = self.paces.setdefault((access.directory, rates), Pace(rates))
        return Paced(transport, pace, self.clock)

    def usual(self) -> Transport:
        return self._get(HttpSettings(proxy=self.settings.proxy))

    def _get(self, settings: HttpSettings) -> Transport:
        if settings not in self.open:
            self.open[settings] = self.make(settings, self.clock)
            self.closing.push_async_callback(self.open[settings].close)
        return self.open[settings]

    def _revealed(self, proxy: str) -> str:
        return self.secrets(proxy).text() if is_reference(proxy) else proxy


@asynccontextmanager
async def open_engine(
    settings: Settings,
    reporter: Reporter = silent,
    *,
    clock: Clock | None = None,
    rng: Random | None = None,
    database: Database | None = None,
    make_transport: MakeTransport = HttpTransport,
    make_resolver: MakeResolver = DnsResolver,
    servers: Servers | None = None,
) -> AsyncIterator[Engine]:
    """The engine, ready to work; everything that it opened is closed afterwards."""
    clock, rng = clock or SystemClock(), rng or SystemRandom()
    async with AsyncExitStack() as closing:
        make_private_dir(settings.home)
        if database is None:
            database = await closing.enter_async_context(open_store(settings.store))
        secrets = Secrets(settings.environ, clock)
        await closing.enter_async_context(secrets.forgetting())
        transports = _Transports(settings, clock, make_transport, closing, secrets)
        resolver = make_resolver(settings.resolvers)
        ports = Ports(transports.usual(), resolver, SystemPrograms(), clock)
        sealer = Sealer(await open_master_key(settings, database))
        await seed(database, clock)
        told, permission = Telling(reporter), Permission(resolver, clock)
        yield _assembled(
            settings, clock, rng, database, sealer, ports, permission, transports, told, closing, servers or Servers()
        )


@asynccontextmanager
async def open_checks(settings: Settings, clock: Clock | None = None) -> AsyncIterator[tuple[Targets, Secrets]]:
    """What a declaration is checked with. Nothing is made: no home, no store, no key."""
    clock = clock or SystemClock()
    async with AsyncExitStack() as closing:
        secrets = Secrets(settings.environ, clock)
        await closing.enter_async_context(secrets.forgetting())
        transports = _Transports(settings, clock, HttpTransport, closing, secrets)
        ports = Ports(transports.usual(), DnsResolver(settings.resolvers), SystemPrograms(), clock)
        yield Targets(ports, settings.home / "targets", secrets), secrets


def _assembled(
    settings: Settings,
    clock: Clock,
    rng: Random,
    db: Database,
    sealer: Sealer,
    ports: Ports,
    permission: Permission,
    transports: _Transports,
    telling: Telling,
    closing: AsyncExitStack,
    servers: Servers,
) -> Engine:
    secrets = transports.secrets
    accounts = Accounts(db, sealer, clock, transports.to, secrets, telling)
    targets = Targets(ports, settings.home / "targets", secrets, servers.load)
    solvers = Solvers(ports, secrets)
    closing.push_async_callback(solvers.close)
    leases = Leases(db, clock, Owner(settings.home, rng), timedelta(seconds=settings.lease))
    closing.push_async_callback(leases.close)
    prove_served = partial(prove, probe=servers.probe, clock=clock)
    revoking = Revoking(accounts, sealer, clock)
    challenges = Challenges(solvers, targets)
    requesting, leaving_out = Requesting(sealer, clock), LeavingOut(rng, telling)
    attempting = Attempting(accounts, requesting, permission, challenges, leaving_out, clock, telling)
    lingering = Lingering(clock, _LINGERING * settings.concurrency)
    issuing = Issuing(attempting, clock, rng, telling, lingering)
    hands: dict[Step, Hand] = {
        Step.ISSUE: LoopBreaker(issuing, clock, telling),
        Step.DEPLOY: Deploying(sealer, targets, prove_served, clock, rng, telling),
        Step.POLL_RENEWAL_INFO: RenewalInfo(accounts, clock, rng, telling),
        Step.CLEAN_UP: CleaningUp(solvers, targets, Withdrawing(attempting), telling),
        Step.LEAVE: Leaving(revoking, clock, telling),
        Step.ABANDON: Abandoning(clock, telling),
    }
    polling = Polling(db, leases, accounts, clock, rng, telling)
    readied: dict[Step, Hand] = {step: Readied(hand, secrets) for step, hand in hands.items()}
    worker = Worker(leases, clock, telling, readied, settings.concurrency, polling.look)
    incidents = Incidents(db, revoking, clock, telling, settings.concurrency)
    return Engine(
        settings=settings,
        clock=clock,
        db=db,
        sealer=sealer,
        ports=ports,
        accounts=accounts,
        targets=targets,
        worker=worker,
        polling=polling,
        incidents=incidents,
        notifying=Notifying(db, ports, secrets, rng, telling),
        telling=telling,
        secrets=secrets,
        transport_to=transports.to,
        check=partial(check, targets=targets, resolve=secrets),
        stand=solvers.stand,
    )
