"""Telling hooks of events: each in order, at least once, by one process at a time.

Rules of this file:

* A hook is claimed for longer than an attempt can take. Its cursor is moved, durably, after each event that it took, so
  that a crash repeats one event, under the same id.
* An event that is not taken stops its hook alone, and is handed over again later; a hook that takes nothing for a week
  is given up, until a person has it told again.
* What retention took away before it was told is told as such.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Final, NoReturn

import msgspec

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.base.waiting import first_of
from evercert.db.protocol import Database
from evercert.engine.report import Telling
from evercert.engine.watch import StoreWatch
from evercert.model.event import HookGivenUp
from evercert.model.fact import Failure
from evercert.model.hook import Hook
from evercert.notify.delivery import Delivery
from evercert.notify.rules import About, asks_whose, is_for, is_given_up, pause_after
from evercert.notify.telling import hand_over
from evercert.plugins.contracts import Ports
from evercert.store import declared, events, history, hooks
from evercert.store.history import Entry, Portion

__all__ = ["Notifying"]

# What hooks alone are told, whichever events they ask for: that retention took some away, and what a test sends.
_MISSED: Final = "events-missed"
_SAMPLE: Final = "hook-test"
_GIVEN_UP: Final = str(HookGivenUp.__struct_config__.tag)

# A process that is gone is waited for so much longer than its attempt could take.
_MARGIN: Final = timedelta(seconds=30)
# News may be lost on its way, so that it is looked for so often without any; as long, a hook is left alone with which
# something went wrong on our side.
_LOOK: Final = timedelta(seconds=10)
_PORTION: Final = 100
# Of a storm of news so many seconds' are one.
_BREATH: Final = 0.2

_log = logging.getLogger(__name__)


class Notifying:
    """Tells the hooks of one store. *rng* spreads attempts, and gives this process a name of its own."""

    def __init__(
        self, db: Database, ports: Ports, find_secret: Callable[[str], Secret], rng: Random, telling: Telling
    ) -> None:
        self._db = db
        self._clock = ports.clock
        self._hand_over = partial(hand_over, ports=ports, find_secret=find_secret)
        self._rng = rng
        self._telling = telling
        self._owner = f"{rng.getrandbits(64):016x}"
        self._running: dict[str, asyncio.Task[None]] = {}
        self._left_alone: dict[str, datetime] = {}
        self._stirred = asyncio.Event()
        self._ending = False

    async def stay(self, watch: StoreWatch) -> NoReturn:
        """Tell what is to be told when it is, looking for lost news as often as *watch* says, which hears of a failure
        of the store; ends when cancelled, after what is being handed over."""
        try:
            with self._db.listen(events.CHANNEL) as news:
                while True:
                    self._stirred.clear()
                    pause = await self._pause(watch)
                    await first_of(news.wait(), self._stirred.wait(), self._clock.sleep(pause.total_seconds()))
                    await self._clock.sleep(_BREATH)
        finally:
            await self.end()

    async def settle(self) -> None:
        """Afterwards every hook was told of all that there was, or did not take something and waits, or another process
        tells it. Raises `store`."""
        await self._look()
        while self._running:
            await asyncio.wait(self._running.values())
            await self._look()

    async def end(self) -> None:
        """Afterwards nothing is handed over any more; what was being handed over was, or is known not to be."""
        self._ending = True
        while self._running:
            await asyncio.wait(self._running.values())

    async def test(self, hook: Hook) -> None:
        """Hand a sample over, once. Raises `EvercertError` where it is not taken."""
        document = {"id": 0, "at": self._clock.now(), "kind": _SAMPLE, "certificate": "", "hook": hook.name}
        called = f"evercert-test-{self._rng.getrandbits(64):016x}"
        await self._hand_over(hook, Delivery(called, 0, _SAMPLE, "", msgspec.json.encode(document)))

    async def _pause(self, watch: StoreWatch) -> timedelta:
        """Look, and say for how long not to, if nothing happens."""
        try:
            moment = await self._look()
        except EvercertError as error:
            if not watch.heard("hooks", error):
                self._telling(f"{error}; trying again in {watch.look.total_seconds():.0f} s")
            return watch.look
        watch.heard("hooks")
        return min(moment - self._clock.now(), watch.look) if moment else watch.look

    async def _look(self) -> datetime | None:
        """Afterwards every hook that is due is being told, each beside the others; when the next one of those that wait
        is due."""
        standings, now = await hooks.all_hooks(self._db), self._clock.now()
        for standing in standings:
            name = standing.hook.name
            is_free = name not in self._running and self._left_alone.get(name, now) <= now
            if is_free and standing.is_due(now) and not self._ending:
                self._begin(standing.hook)
        waiting = (standing.retry_at for standing in standings)
        return min((moment for moment in waiting if moment and moment > now), default=None)

    def _begin(self, hook: Hook) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            del self._running[hook.name]
            self._stirred.set()  # something may have happened after it had looked for the last time

        self._running[hook.name] = asyncio.create_task(self._tell(hook))
        self._running[hook.name].add_done_callback(ended)

    async def _tell(self, hook: Hook) -> None:
        """Tell it until there is nothing more to tell, it does not take something, or somebody else has it."""
        try:
            claimed = await hooks.claim(self._db, hook.name, self._owner, self._clock.now(), self._until(hook))
            while claimed is not None and not self._ending:
                claimed = await self._tell_portion(claimed)
            await hooks.release(self._db, hook.name, self._owner)
        except Exception as error:  # whatever it is, other hooks and the work go on, and this one is tried again
            told = str(error) if isinstance(error, EvercertError) else f"an unexpected {type(error).__name__}"
            self._telling(f"hook {hook.name}: {told}; left alone for {_LOOK.seconds} s")
            _log.debug("telling the hook %s failed", hook.name, exc_info=error)
            self._left_alone[hook.name] = self._clock.now() + _LOOK
            with suppress(EvercertError):
                await hooks.release(self._db, hook.name, self._owner)

    async def _tell_portion(self, claimed: hooks.Claim) -> hooks.Claim | None:
        """None where there is no reason to go on."""
        portion = await history.after(self._db, claimed.event_id, _PORTION)
        if portion.gone:
            return await self._tell_of_loss(claimed, portion)
        about = await self._about(claimed.hook, portion.entries)
        for entry in (
            entry for entry, event in zip(portion.entries, about, strict=True) if is_for(claimed.hook, event)
        ):
            going_on = None if self._ending else await self._attempt(claimed, _delivery(entry), entry.id - 1)
            if going_on is None:
                return None
            claimed = going_on
        if not portion.entries:
            return None
        last = portion.entries[-1].id
        return claimed if claimed.event_id == last else await self._move(claimed, last)

    async def _tell_of_loss(self, claimed: hooks.Claim, portion: Portion) -> hooks.Claim | None:
        first, last = claimed.event_id + 1, portion.gone
        self._telling(
            f"hook {claimed.hook.name}: the events {first} to {last} were given up before it was told of them"
        )
        body = {"id": last, "at": self._clock.now(), "kind": _MISSED, "certificate": "", "first": first, "last": last}
        called = f"evercert-missed-{last}-{portion.gone_hash[:16]}"
        delivery = Delivery(called, last, _MISSED, "", msgspec.json.encode({**body, "hash": portion.gone_hash}))
        return await self._attempt(claimed, delivery, claimed.event_id)

    async def _attempt(self, claimed: hooks.Claim, delivery: Delivery, before: int) -> hooks.Claim | None:
        """Hand it over and remember that it was taken; or that it was not, and all up to *before* was."""
        try:
            await self._hand_over(claimed.hook, replace(delivery, attempt=claimed.failures + 1))
        except Exception as error:
            await self._failed(claimed, delivery, before, error)
            return None
        return await self._move(claimed, delivery.number)

    async def _failed(self, claimed: hooks.Claim, delivery: Delivery, before: int, error: Exception) -> None:
        if not isinstance(error, EvercertError):
            _log.debug("the hook %s failed", claimed.hook.name, exc_info=error)
            error = EvercertError("internal", f"an unexpected {type(error).__name__}")
        now = self._clock.now()
        failures = claimed.failures + 1
        failure = Failure(error.code.name, error.message, now, error.hint)
        about = f"hook {claimed.hook.name} did not take event {delivery.number} ({delivery.kind}): {error.message}"
        hint = f" ({error.hint})" if error.hint else ""
        if is_given_up(failures, claimed.failing_since, now):
            if await hooks.give_up(self._db, claimed, before, failure):
                mended = f"`evercert hooks retry {claimed.hook.name}` has it told again"
                self._telling(f"{about}; given up after {failures} attempts; {mended}{hint}")
            return
        again = now + pause_after(failures, error.after, self._rng)
        await hooks.failed(self._db, claimed, before, failure, again)
        self._telling(f"{about}; attempt {failures + 1} is at {again:%H:%M:%S} UTC{hint}")

    async def _move(self, claimed: hooks.Claim, number: int) -> hooks.Claim | None:
        return await hooks.move(self._db, claimed, number, self._until(claimed.hook))

    def _until(self, hook: Hook) -> datetime:
        return self._clock.now() + timedelta(seconds=hook.timeout) + _MARGIN

    async def _about(self, hook: Hook, entries: Sequence[Entry]) -> list[About]:
        """What each is about; of certificates that are gone, as far as the event itself says it."""
        if not asks_whose(hook):
            return [About(entry.kind, entry.certificate, hook=_hook_of(entry)) for entry in entries]
        names = dict.fromkeys(entry.certificate for entry in entries if entry.certificate)
        terms = {name: intent.terms for name, intent in (await declared.intents(self._db, [*names])).items()}
        return [
            About(entry.kind, entry.certificate, said.owner, said.tags)
            if (said := terms.get(entry.certificate))
            else About(entry.kind, entry.certificate, *_whose(entry), hook=_hook_of(entry))
            for entry in entries
        ]


def _whose(entry: Entry) -> tuple[str, tuple[str, ...]]:
    owner, tags = entry.fields.get("owner", ""), entry.fields.get("tags", ())
    return str(owner), tuple(map(str, tags)) if isinstance(tags, list) else ()


def _hook_of(entry: Entry) -> str:
    """The hook that was given up, if the event is about that."""
    return str(entry.fields.get("hook", "")) if entry.kind == _GIVEN_UP else ""


def _delivery(entry: Entry) -> Delivery:
    # With the hash in it, no event of another store has the same.
    called = f"evercert-{entry.id}-{entry.hash[:16]}"
    return Delivery(called, entry.id, entry.kind, entry.certificate, msgspec.json.encode(entry.document()))
