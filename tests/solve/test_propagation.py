"""Who is asked, who is waited for, and what is said when somebody lacks the record."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from evercert.base.errors import EvercertError
from evercert.solve.propagation import Awaited, Propagation
from tests.fakes.clock import FakeClock
from tests.fakes.resolver import FakeResolver

NAME = "_acme-challenge.example.test"
HAS = {NAME: ["other", "value"]}


class Filling(FakeClock):
    """Gives servers their record as time passes."""

    def __init__(self, resolver: FakeResolver, when: dict[str, float]) -> None:
        super().__init__()
        self._resolver = resolver
        self._when = when

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        for server, moment in self._when.items():
            if self.monotonic() >= moment:
                self._resolver.views[server] = HAS


async def wait(
    resolver: FakeResolver,
    clock: FakeClock | None = None,
    *,
    servers: Sequence[str] = ("one", "two"),
    resolvers: Sequence[str] = (),
    timeout: float = 60.0,
    propagation: Propagation | None = None,
) -> None:
    through = propagation or propagation_of(resolver, clock)
    await through.until_seen(Awaited(NAME, NAME, lambda value: value == "value", servers, resolvers, timeout))


def propagation_of(resolver: FakeResolver, clock: FakeClock | None = None) -> Propagation:
    def resolving_through(servers: Sequence[str]) -> FakeResolver:
        (server,) = servers
        return FakeResolver(views={"": resolver.views.get(server, {})}, asked=resolver.asked)

    return Propagation(resolver, clock or FakeClock(), resolving_through)


async def test_it_waits_until_every_server_shows_the_value() -> None:
    resolver = FakeResolver(views={"one": HAS})
    clock = Filling(resolver, {"two": 7.0})
    await wait(resolver, clock)
    assert 7.0 <= clock.monotonic() <= 12.0


async def test_a_server_that_shows_it_is_not_asked_again() -> None:
    resolver = FakeResolver(views={"one": HAS})
    await wait(resolver, Filling(resolver, {"two": 7.0}))
    assert [server for server, _ in resolver.asked].count("one") == 1


async def test_the_server_that_lacks_it_is_named_when_time_is_up() -> None:
    resolver = FakeResolver(views={"one": HAS})
    with pytest.raises(EvercertError, match="within 60 s: two does not show it") as caught:
        await wait(resolver)
    assert caught.value.code.name == "propagation"
    assert caught.value.name == NAME


async def test_a_server_that_cannot_be_reached_is_not_waited_for_if_another_shows_it() -> None:
    resolver, clock = FakeResolver(views={"one": HAS}, unreachable={"two"}), FakeClock()
    await wait(resolver, clock)
    assert clock.monotonic() == 0


async def test_a_server_that_cannot_be_reached_is_left_alone_for_the_next_names() -> None:
    resolver = FakeResolver(views={"one": HAS}, unreachable={"two"})
    propagation = propagation_of(resolver)
    for _ in range(3):
        await wait(resolver, propagation=propagation)
    assert [server for server, _ in resolver.asked].count("two") == 1


async def test_a_server_that_is_lacking_is_waited_for_although_others_cannot_be_reached() -> None:
    resolver = FakeResolver(unreachable={"two"})
    clock = Filling(resolver, {"one": 3.0})
    await wait(resolver, clock)
    assert clock.monotonic() >= 3.0


async def test_where_no_server_can_be_reached_the_configured_resolvers_decide() -> None:
    resolver = FakeResolver(unreachable={"one", "two"})
    clock = Filling(resolver, {"": 5.0})
    await wait(resolver, clock)
    assert clock.monotonic() >= 5.0
    with pytest.raises(EvercertError, match="the configured resolver does not show it"):
        await wait(FakeResolver(unreachable={"one", "two"}))


async def test_chosen_resolvers_are_asked_only_after_the_servers_and_must_all_find_it() -> None:
    resolver = FakeResolver(views={"one": HAS, "two": HAS, "quad9": HAS})
    with pytest.raises(EvercertError, match="slow does not show it"):
        await wait(resolver, resolvers=("quad9", "slow"), timeout=5.0)
    assert [server for server, _ in resolver.asked][:2] == ["one", "two"]


async def test_a_zone_without_any_server_address_is_judged_by_the_resolvers() -> None:
    await wait(FakeResolver(views={"": HAS}), servers=())
