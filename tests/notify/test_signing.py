"""Signatures are those of Standard Webhooks, which other makers' libraries verify."""

from __future__ import annotations

import base64
import hmac

import pytest
from examples.webhook import is_genuine

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.notify.signing import key_of, signature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the specification's own example
BODY = b'{"test": 2432232314}'
CALLED = "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_the_specification_s_own_example_is_signed_as_it_says() -> None:
    assert (
        signature(key_of(Secret(SECRET)), CALLED, 1614265330, BODY) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.parametrize("secret", [SECRET, "a secret that is no base64", "  file with a line break\n"])
def test_the_example_believes_what_is_signed_and_nothing_else(secret: str) -> None:
    signed = signature(key_of(Secret(secret)), CALLED, 1000, BODY)
    headers = {"webhook-id": CALLED, "webhook-timestamp": "1000", "webhook-signature": signed}
    known = secret.strip()
    assert is_genuine(headers, BODY, known, 1001.0)
    assert is_genuine({**headers, "webhook-signature": f"v1,AAAA {signed}"}, BODY, known, 1001.0)
    assert not is_genuine(headers, BODY + b" ", known, 1001.0)
    assert not is_genuine({**headers, "webhook-id": "another"}, BODY, known, 1001.0)
    assert not is_genuine({**headers, "webhook-timestamp": "1001"}, BODY, known, 1001.0)
    assert not is_genuine(headers, BODY, known, 1000.0 + 3600)
    assert not is_genuine(headers, BODY, "another secret", 1001.0)
    other = base64.b64encode(b"not it").decode()
    assert not is_genuine({**headers, "webhook-signature": f"v1,{other}"}, BODY, known, 1001.0)


@pytest.mark.parametrize("secret", ["", "whsec_"])
def test_the_example_believes_nobody_where_its_secret_was_not_set(secret: str) -> None:
    signed = hmac.digest(b"", f"{CALLED}.1000.".encode() + BODY, "sha256")
    headers = {
        "webhook-id": CALLED,
        "webhook-timestamp": "1000",
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }
    assert not is_genuine(headers, BODY, secret, 1001.0)


@pytest.mark.parametrize("secret", ["", " \n", "whsec_", "whsec_====", "whsec_not base64!"])
def test_what_is_no_secret_is_told_without_being_repeated(secret: str) -> None:
    with pytest.raises(EvercertError) as caught:
        key_of(Secret(secret))
    assert caught.value.code.name == "bad-input"
    assert "not base64!" not in str(caught.value)
