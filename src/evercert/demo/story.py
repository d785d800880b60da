"""The story that is told: obtain, install, prove, renew, prove again; and nobody was kept waiting."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifier
from evercert.config.settings import Settings
from evercert.demo.world import NAME, World, open_world
from evercert.engine.plan import renewal_moment
from evercert.engine.wiring import Engine, open_engine
from evercert.model.access import CaAccess
from evercert.model.fact import CertificateFact
from evercert.model.intent import CertificateIntent, ChallengeRule, RenewPolicy, TargetSpec
from evercert.net.tls import probe
from evercert.pki.cert import CertificateView, read_certificate
from evercert.store import cas, certificates

__all__ = ["Ending", "tell"]

# Long enough to be read, short enough to be watched; it is renewed at two fifths.
LIFE_SECONDS = 30
RENEW_AT = 0.4


@dataclass(frozen=True, slots=True)
class Ending:
    """How it went: the serials in the order in which they were served, and the visitors meanwhile."""

    serials: tuple[str, ...]
    visits: int
    failed_visits: int


async def tell(settings: Settings, folder: Path, say: Callable[[str, str], None]) -> Ending:
    """Run the whole job and tell of it; raises if any part of it did not happen."""
    say("", f"starting a CA (evercert ca init, serve) whose certificates live {LIFE_SECONDS} s, and a TLS server")
    async with open_world(folder, LIFE_SECONDS) as world:
        placeholder = await _served(world, say)
        visitors = Visitors(world.server_port)
        visiting = asyncio.create_task(visitors.keep_coming())
        try:
            async with open_engine(replace(settings, home=folder / "home", master_key=""), say) as engine:
                first, second = await _obtain_and_renew(engine, world, say)
        finally:
            visiting.cancel()
            with suppress(asyncio.CancelledError):
                await visiting
        return Ending((placeholder.serial, first.serial, second.serial), visitors.served, visitors.failed)


async def _obtain_and_renew(
    engine: Engine, world: World, say: Callable[[str, str], None]
) -> tuple[CertificateView, CertificateView]:
    await cas.configure(engine.db, CaAccess(world.directory, roots=str(world.roots)))
    await certificates.declare(engine.db, _intent(world), engine.clock.now())
    await engine.worker.settle(NAME)
    first = await _proved(engine, world, say)
    await _wait_until_due(engine, say)
    await engine.worker.settle(NAME)
    second = await _proved(engine, world, say)
    if first.serial == second.serial:
        raise EvercertError("not-served", "the renewed certificate is not the one that is served", name=NAME)
    return first, second


def _intent(world: World) -> CertificateIntent:
    target = {
        "dir": str(world.server_folder),
        "reload": f"/bin/kill -HUP {world.server_pid}",
        "endpoint": f"127.0.0.1:{world.server_port}",
    }
    return CertificateIntent(
        name=NAME,
        identifiers=(parse_identifier(NAME),),
        ca=world.directory,
        challenges=(ChallengeRule("http-01", "standalone", {"port": str(world.http_port), "address": "127.0.0.1"}),),
        targets=(TargetSpec("files", target),),
        renew=RenewPolicy(fraction=RENEW_AT, use_ari=False),
    )


async def _wait_until_due(engine: Engine, say: Callable[[str, str], None]) -> None:
    fact = await certificates.fact(engine.db, NAME)
    if fact is None or fact.current is None:
        raise EvercertError("internal", "the certificate is gone", name=NAME)
    moment, why = renewal_moment(fact, fact.current)
    pause = max(moment - engine.clock.now(), timedelta())
    say(NAME, f"renewal is due in {pause.total_seconds():.0f} s, when {why} (as the policy says); waiting for that")
    await engine.clock.sleep(pause.total_seconds() + 0.1)


async def _proved(engine: Engine, world: World, say: Callable[[str, str], None]) -> CertificateView:
    """What a handshake from outside shows, which must be what the store holds."""
    fact: CertificateFact | None = await certificates.fact(engine.db, NAME)
    served = await _served(world, say)
    if fact is None or fact.current is None or fact.failures or served.fingerprint != fact.current.fingerprint:
        failure = fact.failure.message if fact and fact.failure else "another certificate is served"
        raise EvercertError("not-served", failure)
    return served


async def _served(world: World, say: Callable[[str, str], None]) -> CertificateView:
    [seen] = await probe("127.0.0.1", world.server_port, NAME)
    if seen.error:
        raise seen.error
    view = read_certificate(seen.leaf_der)
    life = (view.not_after - view.not_before).total_seconds()
    say(NAME, f"a handshake shows: serial {view.serial[:16]}…, issuer {view.issuer}, a life of {life:.0f} s")
    return view


class Visitors:
    """Clients that keep coming while certificates change under them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE
        self.served = 0
        self.failed = 0

    async def keep_coming(self) -> None:
        """Visit twenty times a second until cancelled."""
        while True:
            try:
                await self._visit()
                self.served += 1
            except (OSError, ssl.SSLError, asyncio.IncompleteReadError):
                self.failed += 1
            await asyncio.sleep(0.05)

    async def _visit(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, ssl=self._context, server_hostname=NAME)
        try:
            writer.write(b"GET / HTTP/1.1\r\nHost: demo\r\n\r\n")
            await reader.readuntil(b"hello\n")
        finally:
            writer.close()
