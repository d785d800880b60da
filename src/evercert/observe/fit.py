"""Whether a name can be proved at all by what is configured, before anything is asked of the network."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from evercert.base.names import Identifier
from evercert.model.intent import ChallengeRule
from evercert.observe.finding import Finding, ok, problem

__all__ = ["DNS_CHALLENGES", "judge_fit"]

_CHECK = "fit"
DNS_CHALLENGES = frozenset({"dns-01", "dns-account-01", "dns-persist-01"})
# RFC 8555 §8.3, RFC 8737, RFC 8738 §4 to §7: what proves control of a host, not of a zone.
_HOST_CHALLENGES = frozenset({"http-01", "tls-alpn-01"})

# Names that no public CA can look up: RFC 6761, RFC 6762, RFC 8375, RFC 9476, and .internal
# (ICANN board, 2024-07-29). Reverse zones: CA/Browser Forum BR, since 2026-03-15.
_SPECIAL = (
    "test", "example", "invalid", "localhost", "local", "internal", "onion", "alt", "home.arpa", "ip6.arpa",
    "in-addr.arpa",
)  # fmt: skip


def judge_fit(name: Identifier, rules: Sequence[ChallengeRule], *, public_ca: bool) -> list[Finding]:
    """*rules* are those that match the name; none means that no way was chosen yet."""
    findings = [*_judge_challenges(name, {rule.type for rule in rules})]
    if public_ca:
        findings += _judge_reach(name)
    return findings or [ok(_CHECK, f"{name} can be proved by what is configured")]


def _judge_challenges(name: Identifier, types: set[str]) -> list[Finding]:
    if name.wildcard and types and not types & DNS_CHALLENGES:
        hint = "prove it by DNS: --dns PROVIDER"
        return [problem(_CHECK, f"{name} is a wildcard, and only a DNS challenge proves one", hint)]
    if name.type == "ip" and types and not types & _HOST_CHALLENGES:
        hint = "use --http-01 or --tls-alpn-01 (RFC 8738)"
        return [problem(_CHECK, f"{name} is an IP address, and no DNS challenge proves one", hint)]
    return []


def _judge_reach(name: Identifier) -> list[Finding]:
    if name.type == "ip":
        if ipaddress.ip_address(name.value).is_global:
            return []
        return [problem(_CHECK, f"{name} is no public address, and a public CA cannot reach it", _PRIVATE_CA)]
    if "." not in name.base:
        return [problem(_CHECK, f"{name} has one label only, and no public CA issues for it", _PRIVATE_CA)]
    if ending := next(
        (special for special in _SPECIAL if name.base == special or name.base.endswith(f".{special}")), ""
    ):
        return [problem(_CHECK, f"{name} ends in .{ending}, which is in nobody's public DNS", _PRIVATE_CA)]
    return []


_PRIVATE_CA = "use a name in a domain of yours, or a private CA (--ca URL)"
