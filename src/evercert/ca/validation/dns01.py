"""dns-01 and dns-account-01: a digest in a TXT record (RFC 8555 §8.4, draft-ietf-acme-dns-account-label).

The resolver follows aliases, so a name may be delegated by a CNAME.
"""

from __future__ import annotations

from evercert.acme.challenge import dns01_name, dns_account_name, dns_value
from evercert.acme.problem import Problem, ProblemType
from evercert.base.probe import Looked, Outcome
from evercert.ca.validation.claim import Claim, Reach

__all__ = ["texts", "validate_dns01", "validate_dns_account01"]


async def validate_dns01(claim: Claim, reach: Reach) -> None:
    """Raises `Problem`: `dns`, `incorrectResponse`."""
    await _validate(dns01_name(claim.identifier), claim, reach)


async def validate_dns_account01(claim: Claim, reach: Reach) -> None:
    """The same, at a name of the account's own. Raises `Problem`: `dns`, `incorrectResponse`."""
    await _validate(dns_account_name(claim.identifier, claim.account_url), claim, reach)


async def texts(name: str, reach: Reach, *, absent: ProblemType = ProblemType.INCORRECT_RESPONSE) -> tuple[bytes, ...]:
    """The TXT values at *name*, at least one. Raises `Problem` (`dns`, and *absent* where there is none)."""
    looked: Looked[bytes] = await reach.network.txt(name)
    match looked.outcome:
        case Outcome.FOUND:
            return looked.records
        case Outcome.NO_NAME:
            raise Problem(ProblemType.DNS, f"there is no name {name}; publish the challenge's TXT record there")
        case Outcome.NO_DATA:
            what = f"{name} has no TXT record; publish the challenge's there"
            raise Problem(absent, what)
        case _:
            raise Problem(ProblemType.DNS, f"TXT of {name} cannot be asked for: {looked.fault}")


async def _validate(name: str, claim: Claim, reach: Reach) -> None:
    wanted = dns_value(claim.key_authorization).encode()
    found = await texts(name, reach)
    if wanted not in found:
        raise Problem(
            ProblemType.INCORRECT_RESPONSE,
            f"none of the TXT records at {name} ({len(found)} found) has the digest that this token and account make; "
            "publish it there, and wait until every server of the zone has it",
        )
