"""What a declaration says, once it is right: intents, and where each of their values was written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from evercert.base.names import Identifier
from evercert.config.declaration.inheriting import Said
from evercert.config.declaration.origin import Origin
from evercert.model.access import CaAccess, Registration
from evercert.model.hook import Hook
from evercert.model.intent import CertificateIntent, ChallengeRule, TargetSpec

__all__ = ["Declaration", "Declared"]


class Declared(msgspec.Struct, frozen=True):
    """One certificate, where its name was written, and what was said of it; all of one table share the last."""

    intent: CertificateIntent
    origin: Origin
    said: Said


class Declaration(msgspec.Struct, frozen=True):
    """The whole. `registrations` are those of further accounts at the CAs, which have them, too; `lists` the further
    files that it was read from; `digest` stands for all that it depends on; `rules_of` says how names are proved."""

    certificates: tuple[Declared, ...]
    cas: tuple[tuple[CaAccess, Origin], ...]
    registrations: tuple[tuple[Registration, Origin], ...]
    rules: tuple[tuple[ChallengeRule, Origin], ...]
    targets: tuple[tuple[TargetSpec, Origin], ...]
    hooks: tuple[tuple[Hook, Origin], ...]
    lists: tuple[str, ...]
    digest: str
    rules_of: Callable[[Sequence[Identifier]], tuple[ChallengeRule, ...]]
