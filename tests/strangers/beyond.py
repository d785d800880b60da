"""What not every client knows, tried: one short journey for each word of `BEYOND`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from tests.strangers.client import Client
from tests.strangers.journey import leaf_of, names_for

__all__ = ["SHORT_LIFE", "TRIED"]

SHORT_LIFE: Final = timedelta(hours=160)
"""Of the profile `shortlived` of our CA."""


def binds_an_account(client: Client) -> None:
    """The CA takes no account without one."""
    names = names_for(client)
    leaf_of(client.ca, client.obtain(names), names)


def asks_for_a_profile(client: Client) -> None:
    names = names_for(client)
    leaf = leaf_of(client.ca, client.obtain(names), names)
    life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    assert SHORT_LIFE - timedelta(hours=2) < life < SHORT_LIFE + timedelta(hours=2)


def renews_when_told(client: Client) -> None:
    names = names_for(client)
    leaf = leaf_of(client.ca, client.obtain(names), names)
    client.ca.ask_to_renew(leaf)
    assert leaf_of(client.ca, client.renew_when_told(), names).serial_number != leaf.serial_number


def certifies_an_address(client: Client) -> None:
    leaf_of(client.ca, client.obtain(["127.0.0.1"]), ["127.0.0.1"])


TRIED: Final[dict[str, Callable[[Client], None]]] = {
    "eab": binds_an_account,
    "profile": asks_for_a_profile,
    "ari": renews_when_told,
    "ip": certifies_an_address,
}
