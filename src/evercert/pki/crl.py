"""Certificate revocation lists (RFC 5280 §5): entries made one by one, and lists of a million of them in a second.

The library's builder takes a hundred times as long for a long list, so its bytes are put together here. An entry is
kept as DER once it is revoked; a list is nothing but entries, a head and a signature.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final, Literal

from cryptography import x509

from evercert.base.errors import EvercertError
from evercert.pki import der
from evercert.pki.reasons import REASONS
from evercert.pki.signer import Signer
from evercert.pki.signing import sign_pieces
from evercert.pki.tbs import extension, extension_of

__all__ = ["Scope", "build_crl", "crl_pieces", "entry"]

_VERSION_2: Final = der.integer(1)
_REASON: Final = "2.5.29.21"
_INVALIDITY: Final = "2.5.29.24"

# So many entries are one piece: between two pieces other threads may run.
_PIECE: Final = 8192

# §5.2.3: a CRL number has no more than 20 octets.
_MAX_NUMBER: Final = 1 << 159


@dataclass(frozen=True, slots=True)
class Scope:
    """What a list is about (§5.2.5), where that is not everything that its issuer has issued: the part whose
    certificates name `url` as their distribution point, and users' certificates only, or those of CAs."""

    url: str = ""
    holds: Literal["all", "users", "cas"] = "all"


def entry(serial: int, revoked_at: datetime, reason: int = 0, *, invalid_since: datetime | None = None) -> bytes:
    """One revoked certificate (DER), with its reason and, where it is known, since when its key is not to be trusted
    (§5.3.2). Raises `bad-input` for a reason that there is not."""
    if reason not in REASONS:
        raise EvercertError("bad-input", "there is no such reason for revocation", hint="0 to 10, but for 7")
    # §5.3.1: unspecified is said by saying nothing.
    more = extension(_REASON, der.enumerated(reason)) if reason else b""
    if invalid_since is not None:
        more += extension(_INVALIDITY, der.generalized_time(invalid_since))
    return der.sequence(der.integer(serial), der.time(revoked_at), der.sequence(more) if more else b"")


def build_crl(
    signer: Signer,
    *,
    number: int,
    this_update: datetime,
    next_update: datetime,
    entries: Iterable[bytes],
    scope: Scope | None = None,
    base_number: int | None = None,
    delta_urls: tuple[str, ...] = (),
) -> bytes:
    """The list (DER), signed. *entries* may come from a cursor.

    With *base_number* it is a delta: what changed since the list of that number (§5.2.4). *delta_urls* say in a whole
    list where its deltas are (§5.2.6). Takes a second for a million entries, so not on an event loop.

    Raises `bad-input` for a number or a time out of order.
    """
    return b"".join(
        crl_pieces(
            signer,
            number=number,
            this_update=this_update,
            next_update=next_update,
            entries=_grouped(entries),
            scope=scope,
            base_number=base_number,
            delta_urls=delta_urls,
        )
    )


def crl_pieces(
    signer: Signer,
    *,
    number: int,
    this_update: datetime,
    next_update: datetime,
    entries: Sequence[bytes],
    scope: Scope | None = None,
    base_number: int | None = None,
    delta_urls: tuple[str, ...] = (),
) -> list[bytes]:
    """The same in pieces that follow one another, for lists that are too long to be copied: each of *entries*, which
    holds any number of them, is a piece as it is."""
    _check(number, base_number, this_update, next_update)
    extensions = _extensions(signer, number, scope or Scope(), base_number, delta_urls)
    head = [_VERSION_2, signer.algorithm, signer.subject, der.time(this_update), der.time(next_update)]
    # §5.1.2.6: absent where nothing is revoked
    listed = _sequence(entries) if entries else []
    tbs = _sequence([*head, *listed, der.constructed(0xA0, der.sequence(*extensions))])
    signature = der.bits(sign_pieces(signer.key, tbs))
    return _sequence([*tbs, signer.algorithm, signature])


def _check(number: int, base_number: int | None, this_update: datetime, next_update: datetime) -> None:
    if not 0 <= number < _MAX_NUMBER:
        raise EvercertError("bad-input", "a CRL's number has 1 to 20 octets and is not negative")
    if base_number is not None and not 0 <= base_number < number:
        raise EvercertError("bad-input", "a delta CRL's base has a lower number than the delta")
    if next_update <= this_update:
        raise EvercertError("bad-input", "a CRL's next update comes after this one")


def _grouped(entries: Iterable[bytes]) -> list[bytes]:
    groups, remaining = [], iter(entries)
    while piece := b"".join(islice(remaining, _PIECE)):
        groups.append(piece)
    return groups


def _sequence(pieces: Sequence[bytes]) -> list[bytes]:
    return [der.header(0x30, sum(len(each) for each in pieces)), *pieces]


def _extensions(
    signer: Signer, number: int, scope: Scope, base_number: int | None, delta_urls: tuple[str, ...]
) -> list[bytes]:
    try:
        found = [signer.authority, extension_of(x509.CRLNumber(number))]
        if base_number is not None:
            found.append(extension_of(x509.DeltaCRLIndicator(base_number), critical=True))
        if scope != Scope():
            found.append(extension_of(_distribution_point(scope), critical=True))
        if delta_urls and base_number is None:  # §5.2.6: never in a delta itself
            names = [x509.UniformResourceIdentifier(each) for each in delta_urls]
            found.append(extension_of(x509.FreshestCRL([x509.DistributionPoint(names, None, None, None)])))
    except ValueError as error:
        raise EvercertError("bad-input", f"nothing that a CRL can hold: {error}") from error
    return found


def _distribution_point(scope: Scope) -> x509.IssuingDistributionPoint:
    return x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier(scope.url)] if scope.url else None,
        relative_name=None,
        only_contains_user_certs=scope.holds == "users",
        only_contains_ca_certs=scope.holds == "cas",
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )
