"""Incidents of tls-alpn-01 and of its predecessor, at real handshakes."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from evercert.acme.challenge import acme_identifier_digest
from evercert.acme.problem import ProblemType
from evercert.net.listen.alpn import AlpnResponder
from evercert.pki.cert import certificate_pem, self_signed
from evercert.pki.keys import KeyType, generate
from tests.ca.incidents.given import PROOF, loopback, names, shown
from tests.ca.validation.given import claim, proved, refused
from tests.fakes.dns_server import DnsServer
from tests.fakes.peer import Peer
from tests.pki.authority import NOW, Authority, name_of

WWW = "www.example.com"
TABLE = {WWW: ["127.0.0.1"]}
DIGEST = acme_identifier_digest(PROOF.decode())
KEY = generate(KeyType.EC256)
WHOLE = b"\x04\x20" + DIGEST


def made(*found: x509.GeneralName, value: bytes = WHOLE, oid: str = "1.3.6.1.5.5.7.1.31", critical: bool = True) -> str:
    """A self-signed certificate as it is right, but for what is said."""
    builder = x509.CertificateBuilder(
        issuer_name=name_of("x"),
        subject_name=name_of("x"),
        public_key=KEY.crypto.public_key(),
        serial_number=1,
        not_valid_before=NOW,
        not_valid_after=NOW,
    )
    builder = builder.add_extension(x509.SubjectAlternativeName(found or [x509.DNSName(WWW)]), False)
    proof = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
    return certificate_pem(
        builder.add_extension(proof, critical).sign(KEY.crypto, hashes.SHA256()).public_bytes(Encoding.DER)
    )


async def verdict(folder: Path, certificate: str, kind: ProblemType | None, alpn: str = "acme-tls/1") -> None:
    async with DnsServer(names(TABLE)) as dns:
        with shown(folder, certificate, KEY.to_pem().reveal(), alpn=alpn) as peer:
            where = loopback(dns.address, tls_port=peer.port)
            if kind is None:
                await proved(claim("tls-alpn-01"), where)
            else:
                problem = await refused(claim("tls-alpn-01"), where, kind)
                assert "127.0.0.1" in problem.detail


async def test_what_is_right_is_accepted(tmp_path: Path) -> None:
    await verdict(tmp_path, made(), None)


async def test_le_2022_the_extension_of_a_draft_is_none(tmp_path: Path) -> None:
    await verdict(tmp_path, made(oid="1.3.6.1.5.5.7.1.30.1"), ProblemType.INCORRECT_RESPONSE)


async def test_le_2022_a_tls_older_than_1_2_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shown.pem").write_bytes(made().encode() + KEY.to_pem().reveal())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "shown.pem")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.set_alpn_protocols(["acme-tls/1"])
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with DnsServer(names(TABLE)) as dns:
        with Peer(lambda connection: None, context) as peer:
            await refused(claim("tls-alpn-01"), loopback(dns.address, tls_port=peer.port), ProblemType.TLS)


@pytest.mark.parametrize(
    "certificate",
    [
        made(x509.DNSName("other.example.com")),
        made(x509.DNSName(WWW), x509.DNSName("other.example.com")),
        made(x509.DNSName(WWW), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))),
        made(critical=False),
        made(value=DIGEST),
        made(value=b"\x04\x20" + bytes(32)),
    ],
    ids=["another name", "two names", "and an address", "not critical", "no octet string", "another digest"],
)
async def test_tls_sni_2018_what_shared_hosting_might_show_is_refused(tmp_path: Path, certificate: str) -> None:
    await verdict(tmp_path, certificate, ProblemType.INCORRECT_RESPONSE)


async def test_tls_sni_2018_a_certificate_of_a_cas_is_refused(tmp_path: Path) -> None:
    proof = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31"), WHOLE)
    signed = Authority().issue(KEY, WWW, extensions=[proof])
    await verdict(tmp_path, certificate_pem(signed), ProblemType.INCORRECT_RESPONSE)


async def test_tls_sni_2018_a_server_that_does_not_know_the_protocol_is_refused(tmp_path: Path) -> None:
    # OpenSSL's server goes on without a protocol where it has none in common with the client.
    await verdict(tmp_path, made(), ProblemType.INCORRECT_RESPONSE, alpn="http/1.1")


@pytest.mark.parametrize("name", [WWW, "127.0.0.1", "::1"])
async def test_our_own_responder_proves_names_and_addresses(name: str) -> None:
    wanted = claim("tls-alpn-01", name)
    certificate, key = self_signed(wanted.identifier, DIGEST)
    responder = AlpnResponder()
    port = await responder.start(["127.0.0.1", "::1"], 0)
    responder.put(wanted.identifier.server_name, certificate, key)
    try:
        async with DnsServer(names(TABLE)) as dns:
            await proved(wanted, loopback(dns.address, tls_port=port))
    finally:
        await responder.close()
