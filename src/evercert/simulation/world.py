"""Everything that is outside of the nodes of one history: CAs, DNS, servers, the one store, and the right time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Final

from evercert.base.errors import NetworkFailure
from evercert.base.message import Request, Response
from evercert.base.names import parse_identifiers
from evercert.config.settings import Settings, load_settings
from evercert.db.memory import MemoryDatabase
from evercert.model.intent import CertificateIntent, ChallengeRule, TargetSpec
from evercert.model.terms import CaChoice, Criticality, Freeze, Terms
from evercert.pki.seal import new_master_key
from evercert.simulation.ca.conduct import Conduct
from evercert.simulation.ca.limits import Bucket
from evercert.simulation.ca.server import CaServer
from evercert.simulation.clock import BEGIN, WorldClock
from evercert.simulation.faults import FaultKind, Weather
from evercert.simulation.loop import VirtualLoop
from evercert.simulation.names import PROVIDER, Names
from evercert.simulation.servers import Servers
from evercert.simulation.story import Story
from evercert.simulation.trace import Trace
from evercert.store.schema import MIGRATIONS

__all__ = ["World"]

_MASTER_KEY: Final = new_master_key().text()


class World:
    """One history's. Closed by `close`."""

    def __init__(self, loop: VirtualLoop, story: Story, folder: Path) -> None:
        self.loop = loop
        self.seed = story.seed
        self.nodes = story.nodes
        self.trace = Trace()
        self.broken: list[str] = []
        self.clock = WorldClock(loop)
        self.weather = Weather(story.faults)
        self.freezes = tuple(
            Freeze(BEGIN + timedelta(seconds=fault.since), BEGIN + timedelta(seconds=fault.until))
            for fault in story.faults
            if fault.kind is FaultKind.FREEZE
        )
        self.rng = Random(f"world {story.seed}")  # noqa: S311 - so that it comes again
        self.names = Names(self.clock, self.weather, self.rng)
        self.servers = Servers(self.clock, self.weather, self.rng, self.trace)
        self.cas = [self._ca(number, story) for number in range(story.cas)]
        self.db = MemoryDatabase(MIGRATIONS)
        self._folder = folder

    def settings(self, node: int) -> Settings:
        """A node's: each is a machine of its own, and all of them have one master key."""
        environ = {"EVERCERT_MASTER_KEY": "env:MASTER_KEY", "MASTER_KEY": _MASTER_KEY}
        return load_settings(environ, home=str(self._folder / f"node{node}"))

    async def answer(self, request: Request) -> Response:
        """To any request of any node."""
        if request.url.startswith(PROVIDER):
            return self.names.answer(request)
        for ca in self.cas:
            if request.url.startswith(ca.server.base + "/"):
                return await ca.send(request)
        raise NetworkFailure("unreachable", "there is no such host")

    def broke(self, law: str) -> None:
        """A law was seen to be broken."""
        self.broken.append(law)
        self.trace.note(self.clock.monotonic(), "law", law)

    def intent(self, number: int) -> CertificateIntent:
        """The certificate of that number: its names, its CAs in turn, one server or two."""
        domain = f"c{number}.site{number}.test"
        names = ([domain], [domain, f"www.{domain}"], [f"*.{domain}", domain])[number % 3]
        turns = range(number, number + len(self.cas))
        first, *others = [self.cas[turn % len(self.cas)].server.directory_url for turn in turns]
        places = ("front", "back")[: 1 + number % 2]
        servers = [TargetSpec("server", {"server": f"{place}{number}"}, place) for place in places]
        return CertificateIntent(
            name=domain,
            identifiers=parse_identifiers(names),
            ca=first,
            challenges=(ChallengeRule("dns-01", "webhook", {"url": PROVIDER}),),
            targets=tuple(servers),
            terms=Terms(
                criticality=list(Criticality)[number % 4],
                further_cas=tuple(CaChoice(other) for other in others),
                freezes=self.freezes,
            ),
        )

    def close(self) -> None:
        self.db.close_now()

    def _ca(self, number: int, story: Story) -> Conduct:
        server = CaServer(
            self.clock,
            base=f"https://ca{number}.simulated.test",
            seed=story.seed * 8 + number,
            offered=("dns-01",),
            lifetime=story.life,
        )
        server.lists_orders = story.listing[number]
        conduct = Conduct(number, story.cas, server, (self.clock, self.weather, self.names, self.rng, self.trace))
        # Three times what a quiet fleet needs.
        conduct.bucket = Bucket(6 * story.certificates, story.life.total_seconds())
        if story.suggesting[number]:
            conduct.suggests()
        return conduct
