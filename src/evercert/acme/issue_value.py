"""The `issue-value` of RFC 8659 §4.2: what stands in CAA records, and in the TXT record of dns-persist-01. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["IssueValue", "parse_issue_value"]

# An issuer domain, then parameters between semicolons. Some CAs insist on single spaces; we read what the
# grammar allows.
_DOMAIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*")
_PARAMETER: Final = re.compile(
    r"(?P<tag>[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)[ \t]*=[ \t]*(?P<value>[\x21-\x3a\x3c-\x7e]*)"
)
_MAX_NAME: Final = 253
# An account's URL has some hundred; who writes more than this says nothing that is meant for a CA.
_MAX_VALUE: Final = 4096


@dataclass(frozen=True, slots=True)
class IssueValue:
    """The issuer's name and the parameters' tags are in lower case, values as they were written."""

    issuer: str
    parameters: tuple[tuple[str, str], ...] = ()

    def values(self, tag: str) -> tuple[str, ...]:
        """What the parameters of that lower-case tag say."""
        return tuple(value for name, value in self.parameters if name == tag)


def parse_issue_value(text: str, *, strictly: bool = False) -> IssueValue | None:
    """None where *text* is malformed or names nobody. An empty parameter, as by a semicolon at the end, is passed
    over, or malformed if we read *strictly*."""
    if len(text) > _MAX_VALUE:
        return None
    issuer, *rest = (part.strip(" \t") for part in text.split(";"))
    parameters = [_PARAMETER.fullmatch(part) for part in rest if part or strictly]
    if len(issuer) > _MAX_NAME or not _DOMAIN.fullmatch(issuer) or not all(parameters):
        return None
    return IssueValue(issuer.lower(), tuple((match["tag"].lower(), match["value"]) for match in parameters if match))
