"""The probe, against servers that serve well, badly, or not at all."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from evercert.base.errors import EvercertError
from evercert.net.tls import Served, probe
from evercert.pki.cert import read_certificate
from tests.fakes.peer import Peer
from tests.fakes.tls_site import server_context


def wait(connection: socket.socket) -> None:
    """Stays until the client has gone."""
    while connection.recv(1 << 16):
        pass


async def one(port: int, server_name: str = "site.test", timeout: float = 10.0) -> Served:
    [served] = await probe("127.0.0.1", port, server_name, timeout=timeout)
    return served


async def failure_at(port: int, server_name: str = "site.test", timeout: float = 10.0) -> EvercertError:
    served = await one(port, server_name, timeout)
    assert served.error is not None
    assert served.leaf_der == b""
    assert f"127.0.0.1:{port}" in served.error.message
    return served.error


async def test_the_certificate_comes_as_it_is_served_whoever_signed_it(tmp_path: Path) -> None:
    with Peer(wait, server_context(tmp_path, "other.test", at=datetime(2020, 1, 1, tzinfo=UTC))) as peer:
        served = await one(peer.port)
    assert served.error is None
    assert (served.address, served.version) == ("127.0.0.1", "TLSv1.3")
    leaf = ssl.PEM_cert_to_DER_cert((tmp_path / "root.pem").read_text())
    assert sha256(served.leaf_der).digest() == sha256(leaf).digest()


async def test_tls_1_2_and_its_protocols_are_seen(tmp_path: Path) -> None:
    context = server_context(tmp_path, "site.test")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    with Peer(wait, context) as peer:
        served = await one(peer.port)
    assert (served.version, served.alpn) == ("TLSv1.2", "http/1.1")


async def test_the_name_that_is_asked_for_is_sent_and_none_where_it_is_empty(tmp_path: Path) -> None:
    asked: list[str | None] = []
    context = server_context(tmp_path, "site.test")
    context.sni_callback = lambda session, name, own: asked.append(name)
    with Peer(wait, context) as peer:
        await one(peer.port, "site.test")
        await one(peer.port, "")
        await one(peer.port, "1.2.0.192.in-addr.arpa")
    assert asked == ["site.test", None, "1.2.0.192.in-addr.arpa"]


async def test_every_address_is_asked_and_told_apart(tmp_path: Path) -> None:
    for name in ("four.test", "six.test"):
        (tmp_path / name).mkdir()
    four = server_context(tmp_path / "four.test", "four.test")
    six = server_context(tmp_path / "six.test", "six.test")
    with Peer(wait, four) as peer, Peer(wait, six, "::1", peer.port):
        seen = await probe("nobody.invalid", peer.port, "", addresses=["127.0.0.1", "::1", "127.0.0.2"])
    names = [str(*read_certificate(served.leaf_der).identifiers) if served.leaf_der else "" for served in seen]
    assert names == ["four.test", "six.test", ""]
    assert seen[2].error is not None
    assert seen[2].error.code.name == "unreachable"


async def test_a_key_that_is_too_weak_to_be_trusted_is_seen_all_the_same(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 1024)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "weak.test")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = builder.serial_number(1).not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime(2030, 1, 1))  # noqa: DTZ001
    pair = tmp_path / "weak.pem"
    pair.write_bytes(
        built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(pair)
    with Peer(wait, context) as peer:
        assert read_certificate((await one(peer.port)).leaf_der).subject == "weak.test"


async def test_a_server_that_wants_a_certificate_of_ours_still_shows_its_own(tmp_path: Path) -> None:
    context = server_context(tmp_path, "site.test")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(tmp_path / "root.pem")
    with Peer(wait, context) as peer:
        assert (await one(peer.port)).leaf_der


async def test_silence_is_left_in_time() -> None:
    with Peer(wait) as peer:
        began = time.monotonic()
        failure = await failure_at(peer.port, timeout=0.3)
        assert time.monotonic() - began < 2
    assert failure.code.name == "timeout"


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x15\x03\x03\x00\x02\x02\x70",
        b"\x16\x03\x03\xff\xff" + b"\0" * 1000,
        b"\0",
    ],
    ids=["nothing", "HTTP", "an alert", "a record too long", "a zero"],
)
async def test_what_is_no_handshake_is_told_and_not_raised(words: bytes) -> None:
    def speak(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(words)

    with Peer(speak) as peer:
        failure = await failure_at(peer.port)
    assert failure.code.name == "tls"
    assert failure.message.isprintable()


async def test_a_port_where_nobody_listens_is_told_and_not_raised() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert (await failure_at(bound.getsockname()[1])).code.name == "unreachable"


@pytest.mark.parametrize("server_name", ["a..b", "x" * 300, "\0", "\u00fc..", ".site.test"])
async def test_a_name_that_cannot_be_asked_for_is_told_and_not_raised(tmp_path: Path, server_name: str) -> None:
    with Peer(wait, server_context(tmp_path, "site.test")) as peer:
        assert (await failure_at(peer.port, server_name)).code.name == "tls"


@pytest.mark.parametrize("address", ["not an address", "", "300.0.0.1", "::1%nowhere"])
async def test_an_address_that_is_none_is_told_and_not_raised(address: str) -> None:
    [served] = await probe("site.test", 443, "site.test", addresses=[address])
    assert served.error is not None


@pytest.mark.parametrize("host", ["a..b", "nobody.invalid", "", "x" * 300])
async def test_a_host_without_an_address_is_an_error_of_dns(host: str) -> None:
    with pytest.raises(EvercertError) as raised:
        await probe(host, 443, "site.test", timeout=5)
    assert raised.value.code.name == "dns"


async def test_a_host_may_be_an_ipv6_address_in_brackets(tmp_path: Path) -> None:
    with Peer(wait, server_context(tmp_path, "site.test"), "::1") as peer:
        [served] = await probe("[::1]", peer.port, "site.test")
    assert served.error is None


async def test_no_more_addresses_are_asked_than_a_name_may_have() -> None:
    addresses = [f"127.0.{number}.1" for number in range(1, 200)]
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        seen = await probe("site.test", bound.getsockname()[1], "", addresses=addresses)
    assert len(seen) == 32


async def test_a_probe_that_is_cancelled_leaves_nothing_open() -> None:
    # What stays open fails the test: an unclosed socket is a warning, and warnings are errors here.
    with Peer(wait) as peer:
        probing = asyncio.create_task(probe("127.0.0.1", peer.port, "site.test"))
        while not peer.accepted:
            await asyncio.sleep(0.01)
        probing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probing
