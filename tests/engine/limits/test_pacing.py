"""Requests keep the rates of their CA, however many tasks send them."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from evercert.acme.cas import LimitScope, Rate, known_ca
from evercert.base.message import Request, Response
from evercert.config.declaration.schema import LimitsTable
from evercert.engine.limits.pacing import Pace, Paced, rates_of
from evercert.model.access import CaAccess, OwnLimit
from tests.fakes.clock import FakeClock

STAGING = known_ca("letsencrypt-staging").directory


class Noting:
    """A transport that notes when it was asked for what."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.seen: list[tuple[float, str]] = []

    async def send(self, request: Request) -> Response:
        self.seen.append((self.clock.monotonic(), request.url))
        return Response(200, (), b"", self.clock.now())


async def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    clock = FakeClock()
    noting = Noting(clock)
    paced = Paced(noting, Pace((Rate("/acme/", 20, 20),)), clock)
    await asyncio.gather(*(paced.send(Request("GET", "https://ca.test/acme/order/1")) for _ in range(100)))
    seconds = Counter(int(at) for at, _ in noting.seen)
    assert seconds[0] <= 40
    assert all(count <= 20 for second, count in seconds.items() if second)
    assert 3.9 <= noting.seen[-1][0] <= 4.1


async def test_what_goes_elsewhere_waits_for_nobody() -> None:
    clock = FakeClock()
    noting = Noting(clock)
    paced = Paced(noting, Pace((Rate("/acme/new-nonce", 1, 1), Rate("/acme/", 100, 100))), clock)
    nonces = [paced.send(Request("HEAD", "https://ca.test/acme/new-nonce")) for _ in range(5)]
    await asyncio.gather(*nonces, paced.send(Request("POST", "https://ca.test/acme/order/1")))
    assert [at for at, url in noting.seen if url.endswith("/1")] == [0.0]
    assert [at for at, url in noting.seen if url.endswith("nonce")] == [0.0, 1.0, 2.0, 3.0, 4.0]


@given(st.lists(st.floats(0, 3), max_size=100), st.integers(1, 50), st.integers(1, 20))
def test_no_second_sees_more_than_the_burst_and_the_rate(gaps: list[float], per_second: int, burst: int) -> None:
    pace, now, sent = Pace((Rate("/", per_second, burst),)), 0.0, list[float]()
    for gap in gaps:
        now += gap
        sent.append(now + pace.turn("/x", now))
    for since in sent:
        assert sum(since <= at < since + 1 for at in sent) <= burst + per_second + 1


def test_known_rates_are_kept_and_declared_ones_instead() -> None:
    assert Rate("/acme/", 20, 20) in rates_of(CaAccess(STAGING))
    assert rates_of(CaAccess("https://ca.test/directory")) == ()
    assert rates_of(CaAccess(STAGING, limits=(OwnLimit("requests", 300, 60),))) == (Rate("", 5.0, 5),)
    assert rates_of(CaAccess(STAGING, limits=(OwnLimit("requests", 0),))) == ()


def test_whatever_a_ca_counts_by_can_be_declared() -> None:
    assert {scope.word for scope in LimitScope} - {"changes"} | {"requests"} == set(LimitsTable.__struct_fields__)
