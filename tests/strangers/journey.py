"""The journey of one client through a CA, and what is looked at on the way."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from tests.peers.program import installed
from tests.strangers.ca import CaUnderTest
from tests.strangers.client import DNS, Client

__all__ = ["VERBS", "leaf_of", "names_for", "travel"]

VERBS = ("obtain", "renew", "revoke")


def travel(client: Client) -> list[str]:
    """What the client could do, of VERBS; a failure where it could not do what it can."""
    names = names_for(client)
    leaf = leaf_of(client.ca, client.obtain(names), names)
    able = ["obtain", *(verb for verb in VERBS[1:] if verb not in client.unable)]
    if "renew" in able:
        renewed = leaf_of(client.ca, client.renew(), names)
        assert renewed.serial_number != leaf.serial_number, "the renewal brought the same certificate"
        leaf = renewed
    if "revoke" in able:
        assert not client.ca.is_revoked(leaf)
        client.revoke()
        assert client.ca.is_revoked(leaf)
    return able


def names_for(client: Client) -> list[str]:
    """Two names that nobody else asks for: with DNS, one and everything below it, which both want the same record."""
    apex = f"{type(client).__name__}-{client.wish.challenge}.example.test".lower()
    if client.one_name:
        return [apex]
    return [apex, f"*.{apex}" if client.wish.challenge == DNS else f"www.{apex}"]


def leaf_of(ca: CaUnderTest, chain: Path, names: Sequence[str]) -> x509.Certificate:
    """The leaf of a chain that OpenSSL takes, strictly, for a server of exactly these names under the CA's roots."""
    verify = [installed("openssl", "run `make peers`"), "verify", "-x509_strict", "-purpose", "sslserver"]
    judged = subprocess.run(
        [*verify, "-CAfile", ca.roots, "-untrusted", chain, chain], capture_output=True, text=True, timeout=20
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
    leaf = x509.load_pem_x509_certificates(chain.read_bytes())[0]
    shown = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(str(name.value) for name in shown) == sorted(names)
    return leaf
