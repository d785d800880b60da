"""Who is told of events, as it is declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import PurePath
from typing import Final
from urllib.parse import urlsplit

from evercert.config.declaration.faults import Fault, nearest
from evercert.config.declaration.files import Source
from evercert.config.declaration.gathering import Entry
from evercert.config.declaration.origin import Origin
from evercert.config.declaration.schema import HookTable
from evercert.config.references import is_reference
from evercert.model.event import KINDS, kinds_like
from evercert.model.hook import Hook

__all__ = ["hooks_of"]

_MAX_NAME: Final = 100
_USUAL: Final = timedelta(seconds=10)
_LONGEST: Final = timedelta(minutes=10)
# What carries requests gives no server more time.
_LONGEST_ENDPOINT: Final = timedelta(seconds=30)
_EITHER: Final = 'write exec = ["/path/to/program"], or url = "https://..." and secret = "env:NAME"'


def hooks_of(tables: Mapping[str, Entry[HookTable]], faults: list[Fault]) -> Iterator[tuple[Hook, Origin]]:
    """Those that are right; what is wrong in others goes to *faults*."""
    for name, entry in tables.items():
        found = [*_faults(name, entry.table, entry.origin)]
        faults += found
        if not found:
            yield _hook(name, entry.table), entry.origin


def _hook(name: str, table: HookTable) -> Hook:
    return Hook(
        name,
        table.events,
        table.certificates,
        table.owner,
        table.tag,
        table.exec,
        table.url,
        table.secret,
        table.allow_http,
        (table.timeout.value if table.timeout else _USUAL).total_seconds(),
    )


def _faults(name: str, table: HookTable, origin: Origin) -> Iterator[Fault]:
    if not name.isprintable() or not 0 < len(name) <= _MAX_NAME:
        hint = f"use printable characters, at most {_MAX_NAME}"
        yield origin.fault("a hook cannot be called so", hint, at_key=True)
    if not table.events:
        hint = 'write events = ["*"] for all'
        yield origin.fault("it is told of no event", hint, inside=("events",))
    for number, pattern in enumerate(table.events):
        if not kinds_like(pattern):
            hint = nearest(pattern, KINDS)
            yield origin.fault(f"there is no event {pattern[:60]!r}", hint, inside=("events", number))
    if table.exec and table.url:
        yield origin.fault("it has both exec and url", _EITHER, at_key=True)
    elif not (table.exec or table.url):
        # What it says of either may be no list and no text, and was told then.
        written = _written(origin)
        if not (written.get("exec") or written.get("url")):
            yield origin.fault("it says neither exec nor url", _EITHER, at_key=True)
    elif table.exec:
        yield from _program_faults(table, origin)
    else:
        yield from _endpoint_faults(table, origin)
    yield from _timeout_faults(table, origin)


def _written(origin: Origin) -> Mapping[str, object]:
    """Its table as it stands in the file, right or not."""
    return dict(origin.source.document["hooks"][origin.path[1]]) if isinstance(origin.source, Source) else {}


def _program_faults(table: HookTable, origin: Origin) -> Iterator[Fault]:
    if not PurePath(table.exec[0]).is_absolute():
        hint = "write its whole path; it is run without a shell"
        yield origin.fault("the program is not named by its whole path", hint, inside=("exec", 0))
    for number, argument in enumerate(table.exec):
        if "\0" in argument:
            yield origin.fault("it holds a NUL character", "take it out", inside=("exec", number))
    for key in ("secret", "allow_http"):
        if getattr(table, key):
            yield origin.fault("that is for a url alone", "take it out", inside=(key,), at_key=True)


def _endpoint_faults(table: HookTable, origin: Origin) -> Iterator[Fault]:
    if fault := _url_fault(table):
        yield origin.fault(*fault, inside=("url",))
    if not table.secret:
        hint = 'write secret = "env:NAME", or file:/path, cred:NAME or exec:/path/to/program'
        yield origin.fault("what is posted is signed, and there is no secret for it", hint, at_key=True)
    elif not is_reference(table.secret):
        hint = "write env:NAME, file:/path, cred:NAME or exec:/path/to/program"
        yield origin.fault("a secret is given by reference, not written out", hint, inside=("secret",))


def _url_fault(table: HookTable) -> tuple[str, str] | None:
    """What is wrong, and what to write."""
    try:
        parts = urlsplit(table.url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("https", "http") or not host or not table.url.isascii() or not table.url.isprintable():
        return "it is no URL of an endpoint", "write https://host/path"
    if parts.username is not None or parts.password is not None:
        return "a URL with a name or password in it is not taken", "the signature says who we are"
    if parts.fragment or " " in table.url:
        return "a fragment or a blank is no part of an endpoint's URL", "write https://host/path"
    if parts.scheme == "http" and not table.allow_http:
        return "the endpoint is not at an https URL", "write https://..., or say allow_http = true"
    return None


def _timeout_faults(table: HookTable, origin: Origin) -> Iterator[Fault]:
    longest = _LONGEST_ENDPOINT if table.url else _LONGEST
    if table.timeout and not timedelta() < table.timeout.value <= longest:
        words = f"it may take between 1s and {int(longest.total_seconds())}s"
        yield origin.fault(words, "10s where it is not said", inside=("timeout",))
