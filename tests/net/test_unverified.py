"""What is fetched without belief: errors that say which URL was meant, and never what is secret in it."""

from __future__ import annotations

import pytest

from evercert.base.errors import EvercertError
from evercert.net.unverified import fetch_unverified


def test_what_is_no_url_is_shown() -> None:
    with pytest.raises(EvercertError, match=r"'ca\.corp\.test:8443' is not a URL of a server"):
        fetch_unverified("ca.corp.test:8443", 100)


def test_a_password_in_a_url_is_not_shown() -> None:
    with pytest.raises(EvercertError) as caught:
        fetch_unverified("https://admin:hunter2@ca.corp.test:8443/roots.pem", 100)
    assert "hunter2" not in caught.value.message
    assert "admin" not in caught.value.message
