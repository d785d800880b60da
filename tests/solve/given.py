"""What the tests of this room start from."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import msgspec

from evercert.base.clock import Clock
from evercert.base.message import Transport
from evercert.base.secret import Secret
from evercert.config.references import resolve
from evercert.model.fact import Presented
from evercert.plugins import registry
from evercert.plugins.contracts import Ports, Programs, Resolver
from evercert.plugins.info import PluginKind
from tests.fakes.clock import FakeClock
from tests.fakes.programs import FakePrograms
from tests.fakes.resolver import FakeResolver
from tests.fakes.web import FakeWeb

__all__ = ["Ledger", "item", "numbered", "ports", "provider", "secrets"]

_ids = itertools.count(1)


def item(content: str = "value", place: str = "_acme-challenge.example.test", **other: Any) -> Presented:
    """A stored dns-01 item of issuance 1, unless told otherwise."""
    given: dict[str, Any] = {
        "id": next(_ids),
        "issuance_id": 1,
        "identifier_type": "dns",
        "identifier": place.removeprefix("_acme-challenge."),
        "challenge_type": "dns-01",
        "challenge_url": f"https://ca.test/challenge/{content}",
        "token": content,
        "solver": "fake",
        "options": {},
        "place": place,
        "content": content,
    }
    return Presented(**(given | other))


def numbered(unstored: Presented) -> Presented:
    """The item as the store returns it."""
    return msgspec.structs.replace(unstored, id=next(_ids))


class Ledger:
    """Remembers what a solver wants to be kept, as the store does."""

    def __init__(self) -> None:
        self.kept: dict[int, Presented] = {}
        self.notes: list[str] = []

    async def keep(self, item: Presented) -> None:
        self.kept[item.id] = item
        self.notes.append(item.reference)

    def as_stored(self, *items: Presented) -> list[Presented]:
        """The items as another process would find them."""
        return [self.kept.get(each.id, each) for each in items]


def ports(
    *,
    http: Transport | None = None,
    dns: Resolver | None = None,
    programs: Programs | None = None,
    clock: Clock | None = None,
) -> Ports:
    return Ports(http or FakeWeb(), dns or FakeResolver(), programs or FakePrograms(), clock or FakeClock())


def secrets(environ: Mapping[str, str]) -> Any:
    def find(reference: str) -> Secret:
        return resolve(reference, environ)

    return find


def provider(name: str, values: Mapping[str, str], given: Ports, **environ: str) -> Any:
    """The DNS provider of that name, made as `Solvers` makes it."""
    plugin = registry.load(PluginKind.DNS, name)
    return plugin(registry.options(plugin.info, values, secrets(environ)), given)
