"""A process of Evercert's that dies by SIGKILL at one named moment, or writes down all moments that there are.

    python -m tests.fault.mortal WISH

The moments are what the code does, not what a test thinks of: before and after each commit of the store (named
by its statements), before and after each request to the CA (by its path), and before each change of a
file's name. Each is numbered among those of its name.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from evercert.base.clock import Clock
from evercert.base.message import Request, Response
from evercert.config.settings import load_settings
from evercert.db.sqlite import SqliteDatabase
from evercert.engine.wiring import open_engine
from evercert.model.access import CaAccess
from evercert.model.intent import CertificateIntent
from evercert.net.http import HttpSettings, HttpTransport
from evercert.store import cas, certificates
from evercert.store.schema import MIGRATIONS

# What changes which names there are; a change of a file's bytes is never seen by another process here.
_FILE_EVENTS = {"os.rename": "rename", "os.remove": "remove", "os.symlink": "link", "os.mkdir": "mkdir"}


class Wish(msgspec.Struct):
    """What the process shall do: obtain *intent* under *home*, and die at *moment* ("" for never)."""

    home: str
    access: CaAccess
    intent: CertificateIntent
    moment: str = ""
    diary: str = ""


class Fate:
    """Counts the moments, and ends the process at the one that it was told of."""

    def __init__(self, moment: str, diary: str) -> None:
        self._moment = moment
        self._diary = Path(diary).open("a", buffering=1) if diary else None  # noqa: SIM115  # lives as long as the process
        self._seen: Counter[str] = Counter()

    def comes(self, name: str) -> None:
        self._seen[name] += 1
        moment = f"{name} #{self._seen[name]}"
        if self._diary:
            self._diary.write(moment + "\n")
        if moment == self._moment:
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def around_commit(self, names: Sequence[str]) -> Iterator[None]:
        what = "commit " + " + ".join(sorted(set(names)))
        self.comes(f"before {what}")
        yield
        self.comes(f"after {what}")

    def watch_files(self, root: str) -> None:
        """The interpreter tells of each change of a name before it happens."""

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if event in _FILE_EVENTS and any(root in str(each) for each in arguments):
                names = " to ".join(
                    _without_chance(str(each)) for each in arguments[:2] if isinstance(each, str | Path)
                )
                self.comes(f"before {_FILE_EVENTS[event]} {names}")

        sys.addaudithook(hook)


class MortalTransport(HttpTransport):
    """Dies before a request is sent, or when its answer has come."""

    def __init__(self, settings: HttpSettings, clock: Clock, fate: Fate) -> None:
        super().__init__(settings, clock)
        self._fate = fate

    async def send(self, request: Request) -> Response:
        what = f"{request.method} /{request.url.split('/')[3]}"
        self._fate.comes(f"before {what}")
        response = await super().send(request)
        self._fate.comes(f"after {what}")
        return response


async def live(wish: Wish) -> int:
    settings = load_settings({}, home=wish.home)
    fate = Fate(wish.moment, wish.diary)
    Path(wish.home).mkdir(mode=0o700, exist_ok=True)
    db = await SqliteDatabase.open(settings.database, MIGRATIONS, around_commit=fate.around_commit)
    fate.watch_files(str(Path(wish.home).parent))
    try:
        async with open_engine(
            settings, database=db, make_transport=lambda settings, clock: MortalTransport(settings, clock, fate)
        ) as engine:
            await cas.configure(db, wish.access)
            await certificates.declare(db, wish.intent, engine.clock.now())
            await certificates.wake(db, wish.intent.name, engine.clock.now())
            await engine.worker.settle(wish.intent.name)
            fact = await certificates.fact(db, wish.intent.name)
    finally:
        await db.close()
    if fact is None or fact.current is None or fact.failure or fact.leftovers:
        print(fact, file=sys.stderr)
        return 1
    return 0


def _without_chance(path: str) -> str:
    """A path's name without what is drawn at random, so that two runs name the same moment alike."""
    name = Path(path).name
    if name.startswith(".") and name.endswith(".evercert"):
        return "unfinished file"
    return "token" if re.fullmatch(r"[A-Za-z0-9_-]{43}", name) else name


if __name__ == "__main__":
    sys.exit(asyncio.run(live(msgspec.json.decode(sys.argv[1], type=Wish))))
