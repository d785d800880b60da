"""How the library is used, as a type checker sees it; `test_api.py` has it checked, nothing runs it."""

from datetime import datetime
from typing import assert_type

import evercert
from evercert import AsyncClient, Client, EvercertError, Issued
from evercert.acme.wire import Account, Order
from evercert.base.clock import SystemClock
from evercert.base.names import parse_identifiers
from evercert.base.secret import Secret
from evercert.model.intent import ChallengeRule, TargetSpec
from evercert.net.blocking import BlockingHttpTransport
from evercert.net.http import HttpSettings, HttpTransport
from evercert.pki.keys import KeyType, generate


def one_call() -> None:
    issued = evercert.obtain("www.example.com", ca="letsencrypt", contact="ops@example.com", key_type=KeyType.EC384)
    assert_type(issued, Issued)
    assert_type(issued.not_after, datetime)
    assert_type(issued.private_key, Secret)
    rule = ChallengeRule("dns-01", "rfc2136", {"server": "192.0.2.53"})
    evercert.obtain("*.example.com", challenge=rule, deploy=(TargetSpec("nginx"),), home="/srv/state")
    evercert.obtain("www.example.com", colour="blue")  # type: ignore[call-arg]
    evercert.obtain("www.example.com", ca=1)  # type: ignore[arg-type]


async def one_call_in_a_loop() -> None:
    try:
        assert_type(await evercert.obtain_async("www.example.com"), Issued)
    except EvercertError as error:
        assert_type(error.hint, str)


async def by_hand(url: str) -> None:
    clock, key = SystemClock(), generate(KeyType.EC256)
    client = AsyncClient(url, key, HttpTransport(HttpSettings(), clock), clock)
    assert_type(await client.new_account(terms_agreed=True), Account)
    order = await client.new_order(parse_identifiers(["www.example.com"]), profile="tlsserver")
    assert_type(order, Order)
    assert_type(await client.chains(order, alternates=True), list[tuple[bytes, ...]])


def by_hand_without_a_loop(url: str) -> None:
    clock, key = SystemClock(), generate(KeyType.EC256)
    client = Client(url, key, BlockingHttpTransport(HttpSettings(), clock), clock)
    assert_type(client.new_account(terms_agreed=True), Account)
    assert_type(client.new_order(parse_identifiers(["www.example.com"])), Order)
