from __future__ import annotations

from datetime import timedelta

import pytest

from evercert.acme.exchange import directory, fetch, fresh_nonce, post, post_as_get
from evercert.acme.problem import ProblemType
from evercert.acme.wire import Account
from evercert.base.errors import NetworkFailure
from tests.acme import play as said
from tests.acme.play import (
    CA,
    DIRECTORY,
    StubSigner,
    fails,
    get,
    head,
    play,
    refuse,
    reply,
    returns,
    session,
    sleeps,
)

URL = f"{CA}/acct/1"
LOST = NetworkFailure("timeout", "no answer")
BAD_NONCE = refuse(ProblemType.BAD_NONCE)


def test_a_resource_is_read_by_post_as_get() -> None:
    (
        play(fetch(session(), Account, URL))
        << said.post(URL, None, by="old")
        >> reply({"status": "valid"}, retry_after="3")
        << returns(Account(status="valid", url=URL, retry_after=timedelta(seconds=3)))
    )


def test_a_rejected_nonce_is_replaced_by_the_error_s_own() -> None:
    it = session()
    conversation = play(post_as_get(it, URL)) << said.post(URL)
    conversation >> refuse(ProblemType.BAD_NONCE, replay_nonce="from-the-error") << Nonce("from-the-error")
    conversation >> reply(b"x") << returns()


class Nonce(said.Post):
    """A signed request with that nonce."""

    def __init__(self, nonce: str) -> None:
        super().__init__(URL)
        object.__setattr__(self, "nonce", nonce)

    def check(self, step: object) -> None:
        super().check(step)  # type: ignore[arg-type]
        assert said.spoken(step)["header"]["nonce"] == self.nonce  # type: ignore[arg-type,attr-defined]


def test_twenty_bad_nonces_in_a_row_are_borne_and_no_more() -> None:
    conversation = play(post_as_get(session(), URL))
    for _ in range(20):
        conversation = conversation << said.post(URL) >> BAD_NONCE
    conversation << said.post(URL) >> BAD_NONCE << fails("acme", ProblemType.BAD_NONCE)


def test_an_error_without_a_nonce_costs_a_head() -> None:
    (
        play(post_as_get(session(), URL))
        << said.post(URL)
        >> refuse(ProblemType.BAD_NONCE, replay_nonce="")
        << head(DIRECTORY["newNonce"])
        >> reply()
        << said.post(URL)
        >> reply(b"x")
        << returns()
    )


def test_a_server_without_nonces_is_a_bad_answer() -> None:
    (
        play(fresh_nonce(session(nonces=0)))
        << head(DIRECTORY["newNonce"])
        >> reply(replay_nonce="not a nonce!")
        << fails("bad-answer", words="not a nonce!")
    )


def test_a_lost_read_is_sent_again_with_another_nonce() -> None:
    (
        play(post_as_get(session(nonces=2), URL))
        << said.post(URL)
        >> LOST
        << sleeps(0.5, "the connection failed")
        << said.post(URL)
        >> reply(b"x")
        << returns(lambda response: response.body == b"x")
    )


def test_a_lost_write_is_not_sent_again() -> None:
    play(post(session(), URL, b"{}")) << said.post(URL, {}) >> LOST << fails("timeout")


def test_reads_are_sent_again_a_few_times_only() -> None:
    conversation = play(post_as_get(session(nonces=9), URL))
    for pause in (0.5, 1.0, 2.0, 4.0):
        conversation = conversation << said.post(URL) >> LOST << sleeps(pause)
    conversation << said.post(URL) >> LOST << fails("timeout")


@pytest.mark.parametrize("code", ["tls", "too-large"])
def test_what_would_fail_again_is_not_tried_again(code: str) -> None:
    play(post_as_get(session(), URL)) << said.post(URL) >> NetworkFailure(code, "no") << fails(code)


def test_a_busy_server_is_given_the_time_that_it_asks_for() -> None:
    (
        play(post(session(nonces=2), URL, b"{}"))
        << said.post(URL)
        >> reply(b"busy", 503, retry_after="7")
        << sleeps(7.0, "busy")
        << said.post(URL)
        >> reply(b"x")
        << returns()
    )


@pytest.mark.parametrize("status", [503, 429])
def test_a_long_wait_is_an_error_with_its_time(status: int) -> None:
    failure = fails("acme" if status == 503 else "rate-limited")
    play(post_as_get(session(), URL)) << said.post(URL) >> reply(b"", status, retry_after="3600") << failure
    assert failure.found[0].after == timedelta(hours=1)


def test_a_rate_limit_on_a_write_is_for_the_scheduler() -> None:
    limited = refuse(ProblemType.RATE_LIMITED, "too many orders", retry_after="5")
    play(post(session(), URL, b"{}")) << said.post(URL) >> limited << fails("rate-limited", ProblemType.RATE_LIMITED)


def test_a_rate_limit_on_a_read_is_waited_for_if_it_is_short() -> None:
    limited = refuse(ProblemType.RATE_LIMITED, retry_after="5")
    play(post_as_get(session(), URL)) << said.post(URL) >> limited << sleeps(5.0) << said.post(URL)


def test_a_server_fault_on_a_write_is_not_repeated() -> None:
    play(post(session(), URL, b"{}")) << said.post(URL) >> reply(b"", 500) << fails("acme", ProblemType.SERVER_INTERNAL)


def test_a_success_that_is_a_redirect_is_a_bad_answer() -> None:
    play(post_as_get(session(), URL)) << said.post(URL) >> reply(b"", 302, location="/x") << fails("bad-answer")


def test_a_read_goes_nowhere_but_to_https() -> None:
    play(post_as_get(session(), "http://evil.example/")) << fails("bad-answer", words="not https")


def fresh() -> object:
    from evercert.acme.session import Session

    return Session(f"{CA}/directory", StubSigner())


def test_the_directory_is_fetched_once() -> None:
    it = session()
    play(directory(it)) << returns(it.directory)
    play(directory(it, refresh=True)) << get(f"{CA}/directory") >> reply(DIRECTORY) << returns()


def test_the_directory_may_be_elsewhere() -> None:
    it = fresh()
    (
        play(directory(it))  # type: ignore[arg-type]
        << get(f"{CA}/directory")
        >> reply(b"", 301, location="/acme/v2")
        << get(f"{CA}/acme/v2")
        >> reply(DIRECTORY)
        << returns(lambda known: known.new_order == DIRECTORY["newOrder"])
    )


@pytest.mark.parametrize("target", ["http://ca.example/x", "file:///etc/passwd", "", "https://u@ca.example/"])
def test_the_directory_is_not_sought_where_it_must_not_be(target: str) -> None:
    conversation = play(directory(fresh())) << get(f"{CA}/directory")  # type: ignore[arg-type]
    if target:
        conversation >> reply(b"", 302, location=target) << fails("bad-answer")
    else:
        conversation >> reply(b"", 302) << get(f"{CA}/directory")


def test_a_directory_that_is_not_there_is_told_at_once() -> None:
    first = play(directory(fresh())) << get(f"{CA}/directory")  # type: ignore[arg-type]
    first >> LOST << sleeps(0.5) << get(f"{CA}/directory") >> LOST << fails("timeout")


def test_a_directory_that_points_to_plain_http_is_refused() -> None:
    sent = reply(DIRECTORY | {"newOrder": "http://ca.example/new-order"})
    play(directory(fresh())) << get(f"{CA}/directory") >> sent << fails("bad-answer", words="not https")  # type: ignore[arg-type]
