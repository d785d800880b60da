"""A life of Evercert's that ends by SIGKILL at one named moment, or writes down all moments that there are.

The moments are what the code does, not what a test thinks of: before and after each commit of the store (named
by its statements), before and after each request to the CA (by its path), before and after each update that is
sent to a DNS server (by what it adds or deletes), and before each change of a file's name. Each is numbered among
those of its name.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dns.message
import dns.rdatatype
import dns.update
import msgspec

from evercert.base.clock import Clock
from evercert.base.message import Request, Response
from evercert.config.settings import load_settings
from evercert.db.sqlite import SqliteDatabase
from evercert.engine.wiring import open_engine
from evercert.model.access import CaAccess
from evercert.model.intent import CertificateIntent
from evercert.net.dns import DnsResolver
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
    environ: dict[str, str] = {}


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


class MortalResolver(DnsResolver):
    """Dies before an update is sent, or when it has been answered."""

    def __init__(self, servers: Sequence[str], fate: Fate) -> None:
        super().__init__(servers)
        self._fate = fate

    async def send_message(self, wire: bytes, server: str, timeout: float) -> bytes:
        what = _changed(dns.message.from_wire(wire, keyring=False))
        self._fate.comes(f"before {what}")
        reply = await super().send_message(wire, server, timeout)
        self._fate.comes(f"after {what}")
        return reply


async def live(wish: Wish) -> int:
    """What its process shall exit with. Changes that process for good: one life each."""
    settings = load_settings(wish.environ, home=wish.home)
    fate = Fate(wish.moment, wish.diary)
    Path(wish.home).mkdir(mode=0o700, exist_ok=True)
    assert isinstance(settings.store, Path)
    db = await SqliteDatabase.open(settings.store, MIGRATIONS, around_commit=fate.around_commit)
    fate.watch_files(str(Path(wish.home).parent))
    try:
        async with open_engine(
            settings,
            database=db,
            make_transport=lambda settings, clock: MortalTransport(settings, clock, fate),
            make_resolver=lambda servers: MortalResolver(servers, fate),
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


def _changed(message: dns.message.Message) -> str:
    """What an update does, such as `UPDATE delete _acme-challenge.example.test. TXT` (RFC 2136 §2.5)."""
    assert isinstance(message, dns.update.UpdateMessage)
    (change,) = message.update
    action = "add" if change.deleting is None else "delete"
    return f"UPDATE {action} {change.name} {dns.rdatatype.to_text(change.rdtype)}"


def _without_chance(path: str) -> str:
    """A path's name without what is drawn at random, so that two runs name the same moment alike."""
    name = Path(path).name
    if name.startswith(".") and name.endswith(".evercert"):
        return "unfinished file"
    return "token" if re.fullmatch(r"[A-Za-z0-9_-]{43}", name) else name
