"""The chain to keep: the preferred one of those that the CA offers, checked before it is kept."""

from __future__ import annotations

from contextlib import suppress

from evercert.acme.wire import Order
from evercert.base.errors import EvercertError
from evercert.issue.means import Means
from evercert.pki.chain import check_issued, matches_preferred

__all__ = ["acceptable_chain"]


async def acceptable_chain(means: Means, order: Order) -> tuple[bytes, ...]:
    """The certificate and its issuers (DER, leaf first), proved to be what was asked for.

    The first chain that matches the intent's preference and is right, else the CA's default: a
    preference never costs a certificate. Raises `bad-certificate`.
    """
    wanted = means.intent.preferred_chain
    default, *others = await means.ca.chains(order, alternates=bool(wanted))
    for chain in (default, *others) if wanted else ():
        with suppress(EvercertError):
            if matches_preferred(chain, wanted):
                return _checked(means, chain)
    return _checked(means, default)


def _checked(means: Means, chain: tuple[bytes, ...]) -> tuple[bytes, ...]:
    check_issued(chain, means.spki, means.intent.identifiers, means.clock.now())
    return chain
