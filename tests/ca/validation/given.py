"""What the tests of the validators begin with: an account's claim, and a world to look at."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from evercert.acme.problem import Problem, ProblemType
from evercert.base.names import parse_identifier
from evercert.ca.validation.claim import Claim, Reach, Validated
from evercert.ca.validation.network import Network
from evercert.ca.validation.policy import NetworkPolicy
from evercert.ca.validation.validate import validate

__all__ = ["ACCOUNT", "NOW", "PATH", "THUMBPRINT", "TOKEN", "claim", "proved", "reach", "refused"]

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
TOKEN = "DGyRejmCefe7v4NfDGDKfA"
THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
ACCOUNT = "https://ca.example/acct/123"
PATH = f"/.well-known/acme-challenge/{TOKEN}"


def claim(challenge: str, name: str = "www.example.com", **more: Any) -> Claim:
    return Claim(challenge, parse_identifier(name), TOKEN, THUMBPRINT, ACCOUNT, **more)


def reach(network: Network, *allow: str, deny: tuple[str, ...] = (), **more: Any) -> Reach:
    return Reach(network, NetworkPolicy(allow, deny), **more)


async def proved(wanted: Claim, where: Reach, now: datetime = NOW) -> Validated:
    return await validate(wanted, where, now=now)


async def refused(wanted: Claim, where: Reach, kind: ProblemType, now: datetime = NOW) -> Problem:
    with pytest.raises(Problem) as raised:
        await validate(wanted, where, now=now)
    assert raised.value.type is kind, raised.value
    assert raised.value.detail
    return raised.value
