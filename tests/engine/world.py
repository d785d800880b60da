"""The whole engine over CAs in memory and a clock of the test's own; the store and the files are real."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

from evercert.base.clock import Clock
from evercert.base.message import Request, Response
from evercert.base.names import parse_identifiers
from evercert.config.settings import Settings, load_settings
from evercert.db.protocol import Database
from evercert.engine.wiring import Engine, open_engine
from evercert.model.fact import CertificateFact
from evercert.model.intent import CertificateIntent, ChallengeRule, TargetSpec
from evercert.net.http import HttpSettings
from evercert.store import certificates
from tests.fakes.ca import FakeCa
from tests.fakes.clock import FakeClock
from tests.fakes.resolver import FakeResolver

__all__ = ["World"]


class _Wire:
    """The way to the CAs in memory; keeps `engine.wiring.ClosableTransport`."""

    def __init__(self, cas: Mapping[str, FakeCa]) -> None:
        self._cas = cas

    async def send(self, request: Request) -> Response:
        host = "/".join(request.url.split("/")[:3])
        return await self._cas[host].send(request)

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class World:
    """One home, one CA, or several; the engine may be opened again and again, as after a restart."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    lifetime: timedelta = timedelta(days=90)
    told: list[str] = field(default_factory=list)
    dns: FakeResolver = field(default_factory=FakeResolver)
    cas: dict[str, FakeCa] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ca = self.another_ca("https://ca.test")
        self.webroot = self.folder / "www"
        self.webroot.mkdir()

    def another_ca(self, base: str) -> FakeCa:
        """It answers from now on."""
        ca = FakeCa(self.clock, seed=len(self.cas), lifetime=self.lifetime, offered=("http-01",), base=base)
        self.cas[base] = ca
        return ca

    @property
    def settings(self) -> Settings:
        return load_settings({}, home=str(self.folder / "home"))

    @property
    def live(self) -> Path:
        return self.folder / "home" / "live"

    @asynccontextmanager
    async def engine(self, database: Database | None = None) -> AsyncIterator[Engine]:
        """Over that database, if one is given, else over the home's own."""

        def wire(settings: HttpSettings, clock: Clock) -> _Wire:
            return _Wire(self.cas)

        def resolver(servers: Sequence[str]) -> FakeResolver:
            return self.dns

        def tell(certificate: str, text: str) -> None:
            self.told.append(f"{certificate}: {text}")

        async with open_engine(
            self.settings,
            tell,
            clock=self.clock,
            rng=Random(1),
            database=database,
            make_transport=wire,
            make_resolver=resolver,
        ) as engine:
            yield engine

    def intent(self, *names: str, **changes: object) -> CertificateIntent:
        target = TargetSpec("files", {"dir": str(self.folder / "home")})
        wanted: dict[str, object] = {
            "name": names[0],
            "identifiers": parse_identifiers(names),
            "ca": self.ca.directory_url,
            "challenges": (ChallengeRule("http-01", "webroot", {"root": str(self.webroot)}),),
            "targets": (target,),
        }
        return CertificateIntent(**(wanted | changes))  # type: ignore[arg-type]  # the struct says what it takes

    async def obtain(self, engine: Engine, intent: CertificateIntent) -> CertificateFact:
        """Declare it and let the engine settle it; what is true then."""
        await certificates.declare(engine.db, intent, self.clock.now())
        await engine.worker.settle(intent.name)
        return await self.fact(engine, intent.name)

    async def fact(self, engine: Engine, name: str) -> CertificateFact:
        fact = await certificates.fact(engine.db, name)
        assert fact is not None
        return fact

    async def pass_time(self, engine: Engine, span: timedelta) -> None:
        """Let *span* pass, doing what comes due when it comes due."""
        end = self.clock.now() + span
        while (moment := await certificates.next_action_at(engine.db)) is not None and moment <= end:
            self.clock.advance(max(moment - self.clock.now(), timedelta()))
            await engine.worker.settle_due()
        self.clock.advance(max(end - self.clock.now(), timedelta()))
