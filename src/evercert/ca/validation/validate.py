"""The entrance: one claim, looked at once, is true or a `Problem`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from evercert.acme.challenge import DNS_01, DNS_ACCOUNT_01, HTTP_01
from evercert.acme.problem import Problem, ProblemType
from evercert.ca.validation.claim import Claim, Reach, Validated
from evercert.ca.validation.dns01 import validate_dns01, validate_dns_account01
from evercert.ca.validation.http01 import validate_http01
from evercert.ca.validation.network import Asked, Witness

__all__ = ["VALIDATORS", "validate"]

# Eleven hops of ten seconds each are nobody's server.
_PATIENCE: Final = 30.0

VALIDATORS: Final[dict[str, Callable[[Claim, Reach], Awaitable[None]]]] = {
    HTTP_01: validate_http01,
    DNS_01: validate_dns01,
    DNS_ACCOUNT_01: validate_dns_account01,
}


async def validate(
    claim: Claim, reach: Reach, *, now: datetime, asked: list[Asked] | None = None, patience: float = _PATIENCE
) -> Validated:
    """The claim, if it is true at this moment. Writes nothing, may be repeated and cancelled.

    Raises `Problem`, in text fit for the client: no word of the peer is in it. What was asked of the world is added to
    *asked* even then. Ends within *patience* seconds.
    """
    witness = Witness(reach.network)
    try:
        async with asyncio.timeout(patience):
            await _validator(claim)(claim, replace(reach, network=witness))
    except TimeoutError:
        raise Problem(ProblemType.CONNECTION, f"the validation did not end within {patience:g} s") from None
    finally:
        if asked is not None:
            asked.extend(witness.asked)
    return Validated(claim, asked=tuple(witness.asked))


def _validator(claim: Claim) -> Callable[[Claim, Reach], Awaitable[None]]:
    if claim.challenge not in VALIDATORS:
        raise Problem(ProblemType.MALFORMED, "this CA does not validate by a challenge of that type")
    if claim.identifier.wildcard and claim.challenge in {HTTP_01}:
        raise Problem(ProblemType.MALFORMED, f"a wildcard is not proved by {claim.challenge} (RFC 8555 §7.1.3)")
    if claim.identifier.type == "ip" and claim.challenge.startswith("dns"):
        raise Problem(ProblemType.MALFORMED, f"an address is not proved by {claim.challenge} (RFC 8738 §7)")
    return VALIDATORS[claim.challenge]
