"""What is done for somebody who waits at a terminal, and not for a timer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from evercert.engine.asking.choosing import cas_of
from evercert.engine.asking.insisting import waits_for_an_answer
from evercert.engine.wiring import Engine
from evercert.engine.wishes import wish
from evercert.store import certificates, health

__all__ = ["look_again"]

# So many looks at each CA are enough for one certificate, and for all of many, of which one at a time looks whether a
# CA answers.
_LOOKS = 2


async def look_again(engine: Engine, names: Sequence[str], settle: Callable[[list[str]], Awaitable[object]]) -> None:
    """Afterwards those that are new and have several CAs do not wait for one that did not answer: it was asked the
    second time without a pause, after which it is the next one's turn (docs/failover.md). *settle* does what is due
    for them."""
    left, looks = [*names], 0
    while left:
        outages = await health.outages(engine.db)
        facts = (await certificates.facts(engine.db, left)).values()
        intents = [fact.intent for fact in facts if waits_for_an_answer(fact, outages)]
        if looks >= _LOOKS * max((len(cas_of(intent)) for intent in intents), default=0):
            return
        left, looks = [intent.name for intent in intents], looks + 1
        await wish(engine.db, intents, engine.clock.now())
        await settle(left)
