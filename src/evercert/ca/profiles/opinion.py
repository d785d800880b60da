"""What pkilint, a stranger's linter, says of a certificate. It takes tens of milliseconds: it is asked beside the loop.

It comes with the extra `ca` and is imported when it is first asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Any, Final

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.ca.profiles.profile import Lint

__all__ = ["opinion"]

# What it says and is not so. It asks a library about URLs of the web that has never heard of SPIFFE's scheme, which
# X.509-SVID §2 demands (RFC 3986 §3.1 leaves schemes open); and its rules of RFC 5280 know no wildcards, which are
# those of RFC 9525 §6.3.
_NOT_SO: Final = re.compile(
    r'pkix\.invalid_uri_syntax: Invalid URI syntax: "spiffe://[^"]*"'
    r'|pkix\.invalid_domain_name_syntax: Invalid domain name syntax: "\*(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+"'
)


def opinion(certificate: bytes, issuer: bytes, lints: Iterable[Lint], *, signed: bool = True) -> tuple[str, ...]:
    """What is wrong with the certificate (DER), alone and below its *issuer*: each finding of ERROR or worse, in words.
    Unless it is *signed*, its signature is not looked at. Raises `bad-input` where pkilint is not installed."""
    wanted = set(lints)
    results: list[Any] = []
    if "pkix" in wanted:
        results += _pkix().validate(_loaded(certificate, "subject").root)
        results += _together(certificate, issuer, signed=signed)
    if "serverauth" in wanted:
        results += _serverauth(certificate)
    return tuple(dict.fromkeys(_said(results)))


def _said(results: Iterable[Any]) -> Iterable[str]:
    worst = _part("validation").ValidationFindingSeverity.ERROR
    for result in results:
        for each in result.finding_descriptions:
            words = f"{each.finding.code}{f': {each.message}' if each.message else ''}"
            if each.finding.severity <= worst and not _NOT_SO.fullmatch(words):
                yield one_line(words)


def _together(certificate: bytes, issuer: bytes, *, signed: bool) -> list[Any]:
    """Names, key identifiers and policies of the two, and the signature."""
    documents: dict[str, Any] = {}
    for name, der in (("issuer", issuer), ("subject", certificate)):
        documents[name] = _loaded(der, name, documents)
    decoding, above, below = _chain()
    results = [*decoding.validate(documents["issuer"].root), *decoding.validate(documents["subject"].root)]
    results += above.validate(documents["issuer"].root)
    return results + (below.validate(documents["subject"].root) if signed else [])


def _serverauth(certificate: bytes) -> list[Any]:
    """The CA/Browser Forum's rules, without what they put in the place of RFC 5280's."""
    serverauth, document = _part("cabf.serverauth"), _loaded(certificate, "subject")
    kind = serverauth.determine_certificate_type(document)
    validator = _part("pkix.certificate").create_pkix_certificate_validator_container(
        serverauth.create_decoding_validators(), serverauth.create_validators(kind)
    )
    filters = serverauth.create_serverauth_finding_filters(kind)
    results, _ = _part("finding_filter").filter_results(filters, validator.validate(document.root))
    return list(results)


def _loaded(der: bytes, name: str, documents: dict[str, Any] | None = None) -> Any:
    try:
        return _part("loader").RFC5280CertificateDocumentLoader().load_der_document(der, name, name, documents)
    except ValueError as error:
        raise EvercertError("bad-certificate", "pkilint cannot read the certificate") from error


@cache
def _pkix() -> Any:
    certificate, name, extension = _part("pkix.certificate"), _part("pkix.name"), _part("pkix.extension")
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
def _chain() -> tuple[Any, Any, Any]:
    chain = _part("bin.lint_pkix_signer_signee_cert_chain")
    return (
        chain.create_decoder_validation_container(),
        chain.create_issuer_validation_container(),
        chain.create_subject_validation_container(),
    )


def _part(name: str) -> Any:
    try:
        return import_module(f"pkilint.{name}")
    except ModuleNotFoundError as error:
        raise EvercertError(
            "bad-input",
            "pkilint is not installed, and no profile signs before it was asked",
            hint="pip install 'evercert[ca]'",
        ) from error
