"""Things that store tests begin with, each made by the store's own functions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from evercert.base.names import parse_identifiers
from evercert.db.protocol import Database
from evercert.model.fact import Account, Deployment, DeployStatus, Failure, Issuance, IssuedCertificate, Presented
from evercert.model.intent import CertificateIntent, TargetSpec
from evercert.pki.cert import CertificateView
from evercert.pki.keys import KeyType, PrivateKey, generate
from evercert.pki.seal import Sealer, new_master_key
from evercert.store import accounts, certificates, issuances, keys, leases, presented

CA = "https://ca.test/directory"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

SEALER = Sealer(new_master_key())
KEY: PrivateKey = generate(KeyType.ED25519)


def intent(name: str = "www", **changes: Any) -> CertificateIntent:
    plain = CertificateIntent(
        name=name,
        identifiers=parse_identifiers((f"{name}.example.test", "example.test")),
        ca=CA,
        targets=(TargetSpec("nginx"), TargetSpec("files", {"dir": "/srv/tls"})),
    )
    return msgspec.structs.replace(plain, **changes)


def view(number: int, *, not_before: datetime = NOW, lifetime: timedelta = 90 * DAY) -> CertificateView:
    """What a certificate of that serial says. The bytes are never looked at here."""
    return CertificateView(
        der=leaf(number),
        serial=f"{number:032x}",
        not_before=not_before,
        not_after=not_before + lifetime,
        identifiers=intent().identifiers,
        issuer="Test CA E1",
        subject="",
        spki=b"spki",
        fingerprint=f"{number:064x}",
        aki=b"aki",
        ari_id=f"aki.{number}",
        is_ca=False,
    )


def leaf(number: int) -> bytes:
    return b"leaf %d" % number


def chain(number: int) -> tuple[bytes, ...]:
    return leaf(number), b"issuer", b"root"


async def account(db: Database, name: str = "default") -> Account:
    """A registered account; the same one for the same name."""
    if found := await accounts.find(db, CA, name):
        return found
    key_id = await keys.add(db, SEALER, KEY, "account", NOW)
    added = await accounts.add(db, CA, name, key_id, now=NOW)
    return await accounts.registered(db, added, f"https://ca.test/account/{added.id}", (), now=NOW)


async def declared(db: Database, name: str = "www", **changes: Any) -> CertificateIntent:
    wanted = intent(name, **changes)
    await certificates.declare(db, wanted, NOW)
    return wanted


async def begun(db: Database, name: str = "www") -> Issuance:
    """A new issuance of a certificate that is declared if it was not."""
    if await certificates.fact(db, name) is None:
        await declared(db, name)
    return await issuances.begin(db, name, (await account(db)).id, None, b"csr", now=NOW)


async def ordered(db: Database, name: str = "www") -> Issuance:
    placing = await issuances.placing(db, await begun(db, name))
    return await issuances.ordered(
        db, placing, f"https://ca.test/order/{placing.id}", ca="https://ca.test", adopted=False, now=NOW
    )


async def issued(db: Database, name: str = "www", number: int = 1, now: datetime = NOW) -> IssuedCertificate:
    return await issuances.issued(db, await ordered(db, name), chain(number), view(number, not_before=now), now=now)


async def left_over(db: Database, certificate: str) -> list[Presented]:
    """What may still stand outside, oldest first."""
    return [presented.from_row(row) for row in await db.rows(presented.of_certificate(certificate))]


async def claimed(db: Database, now: datetime = NOW) -> list[leases.Lease]:
    """All that is due, claimed by somebody."""
    return await leases.claim_due(db, "somebody", now, now + timedelta(minutes=1), 10_000)


def item(issuance: Issuance, label: str = "a") -> Presented:
    """A challenge answer that has no number yet."""
    return Presented(
        id=0,
        issuance_id=issuance.id,
        identifier_type="dns",
        identifier=f"{label}.example.test",
        challenge_type="dns-01",
        challenge_url=f"https://ca.test/challenge/{label}",
        token=f"token-{label}",
        solver="rfc2136",
        options={"server": "192.0.2.1", "key": "file:/etc/tsig"},
        place=f"_acme-challenge.{label}.example.test",
        content="digest",
    )


def deployment(certificate: IssuedCertificate, status: DeployStatus, target: str = "nginx") -> Deployment:
    failed = status is DeployStatus.FAILED
    return Deployment(
        certificate=certificate.certificate,
        target=target,
        issued_id=certificate.id,
        status=status,
        changed_at=NOW,
        failures=int(failed),
        retry_at=NOW + HOUR if failed else None,
        failure=Failure("deploy", "nginx -t failed", NOW, "look at it") if failed else None,
        detail="127.0.0.1:443",
    )
