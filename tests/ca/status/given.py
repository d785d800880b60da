"""What the tests of status begin with: issuers, a store, and the parts that tell of it, with a clock that stands still
until somebody moves it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any

from cryptography import x509

from evercert.base.serving import Answer, Asked
from evercert.ca.issuing.issuers import Issuer, Issuers
from evercert.ca.links import PublicLinks
from evercert.ca.nouns import Certificate
from evercert.ca.profiles.profile import BUILT_IN
from evercert.ca.revoking import Revoking
from evercert.ca.status.due import due_lists
from evercert.ca.status.making import ListMaker
from evercert.ca.status.places import path_of
from evercert.ca.status.rules import StatusRules
from evercert.ca.status.wiring import StatusParts, status_parts
from evercert.ca.store import audit, certificates, crls
from evercert.ca.store.crls import ListKey, PublishedList
from evercert.db.protocol import Database
from evercert.pki.issuing import new_serial, sign
from evercert.pki.keys import KeyType
from tests.fakes.clock import FakeClock
from tests.pki.hierarchies import NOW, hierarchy, key_of, leaf_of
from tests.pki.linting import assert_crl_clean

BASE = "http://ca.test"
ONE, TWO = "one", "two"
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def issuer(name: str = ONE, key_type: KeyType = KeyType.EC256, **more: bool) -> Issuer:
    made = hierarchy(key_type, name)
    return Issuer(name, made.issuing, ((made.issuing.certificate,),), **more)


@dataclass
class Registry:
    """A CA's status, without the rest of it."""

    db: Database
    clock: FakeClock
    rules: StatusRules
    issuers: Issuers
    parts: StatusParts
    rng: Random

    @property
    def maker(self) -> ListMaker:
        return self.parts.maker

    async def issued(self, name: str = ONE, *, life: timedelta = 90 * DAY) -> Certificate:
        """A certificate as the CA would have issued it, with its links."""
        found, key, now = self.issuers.named(name), key_of(KeyType.EC256), self.clock.now()
        links, serial = PublicLinks(BASE, self.rules), new_serial(self.rng)
        pointers = links.leaf_links(found, BUILT_IN["default"], serial)
        leaf = leaf_of(key, serial=serial, not_before=now - HOUR, not_after=now + life, **pointers)
        record = Certificate(
            serial=f"{serial:x}",
            account_id=1,
            order_id=1,
            issuer=name,
            profile="default",
            identifiers=leaf.identifiers,
            not_before=leaf.not_before,
            not_after=leaf.not_after,
            issued_at=now,
            key_digest=sha256(key.spki).hexdigest(),
            crl_partition=links.crl_partition(serial),
        )
        der = sign(leaf, found.signer)
        await self.db.write(*certificates.added(record, der), audit.appended("issued", {}, now))
        return record

    async def revoke(self, certificate: Certificate, reason: int = 1) -> None:
        await Revoking(self.db, self.clock).revoke(certificate, reason, "test")

    async def revoked(self, name: str = ONE, *, life: timedelta = 90 * DAY, reason: int = 1) -> Certificate:
        made = await self.issued(name, life=life)
        await self.revoke(made, reason)
        return made

    async def der(self, certificate: Certificate) -> bytes:
        return await certificates.body(self.db, certificate.serial)

    async def newest(self, key: ListKey | None = None) -> PublishedList:
        found = await crls.get(self.db, key or ListKey(ONE))
        assert found is not None
        return found

    async def get(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        application = self.parts.applications[path.split("/")[1]]
        fields = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return await application(Asked(method, path, headers=fields, body=body))

    async def crl(self, key: ListKey | None = None) -> x509.CertificateRevocationList:
        """The list as it is served; nothing to object to, and signed by its issuer."""
        key = key or ListKey(ONE)
        answer = await self.get(path_of(key))
        assert answer.status == 200, answer.body
        assert_crl_clean(answer.body)
        found = x509.load_der_x509_crl(answer.body)
        assert found.is_signature_valid(self.issuers.named(key.issuer).signer.key.crypto.public_key())
        return found

    async def due(self, name: str = ONE) -> list[ListKey]:
        scopes, lists = await crls.of_issuer(self.db, name)
        return due_lists(name, scopes, lists, self.rules, self.clock.now())

    def beside(self, **rules: Any) -> Registry:
        """Another node on the same store, with other rules where they are given."""
        return registry(self.db, self.issuers, replace(self.rules, **rules), clock=self.clock, seed=99)


def registry(
    db: Database,
    issuers: Issuers | None = None,
    rules: StatusRules | None = None,
    *,
    clock: FakeClock | None = None,
    seed: int = 1,
) -> Registry:
    clock, rules, rng = clock or FakeClock(NOW), rules or StatusRules(), Random(seed)
    issuers = issuers or Issuers([issuer()])
    parts = status_parts(db, clock, rng, issuers, rules, BASE)
    return Registry(db, clock, rules, issuers, parts, rng)


def serials(found: x509.CertificateRevocationList) -> set[str]:
    return {f"{each.serial_number:x}" for each in found}


def number(found: x509.CertificateRevocationList) -> int:
    return found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def header(answer: Answer, name: str) -> str:
    return next((value for key, value in answer.headers if key == name), "")


def written(moment: datetime) -> str:
    return f"{moment:%a, %d %b %Y %H:%M:%S} GMT"
