"""A certificate request, held against the order and the profile; and the certificate that it may become."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.names import Identifier
from evercert.ca.profiles.policy import NamePolicy, checked_uri
from evercert.ca.profiles.profile import Profile
from evercert.pki.attestation.identifiers import DEVICE_TYPES, identifier_named, name_of
from evercert.pki.blocklist import Blocklist
from evercert.pki.constraints import name_constraints
from evercert.pki.issuing import HardwareModule, Leaf, PermanentIdentifier
from evercert.pki.key_type import KeyType
from evercert.pki.request import RequestView, read_request
from evercert.pki.weak import weakness

__all__ = ["Requested", "check_csr", "leaf_of"]

_SECOND: Final = timedelta(seconds=1)
# RFC 5280 appendix A: ub-common-name.
_MAX_COMMON_NAME: Final = 64
_EMAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([a-z0-9.-]{1,255})")
# RFC 4043, RFC 4108: what a device is called; proved by its attestation, whether the request repeats it or not.
_DEVICE_NAMES: Final = frozenset({"1.3.6.1.5.5.7.8.3", "1.3.6.1.5.5.7.8.4"})
_RSA: Final = frozenset({KeyType.RSA2048, KeyType.RSA3072, KeyType.RSA4096})


@dataclass(frozen=True, slots=True)
class Requested:
    """What a request that was found right asks for."""

    spki: bytes
    identifiers: tuple[Identifier, ...]
    must_staple: bool = False
    key_type: KeyType = KeyType.EC256
    uris: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()


def check_csr(
    csr: bytes,
    identifiers: Sequence[Identifier],
    profile: Profile,
    account_spki: bytes,
    blocklist: Blocklist | None = None,
    external: NamePolicy | None = None,
) -> Requested:
    """Raises `badCSR` unless the request is for exactly those identifiers, with a good key of its own, and asks for
    nothing that the profile does not give, or the external account's policy where there is one."""
    try:
        view = read_request(csr)
    except EvercertError as error:
        raise _bad(error.message) from error
    key_type = _checked_key(view, profile, account_spki, blocklist)
    if view.wants_ca:
        raise _bad("it asks for a CA's certificate")
    if view.must_staple and not (profile.must_staple and profile.ocsp):
        raise _bad("it asks for OCSP stapling (must-staple), which the profile does not give")
    _check_identifiers(view, identifiers)
    return Requested(
        view.spki,
        tuple(identifiers),
        view.must_staple,
        key_type,
        tuple(_checked_uris(view, identifiers, profile, external)),
        tuple(_checked_emails(view, identifiers, profile)),
    )


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
    above: Sequence[bytes] = (),
) -> Leaf:
    """What the certificate shall say; within its issuer's life. *above* are the certificates (DER) that will stand
    above it: raises `rejectedIdentifier` for a name that their constraints exclude."""
    begin, end = _validity(profile, now, issuer_window, not_before, not_after)
    names = [each for each in requested.identifiers if each.type in {"dns", "ip"}]
    devices = [name_of(each) for each in requested.identifiers if each.type in DEVICE_TYPES]
    leaf = Leaf(
        serial=serial,
        spki=requested.spki,
        identifiers=tuple(names),
        uris=requested.uris,
        emails=requested.emails,
        permanent_identifiers=tuple(each for each in devices if isinstance(each, PermanentIdentifier)),
        hardware_modules=tuple(each for each in devices if isinstance(each, HardwareModule)),
        not_before=begin,
        not_after=end,
        subject=_subject(requested.identifiers, profile),
        ekus=profile.ekus,
        key_encipherment=profile.key_encipherment and requested.key_type in _RSA,
        crl_urls=crl_urls if profile.crl else (),
        ocsp_urls=ocsp_urls if profile.ocsp else (),
        issuer_urls=issuer_urls if profile.aia else (),
        policies=profile.policies,
        must_staple=requested.must_staple,
    )
    _check_constraints(leaf, above)
    return leaf


# The request


def _checked_key(view: RequestView, profile: Profile, account_spki: bytes, blocklist: Blocklist | None) -> KeyType:
    if fault := weakness(view.spki, blocklist):
        raise _bad(f"its key is not fit for a certificate: {fault}")
    if view.key_type is None or view.key_type not in profile.key_types:
        taken = ", ".join(each.value for each in profile.key_types)
        raise _bad(f"the profile takes no such key; it takes {taken}")
    # RFC 8555 §11.1.
    if view.spki == account_spki:
        raise _bad("it has the account's key; make another one for the certificate")
    return view.key_type


def _check_identifiers(view: RequestView, identifiers: Sequence[Identifier]) -> None:
    """§7.4: "exactly the same set of requested identifiers"; a CN is one more way to write one of them. A device's own
    names may be left out (draft-ietf-acme-device-attest §3)."""
    wanted = {each.value for each in identifiers if each.type in {"dns", "ip"}}
    written = {*view.dns, *view.addresses, *view.common_names}
    if odd := sorted(each for each in written if each.lower() not in wanted):
        raise _bad(f"it is for {one_line(odd[0], 100)!r}, and the order is not")
    missing = wanted - {each.lower() for each in written}
    if missing:
        raise _bad(f"the order is for {min(missing)}, and it is not")
    if view.strange or any(kind not in _DEVICE_NAMES for kind, _ in view.others):
        raise _bad("it has a name of a kind that is not certified here")
    if _devices(view) - set(identifiers):
        raise _bad("it names a device that the order does not")
    _check_kinds(view, identifiers)


