"""Where each resource is: the one table of paths, read in both directions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from evercert.base.serving import Asked

__all__ = ["Urls", "number_of"]

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Urls:
    """URLs under *base* (`https://ca.example.test:8443`, without a final slash)."""

    base: str

    @property
    def directory(self) -> str:
        return f"{self.base}/acme/directory"

    @property
    def new_nonce(self) -> str:
        return f"{self.base}/acme/new-nonce"

    @property
    def new_account(self) -> str:
        return f"{self.base}/acme/new-account"

    @property
    def new_order(self) -> str:
        return f"{self.base}/acme/new-order"

    @property
    def new_authz(self) -> str:
        return f"{self.base}/acme/new-authz"

    @property
    def revoke_cert(self) -> str:
        return f"{self.base}/acme/revoke-cert"

    @property
    def key_change(self) -> str:
        return f"{self.base}/acme/key-change"

    @property
    def renewal_info(self) -> str:
        return f"{self.base}/acme/renewal-info"

    @property
    def terms(self) -> str:
        return f"{self.base}/terms"

    @property
    def account_hashes(self) -> str:
        """What the account of a dns-persist-01 record begins with (draft -02)."""
        return f"{self.base}/acme/account-hash/"

    def account(self, number: int) -> str:
        return f"{self.base}/acme/account/{number}"

    def orders(self, number: int, after: int = 0) -> str:
        return f"{self.account(number)}/orders" + (f"?after={after}" if after else "")

    def order(self, number: int) -> str:
        return f"{self.base}/acme/order/{number}"

    def finalize(self, number: int) -> str:
        return f"{self.order(number)}/finalize"

    def authorization(self, number: int) -> str:
        return f"{self.base}/acme/authz/{number}"

    def challenge(self, number: int, challenge_type: str) -> str:
        return f"{self.base}/acme/challenge/{number}/{challenge_type}"

    def certificate(self, serial: str) -> str:
        """Of its first chain; the others' follow by number."""
        return f"{self.base}/acme/certificate/{serial}"

    def star_certificate(self, number: int) -> str:
        return f"{self.base}/acme/star/{number}"

    def issuer(self, name: str) -> str:
        return f"{self.base}/issuer/{name}.der"

    def of(self, asked: Asked) -> str:
        """The URL that was asked for, as whoever asked must have written it."""
        return f"{self.base}{asked.path}" + (f"?{asked.query}" if asked.query else "")

    def account_number(self, url: str) -> int | None:
        """The number in an account's URL; None for any other text."""
        head, _, number = url.rpartition("/")
        return number_of(number) if head == f"{self.base}/acme/account" else None


def number_of(text: str) -> int | None:
    """A resource's number as it stands in a path; None for whatever else stands there."""
    return int(text) if _NUMBER.fullmatch(text) and int(text) < 1 << 63 else None
