"""What an account says it controls, and what a validator may use to see whether that is so."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from evercert.acme.problem import Problem, ProblemType
from evercert.base.names import Identifier
from evercert.base.probe import Limits
from evercert.ca.validation.network import Asked, Network
from evercert.ca.validation.policy import NetworkPolicy

__all__ = ["Claim", "Reach", "Validated"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One challenge as it was answered. `challenge` is its type; the identifier of a wildcard's is `*.name`.

    The rest is for dns-persist-01: the issuer domain names that the challenge offered; whether an account may be named
    by its URL (drafts -00 and -01); the directory's `accountHashPrefix` ("" where draft -02 is not spoken); and the
    thumbprints of keys that the account had before, by which records from before a key change still hold.
    """

    challenge: str
    identifier: Identifier
    token: str
    thumbprint: str
    account_url: str
    issuer_names: tuple[str, ...] = ()
    accepts_account_url: bool = True
    account_hash_prefix: str = ""
    former_thumbprints: tuple[str, ...] = ()

    @property
    def key_authorization(self) -> str:
        """RFC 8555 §8.1."""
        return f"{self.token}.{self.thumbprint}"


@dataclass(frozen=True, slots=True)
class Reach:
    """The world as one CA looks at it. Ports other than 80 and 443 are for labs and tests."""

    network: Network
    policy: NetworkPolicy = field(default_factory=NetworkPolicy)
    http_port: int = 80
    tls_port: int = 443
    limits: Limits = field(default_factory=Limits)

    async def addresses(self, host: Identifier) -> tuple[str, ...]:
        """Where to connect to for *host*: the first permitted IPv6 address, then the first permitted IPv4 one, each
        of which has been checked and is to be dialled as it is. Raises `Problem` (`dns`, `connection`)."""
        found = (host.value,) if host.type == "ip" else await self._resolved(host.value)
        objections = {address: self.policy.objection(address) for address in found}
        permitted = [address for address, objection in objections.items() if not objection]
        if not permitted:
            raise _denied(*next(iter(objections.items())))
        ipv6 = [address for address in permitted if ":" in address][:1]
        return (*ipv6, *[address for address in permitted if ":" not in address][:1])

    async def _resolved(self, name: str) -> tuple[str, ...]:
        looked = await self.network.addresses(name)
        if looked.records:
            return looked.records
        if looked.outcome.is_answer:
            what = "the name has no A or AAAA record"
            raise Problem(ProblemType.DNS, f"{what}; add one that leads to the server that answers the challenge")
        raise Problem(ProblemType.DNS, f"the name's addresses cannot be asked for: {looked.fault}")


@dataclass(frozen=True, slots=True)
class Validated:
    """The claim is true. `until` is when its proof ends by itself (dns-persist-01); `asked` is for the audit."""

    claim: Claim
    until: datetime | None = None
    asked: tuple[Asked, ...] = ()


def _denied(address: str, objection: str) -> Problem:
    return Problem(
        ProblemType.CONNECTION,
        f"{address} is {objection}, to which this CA does not connect; let the name lead to another address, "
        "or ask the CA's operator to allow this one",
    )
