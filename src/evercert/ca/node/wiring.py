"""One node of the CA: every part made once, from the settings, and given to those who need it. It decides nothing."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from random import Random, SystemRandom
from typing import Final

from evercert.acme.problem import Problem
from evercert.base.clock import Clock, SystemClock
from evercert.base.names import Identifier
from evercert.base.secret import Secret
from evercert.base.serving import Application, Asked
from evercert.ca.attempts import Attempts, pool_of
from evercert.ca.gate import CaaGate
from evercert.ca.issuing.issuance import Issuance
from evercert.ca.issuing.issuers import Issuers
from evercert.ca.links import PublicLinks
from evercert.ca.meters import NO_METERS, Meters
from evercert.ca.node.access import log_refusal
from evercert.ca.node.own_certificate import OwnCertificate
from evercert.ca.node.shared_secrets import nonce_key
from evercert.ca.node.site import Site, trust_application
from evercert.ca.node.upkeep import Duty, by_one_node, kept_up
from evercert.ca.profiles.gate import Sample
from evercert.ca.protocol.application import AcmeApplication, Refused
from evercert.ca.protocol.desk import Desk
from evercert.ca.protocol.nonces import BurnedTogether, Nonces
from evercert.ca.protocol.verify import Verifier
from evercert.ca.retention import Keeping
from evercert.ca.revoking import REVOKED, Revoking
from evercert.ca.setup.decisions import Decisions
from evercert.ca.status.wiring import StatusParts, status_parts
from evercert.ca.urls import Urls
from evercert.ca.validation.caa import CaaRules
from evercert.ca.validation.claim import Reach
from evercert.db.protocol import Database
from evercert.pki.cert import read_certificate
from evercert.pki.seal import Sealer

__all__ = ["Node", "open_node"]

_log = logging.getLogger(__name__)

_PRUNE: Final = timedelta(hours=1)


@dataclass(slots=True)
class Node:
    """Owned by whoever opened it. `site` answers everything, `plain` what has to be had without TLS, and no more; both
    stay what they are when the parts that they pass on to are replaced."""

    desk: Desk
    site: Site
    plain: Site
    own: OwnCertificate
    attempts: Attempts
    issuance: Issuance
    status: StatusParts
    _ground: _Ground
    _working: AsyncExitStack

    async def certify_itself(self, identifiers: tuple[Identifier, ...]) -> tuple[str, Secret]:
        """A chain for this server and its key, PEM, of whichever issuer signs now."""
        return await self.own.issue(identifiers)

    async def replace(self, issuers: Issuers, reach: Reach, decided: Decisions, also: AsyncExitStack) -> None:
        """Afterwards requests are answered by these issuers and decisions, and what was begun by those of before has
        ended. Nonces that were given stay good, and no request is lost. *also* is closed when these are replaced in
        their turn. Where it raises nothing has changed."""
        async with AsyncExitStack() as working:
            working.push_async_exit(also)
            parts = await working.enter_async_context(_at_work(self._ground, issuers, reach, decided))
            before, self._working = self._working, working.pop_all()
        self.desk, self.own, self.attempts, self.issuance = parts.desk, parts.own, parts.attempts, parts.issuance
        self.status, self.site.parts, self.plain.parts = parts.status, parts.site, parts.plain
        await before.aclose()


@asynccontextmanager
async def open_node(
    db: Database,
    sealer: Sealer,
    root: bytes,
    issuers: Issuers,
    reach: Reach,
    decided: Decisions,
    *,
    clock: Clock | None = None,
    rng: Random | None = None,
    is_alone: bool = True,
    meters: Meters = NO_METERS,
) -> AsyncIterator[Node]:
    """The node, ready to answer; what it had begun is ended when the block is left. Where it is not alone, nonces of
    the other nodes are taken, and all of them remember together which were used."""
    clock, rng = clock or SystemClock(), rng or SystemRandom()
    burned = None if is_alone else BurnedTogether(db, clock)
    nonces = Nonces(await nonce_key(db, sealer, rng), clock, rng, burned)
    ground = _Ground(db, sealer, root, clock, rng, nonces, meters)
    working = AsyncExitStack()
    parts = await working.enter_async_context(_at_work(ground, issuers, reach, decided))
    sites = Site(parts.site), Site(parts.plain)
    node = Node(parts.desk, *sites, parts.own, parts.attempts, parts.issuance, parts.status, ground, working)
    try:
        yield node
    finally:
        await node._working.aclose()


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a node stands on as long as it runs, whatever is decided."""

    db: Database
    sealer: Sealer
    root: bytes
    clock: Clock
    rng: Random
    nonces: Nonces
    meters: Meters


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is made of issuers and decisions."""

    desk: Desk
    site: Mapping[str, Application]
    plain: Mapping[str, Application]
    own: OwnCertificate
    attempts: Attempts
    issuance: Issuance
    status: StatusParts
    duties: Mapping[str, tuple[float, Duty]]


@asynccontextmanager
async def _at_work(ground: _Ground, issuers: Issuers, reach: Reach, decided: Decisions) -> AsyncIterator[_Parts]:
    """The parts, with what they do between requests; what they had begun is ended when the block is left."""
    parts = _made(ground, issuers, reach, decided)
    with ground.db.listen(REVOKED) as news:
        async with kept_up(ground.clock, {**parts.duties, **parts.status.duties(news)}):
            await parts.status.ready()
            yield parts
    await parts.attempts.drain()
    await parts.issuance.drain()


def _made(ground: _Ground, issuers: Issuers, reach: Reach, decided: Decisions) -> _Parts:
    db, clock, rng, meters, urls = ground.db, ground.clock, ground.rng, ground.meters, Urls(decided.base_url)
    rules, profiles, limits = decided.rules, decided.profiles, decided.limits
    pool, seen_by = pool_of(*decided.at_once), decided.perspectives
    attempts = Attempts(
        db, clock, reach, urls, rules, profiles, limits, seen_by, decided.anchors, pool, meters, decided.pace
    )
    gate = CaaGate(reach.network, CaaRules(decided.caa, rules.caa_identities), urls, seen_by)
    links, sample = PublicLinks(decided.plain_url, decided.status), Sample(_not_clean, decided.sample_every)
    issuance = Issuance(
        db, clock, rng, issuers, profiles, gate, links, sample, decided.known_keys, meters, decided.pace
    )
    desk = Desk(
        db=db,
        clock=clock,
        rng=rng,
        urls=urls,
        rules=rules,
        profiles=profiles,
        limits=limits,
        nonces=ground.nonces,
        verifier=Verifier(db, ground.nonces, urls),
        sealer=ground.sealer,
        validating=attempts,
        issuing=issuance,
        issuers=issuers,
        revoking=Revoking(db, clock),
        meters=meters,
        pace=decided.pace,
    )
    status = status_parts(db, clock, rng, issuers, decided.status, decided.plain_url)
    plain = {**status.applications, "": trust_application(ground.root, issuers)}
    site = {**plain, "acme": AcmeApplication(desk, _refused(meters))}
    keeping = Keeping(db, clock, decided.retention)
    duties = _duties(decided.pace.look, rng.getrandbits(63), attempts, issuance, keeping)
    own = OwnCertificate(db, clock, rng, issuers, meters)
    return _Parts(desk, site, plain, own, attempts, issuance, status, duties)


def _duties(
    look: timedelta, node: int, attempts: Attempts, issuance: Issuance, keeping: Keeping
) -> Mapping[str, tuple[float, Duty]]:
    seconds = look.total_seconds()
    prune = by_one_node(keeping.db, keeping.clock, node, "pruning", _PRUNE, keeping.prune)
    return {
        "ending validations that were left": (seconds, attempts.take_over),
        "ending orders that were left": (seconds, issuance.take_over),
        "renewing recurrent orders": (seconds, issuance.recur),
        "pruning": (_PRUNE.total_seconds(), prune),
    }


def _refused(meters: Meters) -> Refused:
    def refused(asked: Asked, problem: Problem) -> None:
        meters.refused(asked, problem)
        log_refusal(asked, problem)

    return refused


def _not_clean(certificate: bytes, findings: tuple[str, ...]) -> None:
    serial = read_certificate(certificate).serial
    _log.error("pkilint objects to a certificate that was issued, serial %s: %s", serial, "; ".join(findings[:5]))
