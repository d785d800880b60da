"""The identifiers of a request, as they were sent and as we know them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier, parse_identifier
from evercert.ca.profiles.names import check_names, together
from evercert.ca.profiles.profile import Profile
from evercert.ca.validation.device_attest01 import wanted_device
from evercert.pki.attestation.identifiers import DEVICE_TYPES

__all__ = ["Wanted", "wanted_identifiers"]

_IN_ADDRESSES: Final = frozenset("0123456789abcdefABCDEF:.")


class Wanted(msgspec.Struct, frozen=True, rename="camel"):
    """One identifier (RFC 8555 §7.1.3); `ancestor_domain` is RFC 9444's."""

    type: Annotated[str, msgspec.Meta(max_length=64)]
    value: Annotated[str, msgspec.Meta(max_length=512)]
    ancestor_domain: Annotated[str, msgspec.Meta(max_length=255)] = ""


def wanted_identifiers(
    sent: Sequence[Wanted], profile: Profile, *, subdomains: bool
) -> tuple[tuple[Identifier, ...], dict[Identifier, Identifier]]:
    """The identifiers, each once, and for those that are proved through an ancestor, which one that is.

    Raises the one problem, or `rejectedIdentifier` with a subproblem for each name that is not taken.
    """
    problems: list[Problem] = []
    identifiers: dict[Identifier, None] = {}
    ancestors: dict[Identifier, Identifier] = {}
    for each in sent:
        try:
            identifier = _identifier(each.type, each.value)
            identifiers[identifier] = None
            if each.ancestor_domain:
                ancestors[identifier] = _ancestor(identifier, each.ancestor_domain, subdomains)
        except Problem as problem:
            problems.append(problem)
    if problems:
        raise together(problems)
    check_names(tuple(identifiers), profile)
    return tuple(identifiers), ancestors


def _identifier(kind: str, value: str) -> Identifier:
    if kind in DEVICE_TYPES:
        return wanted_device(kind, value)
    if kind not in {"dns", "ip"}:
        raise Problem(
            ProblemType.UNSUPPORTED_IDENTIFIER, "there are no identifiers of that type here", name=value[:100]
        )
    try:
        identifier = parse_identifier(value)
    except EvercertError as error:
        raise Problem(ProblemType.REJECTED_IDENTIFIER, error.message, name=value[:100]) from error
    if identifier.type != kind:
        words = f"the identifier is not of type {kind}"
        raise Problem(ProblemType.REJECTED_IDENTIFIER, words, name=value[:100])
    if not _as_certified(identifier, value):
        words = "an identifier is written as it stands in a certificate: ASCII, no final dot, nothing around it"
        raise Problem(ProblemType.REJECTED_IDENTIFIER, words, name=value[:100])
    return identifier


def _as_certified(identifier: Identifier, value: str) -> bool:
    """RFC 8555 §7.1.3: the form of RFC 5280 §7. What a person may write is not what a program may send."""
    return set(value) <= _IN_ADDRESSES if identifier.type == "ip" else value.lower() == identifier.value


def _ancestor(identifier: Identifier, written: str, subdomains: bool) -> Identifier:
    if not subdomains:
        words = "names are not proved through their ancestors here"
        raise Problem(ProblemType.UNAUTHORIZED, words, name=str(identifier))
    ancestor = _identifier("dns", written)
    # A device may be called something that looks like a name, and DNS says nothing about devices.
    if identifier.type != "dns" or ancestor.wildcard or not f".{identifier.base}".endswith(f".{ancestor.base}"):
        raise Problem(ProblemType.MALFORMED, "its ancestorDomain is no ancestor of it", name=str(identifier))
    return ancestor
