"""What a user wants: a certificate, how its names are proved, where it is installed.

Rules of this file:

* What is not said is not written down: a fleet's intents are a third shorter, and a field that is added later changes
  none that is stored. A default is therefore never changed, for it is what those that are stored mean by their silence.
* The encoder leaves a value out if it *is* its default, and not if it only equals it. So only what there is once (an
  empty text, a small number, a word of an enumeration, nothing) is a plain default; every other one is made by a
  factory, and always written down. Equal intents are equal text.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

import msgspec

from evercert.base.names import Identifier
from evercert.model.terms import Terms
from evercert.pki.key_type import KeyType

__all__ = ["CertificateIntent", "ChallengeRule", "RenewPolicy", "TargetSpec", "challenge_rule_for", "is_called"]


class ChallengeRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How names that match are proved.

    `type` is the challenge's registered name; `solver` is how it is presented (`standalone`,
    `webroot`, `proxy`, `alpn`, or the name of a DNS provider). `options` are the solver's
    fields; a secret is there only as a reference (`env:`, `file:`, `cred:`, `exec:`), never itself.
    """

    type: str
    solver: str
    options: dict[str, str] = {}
    match: str = msgspec.field(default_factory=lambda: "*")


class TargetSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One place where a certificate is installed: a deploy plugin and its fields."""

    plugin: str
    options: dict[str, str] = {}
    # Names the target among those of one certificate; the store keeps its state under it.
    label: str = ""

    @property
    def key(self) -> str:
        return self.label or self.plugin


class RenewPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """When to renew where the CA gives no window (RFC 9773), as a fraction of the lifetime.

    None: two thirds of it, or half where it is under ten days (Let's Encrypt's advice). It is the latest moment:
    renewals are spread before it (engine/renewal/spread.py).
    """

    fraction: float | None = None
    use_ari: bool = True


class CertificateIntent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One certificate that shall exist and never lapse.

    `name` identifies it to the user; `ca` is a directory URL. `lifetime` asks the CA for so
    many seconds (notAfter), zero for its default. `csr` is somebody else's request (DER): its
    key never comes here, and `key_type` is unused. `terms` are about its keeping and change no
    certificate.
    """

    name: str
    identifiers: tuple[Identifier, ...]
    ca: str
    account: str = msgspec.field(default_factory=lambda: "default")
    key_type: KeyType = KeyType.EC256
    reuse_key: bool = False
    profile: str = ""
    profile_required: bool = False
    preferred_chain: str = ""
    lifetime: int = 0
    must_staple: bool = False
    csr: bytes = b""
    challenges: tuple[ChallengeRule, ...] = ()
    targets: tuple[TargetSpec, ...] = ()
    renew: RenewPolicy = msgspec.field(default_factory=RenewPolicy)
    terms: Terms = msgspec.field(default_factory=Terms)


def challenge_rule_for(intent: CertificateIntent, identifier: Identifier, offered: set[str]) -> ChallengeRule | None:
    """The first rule that matches the identifier and whose challenge the CA offers."""
    for rule in intent.challenges:
        if rule.type in offered and fnmatchcase(identifier.value, rule.match):
            return rule
    return None


def is_called(name: str, identifiers: Iterable[Identifier], pattern: str) -> bool:
    """Whether the certificate's own name, or one of those that it is for, fits the shell pattern."""
    return any(fnmatchcase(text, pattern) for text in (name, *(each.value for each in identifiers)))
