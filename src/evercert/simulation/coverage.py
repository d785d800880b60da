"""When a server of the world served nothing that is good, and whether that could have been otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from evercert.plugins.contracts import Bundle
from evercert.simulation.ca.records import Certificate
from evercert.simulation.clock import BEGIN
from evercert.simulation.faults import Fault, FaultKind, calm_spans
from evercert.simulation.servers import Server
from evercert.simulation.story import Story
from evercert.simulation.trace import span_words
from evercert.simulation.world import World

__all__ = ["Lapse", "lapses", "last_call"]

# At the latest then a renewal is due: two thirds of the life, or the end of the CA's window; in a freeze, the last
# call (engine/renewal/calendar.py).
_DUE, _LAST_CALL = 0.7, 0.9
# The urgent wait between two attempts, with its random quarter (base/backoff.py): one for the issuance, one for the
# deployment; and what an issuance may take.
_WAIT, _ATTEMPT = timedelta(minutes=25), timedelta(minutes=20)
_WAIT_OF_LIFE = 1.25 / 20 * (1 - _DUE)
# How often the CA is asked when to renew (engine/renewal/renewing.py), in lives.
_POLL = 1 / 20


@dataclass(frozen=True, slots=True)
class Lapse:
    """From `since` to `until`, in seconds, `server` served what was over or revoked."""

    server: str
    since: float
    until: float
    due: float
    excused: bool

    def __str__(self) -> str:
        kind = "could not be helped" if self.excused else "could have been avoided"
        span = f"from {span_words(self.since)} to {span_words(self.until)}"
        return f"{self.server} lapsed {span}, due since {span_words(self.due)}; it {kind}"


def lapses(world: World, story: Story) -> list[Lapse]:
    """All of them, in order."""
    known = {each.leaf_der: each for ca in world.cas for each in ca.server.certificates.values()}
    return sorted(
        (lapse for server in world.servers.by_name.values() for lapse in _of(server, known, story)),
        key=lambda lapse: (lapse.since, lapse.server),
    )


def last_call(certificate: Certificate, story: Story) -> datetime:
    """How long its replacement can be put off."""
    return certificate.not_before + story.life * _LAST_CALL


def needed(story: Story) -> float:
    """How long a calm span must be, in seconds, so that whatever waits comes to its turn and is done in it."""
    wait = max(_WAIT, story.life * _WAIT_OF_LIFE)
    return (2 * wait + 2 * story.look + _ATTEMPT).total_seconds()


def _of(server: Server, known: dict[bytes, Certificate], story: Story) -> Iterator[Lapse]:
    for (_, bundle), (until, _) in pairwise([*server.history, (story.end, None)]):
        if bundle is None or bundle.leaf_der not in known:
            continue
        for since, due, last in _ended(bundle, known, story):
            if since < until:
                excused = not _was_possible(story, due, since, last)
                yield Lapse(server.name, since, until, due, excused)
                break


def _ended(bundle: Bundle, known: dict[bytes, Certificate], story: Story) -> Iterator[tuple[float, float, float]]:
    """When what is served ends to be good, the first first, since when its replacement was due, and until when a freeze
    may have held that."""
    certificate = known[bundle.leaf_der]
    over = (certificate.not_after, certificate.not_before + story.life * _DUE, last_call(certificate, story))
    revocations = (fault for fault in story.faults if certificate.revoked and _revokes(fault, certificate))
    poll = (story.life * _POLL + story.look).total_seconds()
    # No freeze is heard once the CA has said "now", whether or not the successor is there.
    announced = ((fault.until, fault.since + poll, fault.since) for fault in revocations)
    yield from sorted([(_seconds(over[0]), _seconds(over[1]), _seconds(over[2])), *announced])


def _revokes(fault: Fault, certificate: Certificate) -> bool:
    return fault.kind is FaultKind.MASS_REVOCATION and _seconds(certificate.not_before) <= fault.since


def _was_possible(story: Story, due: float, end: float, last: float) -> bool:
    others = [each for fault in story.faults if (each := _hinders(fault, last))]
    return any(until - since > needed(story) for since, until in calm_spans(others, due, end))


def _hinders(fault: Fault, last: float) -> Fault | None:
    """The fault as far as it is in the way of a replacement: of a freeze, what is before the *last* call."""
    if fault.kind is FaultKind.FREEZE:
        return replace(fault, until=min(fault.until, last)) if fault.since < last else None
    return None if fault.kind is FaultKind.MASS_REVOCATION else fault


def _seconds(moment: datetime) -> float:
    return (moment - BEGIN).total_seconds()
