"""The entrance: one claim, looked at once, is true or a `Problem`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from evercert.acme.challenge import DNS_01, DNS_ACCOUNT_01, DNS_PERSIST_01, HTTP_01, TLS_ALPN_01
from evercert.acme.problem import Problem, ProblemType
from evercert.ca.validation.claim import Claim, Reach, Validated
from evercert.ca.validation.dns01 import validate_dns01, validate_dns_account01
from evercert.ca.validation.http01 import validate_http01
from evercert.ca.validation.network import Asked, Witness
from evercert.ca.validation.persist01 import validate_persist01
from evercert.ca.validation.tls_alpn01 import validate_tls_alpn01

__all__ = ["CHALLENGES", "validate"]

# Eleven hops of ten seconds each are nobody's server.
_PATIENCE: Final = 20.0

_Validator = Callable[[Claim, Reach], Awaitable[None]]

_AT_ONCE: Final[dict[str, _Validator]] = {
    HTTP_01: validate_http01,
    DNS_01: validate_dns01,
    DNS_ACCOUNT_01: validate_dns_account01,
    TLS_ALPN_01: validate_tls_alpn01,
}
# RFC 8555 §7.1.3 and RFC 8738 §7: what kind of identifier which challenge proves.
_FOR_WILDCARDS: Final = frozenset({DNS_01, DNS_ACCOUNT_01, DNS_PERSIST_01})
_FOR_ADDRESSES: Final = frozenset({HTTP_01, TLS_ALPN_01})

CHALLENGES: Final = frozenset({*_AT_ONCE, DNS_PERSIST_01})


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
            until = await _validated(claim, replace(reach, network=witness), now)
    except TimeoutError:
        raise Problem(ProblemType.CONNECTION, f"the validation did not end within {patience:g} s") from None
    finally:
        if asked is not None:
            asked.extend(witness.asked)
    return Validated(claim, until, tuple(witness.asked))


async def _validated(claim: Claim, reach: Reach, now: datetime) -> datetime | None:
    """Until when the proof lasts by itself."""
    if claim.challenge not in CHALLENGES:
        raise Problem(ProblemType.MALFORMED, "this CA does not validate by a challenge of that type")
    if claim.identifier.wildcard and claim.challenge not in _FOR_WILDCARDS:
        raise Problem(ProblemType.MALFORMED, f"a wildcard is not proved by {claim.challenge} (RFC 8555 §7.1.3)")
    if claim.identifier.type == "ip" and claim.challenge not in _FOR_ADDRESSES:
        raise Problem(ProblemType.MALFORMED, f"an address is not proved by {claim.challenge} (RFC 8738 §7)")
    if claim.challenge == DNS_PERSIST_01:
        return await validate_persist01(claim, reach, now)
    await _AT_ONCE[claim.challenge](claim, reach)
    return None
