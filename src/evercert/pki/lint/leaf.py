"""The lint of a leaf: all checks, each with the code that logs and alerts call it by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from evercert.pki.lint import extensions, fields, names
from evercert.pki.lint.seen import Seen, look
from evercert.pki.signer import Signer
from evercert.pki.unreadable import UNREADABLE

__all__ = ["CHECKS", "Finding", "lint_leaf"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong: a code of `CHECKS`, or "unreadable", and a clause for people."""

    code: str
    detail: str


CHECKS: Final[dict[str, Callable[[Seen], Iterator[str]]]] = {
    "size": fields.size,
    "serial": fields.serial,
    "algorithm": fields.algorithm,
    "issuer": fields.issuer,
    "validity": fields.validity,
    "subject": fields.subject,
    "key": fields.key,
    "names": names.names,
    "name-constraints": names.constraints,
    "extensions": extensions.kinds,
    "basic-constraints": extensions.constraints,
    "key-usage": extensions.usage,
    "extended-key-usage": extensions.extended_usage,
    "key-identifiers": extensions.identifiers,
    "pointers": extensions.pointers,
}


def lint_leaf(tbs: bytes, signer: Signer) -> list[Finding]:
    """Everything that is wrong with the TBSCertificate that `issuing.to_be_signed` made for *signer*; none if it may be
    signed. Never raises for what *tbs* is."""
    try:
        seen = look(tbs, signer)
    except x509.DuplicateExtension:
        return [Finding("extensions", "an extension stands there twice")]  # RFC 5280 §4.2
    except UNREADABLE:
        return [Finding("unreadable", "it cannot be read back")]
    return [Finding(code, detail) for code, check in CHECKS.items() for detail in check(seen)]
