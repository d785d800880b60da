"""The laws: what must be true of every history, whatever went wrong in it.

Rules of this file:

* A law judges what the world saw (what CAs issued, what servers served), not what Evercert says of itself; the store is
  asked only whether it knows all of that.
* A lapse is excused where nothing else was possible: where no calm span between the moment at which a renewal
  was due and the end was long enough for the longest wait between two attempts and an attempt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Final

from evercert.base.errors import EvercertError
from evercert.model.event import CertificateIssued, Event, IssuanceAbandoned, OrderPlaced
from evercert.model.fact import CertificateFact
from evercert.plugins.contracts import Bundle
from evercert.simulation.ca.records import Certificate, Order
from evercert.simulation.clock import BEGIN
from evercert.simulation.coverage import Lapse, lapses, last_call
from evercert.simulation.faults import FaultKind
from evercert.simulation.story import Story
from evercert.simulation.trace import span_words
from evercert.simulation.world import World
from evercert.store import certificates, events

__all__ = ["judge"]

# Before this part of its life nobody has a reason to replace a certificate, whatever his clock says: a short one is
# renewed after the half, and first renewals are spread over a quarter of that (engine/renewal/spread.py).
_EARLY: Final = 0.36
# However a CA limits us, we do not ask it more often: for each certificate, and each hour of the limit.
_PER_LIMIT, _PER_HOUR = 3, 4
_ALL = 1_000_000
# Where the window ends that a CA suggests, in lives (ca/conduct.py); no freeze is heard after that.
_WINDOW_END: Final = 0.7
# Certificates count in whole seconds, and some clocks are not quite right.
_ROUNDING: Final = timedelta(minutes=1)
# The longest that one attempt takes here, in seconds: the wait for propagation, for validation, for issuance.
_ATTEMPT: Final = 1800.0


async def judge(world: World, story: Story) -> list[Lapse]:
    """Afterwards the world knows of every law that was broken; the lapses, excused ones too."""
    happened = [each.event for each in await events.latest(world.db, _ALL)]
    try:
        await events.verify(world.db)
    except EvercertError as error:
        world.broke(str(error))
    for broken in (*_orders(world, happened), *_certificates(world, happened), *_twice(world, story)):
        world.broke(broken)
    for broken in (*_targets(world), *_frozen(world, story), *_answers(world), *_limits(world, story)):
        world.broke(broken)
    for broken in await _rest(world, story):
        world.broke(broken)
    found = lapses(world, story)
    for lapse in found:
        if not lapse.excused:
            world.broke(str(lapse))
    return found


def _orders(world: World, happened: list[Event]) -> Iterator[str]:
    """No order is lost: the store knows all that a CA has, but for one that was given up, because another CA was asked,
    before the answer to it had come: nothing was done for it, and it runs out there."""
    known = {each.order_url for each in happened if isinstance(each, OrderPlaced)}
    given_up = Counter(
        each.certificate for each in happened if isinstance(each, IssuanceAbandoned) and not each.order_url
    )
    for ca in world.cas:
        for order in ca.server.orders.values():
            name = order.identifiers[0].base if order.identifiers else ""
            if order.url not in known and order.status == "pending" and given_up[name]:
                given_up[name] -= 1
            elif order.url not in known:
                names = ", ".join(map(str, order.identifiers))
                yield f"the order {order.url} for {names} ({order.status}) is not in the store"


def _certificates(world: World, happened: list[Event]) -> Iterator[str]:
    """What was issued is in the store, unless its order was given up with a reason, or somebody is just fetching it."""
    known = {each.fingerprint for each in happened if isinstance(each, CertificateIssued)}
    given_up = {each.order_url for each in happened if isinstance(each, IssuanceAbandoned)}
    fetched = world.clock.now() - timedelta(seconds=_ATTEMPT)
    for certificate in (each for each in _issued(world) if each.not_before <= fetched):
        if sha256(certificate.leaf_der).hexdigest() not in known and certificate.order not in given_up:
            yield f"the certificate of the order {certificate.order} is not in the store"


def _twice(world: World, story: Story) -> Iterator[str]:
    """None is issued twice for one need."""
    for number in range(story.certificates):
        intent = world.intent(number)
        names = set(intent.identifiers)
        mine = [each for each in _issued(world) if set(_order_of(world, each).identifiers) == names]
        mine.sort(key=lambda each: each.not_before)
        for before, after in pairwise(mine):
            age = after.not_before - before.not_before
            if age < story.life * _EARLY and not (
                _was_to_be_replaced(world, before, after) or _raced(world, before, after)
            ):
                yield f"{intent.name} was issued again after {span_words(age.total_seconds())}: {after.order}"


def _was_to_be_replaced(world: World, before: Certificate, after: Certificate) -> bool:
    """Whether its CA had asked for that before it was done."""
    return any(
        fault.kind is FaultKind.MASS_REVOCATION
        and before.not_before <= BEGIN + timedelta(seconds=fault.since) <= after.not_before
        for fault in world.weather.faults
    )


def _raced(world: World, before: Certificate, after: Certificate) -> bool:
    """Whether both may be of one race: near the end two CAs are asked at once, and the second may have issued before it
    could be told that it is not needed. Or the first one's CA fell silent when it had the request, so that another was
    asked. Never two of one CA."""
    if before.order.split("/")[2] == after.order.split("/")[2]:
        return False
    at_once = (after.not_before - before.not_before).total_seconds() < _ATTEMPT
    return at_once or any(
        fault.kind is FaultKind.CA_OUTAGE
        and BEGIN + timedelta(seconds=fault.since) <= after.not_before
        and before.not_before <= BEGIN + timedelta(seconds=fault.until)
        for fault in world.weather.faults
    )


def _targets(world: World) -> Iterator[str]:
    """An older generation never replaces a newer one, whoever wakes from a long sleep; and all come from a CA."""
    known = {each.leaf_der for each in _issued(world)}
    for server in world.servers.by_name.values():
        newest = 0
        for at, bundle in server.history:
            number = bundle.issued_id if bundle else 0
            if number < newest:
                yield f"{server.name} went back from {newest} to {number} at {span_words(at)}"
            newest = max(newest, number)
            if bundle and bundle.leaf_der not in known:
                yield f"{server.name} served what no CA has issued at {span_words(at)}"


def _frozen(world: World, story: Story) -> Iterator[str]:
    """No server is touched in a freeze while what it serves may stay, but by what was begun before, or by a node that
    does not know what time it is."""
    clocks = [fault for fault in story.faults if fault.kind is FaultKind.CLOCK]
    for fault in (each for each in story.faults if each.kind is FaultKind.FREEZE):
        stopped = (each.until for each in story.faults if each.kind is FaultKind.PAUSE and each.since <= fault.since)
        begins = max(fault.since, *stopped, 0.0) + _ATTEMPT
        for server in world.servers.by_name.values():
            for (_, before), (at, _) in pairwise([(0.0, None), *server.history]):
                misled = any(each.since <= at <= each.until + _ATTEMPT for each in clocks)
                if begins < at < fault.until and not misled and _may_stay(world, story, before, at):
                    yield f"{server.name} was touched in a freeze at {span_words(at)}"


def _may_stay(world: World, story: Story, served: Bundle | None, at: float) -> bool:
    """Whether nobody has a reason to replace it before its last call, or before the end of its CA's window."""
    certificate = next((each for each in _issued(world) if served and each.leaf_der == served.leaf_der), None)
    if certificate is None:
        return served is None
    revoking = any(each.kind is FaultKind.MASS_REVOCATION and each.since <= at for each in story.faults)
    suggesting = any(story.suggesting)
    last = certificate.not_before + story.life * _WINDOW_END if suggesting else last_call(certificate, story)
    return not revoking and BEGIN + timedelta(seconds=at) < last - _ROUNDING


