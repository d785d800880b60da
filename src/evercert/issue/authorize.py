"""An order's authorizations: what is pending is proved, all names side by side."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from evercert.acme.wire import Authorization, Challenge, Order
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.base.waiting import all_ended, to_its_end
from evercert.issue.means import Means
from evercert.model.fact import Issuance, Presented
from evercert.model.intent import challenge_rule_for
from evercert.plugins.contracts import Solver

__all__ = ["authorize"]

# A CA that checks from many places, and asks again after a failure, takes minutes; more than ten
# of them means that it will not finish.
_PATIENCE = 600.0

# Who is told to end takes away for so long what he has presented: less than a service manager waits, with the time
# that the step had (daemon/stay.py).
_FAREWELL = 20.0

# What an authorization that has become invalid ends with.
_FAILED = frozenset({"challenge-failed", "ca-refused"})


@dataclass(frozen=True, slots=True)
class _Proof:
    """One pending authorization, the challenge chosen for it, and what is presented."""

    authorization: Authorization
    challenge: Challenge
    item: Presented


async def authorize(means: Means, issuance: Issuance, order: Order) -> None:
    """Afterwards every authorization of the order is valid and no challenge answer is left behind.

    What is valid already is not proved again; what was answered already is not answered again. Whoever is cancelled has
    taken away what he could in twenty seconds; the rest stays recorded.
    """
    pending = [each for each in await means.ca.authorizations(order) if each.status == "pending"]
    chosen = [_choose(means, issuance, authorization) for authorization in pending]
    proofs = await _recorded(means, chosen)
    items = [proof.item for proof in proofs]
    try:
        await _side_by_side(solver.present(some, means.record.noted) for solver, some in _by_solver(means, items))
        await _side_by_side(solver.ready(some) for solver, some in _by_solver(means, items))
        await _side_by_side(_prove(means, proof) for proof in proofs)
    finally:
        stale = [item for item in means.leftovers if item.id not in {kept.id for kept in items}]
        # Before the certificate is let go: the next one presents the same answers again.
        await to_its_end(_clear(means, [*items, *stale]), _FAREWELL)


def _choose(means: Means, issuance: Issuance, authorization: Authorization) -> _Proof:
    """The first configured challenge that the CA offers for the name, and its answer."""
    identifier = _asked(authorization)
    offered = {challenge.type: challenge for challenge in authorization.challenges}
    rule = challenge_rule_for(means.intent, identifier, set(offered))
    if rule is None:
        raise _no_challenge(means, identifier, offered)
    challenge = offered[rule.type]
    return _Proof(authorization, challenge, means.solving.response_to(challenge, authorization, rule, issuance))


def _asked(authorization: Authorization) -> Identifier:
    """The identifier as the order named it: an authorization for a wildcard carries the base name."""
    identifier = authorization.identifier
    if authorization.wildcard and identifier.type == "dns":
        return Identifier("dns", f"*.{identifier.value}")
    return identifier


def _no_challenge(means: Means, identifier: Identifier, offered: Iterable[str]) -> EvercertError:
    configured = ", ".join(f"{rule.type} by {rule.solver}" for rule in means.intent.challenges) or "none"
    return EvercertError(
        "no-challenge",
        f"the CA offers {', '.join(sorted(offered)) or 'no challenge'}; configured for this certificate: {configured}",
        name=identifier.value,
        ca=means.intent.ca,
        hint="a wildcard is proved by DNS alone: add --dns PROVIDER"
        if identifier.wildcard
        else "obtain it again with a challenge that the CA offers (--http-01, --tls-alpn-01 or --dns PROVIDER)",
    )


async def _recorded(means: Means, chosen: Sequence[_Proof]) -> list[_Proof]:
    """The proofs with their items durable; an item that an earlier attempt recorded is taken up again, unless
    it was to be presented in another way than is configured now."""
    kept = {_way(item): item for item in means.leftovers}
    fresh = [proof.item for proof in chosen if _way(proof.item) not in kept]
    kept |= {_way(item): item for item in (await means.record.presenting(fresh) if fresh else ())}
    return [_Proof(proof.authorization, proof.challenge, kept[_way(proof.item)]) for proof in chosen]


def _way(item: Presented) -> tuple[str, ...]:
    """What is presented, and how: equal for equal answers, whichever attempt made them."""
    options = (text for option in sorted(item.options.items()) for text in option)
    return item.challenge_url, item.place, item.content, item.solver, *options


async def _prove(means: Means, proof: _Proof) -> None:
    """Afterwards the authorization is valid; raises the CA's own words where it is not."""
    known: Authorization | str = proof.authorization.url
    if proof.challenge.status == "pending":
        answered = await means.ca.answer(proof.challenge)
        if answered.status in {"pending", "processing"}:  # it was told a moment ago: no CA is done yet
            known = msgspec.structs.replace(proof.authorization, retry_after=answered.retry_after)
    try:
        await means.ca.await_authorization(known, timeout=_PATIENCE)
    except EvercertError as error:
        if error.code.name in _FAILED:
            await means.record.disproved(proof.authorization.identifier)
        raise


async def _clear(means: Means, items: Sequence[Presented]) -> None:
    """Take away what can be; what cannot stays recorded, and the engine comes back for it."""
    if items:
        await means.record.taking_away()
    await _side_by_side(_take_away(means, item) for item in items)


async def _take_away(means: Means, item: Presented) -> None:
    try:
        await means.solving.solver_for(item).clean_up([item])
    except EvercertError:
        return
    await means.record.taken_away([item])


def _by_solver(means: Means, items: Sequence[Presented]) -> list[tuple[Solver, list[Presented]]]:
    groups: dict[int, tuple[Solver, list[Presented]]] = {}
    for item in items:
        solver = means.solving.solver_for(item)
        groups.setdefault(id(solver), (solver, []))[1].append(item)
    return list(groups.values())


async def _side_by_side(work: Iterable[Awaitable[object]]) -> None:
    """Do all of it; afterwards raise the first failure, with the others as its parts, when none is left running."""
    failures = [result for result in await all_ended(work) if isinstance(result, BaseException)]
    if not failures:
        return
    first, *others = failures
    if isinstance(first, EvercertError):
        first.parts += tuple(each for each in others if isinstance(each, EvercertError))
    raise first
