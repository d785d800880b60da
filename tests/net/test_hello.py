"""The reader of ClientHellos, on real ones in pieces and on anything else."""

from __future__ import annotations

import ssl
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.net.hello import MAX_HELLO, Hello, HelloReader, client_hello
from tests.fakes.tls_site import anyone


def real_hello(server_name: str | None, *alpn: str) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = anyone(*alpn).wrap_bio(incoming, outgoing, server_hostname=server_name)
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


def built_hello(extensions: bytes, *, session: bytes = b"", suites: int = 1) -> bytes:
    """A hello with GREASE suites (RFC 8701) and just these extensions, as one handshake message."""
    body = b"\x03\x03" + bytes(32) + bytes((len(session),)) + session
    body += (2 * suites).to_bytes(2) + b"\x0a\x0a" * suites + b"\x01\x00"
    body += len(extensions).to_bytes(2) + extensions
    return b"\x01" + len(body).to_bytes(3) + body


def extension(kind: int, content: bytes) -> bytes:
    return kind.to_bytes(2) + len(content).to_bytes(2) + content


def records(message: bytes, size: int = 1 << 14) -> bytes:
    pieces = [message[start : start + size] for start in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2) + piece for piece in pieces)


def sni(name: bytes) -> bytes:
    entry = b"\x00" + len(name).to_bytes(2) + name
    return extension(0, len(entry).to_bytes(2) + entry)


def test_a_real_hello_is_read() -> None:
    assert client_hello(real_hello("www.example.test", "acme-tls/1")) == Hello("www.example.test", (b"acme-tls/1",))


def test_a_client_may_name_nobody_and_offer_nothing() -> None:
    assert client_hello(real_hello(None)) == Hello("", ())


def test_a_hello_is_read_however_small_its_pieces_are() -> None:
    reader, hello = HelloReader(), real_hello("www.example.test", "h2", "http/1.1")
    answers = [reader.feed(hello[at : at + 1]) for at in range(len(hello))]
    assert answers[:-1] == [None] * (len(hello) - 1)
    assert answers[-1] == Hello("www.example.test", (b"h2", b"http/1.1"))
    assert bytes(reader.received) == hello


def test_a_hello_may_be_spread_over_many_records() -> None:
    message = built_hello(sni(b"split.test"))
    assert client_hello(records(message, size=1)) == Hello("split.test", ())


def test_a_hello_of_post_quantum_size_is_read() -> None:
    # RFC 10024's X25519MLKEM768 share has 1,216 octets; other parameters and ECH make it larger.
    shares = extension(0xFE0D, bytes(20_000)) + extension(51, bytes(1216)) + sni(b"pq.test")
    assert client_hello(records(built_hello(shares))) == Hello("pq.test", ())


def test_what_follows_the_hello_is_kept_for_whoever_takes_over() -> None:
    reader, hello = HelloReader(), real_hello("www.example.test")
    assert reader.feed(hello + b"early data") is not None
    assert bytes(reader.received) == hello + b"early data"


def test_server_names_are_compared_in_lower_case() -> None:
    assert client_hello(records(built_hello(sni(b"WwW.Example.TEST")))) == Hello("www.example.test", ())


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x80\x2e\x01\x03\x01",  # SSL 2.0
        b"\x15\x03\x01\x00\x02\x02\x28",  # an alert
        b"\x16\x03\x01\x00\x00",  # an empty record
        b"\x16\x03\x01\xff\xff",  # a record that is longer than TLS allows
        records(b"\x02" + bytes(40)),  # a ServerHello
        records(built_hello(sni(b"one.test") + sni(b"two.test"))),
        records(built_hello(sni("ü.test".encode()))),
        records(built_hello(sni(b"a" * 256))),
        records(built_hello(extension(16, b"\x00\x05\x09h2"))),
        records(built_hello(b"\x00\x00\x00\xff\x00")),
        records(b"\x01\x00\x00\x02\x03\x03"),
        records(b"\x01" + (MAX_HELLO + 1).to_bytes(3) + bytes(100)),
    ],
)
def test_what_is_no_hello_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(EvercertError) as raised:
        client_hello(data)
    assert raised.value.code.name == "bad-answer"


def test_a_hello_that_never_ends_is_refused() -> None:
    endless = records(b"\x01" + MAX_HELLO.to_bytes(3) + bytes(MAX_HELLO), size=1)
    reader = HelloReader()
    fed = 0
    with pytest.raises(EvercertError, match="too long"):  # noqa: PT012 - the one that is refused is not known before
        while reader.feed(endless[fed : fed + 1000]) is None:
            fed += 1000
    assert fed <= MAX_HELLO


@given(st.binary(max_size=300))
def test_nothing_but_a_verdict_comes_of_any_octets(data: bytes) -> None:
    for start in (b"", b"\x16\x03\x01\x00\x40", b"\x16\x03\x01\x00\x60\x01\x00\x00\x5c\x03\x03" + bytes(32)):
        with suppress(EvercertError):
            assert isinstance(client_hello(start + data), Hello | None)


@given(st.data())
def test_a_damaged_hello_gives_a_verdict(data: st.DataObject) -> None:
    hello = bytearray(real_hello("www.example.test", "acme-tls/1"))
    for _ in range(3):
        hello[data.draw(st.integers(0, len(hello) - 1))] = data.draw(st.integers(0, 255))
    with suppress(EvercertError):
        assert isinstance(client_hello(bytes(hello)), Hello | None)
