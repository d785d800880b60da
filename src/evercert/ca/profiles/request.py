"""A certificate request, held against the order and the profile; and the certificate that it may become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.ca.profiles.profile import Profile
from evercert.pki.csr import read_csr
from evercert.pki.issuing import Leaf

__all__ = ["Requested", "check_csr", "leaf_of"]


@dataclass(frozen=True, slots=True)
class Requested:
    """What a request that was found right asks for."""

    spki: bytes
    identifiers: tuple[Identifier, ...]
    must_staple: bool = False


def check_csr(csr: bytes, identifiers: Sequence[Identifier], profile: Profile, account_spki: bytes) -> Requested:
    """Raises `badCSR` unless the request is for exactly those identifiers, with a key of its own."""
    try:
        view = read_csr(csr)
    except EvercertError as error:
        raise Problem(ProblemType.BAD_CSR, error.message) from error
    if set(view.identifiers) != set(identifiers):
        raise Problem(ProblemType.BAD_CSR, "the request is for other names than the order")
    if view.spki == account_spki:
        raise Problem(ProblemType.BAD_CSR, "the request has the account's key; make another one for the certificate")
    return Requested(view.spki, tuple(identifiers), view.must_staple)


def leaf_of(
    requested: Requested,
    profile: Profile,
    *,
    serial: int,
    now: datetime,
    issuer_window: tuple[datetime, datetime],
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    crl_urls: tuple[str, ...] = (),
    ocsp_urls: tuple[str, ...] = (),
    issuer_urls: tuple[str, ...] = (),
) -> Leaf:
    """What the certificate shall say; within its issuer's life."""
    begin = max(not_before or now - profile.backdate, issuer_window[0])
    return Leaf(
        serial=serial,
        spki=requested.spki,
        identifiers=requested.identifiers,
        not_before=begin,
        not_after=min(not_after or now + profile.life, issuer_window[1]),
        ekus=profile.ekus,
        crl_urls=crl_urls,
        ocsp_urls=ocsp_urls,
        issuer_urls=issuer_urls,
        must_staple=requested.must_staple,
    )
