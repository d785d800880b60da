"""The admin API of a served CA: over its own TLS, with a token, and with a certificate that the CA has given."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

from evercert.acme.client import AsyncClient
from evercert.acme.jose import ExternalAccount
from evercert.base.clock import SystemClock
from evercert.base.names import parse_identifiers
from evercert.base.secret import Secret
from evercert.net.http import HttpSettings, HttpTransport
from evercert.pki.cert import certificate_pem
from evercert.pki.csr import build_csr
from evercert.pki.keys import KeyType, generate
from tests.peers.evercert_ca import PROGRAM, EvercertCa
from tests.peers.ports import free_port

ADMIN = """
[admin]
listen = ["127.0.0.1:{port}"]
clients = [{{ name = "ops.corp.test", profile = "mtls", role = "operate" }}]
"""


async def test_a_served_admin_api_knows_tokens_and_certificates(tmp_path: Path) -> None:
    port = free_port()
    with EvercertCa(tmp_path / "ca", settings=ADMIN.format(port=port)) as ca:
        context = ssl.create_default_context(cafile=str(ca.root_file))
        assert asked(port, context)[0] == 401
        token = run(ca, "admin", "token", "add", "alice")["token"]
        status, told = asked(port, context, token)
        assert (status, {each["name"] for each in told["items"]} >= {"mtls"}) == (200, True)
        for name, expected in (("ops.corp.test", 200), ("www.corp.test", 401)):
            identity = await certified(ca, name, tmp_path / f"{name}.pem")
            mutual = ssl.create_default_context(cafile=str(ca.root_file))
            mutual.load_cert_chain(identity)
            assert asked(port, mutual)[0] == expected
    assert token not in ca.program.text()


def asked(port: int, context: ssl.SSLContext, token: str = "") -> tuple[int, Any]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    with closing(http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)) as connection:
        connection.request("GET", "/v1/profiles", headers=headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())


def run(ca: EvercertCa, *words: str) -> Any:
    argv: list[str | Path] = [PROGRAM, "ca", *words, "--dir", ca.folder, "--json"]
    return json.loads(subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout)


async def certified(ca: EvercertCa, name: str, file: Path) -> Path:
    """A file with a certificate for that name and its key, given by the CA to a key that authorizes."""
    out = run(ca, "eab", "add", "--name", ".corp.test", "--authorize")
    external = ExternalAccount(out["kid"], Secret(out["hmac_key"]))
    key, names, clock = generate(KeyType.EC256), parse_identifiers([name]), SystemClock()
    transport = HttpTransport(HttpSettings(roots=ca.root_file, use_system_roots=False), clock)
    client = AsyncClient(ca.directory, generate(KeyType.EC256), transport, clock)
    try:
        await client.new_account([], terms_agreed=True, eab=external)
        order = await client.finalize(await client.new_order(names, profile="mtls"), build_csr(key, names), 30)
        chain = (await client.chains(order))[0]
    finally:
        await transport.close()
    file.write_text("".join(map(certificate_pem, chain)) + key.to_pem().text())
    return file
