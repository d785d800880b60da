"""What the names in a certificate must be (RFC 5280 §4.2.1.6), and that its issuer may sign them (§4.2.1.10)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat import asn1

from evercert.base.foreign import one_line
from evercert.pki.lint.seen import Seen

__all__ = ["constraints", "names", "names_in"]

# RFC 1034 §3.5 and RFC 1123 §2.1: letters, digits, inner hyphens; we write lower case, and a wildcard is a whole label.
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DNS: Final = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)*{_LABEL}")
_MAX_DNS: Final = 253

# RFC 3986 §3: a scheme, and what comes after it of the characters that URIs are made of.
_URI: Final = re.compile(r"[a-z][a-z0-9+.-]*:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_MAX_URI: Final = 2048  # SPIFFE-ID §2.3

# RFC 5321 §4.1.2's Dot-string, before a domain.
_MAILBOX: Final = re.compile(rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~.-]{{1,64}}@(?:{_LABEL}\.)*{_LABEL}")


@asn1.sequence
class _PermanentIdentifier:
    """RFC 4043 §2."""

    value: str | None
    assigner: x509.ObjectIdentifier | None


@asn1.sequence
class _HardwareModule:
    """RFC 4108 §5."""

    type: x509.ObjectIdentifier
    serial: bytes


_OTHER_NAMES: Final[dict[str, type]] = {
    "1.3.6.1.5.5.7.8.3": _PermanentIdentifier,
    "1.3.6.1.5.5.7.8.4": _HardwareModule,
}


def names(seen: Seen) -> Iterator[str]:
    """Some, each legal, each once, and critical if and only if there is no subject beside them."""
    found = seen.extension(x509.SubjectAlternativeName)
    if found is None:
        if not list(seen.subject):
            yield "it has neither a subject nor an alternative name"
        return
    if not len(found):
        yield "the list of alternative names is empty"
    if len(set(found)) != len(found):
        yield "an alternative name stands there twice"
    if _is_critical(seen) is not (not list(seen.subject)):
        yield "the alternative names are not critical without a subject, or are with one"
    yield from (fault for name in found if (fault := _fault(name)))


def constraints(seen: Seen) -> Iterator[str]:
    """That every name is one which the issuer may sign, or nobody will believe the certificate."""
    limits, found = seen.above.constraints, seen.extension(x509.SubjectAlternativeName)
    if limits is None or found is None:
        return
    for name in found:
        same = _same_kind(limits.permitted_subtrees, name)
        if same and not any(_is_below(name, tree) for tree in same):
            yield f"the issuer may not sign {_shown(name)}: it is outside what is permitted"
        if any(_reaches(name, tree) for tree in _same_kind(limits.excluded_subtrees, name)):
            yield f"the issuer may not sign {_shown(name)}: it is excluded"


def names_in(seen: Seen) -> set[str]:
    """The DNS names and addresses, as text."""
    found = seen.extension(x509.SubjectAlternativeName) or ()
    return {str(each.value) for each in found if isinstance(each, x509.DNSName | x509.IPAddress)}


def _is_critical(seen: Seen) -> bool:
    return any(each.critical for each in seen.raw if each.oid == x509.SubjectAlternativeName.oid)


def _fault(name: x509.GeneralName) -> str:
    if isinstance(name, x509.OtherName):
        legal = _is_other_name(name)
    else:
        legal = type(name) in _LEGAL and _LEGAL[type(name)](name.value)
    return "" if legal else f"{_shown(name)} cannot stand in a certificate"


def _is_dns(value: str) -> bool:
    """A name whose last label is a number is taken for an address by many programs (WHATWG URL)."""
    return len(value) <= _MAX_DNS and bool(_DNS.fullmatch(value)) and not value.rsplit(".", 1)[-1].isdigit()


def _is_other_name(name: x509.OtherName) -> bool:
    shape = _OTHER_NAMES.get(name.type_id.dotted_string)
    try:
        return shape is not None and asn1.decode_der(shape, name.value) is not None
    except ValueError:
        return False


def _is_address(value: Any) -> bool:
    """Of 4 or 16 octets, which are no network."""
    return isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address)


# Names of other kinds have no place in a certificate of ours.
_LEGAL: Final[dict[type, Callable[[Any], bool]]] = {
    x509.DNSName: _is_dns,
    x509.IPAddress: _is_address,
    x509.UniformResourceIdentifier: lambda value: len(value) <= _MAX_URI and bool(_URI.fullmatch(value)),
    x509.RFC822Name: lambda value: bool(_MAILBOX.fullmatch(value)),
}


def _same_kind(trees: list[x509.GeneralName] | None, name: x509.GeneralName) -> list[x509.GeneralName]:
    return [each for each in trees or () if type(each) is type(name)]


def _is_below(name: x509.GeneralName, tree: x509.GeneralName) -> bool:
    below = _BELOW.get(type(name))
    return bool(below and below(name.value, tree.value))


def _reaches(name: x509.GeneralName, tree: x509.GeneralName) -> bool:
    """Below an excluded tree, or a wildcard that stands for the tree's own name: verifiers let that one through."""
    covers = str(name.value).startswith("*.") and str(tree.value).partition(".")[2] == str(name.value)[2:]
    return covers or _is_below(name, tree)


def _dns_below(value: str, tree: str) -> bool:
    """The tree's own name, and whatever has more labels in front, a wildcard's too."""
    return value.removeprefix("*.") == tree or value.endswith("." + tree.removeprefix(".")) or not tree


def _address_below(value: Any, tree: Any) -> bool:
    return bool(value.version == tree.version and value in tree)


def _host_below(host: str, tree: str) -> bool:
    """For URIs and mailboxes a tree without a dot in front is one host (§4.2.1.10)."""
    return host.endswith(tree) if tree.startswith(".") else host == tree


def _uri_below(value: str, tree: str) -> bool:
    return _host_below(urlsplit(value).hostname or "", tree)


def _email_below(value: str, tree: str) -> bool:
    return value == tree if "@" in tree else _host_below(value.rpartition("@")[2], tree)


_BELOW: Final[dict[type, Callable[[Any, Any], bool]]] = {
    x509.DNSName: _dns_below,
    x509.IPAddress: _address_below,
    x509.UniformResourceIdentifier: _uri_below,
    x509.RFC822Name: _email_below,
}


def _shown(name: x509.GeneralName) -> str:
    return f"{type(name).__name__} {one_line(str(name.value))[:100]!r}"
