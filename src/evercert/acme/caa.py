"""CAA, as the one who asks and the one who issues both read it (RFC 8659, RFC 8657). Pure.

What a verdict means, a finding for an owner or a refusal by a CA, is the reader's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from evercert.acme.issue_value import IssueValue, parse_issue_value
from evercert.base.names import Identifier

__all__ = ["CaaProperty", "Permission", "owners", "permission", "relevant", "unknown_critical"]

_CRITICAL: Final = 128
_KNOWN_TAGS: Final = frozenset({"issue", "issuewild", "issuemail", "issuevmc", "iodef", "contactemail", "contactphone"})


class CaaProperty(Protocol):
    """One record, as a resolver hands it out."""

    @property
    def flags(self) -> int: ...
    @property
    def tag(self) -> str: ...
    @property
    def value(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Permission:
    """One well-formed `issue` or `issuewild` value. Both parameters of one record are to be met together."""

    issuer: str
    accounts: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()

    def binds_to(self, account_url: str) -> bool:
        """RFC 8657 §3. A repeated `accounturi` is met by no account; nor is any where there is none yet."""
        return not self.accounts or (bool(account_url) and self.accounts == (account_url,))

    def allows(self, method: str) -> bool:
        """RFC 8657 §4; *method* is "" where nothing was validated."""
        return not self.methods or (bool(method) and method in self.methods)


def owners(name: Identifier) -> list[str]:
    """From the name towards the root: where the relevant record set is looked for, the first one that there is (RFC
    8659 §3). An alias is followed at each step; the climb goes on from the name, not from where the alias leads."""
    labels = name.base.split(".")
    return [".".join(labels[start:]) for start in range(len(labels))]


def unknown_critical(records: Sequence[CaaProperty]) -> str:
    """The tag of a property that is critical and known to nobody: then no CA may issue (RFC 8659 §4.1); else ""."""
    strange = (each.tag for each in records if each.flags & _CRITICAL and each.tag.lower() not in _KNOWN_TAGS)
    return next(strange, "")


def relevant(name: Identifier, records: Sequence[CaaProperty]) -> tuple[str, list[str]]:
    """RFC 8659 §4.3: for a wildcard `issuewild` goes before `issue`, which counts where there is none."""
    for tag in ("issuewild", "issue") if name.wildcard else ("issue",):
        if values := [record.value for record in records if record.tag.lower() == tag]:
            return tag, values
    return "issue", []


def permission(value: str) -> Permission | None:
    """None where the value is malformed or names nobody: it then lets nobody issue."""
    found = parse_issue_value(value)
    return None if found is None else _permission(found)


def _permission(found: IssueValue) -> Permission:
    listed = found.values("validationmethods")
    # A repeated one is met by no method, as a repeated `accounturi` is by no account.
    methods = tuple(method.strip() for method in listed[0].split(",")) if len(listed) == 1 else ("",) * len(listed)
    return Permission(found.issuer, found.values("accounturi"), methods)
