"""`evercert ca perspective` as a process, asked by a CA over TLS."""

from __future__ import annotations

import hashlib
import json
import os
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from evercert.acme.problem import Problem, ProblemType
from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifiers
from evercert.base.secret import Secret
from evercert.ca.validation.perspectives import Perspectives, Remote
from evercert.net.http import HttpSettings, HttpTransport
from evercert.net.settings import trust
from evercert.pki.cert import certificate_pem, self_signed_server
from evercert.pki.keys import KeyType, generate
from tests.ca.incidents.given import answering, names, page
from tests.ca.validation.given import claim
from tests.fakes.dns_server import DnsServer
from tests.fakes.peer import Peer
from tests.peers.ports import free_port
from tests.peers.program import Program, installed
from tests.pki.authority import name_of

HOUR = timedelta(hours=1)
WORD = "a word between us"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    chain, key = self_signed_server(parse_identifiers(["127.0.0.1"]), datetime.now(UTC) - HOUR)
    (tmp_path / "chain.pem").write_text(chain)
    (tmp_path / "key.pem").write_bytes(key.reveal())
    (tmp_path / "word").write_text(f"{WORD}\n")
    for name in ("key.pem", "word"):
        (tmp_path / name).chmod(0o600)
    return tmp_path


def client_certificate() -> tuple[str, Secret]:
    key, now = generate(KeyType.EC256), datetime.now(UTC)
    builder = x509.CertificateBuilder(name_of("ca"), name_of("ca"), key.crypto.public_key(), 1, now, now + HOUR)
    usage = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH])
    signed = builder.add_extension(usage, False).sign(key.crypto, hashes.SHA256())
    return certificate_pem(signed.public_bytes(Encoding.DER)), key.to_pem()


@contextmanager
def started(folder: Path, *options: str) -> Iterator[tuple[Program, str]]:
    argv = [installed("evercert", "run `make setup`"), "ca", "perspective", "--json"]
    argv += ["--listen", f"127.0.0.1:{free_port()}", "--token", f"file:{folder}/word", *options]
    argv += ["--certificate", f"{folder}/chain.pem", "--key", f"file:{folder}/key.pem"]
    with Program(argv, folder / "perspective.log") as program:
        program.wait_until(lambda: program.text().endswith("}\n"), "listening")
        address, port = json.loads(program.text())["bound"]
        yield program, f"https://{address}:{port}"


@pytest.fixture
async def transport(certificate: Path) -> AsyncIterator[HttpTransport]:
    made = HttpTransport(HttpSettings(roots=certificate / "chain.pem"), SystemClock())
    yield made
    await made.close()


async def test_a_perspective_sees_for_who_knows_the_word(certificate: Path, transport: HttpTransport) -> None:
    async with DnsServer(names({"www.example.com": ["127.0.0.1"]})) as dns:
        with Peer(answering(page())) as site:
            options = ["--resolver", dns.address, "--allow", "127.0.0.0/8", "--http-port", str(site.port)]
            with started(certificate, *options) as (program, url):
                await Perspectives([Remote("here", url, Secret(WORD))], transport).confirm_claim(claim("http-01"))
                stranger = Perspectives([Remote("here", url, Secret("another"))], transport)
                with pytest.raises(Problem) as raised:
                    await stranger.confirm_claim(claim("http-01"))
            assert raised.value.type is ProblemType.SERVER_INTERNAL
            assert site.accepted == 1
    assert WORD not in program.text()


async def test_a_perspective_does_not_go_where_its_own_settings_do_not_let_it(
    certificate: Path, transport: HttpTransport
) -> None:
    with Peer(answering(page())) as site:
        with started(certificate, "--http-port", str(site.port)) as (_, url):
            ours = Perspectives([Remote("here", url, Secret(WORD))], transport)
            with pytest.raises(Problem) as raised:
                await ours.confirm_claim(claim("http-01", "127.0.0.1"))
        assert raised.value.type is ProblemType.CONNECTION
        assert site.accepted == 0


async def test_a_perspective_sees_for_who_has_the_certificate(certificate: Path) -> None:
    chain, key = client_certificate()
    (certificate / "client.pem").write_text(chain + key.text())
    (certificate / "clients.pem").write_text(chain)
    pinned = hashlib.sha256(ssl.PEM_cert_to_DER_cert(chain)).hexdigest()
    options = ["--client-roots", f"{certificate}/clients.pem", "--client", pinned, "--allow", "127.0.0.0/8"]
    known = HttpSettings(roots=certificate / "chain.pem", identity=certificate / "client.pem")
    unknown = HttpSettings(roots=certificate / "chain.pem")
    with Peer(answering(page())) as site, started(certificate, *options, "--http-port", str(site.port)) as (_, url):
        for settings in (known, unknown):
            transport = HttpTransport(settings, SystemClock())
            asking = Perspectives([Remote("here", url)], transport).confirm_claim(claim("http-01", "127.0.0.1"))
            try:
                if settings is known:
                    await asking
                else:
                    with pytest.raises(Problem):
                        await asking
            finally:
                await transport.close()
        assert site.accepted == 1


def test_a_client_certificate_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "client.pem").write_text("no certificate")
    with pytest.raises(EvercertError) as raised:
        trust(HttpSettings(identity=tmp_path / "client.pem"))
    assert raised.value.code.name == "bad-input"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "nobody could ask"),
        (["--token", "word"], "by reference"),
        (["--client", "00"], "wants --client-roots"),
        (["--token", "env:WORD", "--key", "env:WORD"], "go together"),
        (["--token", "env:WORD", "--allow", "ten"], "no block"),
        (["--token", "env:WORD", "--resolver", "ns.example"], "not the address"),
        (["--token", "env:WORD", "--listen", "9443"], "ADDRESS:PORT"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: list[str], said: str) -> None:
    argv = [installed("evercert", "run `make setup`"), "ca", "perspective", "--listen", "127.0.0.1:0", *options]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, env={**os.environ, "WORD": "word"})
    assert done.returncode == 2
    assert said in done.stderr
