from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evercert.acme.flows.order import await_order, finalize, new_order, orders
from evercert.acme.problem import URN, ProblemType
from evercert.acme.wire import Meta, Order, ProblemDocument
from evercert.base.errors import NetworkFailure, Retry
from evercert.base.names import Identifier, parse_identifiers
from tests.acme.play import (
    ACCOUNT_URL,
    CA,
    DIRECTORY,
    fails,
    play,
    post,
    refuse,
    reply,
    returns,
    session,
    sleeps,
)

NEW, URL, FINALIZE = DIRECTORY["newOrder"], f"{CA}/order/1", f"{CA}/finalize/1"
NAMES = parse_identifiers(("example.com", "*.example.com"))
ASKED = [{"type": "dns", "value": "example.com"}, {"type": "dns", "value": "*.example.com"}]
LOST = NetworkFailure("timeout", "no answer")
PROFILES = Meta(profiles={"shortlived": "", "tlsserver": ""})


def an_order(status: str = "pending", **more: Any) -> dict[str, Any]:
    return {"status": status, "identifiers": ASKED, "finalize": FINALIZE, **more}


def known(status: Any, **more: Any) -> Order:
    return Order(url=URL, status=status, identifiers=NAMES, finalize=FINALIZE, **more)


def test_an_order_is_placed_with_all_that_was_asked_for() -> None:
    start = datetime(2026, 5, 1, tzinfo=UTC)
    wish = {
        "identifiers": ASKED,
        "profile": "shortlived",
        "replaces": "aaa.bbb",
        "notBefore": "2026-05-01T00:00:00Z",
        "notAfter": "2026-05-08T00:00:00Z",
    }
    end = start + timedelta(days=7)
    flow = new_order(
        session(meta=PROFILES), NAMES, profile="shortlived", replaces="aaa.bbb", not_before=start, not_after=end
    )
    play(flow) << post(NEW, wish) >> reply(an_order(), 201, location="/order/1") << returns(known("pending"))


def test_an_order_that_the_ca_had_already_is_as_good() -> None:
    (
        play(new_order(session(), NAMES))
        << post(NEW)
        >> reply(an_order("ready"), 200, location=URL)
        << returns(known("ready"))
    )


def test_an_order_for_other_names_is_refused() -> None:
    other = an_order(identifiers=[{"type": "dns", "value": "evil.example"}])
    (
        play(new_order(session(), NAMES))
        << post(NEW)
        >> reply(other, 201, location=URL)
        << fails("bad-answer", words="other names")
    )


def test_a_lost_new_order_is_not_sent_again() -> None:
    play(new_order(session(), NAMES)) << post(NEW) >> LOST << fails("timeout")


def test_a_profile_that_is_not_listed_is_not_asked_for() -> None:
    flow = new_order(session(meta=PROFILES), NAMES, profile="nonesuch")
    play(flow) << post(NEW, {"identifiers": ASKED}) >> reply(an_order(), 201, location=URL) << returns()


@pytest.mark.parametrize("kind", [ProblemType.INVALID_PROFILE, ProblemType.UNAUTHORIZED, ProblemType.MALFORMED])
def test_a_preferred_profile_that_is_refused_is_dropped(kind: ProblemType) -> None:
    flow = new_order(session(meta=PROFILES, nonces=2), NAMES, profile="tlsserver")
    refused = (
        play(flow) << post(NEW, {"identifiers": ASKED, "profile": "tlsserver"}) >> refuse(kind, "profile not allowed")
    )
    refused << post(NEW, {"identifiers": ASKED}) >> reply(an_order(), 201, location=URL) << returns()


def test_a_required_profile_is_never_dropped() -> None:
    flow = new_order(session(meta=PROFILES), NAMES, profile="tlsserver", profile_required=True)
    play(flow) << post(NEW) >> refuse(ProblemType.INVALID_PROFILE) << fails("ca-refused", ProblemType.INVALID_PROFILE)
    play(new_order(session(meta=PROFILES), NAMES, profile="x", profile_required=True)) << fails("ca-refused")


