"""A certificate as it is to be, be it one that is declared or several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from evercert.config.declaration.declared import Declared
from evercert.model.intent import CertificateIntent, TargetSpec
from evercert.store.columns import to_text

__all__ = ["Wanted", "installed_for"]


class Wanted(NamedTuple):
    """A certificate as it is to be: its intent, the digest of that, where it is declared, and which other declared
    certificates it is as well."""

    intent: CertificateIntent
    digest: str
    declared: Declared
    also: tuple[str, ...] = ()

    @classmethod
    def of(cls, intent: CertificateIntent, declared: Declared, also: Sequence[Declared] = ()) -> Wanted:
        digest = blake2b(to_text(intent).encode(), digest_size=16).hexdigest()
        return cls(intent, digest, declared, tuple(each.intent.name for each in also) if also else ())


def installed_for(intents: Iterable[CertificateIntent]) -> tuple[list[TargetSpec], dict[str, str]]:
    """The targets of all of them, and under which name the certificate is installed in each."""
    targets, installed_as = [], {}
    for intent in intents:
        for spec in intent.targets:
            label = f"{intent.name}/{spec.key}"
            targets.append(TargetSpec(spec.plugin, spec.options, label))
            installed_as[label] = intent.name
    return targets, installed_as
