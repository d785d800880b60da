"""http-01: the key authorization at a path of the name's own (RFC 8555 §8.3, RFC 8738 §4)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from evercert.acme.challenge import http_path
from evercert.acme.problem import Problem, ProblemType
from evercert.base.probe import Page
from evercert.ca.validation.claim import Claim, Reach
from evercert.ca.validation.dialling import first_answer
from evercert.ca.validation.redirect import Site, led_to

__all__ = ["validate_http01"]

_MAX_REDIRECTS: Final = 10
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# What may follow the key authorization: white space (§8.3), and enough of an error page to know that it is one.
_SLACK: Final = 1024


async def validate_http01(claim: Claim, reach: Reach) -> None:
    """Raises `Problem`: `dns`, `connection`, `tls`, `incorrectResponse`."""
    wanted = claim.key_authorization.encode()
    limited = replace(reach, limits=replace(reach.limits, body=len(wanted) + _SLACK))
    first = Site(claim.identifier, reach.http_port, http_path(claim.token))
    address, page = await _followed(first, limited)
    if page.status != 200:
        raise _wrong(address, f"answered with status {page.status} where 200 and the key authorization are wanted")
    if not page.whole:
        raise _wrong(address, "answered with much more than the key authorization")
    # §8.3: white space at the end of the body is to be passed over.
    if page.body.rstrip(b" \t\r\n") != wanted:
        raise _wrong(address, "answered with something else than the key authorization of this token and account")


async def _followed(site: Site, reach: Reach) -> tuple[str, Page]:
    """The first page that is no redirect, and the address that gave it: each hop is resolved, checked and dialled as
    checked, anew."""
    seen = {site}
    while True:
        addresses = await reach.addresses(site.host)
        address, page = await first_answer(addresses, partial(_fetched, site, reach))
        if page.status not in _REDIRECTS:
            return address, page
        site = led_to(page.location, site, reach)
        if site in seen:
            raise Problem(ProblemType.CONNECTION, "the server's redirects go in a circle; answer without them")
        if len(seen) > _MAX_REDIRECTS:
            raise Problem(ProblemType.CONNECTION, f"the server redirects more than {_MAX_REDIRECTS} times")
        seen.add(site)


async def _fetched(site: Site, reach: Reach, address: str) -> Page:
    return await reach.network.fetch(site.door(address), reach.limits)


def _wrong(address: str, what: str) -> Problem:
    return Problem(
        ProblemType.INCORRECT_RESPONSE,
        f"{address} {what}; let the server there answer this challenge's path",
    )
