"""Specimens of a profile: certificates as it would make them, that nobody can use.

Their keys are thrown away, their names are of `.invalid` (RFC 6761 §6.4), and in the place of the signature stand
zeros: no certificate that anybody might trust ever exists, and an issuer's key is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from random import Random
from typing import Final

from evercert.base.names import Identifier
from evercert.ca.profiles.profile import Profile
from evercert.ca.profiles.request import Requested, leaf_of
from evercert.pki.issuing import new_serial, to_be_signed
from evercert.pki.key_type import KeyType
from evercert.pki.keys import generate
from evercert.pki.signer import Signer
from evercert.pki.tbs import with_signature

__all__ = ["specimens"]

_NAME: Final = "specimen.invalid"

# One name of each kind; the addresses are for documents (RFC 5737, RFC 3849).
_NAMES: Final = (
    ("dns", "dns", _NAME),
    ("wildcard", "dns", "*.wildcard.specimen.invalid"),
    ("ip", "ip", "192.0.2.1"),
    ("ip", "ip", "2001:db8::1"),
    ("permanent-identifier", "permanent-identifier", "SPECIMEN"),
    ("hardware-module", "hardware-module", "SPECIMEN/1.3.6.1.4.1.32473.1"),
)

# Certificates differ by these: what a key may be used for, and how it is encoded. The smallest is made soonest.
_FAMILIES: Final = (
    (KeyType.EC256, KeyType.EC384, KeyType.EC521),
    (KeyType.RSA2048, KeyType.RSA3072, KeyType.RSA4096),
    (KeyType.ED25519,),
    (KeyType.MLDSA44, KeyType.MLDSA65, KeyType.MLDSA87),
)

_NO_SIGNATURE: Final = bytes(64)


def specimens(
    profile: Profile, signer: Signer, urls: Mapping[str, tuple[str, ...]], *, now: datetime, rng: Random
) -> Iterator[bytes]:
    """A certificate (DER) of the profile under the issuer for each family of keys. *urls* are what it points to, as
    `leaf_of` takes them. Takes a moment: keys are made."""
    for family in _FAMILIES:
        if key_type := next((each for each in family if each in profile.key_types), None):
            leaf = leaf_of(
                _requested(profile, generate(key_type).spki, key_type),
                profile,
                serial=new_serial(rng),
                now=now,
                issuer_window=(signer.not_before, signer.not_after),
                **urls,  # type: ignore[arg-type]  # its keys are those that `leaf_of` has
            )
            yield with_signature(to_be_signed(leaf, signer), signer.algorithm, _NO_SIGNATURE)


def _requested(profile: Profile, spki: bytes, key_type: KeyType) -> Requested:
    names = [_identifier(kind, value) for wanted, kind, value in _NAMES if wanted in profile.names]
    return Requested(
        spki=spki,
        identifiers=tuple(names[: profile.max_names]),
        must_staple=profile.must_staple and profile.ocsp,
        key_type=key_type,
        uris=tuple(_uris(profile)),
        emails=(f"somebody@{_NAME}",) if "email" in profile.names else (),
    )


def _identifier(kind: str, value: str) -> Identifier:
    return Identifier(kind, value)  # type: ignore[arg-type]  # a device's kinds are no names


def _uris(profile: Profile) -> Iterator[str]:
    if profile.uri:
        yield profile.uri.replace("{name}", _NAME)
    if "uri" in profile.names:
        yield from (f"{each.rstrip('/')}/specimen" for each in profile.allow if "://" in each)
