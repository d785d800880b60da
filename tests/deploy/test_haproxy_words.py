"""HAProxy's words on paper; the real server has the last word in test_haproxy.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.deploy.haproxy.binds import places
from evercert.deploy.haproxy.runtime import Runtime

PEM = Path("/certs/www.pem")


@pytest.mark.parametrize(
    ("bind", "found"),
    [
        ("bind :443 ssl crt /certs/www.pem alpn h2", [("127.0.0.1", 443)]),
        ("bind *:443,[::]:443 ssl crt /certs/", [("127.0.0.1", 443), ("::1", 443)]),
        ("  bind ipv6@:::8443 v6only ssl crt /certs/www.pem", [("::1", 8443)]),
        ("bind 192.0.2.7:443 ssl crt-list /list # all", [("192.0.2.7", 443)]),
        ("bind :443 ssl crt /certs/other.pem", []),
        ("bind :443 ssl crt /certs/www.pem accept-proxy", []),
        ("bind unix@/s ssl crt /certs/www.pem", []),
        ("bind :80", []),
        ("# bind :443 ssl crt /certs/www.pem", []),
        ('bind ":443 ssl crt /certs/www.pem', []),
    ],
)
def test_where_a_certificate_is_served_is_found_in_its_bind_lines(bind: str, found: list[tuple[str, int]]) -> None:
    assert places(f"frontend a\n{bind}\n", PEM, Path("/list")) == found


@given(st.text(max_size=200))
def test_any_configuration_is_read_as_something(text: str) -> None:
    assert isinstance(places(text, PEM, None), list)


class Haproxy:
    """Answers commands by their first words, and remembers what it was told."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.told: list[str] = []

    async def __call__(self, question: bytes) -> bytes:
        self.told.append(question.decode())
        return self.answers.get(question.decode().split()[0], "").encode()

    @property
    def commands(self) -> list[str]:
        return [each.split()[0] for each in self.told]


async def test_an_empty_line_does_not_end_the_certificate_too_early() -> None:
    haproxy = Haproxy(set="Transaction created for certificate", commit="Committing\nSuccess!\n")
    await Runtime(haproxy).replace(PEM, "a\n\nb\n \nc\n")
    assert haproxy.told[0] == "set ssl cert /certs/www.pem <<\na\nb\nc\n\n"


async def test_a_refused_commit_is_aborted_and_no_key_is_in_the_words() -> None:
    haproxy = Haproxy(set="Transaction created", commit="inconsistencies between private key and certificate\n")
    with pytest.raises(EvercertError, match="inconsistencies") as refused:
        await Runtime(haproxy).replace(PEM, "-----BEGIN PRIVATE KEY-----")
    assert haproxy.commands == ["set", "commit", "abort"]
    assert "PRIVATE" not in str(refused.value)


async def test_a_new_certificate_that_is_refused_leaves_no_empty_one() -> None:
    haproxy = Haproxy(new="New empty certificate store", set="Can't load\n")
    with pytest.raises(EvercertError, match="Can't load"):
        await Runtime(haproxy).add(PEM, "pem", Path("/list"))
    assert haproxy.commands == ["new", "set", "abort", "del"]
