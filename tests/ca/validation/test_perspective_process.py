"""`evercert ca perspective` as a process, asked by a CA over TLS."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evercert.acme.problem import Problem, ProblemType
from evercert.base.clock import SystemClock
from evercert.base.names import parse_identifiers
from evercert.base.secret import Secret
from evercert.ca.validation.perspectives import Perspectives, Remote
from evercert.net.http import HttpSettings, HttpTransport
from evercert.pki.cert import self_signed_server
from tests.ca.incidents.given import answering, names, page
from tests.ca.validation.given import claim
from tests.fakes.dns_server import DnsServer
from tests.fakes.peer import Peer
from tests.peers.ports import free_port
from tests.peers.program import Program, installed

WORD = "a word between us"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    chain, key = self_signed_server(parse_identifiers(["127.0.0.1"]), datetime.now(UTC) - timedelta(hours=1))
    (tmp_path / "chain.pem").write_text(chain)
    (tmp_path / "key.pem").write_bytes(key.reveal())
    (tmp_path / "word").write_text(f"{WORD}\n")
    for name in ("key.pem", "word"):
        (tmp_path / name).chmod(0o600)
    return tmp_path


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
