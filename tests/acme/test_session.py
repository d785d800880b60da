from __future__ import annotations

from datetime import timedelta

import pytest

from evercert.acme.session import Session
from evercert.base.errors import EvercertError
from evercert.base.message import Response
from tests.acme.play import CA, NOW, StubSigner, reply, session


def nonce(value: str) -> Response:
    return Response(200, (("replay-nonce", value),), b"", NOW)


@pytest.mark.parametrize("url", ["http://ca.example/directory", "HTTP://ca.example/"])
def test_a_directory_is_https_unless_http_is_allowed(url: str) -> None:
    with pytest.raises(EvercertError) as caught:
        Session(url, StubSigner())
    assert caught.value.code.name == "insecure-url"
    assert Session("http://ca.example/directory", StubSigner(), allow_http=True)


@pytest.mark.parametrize("url", ["", "ca.example", "letsencrypt", "file:///etc/passwd", "https://a:b@ca.example/"])
def test_what_is_no_directory_url_is_the_user_s_mistake(url: str) -> None:
    with pytest.raises(EvercertError) as caught:
        Session(url, StubSigner())
    assert caught.value.code.name == "bad-input"


def test_a_nonce_is_handed_out_once_and_the_newest_first() -> None:
    it = session(nonces=0)
    it.keep_nonce(nonce("first"))
    it.keep_nonce(nonce("second"))
    assert [it.take_nonce(), it.take_nonce(), it.take_nonce()] == ["second", "first", None]


@pytest.mark.parametrize("value", ["", "with space", 'quote"', "a" * 513, "plus+", "\x00"])
def test_a_nonce_that_is_no_base64url_is_not_kept(value: str) -> None:
    it = session(nonces=0)
    it.keep_nonce(nonce(value))
    assert it.take_nonce() is None


def test_nonces_are_kept_within_bounds() -> None:
    it = session(nonces=0)
    for number in range(5000):
        it.keep_nonce(nonce(str(number)))
    kept = 0
    while it.take_nonce():
        kept += 1
    assert kept == 1024


def test_a_directory_is_good_for_a_day() -> None:
    it = session()
    it.latest = NOW + timedelta(hours=23)
    assert it.directory is not None
    it.latest = NOW + timedelta(hours=25)
    assert it.directory is None


def test_without_an_account_nothing_is_signed_for_one() -> None:
    with pytest.raises(EvercertError, match="no account") as caught:
        _ = session(account=False).known_account
    assert caught.value.code.name == "not-found"


def test_a_location_may_be_relative_and_must_be_there() -> None:
    it = session()
    assert it.location(reply(location="/order/1"), f"{CA}/new-order") == f"{CA}/order/1"
    for bad in (reply(), reply(location="http://evil.example/"), reply(location="file:///x")):
        with pytest.raises(EvercertError):
            it.location(bad, f"{CA}/new-order")
