from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from evercert.acme.flows.certificate import RevocationReason, chains, renewal_info, revoke
from evercert.acme.jose import b64url
from evercert.acme.problem import ProblemType
from evercert.acme.wire import Order
from evercert.base.names import Identifier
from evercert.pki.cert import certificate_pem
from evercert.simulation.ca.signing import Hierarchy
from tests.acme.play import (
    CA,
    DIRECTORY,
    NOW,
    StubSigner,
    fails,
    get,
    play,
    post,
    refuse,
    reply,
    returns,
    session,
    sleeps,
)

CERTIFICATE = f"{CA}/cert/1"
ORDER = Order(
    url=f"{CA}/order/1",
    status="valid",
    identifiers=(Identifier("dns", "example.com"),),
    finalize=f"{CA}/finalize/1",
    certificate=CERTIFICATE,
)
PEM = Hierarchy(NOW).root_pem.encode()
INFO = f"{DIRECTORY['renewalInfo']}/aaa.bbb"
REVOKE = DIRECTORY["revokeCert"]


def is_chain(*lengths: int) -> Any:
    return returns(lambda found: tuple(len(chain) for chain in found) == lengths)


def test_the_default_chain_is_fetched_as_der() -> None:
    fetched = play(chains(session(), ORDER)) << post(CERTIFICATE, None) >> reply(PEM * 2)
    fetched << returns(lambda found: [certificate_pem(each).encode() for each in found[0]] == [PEM, PEM])


def test_the_default_chain_comes_first_and_alternates_follow() -> None:
    links = '</cert/1/1>;rel="alternate", <https://other.example/2>;rel="alternate"'
    fetched = play(chains(session(), ORDER, alternates=True)) << post(CERTIFICATE) >> reply(PEM, link=links)
    second = fetched << post(f"{CA}/cert/1/1", None) >> reply(PEM * 2)
    second << post("https://other.example/2", None) >> reply(PEM * 3) << is_chain(1, 2, 3)


def test_alternates_are_not_asked_for_in_vain() -> None:
    fetched = play(chains(session(), ORDER)) << post(CERTIFICATE) >> reply(PEM, link='</x>;rel="alternate"')
    fetched << is_chain(1)


def test_an_alternate_that_cannot_be_had_costs_nothing() -> None:
    links = '</1>;rel="alternate", </2>;rel="alternate"'
    fetched = play(chains(session(), ORDER, alternates=True)) << post(CERTIFICATE) >> reply(PEM, link=links)
    first = fetched << post(f"{CA}/1") >> refuse(ProblemType.MALFORMED)
    first << post(f"{CA}/2") >> reply(b"not pem") << is_chain(1)


def test_a_thousand_alternates_are_ten() -> None:
    links = ", ".join(f'</{number}>;rel="alternate"' for number in range(500))
    conversation = play(chains(session(), ORDER, alternates=True)) << post(CERTIFICATE) >> reply(PEM, link=links)
    for number in range(10):
        conversation = conversation << post(f"{CA}/{number}") >> reply(PEM)
    conversation << is_chain(*[1] * 11)


@pytest.mark.parametrize("content_type", ["application/pem-certificate-chain", "text/plain", ""])
def test_a_chain_is_told_by_its_content_and_not_by_its_type(content_type: str) -> None:
    play(chains(session(), ORDER)) << post(CERTIFICATE) >> reply(PEM, content_type=content_type) << is_chain(1)


@pytest.mark.parametrize("body", [b"", b"<html>", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_body_that_is_no_chain_is_refused(body: bytes) -> None:
    play(chains(session(), ORDER)) << post(CERTIFICATE) >> reply(body) << fails("bad-certificate")


def test_an_order_without_a_certificate_is_a_bad_answer() -> None:
    import msgspec

    play(chains(session(), msgspec.structs.replace(ORDER, certificate=""))) << fails("bad-answer")


def test_a_certificate_is_revoked_by_its_account_with_a_reason() -> None:
    wish = {"certificate": b64url(b"der"), "reason": 4}
    told = play(revoke(session(), b"der", RevocationReason.SUPERSEDED)) << post(REVOKE, wish, by="old")
    told >> reply() << returns(None)


def test_a_certificate_is_revoked_by_its_own_key() -> None:
    told = play(revoke(session(account=False), b"der", key=StubSigner("leaf")))
    told << post(REVOKE, {"certificate": b64url(b"der")}, by="leaf") >> reply() << returns(None)


def test_a_certificate_that_was_revoked_before_is_revoked() -> None:
    play(revoke(session(), b"der")) << post(REVOKE) >> refuse(ProblemType.ALREADY_REVOKED) << returns(None)


@pytest.mark.parametrize("kind", [ProblemType.UNAUTHORIZED, ProblemType.BAD_REVOCATION_REASON])
def test_a_refused_revocation_is_told(kind: ProblemType) -> None:
    play(revoke(session(), b"der")) << post(REVOKE) >> refuse(kind) << fails("acme", kind)


def info(start: str = "2026-03-01T00:00:00Z", end: str = "2026-03-03T00:00:00Z", **more: str) -> dict[str, Any]:
    return {"suggestedWindow": {"start": start, "end": end}, **more}


def test_renewal_information_is_read_without_an_account() -> None:
    asked = play(renewal_info(session(account=False), "aaa.bbb")) << get(INFO)
    told = asked >> reply(info(explanationURL="https://ca.example/why"), retry_after="21600")
    told << returns(
        lambda found: (
            (found.retry_after, found.explanation_url, found.window_end - found.window_start)
            == (timedelta(hours=6), "https://ca.example/why", timedelta(days=2))
        )
    )


@pytest.mark.parametrize("end", ["2026-03-01T00:00:00Z", "2026-02-01T00:00:00Z"])
def test_a_window_that_ends_before_it_starts_is_no_answer(end: str) -> None:
    play(renewal_info(session(), "aaa.bbb")) << get(INFO) >> reply(info(end=end)) << fails("bad-answer")


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc", "https://x/" + "a" * 600, "https://x/\u202e"])
def test_an_explanation_that_is_no_web_page_is_left_out(url: str) -> None:
    asked = play(renewal_info(session(), "aaa.bbb")) << get(INFO) >> reply(info(explanationURL=url))
    asked << returns(lambda found: found.explanation_url == "")


def test_a_ca_that_is_down_is_asked_a_few_times() -> None:
    play(renewal_info(session(), "aaa.bbb")) << get(INFO) >> reply(b"", 502) << sleeps(0.5) << get(INFO)


@pytest.mark.parametrize(
    "window",
    [("0001-01-01T00:00:00+14:00", "2030-01-01T00:00:00Z"), ("2030-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00")],
)
def test_a_window_that_no_calendar_holds_is_no_answer(window: tuple[str, str]) -> None:
    start, end = window
    play(renewal_info(session(), "aaa.bbb")) << get(INFO) >> reply(info(start=start, end=end)) << fails("bad-answer")


def test_a_ca_without_renewal_information_says_so() -> None:
    play(renewal_info(session(renewalInfo=""), "aaa.bbb")) << fails("ca-refused")