def test_a_predecessor_is_named_where_the_ca_has_renewal_information() -> None:
    flow = new_order(session(renewalInfo=""), NAMES, replaces="aaa.bbb")
    play(flow) << post(NEW, {"identifiers": ASKED}) >> reply(an_order(), 201, location=URL) << returns()


def test_a_predecessor_that_was_replaced_is_told_by_its_type() -> None:
    refused = play(new_order(session(), NAMES, replaces="a.b")) << post(NEW) >> refuse(ProblemType.ALREADY_REPLACED)
    refused << fails("acme", ProblemType.ALREADY_REPLACED)


def test_an_order_is_waited_for_as_long_as_the_server_asks() -> None:
    (
        play(await_order(session(), URL, 60.0))
        << post(URL, None)
        >> reply(an_order("processing"), retry_after="7")
        << sleeps(7.0, "issue the certificate")
        << post(URL, None)
        >> reply(an_order("valid", certificate=f"{CA}/cert/1"))
        << returns(lambda order: order.certificate == f"{CA}/cert/1")
    )


def test_without_a_word_from_the_server_the_pauses_grow() -> None:
    conversation = play(await_order(session(), known("processing"), 1.0))
    for pause in (0.1, 0.16, 0.256, 0.4096):
        conversation = conversation << sleeps(pytest.approx(pause)) << post(URL) >> reply(an_order("processing"))
    conversation << fails("wait-exceeded")


def test_a_wait_beyond_the_patience_is_an_error_with_its_time() -> None:
    failure = fails("wait-exceeded")
    asked = play(await_order(session(), URL, 60.0)) << post(URL) >> reply(an_order("processing"), retry_after="3600")
    asked << failure
    assert failure.found[0].after == timedelta(hours=1)


def test_retry_after_zero_is_no_leave_to_ask_without_end() -> None:
    asked = play(await_order(session(), URL, 60.0)) << post(URL) >> reply(an_order("processing"), retry_after="0")
    asked << sleeps(0.1)


@pytest.mark.parametrize("status", ["valid", "invalid"])
def test_a_final_status_ends_every_wait(status: str) -> None:
    asked = play(await_order(session(), URL, 60.0, until=("ready",))) << post(URL) >> reply(an_order(status))
    asked << returns(lambda order: order.status == status)


def test_finalize_sends_the_request_once_and_waits() -> None:
    (
        play(finalize(session(), known("ready"), b"csr", 60.0))
        << post(FINALIZE, {"csr": "Y3Ny"})
        >> reply(an_order("processing"))
        << sleeps()
        << post(URL, None)
        >> reply(an_order("valid"))
        << returns(known("valid"))
    )


def test_finalize_looks_first_at_an_order_that_was_pending() -> None:
    looked = play(finalize(session(), known("pending"), b"csr", 60.0)) << post(URL, None) >> reply(an_order("ready"))
    looked << post(FINALIZE) >> reply(an_order("valid")) << returns(known("valid"))


@pytest.mark.parametrize("status", ["processing", "valid"])
def test_a_csr_whose_answer_was_lost_is_not_sent_again_if_it_came_through(status: str) -> None:
    lost = play(finalize(session(nonces=3), known("ready"), b"csr", 60.0)) << post(FINALIZE) >> LOST
    looked = lost << sleeps(0.5) << post(URL, None) >> reply(an_order(status))
    if status == "processing":
        looked = looked << sleeps() << post(URL, None) >> reply(an_order("valid"))
    looked << returns(known("valid"))


def test_a_csr_that_was_lost_is_sent_again() -> None:
    lost = play(finalize(session(nonces=3), known("ready"), b"csr", 60.0)) << post(FINALIZE) >> LOST
    looked = lost << sleeps() << post(URL, None) >> reply(an_order("ready"))
    looked << post(FINALIZE) >> reply(an_order("valid")) << returns()


