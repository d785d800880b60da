"""The responder of tls-alpn-01, alone and in front of a live server."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.base.secret import Secret
from evercert.net.listen import AlpnResponder
from evercert.pki.cert import self_signed
from tests.fakes.tls_site import anyone, visiting

_NAME = "www.example.test"
_PROOF = bytes(range(32))


async def validated(port: int, name: str = _NAME, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    """The certificate that a CA sees there."""
    context = anyone("acme-tls/1")
    context.maximum_version = version
    async with visiting(port, ssl=context, server_hostname=name) as (reader, writer):
        session = writer.get_extra_info("ssl_object")
        assert session.selected_alpn_protocol() == "acme-tls/1"
        assert await reader.read() == b""
        return bytes(session.getpeercert(binary_form=True))


@pytest.fixture
async def responder() -> AsyncIterator[AlpnResponder]:
    made = AlpnResponder()
    made.put(_NAME, *self_signed(Identifier("dns", _NAME), _PROOF))
    yield made
    await made.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_validation_is_shown_the_challenges_certificate(
    responder: AlpnResponder, version: ssl.TLSVersion
) -> None:
    port = await responder.start(["127.0.0.1"], 0)
    assert _PROOF in await validated(port, version=version)


async def test_each_name_has_its_own_certificate(responder: AlpnResponder) -> None:
    other = Identifier("ip", "192.0.2.1")
    responder.put(other.server_name, *self_signed(other, bytes(32)))
    port = await responder.start(["127.0.0.1"], 0)
    assert _PROOF in await validated(port)
    # RFC 8738 §6: an address is asked for by its reverse name.
    assert _PROOF not in await validated(port, name="1.2.0.192.in-addr.arpa")


@pytest.mark.parametrize(
    ("name", "alpn"), [("other.test", ["acme-tls/1"]), (_NAME, ["h2"]), (_NAME, ["acme-tls/1", "h2"]), (_NAME, [])]
)
async def test_nobody_else_is_shown_anything(responder: AlpnResponder, name: str, alpn: list[str]) -> None:
    port = await responder.start(["127.0.0.1"], 0)
    with pytest.raises(ssl.SSLError):
        await asyncio.open_connection("127.0.0.1", port, ssl=anyone(*alpn), server_hostname=name)


async def test_a_name_that_was_dropped_is_shown_no_more(responder: AlpnResponder) -> None:
    port = await responder.start(["127.0.0.1"], 0)
    responder.drop(_NAME)
    responder.drop(_NAME)
    with pytest.raises(ssl.SSLError):
        await validated(port)


async def test_tls_1_1_is_not_spoken(responder: AlpnResponder) -> None:
    port = await responder.start(["127.0.0.1"], 0)
    context = anyone("acme-tls/1")
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=_NAME)


async def test_what_is_no_tls_is_sent_away(responder: AlpnResponder) -> None:
    port = await responder.start(["127.0.0.1"], 0)
    async with visiting(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await reader.read() == b""


def test_what_is_no_certificate_cannot_be_put() -> None:
    with pytest.raises(EvercertError) as raised:
        AlpnResponder().put(_NAME, "no certificate", Secret(b"no key"))
    assert raised.value.code.name == "bad-certificate"
    assert "no key" not in str(raised.value)
