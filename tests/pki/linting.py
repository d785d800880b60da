"""pkilint in the process: a stranger's opinion on every certificate, CRL and OCSP response that we make."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from pkilint import loader, pkix
from pkilint.bin import lint_pkix_signer_signee_cert_chain as chain_lint
from pkilint.pkix import certificate, crl, extension, name, ocsp
from pkilint.validation import ValidationFindingSeverity

__all__ = ["assert_clean", "assert_crl_clean", "assert_ocsp_clean", "findings_of"]


# Where pkilint is mistaken, because it asks a library that knows the public web alone. Names of one label are names
# (RFC 1034 §3.5), in a certificate and in a URL; a wildcard is what RFC 9525 §6.3 says; RFC 3986 §3.1 leaves schemes
# open, and SPIFFE's X.509-SVID §2 demands this one.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_MISTAKEN = re.compile(
    rf'pkix\.invalid_domain_name_syntax Invalid domain name syntax: "(?:\*\.)?(?:{_LABEL}\.)*{_LABEL}"'
    rf'|pkix\.invalid_uri_syntax Invalid URI syntax: "(?:spiffe://[^" ]+|https?://{_LABEL}(?::\d+)?(?:/[^" ]*)?)"'
)


def assert_clean(der: bytes, issuer: bytes) -> None:
    """No finding of ERROR or worse about the certificate, and none about the two together."""
    assert findings_of(der) == []
    documents: dict[str, Any] = {}
    load = loader.RFC5280CertificateDocumentLoader().load_der_document
    documents["issuer"] = load(issuer, "issuer", "issuer", documents)
    documents["subject"] = load(der, "subject", "subject", documents)
    decoding, above, below = _chain_lints()
    results = [decoding.validate(each.root) for each in documents.values()]
    results += [above.validate(documents["issuer"].root), below.validate(documents["subject"].root)]
    assert _errors(result for part in results for result in part) == []


def assert_crl_clean(der: bytes) -> None:
    document = loader.RFC5280CertificateListDocumentLoader().load_der_document(der, "crl")
    assert _errors(_crl_lint().validate(document.root)) == []


def assert_ocsp_clean(der: bytes) -> None:
    document = loader.RFC6960OCSPResponseDocumentLoader().load_der_document(der, "response")
    assert _errors(_ocsp_lint().validate(document.root)) == []


def findings_of(der: bytes) -> list[str]:
    """The codes of the findings of ERROR or worse about a certificate."""
    document = loader.RFC5280CertificateDocumentLoader().load_der_document(der, "certificate")
    return _errors(_certificate_lint().validate(document.root))


def _errors(results: Iterable[Any]) -> list[str]:
    found = [
        f"{result.node.path}: {each.finding.code} {each.message or ''}"
        for result in results
        for each in result.finding_descriptions
        if each.finding.severity <= ValidationFindingSeverity.ERROR
    ]
    return [each for each in found if not _MISTAKEN.search(each)]


def _decoders() -> list[Any]:
    return [
        pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
        pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
    ]


@cache
def _certificate_lint() -> Any:
    return certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )


@cache
def _chain_lints() -> tuple[Any, Any, Any]:
    return (
        chain_lint.create_decoder_validation_container(),
        chain_lint.create_issuer_validation_container(),
        chain_lint.create_subject_validation_container(),
    )


@cache
def _crl_lint() -> Any:
    parts = [
        crl.create_issuer_validator_container([]),
        crl.create_validity_validator_container([]),
        crl.create_extensions_validator_container([]),
    ]
    return crl.create_pkix_crl_validator_container(_decoders(), parts)


@cache
def _ocsp_lint() -> Any:
    return ocsp.create_pkix_ocsp_response_validator_container([ocsp.create_response_decoder(), *_decoders()], [])