def _answers(world: World) -> Iterator[str]:
    """What is left of challenges that cannot be under way any more."""
    for name in world.names.standing(world.clock.monotonic() - _ATTEMPT):
        yield f"a challenge answer is left at {name}"


def _limits(world: World, story: Story) -> Iterator[str]:
    limits = [fault for fault in story.faults if fault.kind is FaultKind.CA_LIMIT]
    # An order that is refused counts like one that is taken, and is asked for again and again where the end is near.
    narrow = [*limits, *(fault for fault in story.faults if fault.kind is FaultKind.CA_REFUSAL)]
    hours = sum(fault.until - fault.since for fault in narrow) / 3600
    # What a CA always has is a limit, too, and one that is not known before it was met.
    allowed = story.certificates * (_PER_LIMIT * (len(limits) + len(world.cas)) + _PER_HOUR * hours)
    limited = sum(ca.limited for ca in world.cas)
    if limited > allowed:
        yield f"CAs had to say {limited} times that it was too much; {allowed:.0f} times would have been bearable"


async def _rest(world: World, story: Story) -> list[str]:
    """After the calm everything is there, in place, and nothing is overdue."""
    broken: list[str] = []
    for number in range(story.certificates):
        intent = world.intent(number)
        fact = await certificates.fact(world.db, intent.name)
        if fact is None or fact.current is None:
            broken.append(f"{intent.name} was never issued: {fact.failure if fact else 'it is forgotten'}")
            continue
        broken += _unrest(world, story, fact)
    moment, now = await certificates.next_action_at(world.db), world.clock.now()
    if moment is not None and moment < now - 2 * story.look:
        broken.append(f"something is due since {now - moment}")
    return broken


def _unrest(world: World, story: Story, fact: CertificateFact) -> Iterator[str]:
    name, current = fact.intent.name, fact.current
    fresh = current is not None and world.clock.now() - current.issued_at < 2 * story.look
    if fact.leftovers and not fact.open_issuance:
        yield f"{name}: {len(fact.leftovers)} challenge answers are noted as standing"
    for spec in fact.intent.targets:
        served = world.servers.server(spec.options["server"]).served
        if current and not fresh and (served is None or served.issued_id != current.id):
            yield f"{name}: {spec.key} does not serve what was issued last"


def _issued(world: World) -> list[Certificate]:
    return [each for ca in world.cas for each in ca.server.certificates.values()]


def _order_of(world: World, certificate: Certificate) -> Order:
    return next(ca.server.orders[certificate.order] for ca in world.cas if certificate.order in ca.server.orders)
