"""How this installation reaches a CA, and as whom it registers there.

Rule of this file: nodes of several versions read what one of them has written down. So what is not said is not written,
and a field that is not known is passed over.
"""

from __future__ import annotations

import msgspec

from evercert.pki.key_type import KeyType

__all__ = ["CaAccess", "OwnLimit", "Registration"]


class OwnLimit(msgspec.Struct, frozen=True):
    """What this installation may do at a CA, where that is not what is known of the CA: *count* in so many *seconds*
    of what the CA counts by (`acme.cas.LimitScope.word`, or `requests`); no limit at all where *count* is zero."""

    word: str
    count: int
    seconds: int = 0


class Registration(msgspec.Struct, frozen=True, omit_defaults=True):
    """As whom the account of that *name* registers, as far as it is said of it and not of its CA. Used when it is made,
    and never again."""

    name: str
    contacts: tuple[str, ...] = ()
    eab_kid: str = ""
    eab_key: str = ""
    eab_algorithm: str = "HS256"
    account_key: KeyType | None = None


class CaAccess(msgspec.Struct, frozen=True, omit_defaults=True):
    """Kept per directory URL, so that renewals years later go the same way as the first order.

    `roots` is a file of further trust anchors; `allow_http` the explicit opt-out of https;
    `proxy` and `eab_key` may be references (`env:`, `file:`, `cred:`, `exec:`); `family` 4 or 6 forces
    IPv4 or IPv6, 0 leaves it open. The contacts, the EAB and `account_key`, the type of its key, are used
    when an account is made and never again, and only where `registrations` say nothing else of that account.
    `limits` stand in place of those that are known; of so many certificates as `concurrency` says are orders
    open at once per account, zero for as many as come.
    """

    directory: str
    roots: str = ""
    allow_http: bool = False
    proxy: str = ""
    family: int = 0
    contacts: tuple[str, ...] = ()
    eab_kid: str = ""
    eab_key: str = ""
    eab_algorithm: str = "HS256"
    account_key: KeyType = KeyType.EC256
    limits: tuple[OwnLimit, ...] = ()
    concurrency: int = 0
    registrations: tuple[Registration, ...] = ()

    def registration(self, name: str) -> Registration:
        """As whom the account of that name registers."""
        own = self.said_of(name)
        bound = own if own.eab_kid else self
        return Registration(
            name,
            own.contacts or self.contacts,
            bound.eab_kid,
            bound.eab_key,
            bound.eab_algorithm,
            own.account_key or self.account_key,
        )

    @property
    def bindings(self) -> frozenset[tuple[str, str, str]]:
        """Each external account that is given, with the reference to its key and the algorithm."""
        said: tuple[CaAccess | Registration, ...] = (self, *self.registrations)
        return frozenset((each.eab_kid, each.eab_key, each.eab_algorithm) for each in said if each.eab_kid)

    def said_of(self, name: str) -> Registration:
        """What is said of that account itself."""
        return next((each for each in self.registrations if each.name == name), Registration(name))

    def saying(self, own: Registration) -> CaAccess:
        """The same, with that said of the account."""
        others = tuple(each for each in self.registrations if each.name != own.name)
        said = (*others, own) if own != Registration(own.name) else others
        return msgspec.structs.replace(self, registrations=tuple(sorted(said, key=lambda each: each.name)))
