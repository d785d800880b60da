"""The same over TLS: who we are, who they are, and a certificate that changes while it serves."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifiers
from evercert.base.secret import Secret
from evercert.base.serving import Answer, Asked
from evercert.net.serve import Limits, TlsIdentity
from evercert.pki.cert import self_signed_server
from evercert.pki.keys import KeyType, generate
from tests.fakes.tls_site import anyone, visiting
from tests.net.serve.site import request, serving_site
from tests.peers.program import installed
from tests.pki.authority import Authority

LAST = "Connection: close"


def made(name: str = "ca.test") -> tuple[str, Secret]:
    return self_signed_server(parse_identifiers([name]), datetime.now(UTC) - timedelta(hours=1))


def der(pem: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem)


def own_client() -> tuple[str, str, Secret]:
    """The root of an organisation's clients, one of them, and its key."""
    authority, key, now = Authority("Clients"), generate(KeyType.EC256), datetime.now(UTC)
    can_sign, can_visit = x509.BasicConstraints(ca=True, path_length=None), [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]
    root = authority.issue(authority.key, name=authority.name, not_before=now, extensions=[can_sign])
    client = authority.issue(key, "ops.test", not_before=now, extensions=[x509.ExtendedKeyUsage(can_visit)])
    return ssl.DER_cert_to_PEM_cert(root), ssl.DER_cert_to_PEM_cert(client), key.to_pem()


async def refused(answer: Awaitable[bytes]) -> bool:
    """TLS 1.3 tells a client only after it has begun to speak; then the answer is nothing, or an alert."""
    try:
        return not (await answer)
    except OSError:
        return True


def visitor(folder: Path, roots: str, chain: str = "", key: Secret | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=roots)
    context.check_hostname = False
    if key is not None:
        (folder / "client.pem").write_bytes(chain.encode() + key.reveal())
        context.load_cert_chain(folder / "client.pem")
    return context


async def test_a_request_over_tls_is_answered() -> None:
    async with serving_site(tls=TlsIdentity(*made())) as site:
        answer = await site.say(request("POST", "/a", b"body", LAST), context=anyone())
    assert answer.endswith(b"POST /a? body")


async def test_a_large_answer_over_tls_arrives_whole_and_a_large_request_too() -> None:
    large = bytes(range(256)) * 900

    async def many(asked: Asked) -> Answer:
        return Answer(200, asked.body * 20)

    async with serving_site(many, tls=TlsIdentity(*made())) as site:
        asked = request("POST", "/a", large) + request("POST", "/a", large, LAST)
        answer = await site.say(asked, context=anyone())
    assert answer.count(large * 20) == 2


