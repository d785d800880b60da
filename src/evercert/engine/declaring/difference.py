"""What is declared against what is wanted so far: which certificates change, how, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum

import msgspec

from evercert.base.names import Identifier
from evercert.engine.declaring.wanted import Wanted
from evercert.model.access import CaAccess
from evercert.model.hook import Hook
from evercert.model.intent import CertificateIntent
from evercert.model.terms import OnRemoval, Terms
from evercert.store.certificates import MAKING

__all__ = ["Action", "Change", "access_change", "differing", "hook_changes", "removed"]


_FEW = 5


class Action(Enum):
    """What becomes of a certificate."""

    CREATE = "create"
    REISSUE = "re-issue"
    REINSTALL = "re-install"
    CHANGE = "change"  # of when, by what and for whom; the certificate stays as it is
    ADOPT = "adopt"  # it was obtained by hand
    KEEP = "keep"
    WAIT = "wait"  # it is to go, once others have taken over its names
    DELETE = "delete"
    REVOKE = "revoke"
    CONFIGURE = "configure"  # a CA: how it is reached; a hook: who is told of what
    REMOVE = "remove"  # a hook


class Change(msgspec.Struct, frozen=True):
    """One certificate (or CA, or hook), what becomes of it, why, and where that is declared."""

    name: str
    action: Action
    reasons: tuple[str, ...] = ()
    place: str = ""


def differing(
    wanted: Iterable[Wanted], digests: Mapping[str, str], stored: Mapping[str, CertificateIntent]
) -> Iterator[Change]:
    """A change for each that is not as it is wanted. *stored* has the intents of those that exist and differ."""
    for each in wanted:
        name = each.intent.name
        if digests.get(name) == each.digest:
            continue
        place = str(each.declared.origin)
        also = (_also(each),) if each.also else ()
        if name not in stored:
            yield Change(name, Action.CREATE, ("it is not there yet", *also), place)
        else:
            by_hand = () if name in digests else ("it was obtained or changed by hand",)
            action, reasons = _change(stored[name], each.intent)
            yield Change(name, action, (*by_hand, *reasons), place)


def _also(wanted: Wanted) -> str:
    names = ", ".join(wanted.also[:_FEW]) + (f" and {len(wanted.also) - _FEW} more" if len(wanted.also) > _FEW else "")
    return f"it is made of {names}" if wanted.intent.terms.members else f"it serves {names} as well"


def removed(
    names: Iterable[str],
    stored: Mapping[str, CertificateIntent],
    wanted: Iterable[Wanted],
    coming: Mapping[Identifier, str],
) -> Iterator[Change]:
    """A change for each that is declared no longer, by the policy that was declared last; what another one is as well
    now (one of the *wanted*) is forgotten. *coming* has the names that stand in no certificate yet which is to have
    them: what serves one of these stays until then."""
    bearers = {member: each.intent.name for each in wanted for member in (*each.also, each.intent.name)}
    for name in sorted(names):
        if name not in stored:
            continue
        policy = stored[name].terms.on_removal
        reason = f"it is declared no longer (on_removal = {policy.value!r})"
        if others := {bearers[each] for each in (name, *stored[name].terms.members) if each in bearers}:
            policy, reason = OnRemoval.DELETE, f"it is met by {', '.join(sorted(others)[:_FEW])} now"
        takers = {coming[each] for each in stored[name].identifiers if each in coming}
        if takers and policy is not OnRemoval.KEEP:
            words = f"it stays until there is a certificate {', '.join(sorted(takers)[:_FEW])}"
            yield Change(name, Action.WAIT, (reason, words))
        else:
            yield Change(name, _REMOVAL[policy], (reason,))


_REMOVAL = {OnRemoval.KEEP: Action.KEEP, OnRemoval.DELETE: Action.DELETE, OnRemoval.REVOKE: Action.REVOKE}


def access_change(before: CaAccess, after: CaAccess, place: str) -> Change | None:
    """None where the CA is reached as before."""
    changed = [field for field in after.__struct_fields__ if getattr(before, field) != getattr(after, field)]
    if not changed:
        return None
    return Change(after.directory, Action.CONFIGURE, tuple(f"{field} changed" for field in changed), place)


def hook_changes(wanted: Iterable[tuple[Hook, str]], stored: Mapping[str, Hook]) -> Iterator[Change]:
    """A change for each hook that is new, another one than it was, or declared no longer. Beside each that is wanted
    stands its place."""
    names = set()
    for hook, place in wanted:
        names.add(hook.name)
        before = stored.get(hook.name)
        if before is None:
            yield Change(f"hooks.{hook.name}", Action.CONFIGURE, ("it is told of what happens from now on",), place)
        elif before != hook:
            fields = [field for field in hook.__struct_fields__ if getattr(before, field) != getattr(hook, field)]
            yield Change(
                f"hooks.{hook.name}", Action.CONFIGURE, tuple(f"{_KEYS.get(f, f)} changed" for f in fields), place
            )
    for name in sorted(stored.keys() - names):
        yield Change(f"hooks.{name}", Action.REMOVE, ("it is declared no longer",))


_KEYS = {"program": "exec"}


def _change(before: CertificateIntent, after: CertificateIntent) -> tuple[Action, tuple[str, ...]]:
    fields = [field for field in after.__struct_fields__ if getattr(before, field) != getattr(after, field)]
    reasons = tuple(reason for field in fields for reason in _reasons(field, before, after))
    if not fields:
        return Action.ADOPT, reasons
    if not MAKING.isdisjoint(fields):
        return Action.REISSUE, reasons
    return (Action.REINSTALL if _installs(before, after) else Action.CHANGE), reasons


def _installs(before: CertificateIntent, after: CertificateIntent) -> bool:
    there = {spec.key: spec for spec in before.targets}
    return any(there.get(spec.key) != spec for spec in after.targets)


def _reasons(field: str, before: CertificateIntent, after: CertificateIntent) -> Iterator[str]:
    match field:
        case "identifiers":
            yield f"names: {_names(before, after)}"
        case "targets":
            yield from _target_reasons(before, after)
        case "terms":
            yield from (f"{term} changed" for term in _changed_terms(before.terms, after.terms))
        case "challenges" | "csr" | "renew":
            yield f"{field} changed"
        case _:
            yield f"{field}: from {_word(getattr(before, field))} to {_word(getattr(after, field))}"


def _names(before: CertificateIntent, after: CertificateIntent) -> str:
    old, new = (dict.fromkeys(each.value for each in intent.identifiers) for intent in (before, after))
    words = [*(f"+{name}" for name in new if name not in old), *(f"-{name}" for name in old if name not in new)]
    return " ".join(words[:10]) + (f" and {len(words) - 10} more" if len(words) > 10 else "") if words else "order"


def _target_reasons(before: CertificateIntent, after: CertificateIntent) -> Iterator[str]:
    old, new = ({spec.key: spec for spec in intent.targets} for intent in (before, after))
    yield from (f"to be installed in {key}" for key in new if key not in old)
    yield from (f"installed no longer in {key}" for key in old if key not in new)
    yield from (f"the target {key} changed" for key in new if key in old and old[key] != new[key])


def _changed_terms(before: Terms, after: Terms) -> Iterator[str]:
    for field in after.__struct_fields__:
        # Of these two the names and the targets speak.
        if field not in {"members", "installed_as"} and getattr(before, field) != getattr(after, field):
            yield field


def _word(value: object) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) or "none"