def _devices(view: RequestView) -> set[Identifier]:
    """As an order would write them, octet for octet."""
    try:
        return {identifier_named(kind, body) for kind, body in view.others}
    except (ValueError, EvercertError) as error:
        raise _bad("it names a device in a way that no order could") from error


def _check_kinds(view: RequestView, identifiers: Sequence[Identifier]) -> None:
    """An address stands as one, and not as a DNS name that looks like one; names are not written twice in two ways."""
    addresses = {each.value for each in identifiers if each.type == "ip"}
    if any(each in addresses for each in view.dns) or any(each not in addresses for each in view.addresses):
        raise _bad("it has an address as a DNS name, or the other way round")
    if any(each in addresses and each not in view.addresses for each in view.common_names):
        raise _bad("an address is in its CN and not in its subjectAltName")


def _checked_uris(
    view: RequestView, identifiers: Sequence[Identifier], profile: Profile, external: NamePolicy | None
) -> Iterator[str]:
    """The profile's own URI, and those that it lets a request choose."""
    own = _own_uri(identifiers, profile)
    if own:
        yield own
    for uri in dict.fromkeys(view.uris):
        if uri == own:
            continue
        if "uri" not in profile.names or not _is_good_uri(uri) or not profile.policy.allows_uri(uri):
            raise _bad(f"the profile does not give the URI {one_line(uri, 100)!r}")
        if external is not None and not external.allows_uri(uri):
            raise _bad(f"the account's external account does not allow the URI {one_line(uri, 100)!r}")
        yield uri


def _own_uri(identifiers: Sequence[Identifier], profile: Profile) -> str:
    if "{name}" not in profile.uri:
        return profile.uri
    first = next((each.value for each in identifiers if each.type == "dns" and not each.wildcard), "")
    if not first:
        raise _bad("the profile makes a URI of the order's first name, and the order is for no name without a star")
    return profile.uri.replace("{name}", first)


def _is_good_uri(uri: str) -> bool:
    try:
        return bool(checked_uri(uri))
    except EvercertError:
        return False


def _checked_emails(view: RequestView, identifiers: Sequence[Identifier], profile: Profile) -> Iterator[str]:
    """Who controls a domain says who has an address there."""
    for email in dict.fromkeys(view.emails):
        found = _EMAIL.fullmatch(email)
        domains = {each.value for each in identifiers if each.type == "dns"}
        if "email" not in profile.names or not found or found[1] not in domains:
            raise _bad(f"the profile does not give the e-mail address {one_line(email, 100)!r}")
        yield email


def _bad(fault: str) -> Problem:
    return Problem(ProblemType.BAD_CSR, fault)


# The certificate


def _validity(
    profile: Profile,
    now: datetime,
    issuer_window: tuple[datetime, datetime],
    not_before: datetime | None,
    not_after: datetime | None,
) -> tuple[datetime, datetime]:
    """To the second, the last one included (RFC 5280 §4.1.2.5). The dates of an order were checked when it was made
    (`Profile.check_dates`), so one that has begun since then is no fault."""
    life, longest = profile.life_under(issuer_window[1], now), profile.longest(issuer_window[1], now)
    backdate = min(profile.backdate, life / 10)
    begin = not_before or now - backdate
    end = not_after or begin + life - _SECOND
    if not_before is None and not_after is not None:
        begin = max(begin, not_after - longest)
    begin, end = max(begin, issuer_window[0]), min(end, begin + longest, issuer_window[1])
    if not begin < end:
        raise Problem(ProblemType.MALFORMED, "the dates of the order are over, or its issuer's are; make a new order")
    return begin.replace(microsecond=0), end.replace(microsecond=0)


def _subject(identifiers: Sequence[Identifier], profile: Profile) -> tuple[tuple[str, str], ...]:
    """From the widest attribute to the narrowest, as directories write names. An address is no CN: there are clients
    (certbot 5.8) that take every CN for a DNS name."""
    fits = (each.value for each in identifiers if each.type == "dns" and len(each.value) <= _MAX_COMMON_NAME)
    attributes = (
        ("C", profile.country),
        ("O", profile.organization),
        ("OU", profile.organizational_unit),
        ("CN", next(fits, "") if profile.common_name == "first" else ""),
    )
    return tuple((name, value) for name, value in attributes if value)


def _check_constraints(leaf: Leaf, above: Sequence[bytes]) -> None:
    for constraints in (name_constraints(each) for each in above):
        out = [str(each) for each in leaf.identifiers if not constraints.allow(each)]
        out += [each for each in leaf.uris if not constraints.allow_uri(each)]
        out += [each for each in leaf.emails if not constraints.allow_email(each)]
        if out:
            words = f"the issuer may not certify {one_line(out[0], 100)} (name constraints)"
            raise Problem(ProblemType.REJECTED_IDENTIFIER, words, name=out[0] if "/" not in out[0] else "")
