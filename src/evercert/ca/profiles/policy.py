"""Which names may be asked for at all. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from evercert.base.names import Identifier

__all__ = ["NamePolicy", "policy_from_json"]


@dataclass(frozen=True, slots=True)
class NamePolicy:
    """Allowed is what stands in `allow` and not in `deny`: a name, or `.suffix` for every name below it."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    def allows(self, identifier: Identifier) -> bool:
        return _matches(identifier, self.allow) and not _matches(identifier, self.deny)


def policy_from_json(text: str) -> NamePolicy:
    return msgspec.json.decode(text, type=NamePolicy)


def _matches(identifier: Identifier, patterns: tuple[str, ...]) -> bool:
    return any(
        identifier.base.endswith(pattern) if pattern.startswith(".") else identifier.base == pattern
        for pattern in patterns
    )
