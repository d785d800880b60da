"""OpenSSL's opinion: it verifies by our lists and asks our responder, over plain http, as it would any CA's."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from evercert.base.clock import SystemClock
from evercert.ca.issuing.issuers import Issuers
from evercert.ca.node.site import Site
from evercert.ca.nouns import Certificate
from evercert.ca.status.places import path_of
from evercert.ca.status.rules import StatusRules
from evercert.ca.store.crls import ListKey
from evercert.db.protocol import Database
from evercert.net.serve import HttpServer, Limits
from evercert.pki.cert import certificate_pem
from evercert.pki.keys import KeyType
from tests.ca.status.given import DAY, HOUR, ONE, Registry, issuer, registry
from tests.pki.hierarchies import hierarchy


@asynccontextmanager
async def served(its: Registry) -> AsyncIterator[str]:
    """Its status on a port of loopback: `host:port`."""
    # A client that is a program takes real time, which a fake clock does not wait for: it would be overdue.
    server = HttpServer(Site(its.parts.applications), tls=None, limits=Limits(), clock=SystemClock())
    port = await server.start(["127.0.0.1"], 0)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.close(1.0)


async def openssl(its: Registry, folder: Path, *argv: str, fails: bool = False) -> str:
    """What it says, in a folder where the certificates are; its clock is ours."""
    at = str(int(its.clock.now().timestamp()))
    command = [word if word != "NOW" else at for word in ("openssl", *argv)]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done.stdout + done.stderr


async def put(its: Registry, folder: Path, **made: Certificate) -> None:
    for name, signer in (("root", hierarchy(name=ONE).root), ("issuing", its.issuers.named(ONE).signer)):
        (folder / name).write_text(certificate_pem(signer.certificate))
    (folder / "chain").write_text((folder / "root").read_text() + (folder / "issuing").read_text())
    for name, each in made.items():
        (folder / name).write_text(certificate_pem(await its.der(each)))


async def fetched(its: Registry, folder: Path, *keys: ListKey) -> list[str]:
    """The lists as PEM, and the options by which OpenSSL reads them."""
    options: list[str] = []
    for number, key in enumerate(keys):
        found = x509.load_der_x509_crl((await its.get(path_of(key))).body)
        (folder / f"crl{number}").write_bytes(found.public_bytes(Encoding.PEM))
        options += ["-CRLfile", f"crl{number}"]
    return options


async def test_it_reads_a_list_and_finds_it_signed(one_db: Database, tmp_path: Path) -> None:
    its = registry(one_db)
    gone = await its.revoked(reason=4)
    await its.maker.look()
    await put(its, tmp_path)
    await fetched(its, tmp_path, ListKey(ONE))
    said = await openssl(its, tmp_path, "crl", "-in", "crl0", "-CAfile", "issuing", "-noout", "-text")
    assert "verify OK" in said
    assert gone.serial.upper() in said
    assert "Superseded" in said


async def test_it_verifies_by_the_whole_list(one_db: Database, tmp_path: Path) -> None:
    its = registry(one_db)
    gone, good = await its.revoked(), await its.issued()
    await its.maker.look()
    await put(its, tmp_path, gone=gone, good=good)
    options = await fetched(its, tmp_path, ListKey(ONE))
    check = ("verify", "-attime", "NOW", "-crl_check", "-CAfile", "chain", *options)
    assert "good: OK" in await openssl(its, tmp_path, *check, "good")
    assert "certificate revoked" in await openssl(its, tmp_path, *check, "gone", fails=True)


async def test_it_takes_the_part_that_the_certificate_points_to_and_no_other(one_db: Database, tmp_path: Path) -> None:
    its = registry(one_db, rules=StatusRules(partitions=2))
    gone, good = await its.revoked(), await its.issued()
    while good.crl_partition != gone.crl_partition:
        good = await its.issued()
    await its.maker.look()
    await put(its, tmp_path, gone=gone, good=good)
    own = await fetched(its, tmp_path, ListKey(ONE, gone.crl_partition))
    check = ("verify", "-attime", "NOW", "-crl_check", "-extended_crl", "-CAfile", "chain")
    assert "good: OK" in await openssl(its, tmp_path, *check, *own, "good")
    assert "certificate revoked" in await openssl(its, tmp_path, *check, *own, "gone", fails=True)
    other = await fetched(its, tmp_path, ListKey(ONE, 3 - gone.crl_partition))
    assert "different CRL scope" in await openssl(its, tmp_path, *check, *other, "good", fails=True)


async def test_it_puts_a_delta_onto_a_list_of_before(one_db: Database, tmp_path: Path) -> None:
    its = registry(one_db, rules=StatusRules(delta_every=HOUR, crl_life=2 * DAY))
    await its.maker.look()
    await put(its, tmp_path)
    old = await fetched(its, tmp_path, ListKey(ONE))
    its.clock.advance(12 * HOUR)
    await its.maker.look()  # another whole list, which this client does not fetch
    its.clock.advance(2 * HOUR)
    gone, good = await its.revoked(), await its.issued()
    await its.maker.look()
    await put(its, tmp_path, gone=gone, good=good)
    (tmp_path / "old").write_bytes((tmp_path / "crl0").read_bytes())
    delta = await fetched(its, tmp_path, ListKey(ONE, delta=True))
    check = ("verify", "-attime", "NOW", "-crl_check", "-extended_crl", "-CAfile", "chain", "-CRLfile", "old", *delta)
    assert old
    assert "good: OK" in await openssl(its, tmp_path, *check, "-use_deltas", "good")
    assert "certificate revoked" in await openssl(its, tmp_path, *check, "-use_deltas", "gone", fails=True)


@pytest.mark.parametrize("key_type", [KeyType.EC256, KeyType.EC384, KeyType.RSA2048], ids=lambda each: each.value)
@pytest.mark.parametrize("digest", ["-sha1", "-sha256"])
async def test_it_asks_the_responder_and_believes(
    one_db: Database, tmp_path: Path, key_type: KeyType, digest: str
) -> None:
    slow = key_type is not KeyType.EC256
    its = registry(one_db, Issuers([issuer(key_type=key_type, wants_thread=slow)]))
    gone, good = await its.revoked(reason=1), await its.issued()
    await put(its, tmp_path, gone=gone, good=good)
    (tmp_path / "root").write_text(certificate_pem(hierarchy(key_type, ONE).root.certificate))
    asked = ["-issuer", "issuing", digest, "-cert", "gone", digest, "-cert", "good"]
    trust = ["-CAfile", "root", "-verify_other", "issuing", "-attime", "NOW", "-validity_period", str(10**9)]
    async with served(its) as place:
        said = await openssl(its, tmp_path, "ocsp", *asked, *trust, "-url", f"http://{place}/ocsp")
    assert "Response verify OK" in said
    assert "WARNING: no nonce" not in said
    assert "gone: revoked" in said
    assert "Reason: keyCompromise" in said
    assert "good: good" in said
