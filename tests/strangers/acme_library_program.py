"""Obtain and revoke one certificate with the `acme` library; run by the Python of its own environment.

program.py obtain HOME DIRECTORY TRUST CHALLENGE TXT PROFILE KEY_ID MAC_KEY NAME...
program.py revoke HOME DIRECTORY TRUST
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import josepy as jose
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from acme import challenges, client, crypto_util, errors, messages, standalone

_KINDS = {"http-01": challenges.HTTP01, "dns-01": challenges.DNS01}


def obtain(home: Path, acme: client.ClientV2, kind: str, txt: str, profile: str, names: Sequence[str]) -> None:
    """The chain is in HOME when this returns."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    order = acme.new_order(_request(pem, names), profile or None)
    wanted = [
        (authorization.body.identifier.value, body)
        for authorization in order.authorizations
        for body in authorization.body.challenges
        if isinstance(body.chall, _KINDS[kind])
    ]
    with _presented(acme.net.key, kind, txt, wanted):
        for _, body in wanted:
            acme.answer_challenge(body, body.response(acme.net.key))
        (home / "it.pem").write_text(acme.poll_and_finalize(order).fullchain_pem)


def _request(key: bytes, names: Sequence[str]) -> bytes:
    addresses = [ip_address(name) for name in names if name.replace(".", "").isdigit()]
    return crypto_util.make_csr(key, [name for name in names if name not in map(str, addresses)], ipaddrs=addresses)


@contextmanager
def _presented(
    key: jose.JWK, kind: str, txt: str, wanted: Sequence[tuple[str, messages.ChallengeBody]]
) -> Iterator[None]:
    if kind == "dns-01":
        records = [[name, body.chall.validation(key)] for name, body in wanted]
        for record in records:
            subprocess.run([txt, "add", *record], check=True)
        yield
        for record in records:
            subprocess.run([txt, "delete", *record], check=True)
        return
    resources = {
        standalone.HTTP01RequestHandler.HTTP01Resource(
            chall=body.chall, response=body.response(key), validation=body.chall.validation(key)
        )
        for _, body in wanted
    }
    server = standalone.HTTP01Server(("127.0.0.1", 80), resources)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield
    server.shutdown()
    server.server_close()


def revoke(home: Path, acme: client.ClientV2) -> None:
    acme.revoke(x509.load_pem_x509_certificate((home / "it.pem").read_bytes()), 4)


def account_key(home: Path) -> jose.JWKRSA:
    file = home / "account.json"
    if not file.exists():
        file.touch(0o600)
        file.write_text(jose.JWKRSA(key=rsa.generate_private_key(65537, 2048)).json_dumps())
    return jose.JWKRSA.json_loads(file.read_text())


def connected(home: Path, directory: str, trust: str, key_id: str = "", mac_key: str = "") -> client.ClientV2:
    """A client of the account whose key is in HOME, made where the CA does not know it."""
    network = client.ClientNetwork(account_key(home), verify_ssl=trust)
    acme = client.ClientV2(client.ClientV2.get_directory(directory, network), network)
    binding = {}
    if key_id:
        account = messages.ExternalAccountBinding.from_data(
            network.key.public_key(), key_id, mac_key, acme.directory, "HS256"
        )
        binding = {"external_account_binding": account}
    wish = messages.NewRegistration.from_data(email="stranger@example.test", terms_of_service_agreed=True, **binding)
    _join(acme, wish)
    return acme


def _join(acme: client.ClientV2, wish: messages.NewRegistration) -> None:
    try:
        acme.new_account(wish)
    except errors.ConflictError as known:
        acme.net.account = messages.RegistrationResource(uri=known.location, body=messages.Registration())


def main(verb: str, home: str, directory: str, trust: str, *more: str) -> None:
    if verb == "revoke":
        revoke(Path(home), connected(Path(home), directory, trust))
        return
    kind, txt, profile, key_id, mac_key, *names = more
    obtain(Path(home), connected(Path(home), directory, trust, key_id, mac_key), kind, txt, profile, names)


if __name__ == "__main__":
    main(*sys.argv[1:])
