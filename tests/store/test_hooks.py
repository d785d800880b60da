"""Hooks that a store from before has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evercert.db.migrate import Migration
from evercert.db.opening import Place, open_database
from evercert.db.protocol import Query
from evercert.model.fact import Failure
from evercert.model.hook import Hook
from evercert.store import events, hooks
from evercert.store.columns import to_text
from evercert.store.opening import open_store
from evercert.store.schema import MIGRATIONS
from tests.store.given import DAY, HOUR, NOW
from tests.store.test_events import write


async def test_one_that_failed_before_has_its_week_from_its_next_failure_on(
    new_place: Callable[[Sequence[Migration]], Place],
) -> None:
    before = MIGRATIONS[: next(n for n, each in enumerate(MIGRATIONS) if each.name.endswith("hooks_given_up"))]
    place, hook, failure = new_place(before), Hook("page", ("*",), program=("/bin/page",)), Failure("hook", "no", NOW)
    insert = Query(
        "old",
        "INSERT INTO hooks (name, definition, event_id, failures, failure) VALUES (:name, :hook, 0, 90, :failure)",
    )
    async with open_database(place, before) as db:
        await db.write(insert(name=hook.name, hook=to_text(hook), failure=to_text(failure)))
    async with open_store(place) as db:
        await write(db, 1)
        for since in (None, NOW + DAY):
            claimed = await hooks.claim(db, hook.name, "node", NOW + DAY, NOW + DAY + HOUR)
            assert claimed is not None
            assert (claimed.hook, claimed.failing_since) == (hook, since)
            await hooks.failed(db, claimed, 0, Failure("hook", "no", NOW + DAY), NOW + DAY)
        claimed = await hooks.claim(db, hook.name, "node", NOW + DAY, NOW + DAY + HOUR)
        assert claimed is not None
        assert await hooks.give_up(db, claimed, 0, failure)
        assert not await hooks.give_up(db, claimed, 0, failure)  # its lease is over: nothing happens, and no event
        assert (await events.head(db))[0] == 2
        assert await hooks.claim(db, hook.name, "node", NOW + 9 * DAY, NOW + 10 * DAY) is None
