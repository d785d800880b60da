"""Placing an order once, even if the answer to newOrder was lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from evercert.acme.problem import Problem, ProblemType
from evercert.acme.wire import Order
from evercert.base.errors import EvercertError
from evercert.issue.means import Means
from evercert.model.fact import Issuance

__all__ = ["find_order", "is_forgotten", "place_order"]

# Orders are listed oldest or newest first, as the CA likes; so many are looked at.
_LOOK_BACK = 200
# A request of ours goes out only after its order's URL is durable, so an order that is finalized was so with
# somebody else's: another home with this account, or this one before it was restored from a backup.
_USABLE = frozenset({"pending", "ready"})

# What Boulder answers where the predecessor is another account's, of other names, or not known (any more).
_MAYBE_ABOUT_REPLACES = frozenset({ProblemType.MALFORMED, ProblemType.UNAUTHORIZED})


async def place_order(means: Means, issuance: Issuance) -> tuple[Order, Issuance]:
    """Afterwards the CA has one order for this issuance, and its URL is durable.

    Where the CA says that the certificate was replaced already (RFC 9773 §5), the order that did
    so is taken up if it can be found, and otherwise one is placed that replaces nothing; so, too, where
    it does not take that predecessor, for that is about a rate limit and must not cost the certificate.
    """
    issuance = await means.record.placing(issuance)
    try:
        order = await _new_order(means, issuance)
    except Problem as problem:
        if not (issuance.replaces and (_says_replaced(problem) or _may_be_about_replaces(problem))):
            raise
        if _says_replaced(problem) and (found := await _successor(means, issuance)):
            return found, await means.record.ordered(issuance, found.url, adopted=True)
        issuance = await means.record.replaces_dropped(issuance)
        order = await _new_order(means, issuance)
    return order, await means.record.ordered(issuance, order.url, adopted=False)


async def find_order(means: Means, issuance: Issuance) -> Order | None:
    """An order for the same identifiers that the account has and no issuance of ours knows.

    None where there is none, or where the CA keeps no list of orders (Let's Encrypt): it then
    answers an identical newOrder with the pending order that it has. Raises what kept the CA from
    showing its list, for nothing is known then.
    """
    return await _unknown_among(means, issuance, await _orders(means))


async def _successor(means: Means, issuance: Issuance) -> Order | None:
    """The order that has replaced the predecessor; None where the list of orders cannot be had either."""
    try:
        urls = await _orders(means)
    except EvercertError:
        return None
    return await _unknown_among(means, issuance, urls)


async def _orders(means: Means) -> list[str]:
    """The account's orders, as the CA lists them; none where it says that it does not."""
    try:
        return await means.ca.orders()
    except EvercertError as error:
        if error.code.name == "ca-refused" or (isinstance(error, Problem) and is_forgotten(error)):
            return []
        raise


async def _unknown_among(means: Means, issuance: Issuance, urls: Sequence[str]) -> Order | None:
    known = await means.record.known_orders(issuance)
    wanted = set(means.intent.identifiers)
    for url in [url for url in urls if url not in known][-_LOOK_BACK:]:
        order = await _listed(means, url)
        if order is not None and order.status in _USABLE and set(order.identifiers) == wanted:
            return order
    return None


def is_forgotten(problem: Problem) -> bool:
    """Whether that is what a CA answers about an order that it does not know (any more)."""
    return problem.status in {403, 404, 410} or problem.type is ProblemType.MALFORMED


async def _listed(means: Means, url: str) -> Order | None:
    """The order; None where its CA only remembers that there was one."""
    try:
        return await means.ca.order(url)
    except Problem as problem:
        if is_forgotten(problem):
            return None
        raise


async def _new_order(means: Means, issuance: Issuance) -> Order:
    lifetime = means.intent.lifetime
    not_after = means.clock.now() + timedelta(seconds=lifetime) if lifetime else None
    return await means.ca.new_order(
        means.intent.identifiers,
        profile=issuance.profile,
        profile_required=means.intent.profile_required,
        replaces=issuance.replaces,
        not_after=not_after,
    )


def _may_be_about_replaces(problem: Problem) -> bool:
    # Pebble 2.10.1 has a 500 for one that it does not find, which is one in some 256: it leaves out zeros in front of a
    # serial number. Any other 500 is about anything, and the predecessor is named again the next time.
    unknown = problem.type is ProblemType.SERVER_INTERNAL and "for the given certificate" in problem.detail
    return unknown or problem.type in _MAYBE_ABOUT_REPLACES


def _says_replaced(problem: Problem) -> bool:
    # Let's Encrypt has answered 409 `conflict` where RFC 9773 §5 says 409 `alreadyReplaced`.
    return problem.type is ProblemType.ALREADY_REPLACED or problem.status == 409