def test_an_order_that_is_not_ready_after_all_is_looked_at_again() -> None:
    early = (
        play(finalize(session(), known("ready"), b"csr", 60.0)) << post(FINALIZE) >> refuse(ProblemType.ORDER_NOT_READY)
    )
    looked = early << sleeps(0.5) << post(URL, None) >> reply(an_order("ready"))
    looked << post(FINALIZE) >> reply(an_order("valid")) << returns()


def test_a_ca_that_never_finds_the_order_ready_is_left() -> None:
    conversation = play(finalize(session(), known("ready"), b"csr", 60.0))
    for _ in range(3):
        refused = conversation << post(FINALIZE) >> refuse(ProblemType.ORDER_NOT_READY)
        conversation = refused << sleeps() << post(URL) >> reply(an_order("ready"))
    conversation << post(FINALIZE) >> refuse(ProblemType.ORDER_NOT_READY) << fails("acme", ProblemType.ORDER_NOT_READY)


def test_a_refused_csr_is_told_as_it_is() -> None:
    refused = play(finalize(session(), known("ready"), b"csr", 60.0)) << post(FINALIZE) >> refuse(ProblemType.BAD_CSR)
    refused << fails("ca-refused", ProblemType.BAD_CSR)


def test_an_order_that_the_ca_gave_up_says_why() -> None:
    why = ProblemDocument(type=URN + "caa", detail="forbidden")
    failure = fails("order-invalid", words="caa: forbidden")
    play(finalize(session(), known("invalid", error=why), b"csr", 60.0)) << failure
    assert failure.found[0].retry is Retry.OTHER_CA


LISTED = f"{CA}/orders/1"
ACCOUNT = {"status": "valid", "orders": LISTED}


def page(*numbers: int) -> dict[str, list[str]]:
    return {"orders": [f"{CA}/order/{number}" for number in numbers]}


def test_orders_are_listed_page_by_page() -> None:
    (
        play(orders(session()))
        << post(ACCOUNT_URL, None)
        >> reply(ACCOUNT)
        << post(LISTED, None)
        >> reply(page(1, 2), link='<?cursor=2>;rel="next"')
        << post(f"{LISTED}?cursor=2", None)
        >> reply(page(2, 3))
        << returns([f"{CA}/order/{number}" for number in (1, 2, 3)])
    )


def test_pages_in_a_circle_are_read_once() -> None:
    listed = play(orders(session())) << post(ACCOUNT_URL) >> reply(ACCOUNT) << post(LISTED)
    listed >> reply(page(1), link=f'<{LISTED}>;rel="next"') << returns([f"{CA}/order/1"])


def test_pages_without_end_are_read_to_a_bound() -> None:
    conversation = play(orders(session())) << post(ACCOUNT_URL) >> reply(ACCOUNT)
    url = LISTED
    for number in range(1000):
        conversation = conversation << post(url) >> reply(page(number), link=f'<{LISTED}?{number}>;rel="next"')
        url = f"{LISTED}?{number}"
    conversation << returns(lambda found: len(found) == 1000)


def test_a_ca_without_a_list_says_so() -> None:
    (
        play(orders(session()))
        << post(ACCOUNT_URL)
        >> reply({"status": "valid"})
        << fails("ca-refused", words="lists no orders")
    )


def test_ip_addresses_are_ordered_in_their_rfc_form() -> None:
    identifier = Identifier("ip", "2001:db8::1")
    sent = an_order(identifiers=[{"type": "ip", "value": "2001:0db8:0000::1"}])
    wish = {"identifiers": [{"type": "ip", "value": "2001:db8::1"}]}
    play(new_order(session(), [identifier])) << post(NEW, wish) >> reply(sent, 201, location=URL) << returns()
