"""The names of one order, held against what can be certified at all and against its profile. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Final

from evercert.acme.problem import Problem, ProblemType
from evercert.base.names import Identifier
from evercert.ca.profiles.profile import Profile

__all__ = ["check_names", "together"]

# CA/Browser Forum, Baseline Requirements §7.1.2.7.12: no certificate is for a name of these zones.
_REVERSE: Final = ("in-addr.arpa", "ip6.arpa")


def check_names(identifiers: Sequence[Identifier], profile: Profile) -> None:
    """Raises the problem of the one name that the profile does not take, or one that has a subproblem for each."""
    if not identifiers:
        raise Problem(ProblemType.MALFORMED, "an order is for one name at least")
    if len(identifiers) > profile.max_names:
        raise Problem(ProblemType.MALFORMED, f"the profile takes no more than {profile.max_names} names in one order")
    problems = [problem for each in identifiers for problem in _problem(each, profile)]
    problems += _overlaps(identifiers)
    if problems:
        raise together(problems)


def together(problems: Sequence[Problem]) -> Problem:
    """The only one, or one that holds them all (RFC 8555 §6.7.1), of the type that they share, else `compound`."""
    if len(problems) == 1:
        return problems[0]
    kinds = {problem.type for problem in problems}
    kind = kinds.pop() if len(kinds) == 1 else ProblemType.COMPOUND
    return Problem(kind, f"{len(problems)} of the names are not taken here", subproblems=tuple(problems))


def _problem(identifier: Identifier, profile: Profile) -> Iterator[Problem]:
    """At most one: the first reason is enough."""
    kind = "wildcard" if identifier.wildcard else str(identifier.type)
    if kind not in profile.names:
        unsupported = kind not in {"dns", "wildcard", "ip"}
        words = f"the profile takes no names of the kind {kind}"
        yield _about(identifier, words, ProblemType.UNSUPPORTED_IDENTIFIER if unsupported else _REJECTED)
    elif fault := _FAULTS.get(str(identifier.type), _free)(identifier, profile):
        yield _about(identifier, fault)
    elif identifier.type in _FAULTS and not profile.policy.allows(identifier):
        yield _about(identifier, "the profile does not allow the name")


_REJECTED: Final = ProblemType.REJECTED_IDENTIFIER


def _about(identifier: Identifier, words: str, kind: ProblemType = _REJECTED) -> Problem:
    return Problem(kind, words, name=str(identifier))


def _free(identifier: Identifier, profile: Profile) -> str:
    return ""


def _dns_fault(identifier: Identifier, profile: Profile) -> str:
    labels = identifier.base.split(".")
    if identifier.base in _REVERSE or identifier.base.endswith(tuple(f".{zone}" for zone in _REVERSE)):
        return "names of the reverse zones are not certified"
    if len(labels) > profile.max_labels:
        return f"the profile takes names of no more than {profile.max_labels} labels"
    if identifier.wildcard and len(labels) < profile.wildcard_labels:
        return f"the profile takes wildcards with {profile.wildcard_labels} labels at least after the star"
    if any(label[2:4] == "--" and not _is_a_label(label) for label in labels):
        return "a label with hyphens in its third and fourth place is no valid A-label (RFC 5890 section 2.3.1)"
    return ""


def _is_a_label(label: str) -> bool:
    """Whether it is what its Unicode form encodes to, so that one name has one way to be written."""
    if not label.startswith("xn--"):
        return False
    import idna

    try:
        return idna.alabel(idna.ulabel(label)).decode() == label
    except UnicodeError:  # what idna raises is one
        return False


def _ip_fault(identifier: Identifier, profile: Profile) -> str:
    address = ipaddress.ip_address(identifier.value)
    if address.version == 6 and address.ipv4_mapped:
        return "an IPv4 address is written as one"
    if address.is_multicast or address.is_unspecified:
        return "nobody's address"
    return ""


_FAULTS: Final = {"dns": _dns_fault, "ip": _ip_fault}


def _overlaps(identifiers: Sequence[Identifier]) -> Iterator[Problem]:
    """A name that a wildcard of the same order covers already; Boulder says `malformed` too."""
    wild = {each.base for each in identifiers if each.wildcard}
    for each in identifiers:
        if each.type == "dns" and not each.wildcard and (parent := each.value.partition(".")[2]) in wild:
            words = f"*.{parent} in the same order covers it already; leave one of them out"
            yield _about(each, words, ProblemType.MALFORMED)