@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
async def test_a_strangers_client_is_served(version: str) -> None:
    chain, key = made()
    async with serving_site(tls=TlsIdentity(chain, key)) as site:
        argv = [installed("openssl", "it comes with the system"), "s_client", "-connect", f"127.0.0.1:{site.port}"]
        client = await asyncio.create_subprocess_exec(
            *argv,
            f"-{version}",
            "-quiet",
            "-ign_eof",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        answer, _ = await client.communicate(request("GET", "/a", b"", LAST))
    assert answer.endswith(b"GET /a? ")


async def test_curl_is_served_on_one_connection(tmp_path: Path) -> None:
    chain, key = made()
    (tmp_path / "root.pem").write_text(chain)
    async with serving_site(tls=TlsIdentity(chain, key)) as site:
        url = f"https://ca.test:{site.port}"
        client = await asyncio.create_subprocess_exec(
            *(installed("curl", "run `make peers`"), "-sS", "--cacert", str(tmp_path / "root.pem")),
            *("--resolve", f"ca.test:{site.port}:127.0.0.1", "-w", "[%{num_connects} %{http_version}]"),
            *("--data-binary", "one", f"{url}/a", f"{url}/b"),
            stdout=subprocess.PIPE,
        )
        answer, _ = await client.communicate()
    assert answer == b"POST /a? one[1 1.1]POST /b? one[0 1.1]"


@pytest.mark.parametrize("name", ["", "other.test"])
async def test_the_certificate_is_shown_whatever_name_is_asked_for(name: str) -> None:
    chain, key = made()
    async with (
        serving_site(tls=TlsIdentity(chain, key)) as site,
        visiting(site.port, ssl=anyone("h2", "http/1.1"), server_hostname=name) as (_, writer),
    ):
        session = writer.get_extra_info("ssl_object")
        assert session.getpeercert(binary_form=True) == der(chain)
        assert session.selected_alpn_protocol() == "http/1.1"


async def test_old_tls_is_refused() -> None:
    async with serving_site(tls=TlsIdentity(*made())) as site:
        argv = [installed("openssl", "it comes with the system"), "s_client", "-connect", f"127.0.0.1:{site.port}"]
        client = await asyncio.create_subprocess_exec(
            *argv,
            "-tls1_1",
            "-cipher",
            "DEFAULT:@SECLEVEL=0",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said, _ = await client.communicate()
    assert b"alert protocol version" in said


async def test_what_is_no_tls_is_refused_with_an_alert() -> None:
    async with serving_site(tls=TlsIdentity(*made())) as site:
        assert (await site.say(request("GET", "/", b"", LAST)))[:1] in {b"", b"\x15"}
        assert site.server.connections == 0


async def test_a_new_certificate_is_shown_to_who_comes_after_and_nobody_is_cut_off() -> None:
    (first, first_key), (second, second_key) = made(), made()
    identity = TlsIdentity(first, first_key)
    async with (
        serving_site(tls=identity) as site,
        visiting(site.port, ssl=anyone(), server_hostname="") as (reader, writer),
    ):
        identity.replace(second, second_key)
        async with visiting(site.port, ssl=anyone(), server_hostname="") as (_, later):
            assert later.get_extra_info("ssl_object").getpeercert(binary_form=True) == der(second)
        writer.write(request("GET", "/a", b"", LAST))
        assert (await reader.read()).endswith(b"GET /a? ")
        assert writer.get_extra_info("ssl_object").getpeercert(binary_form=True) == der(first)


async def test_a_certificate_that_cannot_be_shown_changes_nothing() -> None:
    chain, key = made()
    identity = TlsIdentity(chain, key)
    _, other_key = made()
    with pytest.raises(EvercertError) as raised:
        identity.replace(chain, other_key)
    assert raised.value.code.name == "bad-certificate"
    async with serving_site(tls=identity) as site:
        assert (await site.say(request("GET", "/", b"", LAST), context=anyone())).endswith(b"GET /? ")


async def test_a_client_may_show_who_it_is_and_the_application_sees_it(tmp_path: Path) -> None:
    server, server_key = made()
    roots, client, client_key = own_client()

    async def who(asked: Asked) -> Answer:
        return Answer(200, asked.client_certificate)

    async with serving_site(who, TlsIdentity(server, server_key, client_roots=roots)) as site:
        asked = request("GET", "/", b"", LAST)
        nobody = await site.say(asked, context=visitor(tmp_path, server))
        known = await site.say(asked, context=visitor(tmp_path, server, client, client_key))
        _, stranger, stranger_key = own_client()
        assert not await refused(site.say(asked, context=visitor(tmp_path, server, client, client_key)))
        assert await refused(site.say(asked, context=visitor(tmp_path, server, stranger, stranger_key)))
    assert nobody.endswith(b"\r\n\r\n")
    assert known.endswith(b"\r\n\r\n" + der(client))


async def test_where_a_client_must_show_who_it_is_nobody_else_is_let_in(tmp_path: Path) -> None:
    server, server_key = made()
    roots, client, client_key = own_client()
    async with serving_site(tls=TlsIdentity(server, server_key, client_roots=roots, requires_client=True)) as site:
        asked = request("GET", "/", b"", LAST)
        assert await refused(site.say(asked, context=visitor(tmp_path, server)))
        assert not await refused(site.say(asked, context=visitor(tmp_path, server, client, client_key)))


async def test_a_handshake_that_takes_too_long_is_not_waited_for() -> None:
    async with serving_site(tls=TlsIdentity(*made()), limits=Limits(head_seconds=0.1)) as site:
        assert await site.say(b"\x16\x03\x01") == b""
