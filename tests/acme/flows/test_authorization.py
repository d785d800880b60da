from __future__ import annotations

from typing import Any

import pytest

from evercert.acme.flows.authorization import (
    answer,
    authorization,
    await_authorization,
    deactivate_authorization,
    new_authorization,
)
from evercert.acme.problem import URN
from evercert.acme.wire import Challenge
from evercert.base.errors import NetworkFailure, Retry
from evercert.base.names import Identifier
from tests.acme.play import CA, DIRECTORY, fails, play, post, reply, returns, session, sleeps

URL, CHALLENGE = f"{CA}/authz/1", f"{CA}/chall/1"
LOST = NetworkFailure("timeout", "no answer")


def a_challenge(status: str = "pending", **more: Any) -> dict[str, Any]:
    return {"type": "http-01", "url": CHALLENGE, "status": status, "token": "t0ken", **more}


def an_authorization(status: str = "pending", **challenge: Any) -> dict[str, Any]:
    identifier = {"type": "dns", "value": "example.com"}
    return {"identifier": identifier, "status": status, "challenges": [a_challenge(**challenge)]}


def test_a_challenge_is_answered_with_an_empty_object() -> None:
    asked = Challenge(type="http-01", url=CHALLENGE, token="t0ken")
    told = play(answer(session(), asked)) << post(CHALLENGE, {}) >> reply(a_challenge("processing"))
    told << returns(lambda challenge: (challenge.status, challenge.url) == ("processing", CHALLENGE))


def test_an_answer_may_carry_what_its_type_needs() -> None:
    asked = Challenge(type="tkauth-01", url=CHALLENGE)
    told = play(answer(session(), asked, {"tkauth": "jwt"})) << post(CHALLENGE, {"tkauth": "jwt"})
    told >> reply(a_challenge()) << returns()


@pytest.mark.parametrize("status", ["processing", "valid", "invalid"])
def test_an_answer_that_came_through_is_not_given_twice(status: str) -> None:
    asked = Challenge(type="http-01", url=CHALLENGE, token="t0ken")
    lost = play(answer(session(nonces=3), asked)) << post(CHALLENGE, {}) >> LOST
    lost << post(CHALLENGE, None) >> reply(a_challenge(status)) << returns(lambda challenge: challenge.status == status)


def test_an_answer_that_was_lost_is_given_again() -> None:
    asked = Challenge(type="http-01", url=CHALLENGE, token="t0ken")
    lost = play(answer(session(nonces=3), asked)) << post(CHALLENGE, {}) >> LOST
    looked = lost << post(CHALLENGE, None) >> reply(a_challenge("pending"))
    looked << post(CHALLENGE, {}) >> reply(a_challenge("processing")) << returns()


def test_an_authorization_is_waited_for_with_the_fault_that_the_ca_tells_meanwhile() -> None:
    fault = {"type": f"{URN}connection", "detail": "refused"}
    (
        play(await_authorization(session(), URL, 60.0))
        << post(URL, None)
        >> reply(an_authorization(status="pending"), retry_after="2")
        << sleeps(2.0, "waiting for the CA to validate example.com")
        << post(URL, None)
        >> reply({**an_authorization(), "challenges": [a_challenge("processing", error=fault)]})
        << sleeps(None, "connection: refused")
        << post(URL, None)
        >> reply(an_authorization("valid"))
        << returns(lambda known: known.status == "valid")
    )


def test_a_failed_validation_is_told_with_name_reason_and_advice() -> None:
    fault = {"type": f"{URN}connection", "detail": "10.0.0.1: refused"}
    failure = fails("challenge-failed", words="http-01: connection: 10.0.0.1: refused")
    failed = {**an_authorization("invalid"), "challenges": [a_challenge("invalid", error=fault)]}
    play(await_authorization(session(), URL, 60.0)) << post(URL) >> reply(failed) << failure
    assert failure.found[0].name == "example.com"
    assert "doctor" in failure.found[0].hint


def test_an_unauthorized_validation_is_a_failed_challenge_with_advice() -> None:
    fault = {"type": f"{URN}unauthorized", "detail": "404"}
    failed = {**an_authorization("invalid"), "challenges": [a_challenge("invalid", error=fault)]}
    failure = fails("challenge-failed")
    play(await_authorization(session(), URL, 60.0)) << post(URL) >> reply(failed) << failure
    assert "doctor" in failure.found[0].hint


def test_a_name_whose_caa_forbids_it_wants_another_ca() -> None:
    fault = {"type": f"{URN}caa", "detail": "CAA record prevents issuance"}
    failed = {**an_authorization("invalid"), "challenges": [a_challenge("invalid", error=fault)]}
    failure = fails("ca-refused")
    play(await_authorization(session(), URL, 60.0)) << post(URL) >> reply(failed) << failure
    assert failure.found[0].retry is Retry.OTHER_CA


@pytest.mark.parametrize("status", ["deactivated", "expired", "revoked", "invalid"])
def test_an_authorization_that_is_gone_is_not_waited_for(status: str) -> None:
    asked = play(await_authorization(session(), URL, 60.0)) << post(URL) >> reply(an_authorization(status))
    asked << fails("challenge-failed", words=status)


def test_a_name_can_be_authorized_before_any_order() -> None:
    wish = {"identifier": {"type": "dns", "value": "example.com"}}
    asked = play(new_authorization(session(), Identifier("dns", "example.com"))) << post(DIRECTORY["newAuthz"], wish)
    asked >> reply(an_authorization(), 201, location=URL) << returns(lambda known: known.url == URL)
    play(new_authorization(session(newAuthz=""), Identifier("dns", "a.example"))) << fails("ca-refused")


def test_an_authorization_can_be_given_back() -> None:
    asked = play(deactivate_authorization(session(), URL)) << post(URL, {"status": "deactivated"})
    asked >> reply(an_authorization("deactivated")) << returns(lambda known: known.status == "deactivated")


def test_a_type_that_we_do_not_know_may_have_any_token() -> None:
    odd = {
        **an_authorization(),
        "challenges": [{"type": "smoke-01", "url": CHALLENGE, "token": "../.."}, a_challenge()],
    }
    play(authorization(session(), URL)) << post(URL) >> reply(odd) << returns(lambda known: len(known.challenges) == 2)
