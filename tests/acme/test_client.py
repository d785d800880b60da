"""Both clients against the fake CA: whole issuances, and what a bad network or a hard CA does to them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence
from datetime import timedelta

import pytest

from evercert.acme.client import AsyncClient, Client
from evercert.acme.jose import ExternalAccount, b64url
from evercert.acme.problem import Problem, ProblemType
from evercert.acme.wire import Order
from evercert.base.errors import EvercertError, NetworkFailure
from evercert.base.message import Request, Response
from evercert.base.names import Identifier, parse_identifiers
from evercert.base.secret import Secret
from evercert.pki.cert import read_certificate
from evercert.pki.chain import check_issued
from evercert.pki.csr import build_csr
from evercert.pki.keys import KeyType, PrivateKey, generate
from tests.fakes.ca import BlockingFakeCa, FakeCa, Fault
from tests.fakes.clock import FakeClock

KEY, ACCOUNT_KEY, NEXT_KEY = generate(KeyType.EC256), generate(KeyType.EC256), generate(KeyType.EC384)
NAMES = parse_identifiers(("example.com", "*.example.com"))


class Exhausted:
    """A machine that can open no more sockets."""

    async def send(self, request: Request) -> Response:
        raise EvercertError("internal", "this machine can open no more sockets: too many open files")


def client_of(ca: FakeCa, clock: FakeClock, key: PrivateKey = ACCOUNT_KEY, **options: object) -> AsyncClient:
    return AsyncClient(ca.directory_url, key, ca, clock, **options)  # type: ignore[arg-type]


async def registered(**options: object) -> tuple[FakeCa, AsyncClient, FakeClock]:
    clock = FakeClock()
    ca = FakeCa(clock, **options)  # type: ignore[arg-type]
    client = client_of(ca, clock)
    await client.new_account(["a@example.com"], terms_agreed=True)
    return ca, client, clock


async def proved(client: AsyncClient, order: Order) -> None:
    for known in await client.authorizations(order):
        if known.status == "pending":
            await client.answer(known.challenges[0])
    await asyncio.gather(*(client.await_authorization(url, 600.0) for url in order.authorizations))


async def issued(
    client: AsyncClient, names: Sequence[Identifier] = NAMES, **options: object
) -> list[tuple[bytes, ...]]:
    order = await client.new_order(names, **options)  # type: ignore[arg-type]
    await proved(client, order)
    order = await client.finalize(order, build_csr(KEY, names), 600.0)
    return await client.chains(order, alternates=True)


async def test_a_certificate_is_issued_for_what_was_asked() -> None:
    _, client, clock = await registered()
    (chain,) = await issued(client)
    check_issued(chain, KEY.spki, NAMES, clock.now())


async def test_alternate_chains_share_their_leaf() -> None:
    _, client, clock = await registered(alternates=2)
    found = await issued(client)
    assert len({chain[0] for chain in found}) == 1
    assert len({chain[1] for chain in found}) == 3
    for chain in found:
        check_issued(chain, KEY.spki, NAMES, clock.now())


async def test_ip_addresses_are_certified() -> None:
    _, client, clock = await registered()
    names = parse_identifiers(("192.0.2.1", "2001:db8::1"))
    (chain,) = await issued(client, names)
    check_issued(chain, KEY.spki, names, clock.now())


async def test_names_that_the_ca_has_approved_need_no_challenge() -> None:
    ca, client, _ = await registered(pre_approved=True)
    assert await issued(client)
    assert ca.seen["authz"] == ca.seen["challenge"] == 0


async def test_names_that_are_proved_already_are_not_proved_again() -> None:
    ca, client, _ = await registered(reuse_authorizations=True)
    await issued(client)
    answers = ca.seen["challenge"]
    assert await issued(client)
    assert ca.seen["challenge"] == answers


async def test_half_of_all_nonces_rejected_costs_time_and_no_certificate() -> None:
    ca, client, _ = await registered()
    ca.nonce_rejection = 0.5
    names = [parse_identifiers((f"n{number}.example",)) for number in range(30)]
    assert len(await asyncio.gather(*(issued(client, each) for each in names))) == 30
    assert len(ca.orders) == 30


async def test_a_slow_ca_is_waited_for_and_each_wait_has_a_reason() -> None:
    ca, client, clock = await registered()
    ca.validation_seconds, ca.issuing_seconds = 20.0, 30.0
    waits: list[str] = []
    client.on_wait = lambda seconds, reason: waits.append(reason)
    assert await issued(client)
    assert clock.monotonic() >= 50.0
    assert set(waits) == {
        "waiting for the CA to validate example.com",
        "waiting for the CA to issue the certificate",
    }


@pytest.mark.parametrize("resource", ["authz", "challenge", "order", "finalize", "certificate", "new-nonce"])
@pytest.mark.parametrize("fault", [Fault.lost(), Fault.unanswered(), Fault.answered(503, retry_after="1")])
async def test_one_fault_anywhere_after_the_order_costs_nothing(resource: str, fault: Fault) -> None:
    ca, client, _ = await registered()
    order = await client.new_order(NAMES)
    ca.fail(resource, fault)
    await proved(client, order)
    order = await client.finalize(order, build_csr(KEY, NAMES), 600.0)
    assert await client.chains(order)
    assert (len(ca.orders), len(ca.certificates)) == (1, 1)


@pytest.mark.parametrize("fault", [Fault.lost(), Fault.unanswered()])
async def test_an_order_whose_answer_was_lost_is_found_in_the_list(fault: Fault) -> None:
    ca, client, _ = await registered()
    ca.fail("new-order", fault)
    with pytest.raises(NetworkFailure):
        await client.new_order(NAMES)
    assert ca.seen["new-order"] == 1
    assert await client.orders() == list(ca.orders)


async def test_orders_are_listed_over_many_pages() -> None:
    ca, client, _ = await registered(page_size=2)
    for _ in range(5):
        await client.new_order(NAMES)
    assert await client.orders() == list(ca.orders)


async def test_a_thousand_tasks_that_begin_at_once_fetch_one_directory() -> None:
    ca, _, clock = await registered()
    client = client_of(ca, clock)
    before = ca.seen["directory"]
    await asyncio.gather(*(client.directory() for _ in range(1000)))
    assert ca.seen["directory"] == before + 1


async def test_a_thousand_tasks_that_begin_at_once_fetch_a_few_nonces() -> None:
    ca, client, _ = await registered()
    before = ca.seen["new-nonce"]
    await asyncio.gather(*(client.account() for _ in range(1000)))
    assert ca.seen["new-nonce"] - before < 32


async def test_tasks_that_wait_for_a_directory_that_is_not_there_fail_together() -> None:
    clock = FakeClock()
    ca = FakeCa(clock)
    client = client_of(ca, clock)
    ca.fail("directory", Fault.lost(), times=2)
    results = await asyncio.gather(*(client.directory() for _ in range(50)), return_exceptions=True)
    assert all(isinstance(result, NetworkFailure) for result in results)
    assert ca.seen["directory"] == 2
    assert (await client.directory()).new_order


async def test_a_directory_is_read_again_after_a_day() -> None:
    ca, client, clock = await registered()
    clock.advance(timedelta(days=2))
    await client.account()
    await client.account()
    assert ca.seen["directory"] == 2


async def test_what_this_machine_cannot_do_names_no_ca() -> None:
    _, client, _ = await registered()
    client.transport = Exhausted()
    with pytest.raises(EvercertError) as caught:
        await client.order("https://ca.test/order/1")
    assert caught.value.ca == ""


async def test_every_error_says_at_which_ca() -> None:
    ca, client, _ = await registered()
    ca.fail("order", Fault.refused(ProblemType.RATE_LIMITED, "slow down", retry_after="3600"))
    with pytest.raises(Problem) as caught:
        await client.order("https://ca.test/order/1")
    assert caught.value.ca == ca.directory_url
    assert caught.value.after == timedelta(hours=1)


async def test_a_failed_validation_ends_the_wait_with_the_ca_s_words() -> None:
    ca, client, _ = await registered()
    ca.validate = lambda identifier, challenge_type, proof: "found <html>" if identifier.wildcard else None
    order = await client.new_order(NAMES)
    with pytest.raises(EvercertError, match="found <html>") as caught:
        await proved(client, order)
    assert caught.value.code.name == "challenge-failed"
    assert (await client.order(order.url)).status == "invalid"


async def test_an_external_account_is_bound() -> None:
    clock = FakeClock()
    ca = FakeCa(clock, eab_keys={"kid-1": b"k" * 32})
    client = client_of(ca, clock)
    with pytest.raises(Problem, match="externalAccountRequired"):
        await client.new_account(terms_agreed=True)
    with pytest.raises(Problem, match="unauthorized"):
        await client.new_account(terms_agreed=True, eab=ExternalAccount("kid-1", Secret(b64url(b"wrong"))))
    for algorithm in ("HS256", "HS384", "HS512"):
        eab = ExternalAccount("kid-1", Secret(b64url(b"k" * 32)), algorithm)
        other = client_of(ca, clock, generate(KeyType.EC256))
        assert (await other.new_account(terms_agreed=True, eab=eab)).status == "valid"


@pytest.mark.parametrize("kind", [KeyType.EC256, KeyType.EC384, KeyType.EC521, KeyType.RSA2048, KeyType.ED25519])
async def test_an_account_may_have_a_key_of_any_type_that_acme_knows(kind: KeyType) -> None:
    clock = FakeClock()
    ca = FakeCa(clock)
    client = client_of(ca, clock, generate(kind))
    await client.new_account(terms_agreed=True)
    assert (await client.account()).status == "valid"


async def test_an_account_is_imported_by_its_key() -> None:
    ca, client, clock = await registered()
    imported = client_of(ca, clock)
    assert (await imported.new_account(only_return_existing=True)).url == client.account_url
    with pytest.raises(Problem) as caught:
        await client_of(ca, clock, NEXT_KEY).new_account(only_return_existing=True)
    assert caught.value.type is ProblemType.ACCOUNT_DOES_NOT_EXIST


@pytest.mark.parametrize("fault", [None, Fault.lost(), Fault.unanswered()])
async def test_a_rolled_over_key_is_the_only_one(fault: Fault | None) -> None:
    ca, client, clock = await registered()
    if fault:
        ca.fail("key-change", fault)
    await client.roll_over(NEXT_KEY)
    assert await issued(client)
    with pytest.raises(Problem):
        await client_of(ca, clock, ACCOUNT_KEY, account_url=client.account_url).account()


async def test_a_key_that_another_account_has_is_refused() -> None:
    ca, client, clock = await registered()
    await client_of(ca, clock, NEXT_KEY).new_account(terms_agreed=True)
    with pytest.raises(Problem) as caught:
        await client.roll_over(NEXT_KEY)
    assert caught.value.status == 409
    assert (await client.account()).status == "valid"


async def test_a_certificate_is_revoked_once_by_account_or_by_key() -> None:
    ca, client, clock = await registered()
    ((leaf, *_),) = await issued(client)
    await client.revoke(leaf, 4)
    await client.revoke(leaf, 1)
    assert [each.revoked for each in ca.certificates.values()] == [4]
    ((other, *_),) = await issued(client)
    stranger = client_of(ca, clock, NEXT_KEY)
    await stranger.revoke(other, 1, KEY)
    assert [each.revoked for each in ca.certificates.values()] == [4, 1]


async def test_a_certificate_is_replaced_once() -> None:
    ca, client, clock = await registered()
    ca.window = (clock.now(), clock.now() + timedelta(days=1))
    ((leaf, *_),) = await issued(client)
    await client.directory(refresh=True)
    ari_id = read_certificate(leaf).ari_id
    info = await client.renewal_info(ari_id)
    assert (info.window_start, info.window_end, info.retry_after) == (*ca.window, timedelta(hours=6))
    await client.new_order(NAMES, replaces=ari_id)
    with pytest.raises(Problem) as caught:
        await client.new_order(NAMES, replaces=ari_id)
    assert (caught.value.type, caught.value.status) == (ProblemType.ALREADY_REPLACED, 409)


async def test_profiles_and_lifetimes_reach_the_ca() -> None:
    ca, client, clock = await registered(profiles={"shortlived": "six days"})
    start = clock.now().replace(microsecond=0)
    ((leaf, *_),) = await issued(client, profile="shortlived", not_before=start, not_after=start + timedelta(days=6))
    (order,) = ca.orders.values()
    assert order.profile == "shortlived"
    assert read_certificate(leaf).not_after == start + timedelta(days=6)


async def test_a_deactivated_account_is_of_no_more_use() -> None:
    _, client, _ = await registered()
    assert (await client.deactivate_account()).status == "deactivated"
    with pytest.raises(Problem, match="deactivated"):
        await client.new_order(NAMES)


async def test_authorizations_can_be_had_before_an_order_and_given_back() -> None:
    _, client, _ = await registered(reuse_authorizations=True)
    known = await client.new_authorization(NAMES[0])
    await client.answer(known.challenges[0])
    assert (await client.await_authorization(known.url, 60.0)).status == "valid"
    assert (await client.new_order(NAMES[:1])).status == "ready"
    assert (await client.deactivate_authorization(known.url)).status == "deactivated"
    assert (await client.new_order(NAMES[:1])).status == "pending"


def test_the_blocking_client_does_the_same() -> None:
    clock = FakeClock()
    ca = FakeCa(clock, alternates=1)
    client = Client(ca.directory_url, ACCOUNT_KEY, BlockingFakeCa(ca), clock)
    client.new_account(["a@example.com"], terms_agreed=True)
    order = client.new_order(NAMES)
    for known in client.authorizations(order):
        client.answer(known.challenges[0])
        client.await_authorization(known.url, 60.0)
    order = client.finalize(order, build_csr(KEY, NAMES), 60.0)
    for chain in client.chains(order, alternates=True):
        check_issued(chain, KEY.spki, NAMES, clock.now())
    client.revoke(read_certificate(client.chains(order)[0][0]).der)
    assert client.account_url == next(iter(ca.accounts))


def test_the_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> set[str]:
        return {name for name, each in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}

    assert methods(AsyncClient) - methods(Client) == {"opened", "drive"}
    assert methods(Client) <= methods(AsyncClient)


def test_every_method_says_what_the_caller_has_afterwards() -> None:
    assert all(
        each.__doc__ for name, each in inspect.getmembers(Client, inspect.isfunction) if not name.startswith("_")
    )
