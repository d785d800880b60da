"""pkilint over whatever a CA of the tests makes: each certificate, CRL and OCSP response of a shape that was not seen
before in this process. So no test can make an unclean one and not notice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.x509 import ocsp

from evercert.base.serving import Answer, Asked
from evercert.ca.issuing.issuers import Issuer
from evercert.ca.node.site import Site
from evercert.ca.profiles.profile import Profile

__all__ = ["Linted", "LintedSite"]

_seen: set[tuple[object, ...]] = set()


class Linted:
    """Keeps the contract of `profiles.gate.Sample`, and takes all of them. Raises `AssertionError` from the issuance of
    whatever is unclean; `found` keeps it for a test that does not look."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def take(self, certificate: bytes, issuer: Issuer, profile: Profile) -> None:
        from tests.pki.linting import assert_clean

        shape = ("certificate", issuer.signer.certificate, *certificate_shape(certificate))
        if profile.lint and shape not in _seen:
            _seen.add(shape)
            self._told(lambda: assert_clean(certificate, issuer.signer.certificate))

    def answered(self, kind: str, body: bytes) -> None:
        """An answer of that content type."""
        from tests.pki.linting import assert_crl_clean, assert_ocsp_clean

        look: Any = {"application/pkix-crl": assert_crl_clean, "application/ocsp-response": assert_ocsp_clean}.get(kind)
        shape = (kind, *(crl_shape if look is assert_crl_clean else ocsp_shape)(body)) if look else ()
        if shape and shape not in _seen:
            _seen.add(shape)
            self._told(lambda: look(body))

    async def drain(self) -> None: ...

    def _told(self, look: Any) -> None:
        try:
            look()
        except AssertionError as error:
            self.found.append(str(error))
            raise


@dataclass
class LintedSite(Site):
    """The same site, whose lists and answers about status are looked at."""

    def __init__(self, site: Site, linted: Linted) -> None:
        super().__init__(site.parts)
        self._linted = linted

    async def __call__(self, asked: Asked) -> Answer:
        answer = await super().__call__(asked)
        if answer.status == 200 and answer.body:
            self._linted.answered(dict(answer.headers).get("content-type", ""), answer.body)
        return answer


def certificate_shape(der: bytes) -> Iterator[object]:
    """What a linter looks at, but for the values that differ from one certificate to the next."""
    found = x509.load_der_x509_certificate(der)
    yield found.signature_algorithm_oid.dotted_string
    yield found.public_key_algorithm_oid.dotted_string
    yield tuple(each.oid.dotted_string for each in found.subject)
    yield (found.not_valid_after_utc - found.not_valid_before_utc).days
    yield len(f"{found.serial_number:x}") // 2
    yield from _extensions(found.extensions)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    yield tuple(sorted({_kind(each) for each in names}))


def _kind(name: x509.GeneralName) -> str:
    """A name's type, and of a DNS name what makes one different from another to a linter."""
    wildcard = isinstance(name, x509.DNSName) and name.value.startswith("*.")
    labels = min(name.value.count("."), 2) if isinstance(name, x509.DNSName) else 0
    return f"{type(name).__name__} {wildcard} {labels}"


def _extensions(extensions: x509.Extensions) -> Iterator[object]:
    for each in extensions:
        usages = each.value if isinstance(each.value, x509.ExtendedKeyUsage | x509.KeyUsage) else ""
        yield each.oid.dotted_string, each.critical, str(usages)


def crl_shape(der: bytes) -> Iterator[object]:
    found = x509.load_der_x509_crl(der)
    yield found.issuer.rfc4514_string()
    yield from _extensions(found.extensions)
    yield min(len(found), 2)
    yield tuple(sorted({each.oid.dotted_string for entry in list(found)[:50] for each in entry.extensions}))


def ocsp_shape(der: bytes) -> Iterator[object]:
    found = ocsp.load_der_ocsp_response(der)
    yield found.response_status
    if found.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL:
        yield found.certificate_status, found.signature_algorithm_oid.dotted_string, len(found.certificates)
        yield from _extensions(found.extensions)
