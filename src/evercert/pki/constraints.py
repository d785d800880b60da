"""Name constraints: what the certificates above a leaf let it be for (RFC 5280 §4.2.1.10)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography import x509

from evercert.base.names import Identifier
from evercert.pki.cert import parsed

__all__ = ["NameConstraints", "name_constraints"]


@dataclass(frozen=True, slots=True)
class NameConstraints:
    """One certificate's. Names of a kind of which nothing is permitted by name are free."""

    permitted: tuple[x509.GeneralName, ...] = ()
    excluded: tuple[x509.GeneralName, ...] = ()

    def allow(self, identifier: Identifier) -> bool:
        if identifier.type == "ip":
            return self._allow(x509.IPAddress, lambda each: ipaddress.ip_address(identifier.value) in each)
        if str(identifier.type) != "dns":
            return True
        if any(identifier.wildcard and _parent(each) == identifier.base for each in _of(x509.DNSName, self.excluded)):
            return False
        return self._allow(x509.DNSName, lambda each: _is_within(identifier.base, each))

    def allow_uri(self, uri: str) -> bool:
        host = uri.partition("://")[2].partition("/")[0]
        return self._allow(x509.UniformResourceIdentifier, lambda each: _is_host(host, each))

    def allow_email(self, email: str) -> bool:
        host = email.rpartition("@")[2]
        return self._allow(x509.RFC822Name, lambda each: email == each if "@" in each else _is_host(host, each))

    def _allow(self, kind: type[x509.GeneralName], matches: Callable[[Any], bool]) -> bool:
        permitted = list(_of(kind, self.permitted))
        if any(matches(each) for each in _of(kind, self.excluded)):
            return False
        return not permitted or any(matches(each) for each in permitted)


@lru_cache(maxsize=64)
def name_constraints(certificate: bytes) -> NameConstraints:
    """Those of a CA certificate (DER); without any, everything is allowed. Raises `bad-certificate`."""
    try:
        found = parsed(certificate).extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return NameConstraints()
    return NameConstraints(tuple(found.permitted_subtrees or ()), tuple(found.excluded_subtrees or ()))


def _of(kind: type[x509.GeneralName], names: Iterable[x509.GeneralName]) -> Iterable[Any]:
    """The values of that kind, text in lower case."""
    values = (each.value for each in names if isinstance(each, kind))
    return (each.lower() if isinstance(each, str) else each for each in values)


def _is_within(name: str, constraint: str) -> bool:
    """That name, or one below it; with a dot in front (as some write it), only one below."""
    if constraint.startswith("."):
        return name.endswith(constraint)
    return not constraint or name == constraint or name.endswith(f".{constraint}")


def _is_host(host: str, constraint: str) -> bool:
    """A host, or with a dot in front every host below."""
    return host.endswith(constraint) if constraint.startswith(".") else host == constraint


def _parent(name: str) -> str:
    return name.partition(".")[2]
