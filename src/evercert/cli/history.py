"""The events as a command prints them: those that there are, and those that come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError
from evercert.cli.display import event_line
from evercert.cli.moments import moment_from
from evercert.cli.output import Output
from evercert.cli.reader import ending_with_its_reader
from evercert.cli.store import reading
from evercert.config.declaration.faults import nearest
from evercert.config.settings import Settings
from evercert.db.protocol import Database
from evercert.model.event import KINDS, kinds_like
from evercert.store import events
from evercert.store.history import Entry, after, before_moment, newest

__all__ = ["Asked", "show", "verify"]

_NEWEST = 50
# News may be lost on its way, so that it is looked for so often (seconds) without any.
_LOOK = 2.0


@dataclass(frozen=True, slots=True)
class Asked:
    """Which events; `since` is a number, or the moment of the first."""

    kinds: tuple[str, ...] = ()
    certificate: str = "*"
    since: int | datetime | None = None
    limit: int | None = None

    @classmethod
    def of(cls, kinds: Sequence[str], certificate: str | None, since: str | None, limit: int | None) -> Asked:
        """As it was typed. Raises `bad-input` with the nearest right word."""
        for pattern in kinds:
            if not kinds_like(pattern):
                raise EvercertError("bad-input", f"there is no event {pattern[:60]!r}", hint=nearest(pattern, KINDS))
        return cls(tuple(kinds), certificate or "*", None if since is None else _since(since), limit)

    @property
    def name(self) -> str | None:
        """The one certificate that is meant, if it is one."""
        return None if set(self.certificate) & set("*?[") else self.certificate

    def wants(self, entry: Entry) -> bool:
        is_about = fnmatchcase(entry.certificate, self.certificate)
        return is_about and (not self.kinds or any(fnmatchcase(entry.kind, kind) for kind in self.kinds))


async def verify(output: Output, settings: Settings) -> int:
    async with reading(settings) as db:
        number, digest = await events.head(db)  # before the proof, which then is about this one, too
        count = await events.verify(db)
    newest = (
        f"the newest is {number}, with the hash {digest}: kept elsewhere, they show whether it was cut off later",
    )
    words = f"{count} events, none changed or missing"
    output.result({"verified": count, "id": number, "hash": digest}, words, *(newest if number else ()))
    return 0


async def show(output: Output, settings: Settings, asked: Asked, *, follow: bool) -> int:
    """Prints them; where it follows, until it is cancelled or nobody reads any more."""
    async with reading(settings) as db:
        if asked.since is not None:
            number = await _number(db, asked.since)
        else:
            number, _ = await events.head(db)
            limit = _NEWEST if asked.limit is None else asked.limit
            _print(output, await newest(db, limit, asked.wants, certificate=asked.name, before=number + 1))
        if follow:
            with ending_with_its_reader():
                await _follow(output, db, asked, number)
        elif asked.since is not None:
            await _print_from(output, db, asked, number)
    return 0


def _print(output: Output, entries: Sequence[Entry]) -> None:
    output.stream((entry.document() if output.json else None, event_line(entry)) for entry in entries)


async def _print_from(output: Output, db: Database, asked: Asked, number: int) -> None:
    left = asked.limit
    async for entries in _portions(output, db, number, patient=False):
        wanted = [*filter(asked.wants, entries)][:left]
        _print(output, wanted)
        left = None if left is None else left - len(wanted)
        if not entries or left == 0:
            return


async def _follow(output: Output, db: Database, asked: Asked, number: int) -> None:
    with db.listen(events.CHANNEL) as news:
        async for entries in _portions(output, db, number, patient=True):
            _print(output, [*filter(asked.wants, entries)])
            if not entries:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK):
                        await news.wait()


async def _portions(output: Output, db: Database, number: int, *, patient: bool) -> AsyncIterator[list[Entry]]:
    """All events after that one, each once, portion by portion for ever; an empty one where there are no more yet. Who
    is *patient* asks a store that fails until it answers; that it failed is told once."""
    failing = False
    while True:
        try:
            portion = await after(db, number)
        except EvercertError as error:
            if not patient:
                raise
            if not failing:
                output.warn(f"{error}; trying again every {_LOOK:g} s")
            failing = True
            await asyncio.sleep(_LOOK)
            continue
        failing = False
        if portion.gone:
            output.note(f"the events {number + 1} to {portion.gone} are gone: they were older than what is kept")
            number = portion.gone
        yield portion.entries
        number = portion.entries[-1].id if portion.entries else number


async def _number(db: Database, since: int | datetime) -> int:
    if isinstance(since, int):
        return since
    number = await before_moment(db, since)
    return (await events.head(db))[0] if number is None else number


def _since(written: str) -> int | datetime:
    if written.isascii() and written.isdecimal() and len(written) < 19:
        return int(written)
    try:
        return moment_from(written, SystemClock().now())
    except EvercertError:
        raise EvercertError(
            "bad-input",
            f"{written[:40]!r} is neither an event's number nor a time",
            hint="write 1200, 90m, 24h, 7d, 2026-12-20 or 2026-12-20T18:00:00Z",
        ) from None
