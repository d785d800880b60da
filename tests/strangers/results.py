"""What is written of strangers, and what is seen of them.

The tests make every journey and fail where what they see is not what is written; `make docs` makes a page of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tests.strangers.beyond import TRIED
from tests.strangers.ca import CaUnderTest
from tests.strangers.client import Client, Wish
from tests.strangers.journey import travel

__all__ = ["FILE", "described", "entry", "try_beyond", "try_journey", "written"]

FILE: Final = Path(__file__).with_name("results.json")


def written() -> dict[str, dict[str, Any]]:
    """Client by its name and source, as committed."""
    return dict(json.loads(FILE.read_text()))


def entry(stranger: type[Client]) -> str:
    """Its name in the file."""
    return f"{stranger.name}, {stranger.source}"


def described(stranger: type[Client]) -> dict[str, Any]:
    """What is true of it without a journey."""
    return {"version": stranger.version(), "unable": dict(stranger.unable), "beyond": sorted(stranger.beyond)}


def try_journey(stranger: type[Client], challenge: str, ca: CaUnderTest, home: Path) -> list[str]:
    """What it could do, of `journey.VERBS`."""
    with stranger(ca, home, Wish(challenge)) as client:
        return travel(client)


def try_beyond(stranger: type[Client], word: str, ca: CaUnderTest, home: Path) -> None:
    """A failure where the client, or the CA, does not know the *word* of `BEYOND`."""
    with stranger(ca, home, Wish(profile="shortlived" if word == "profile" else "")) as client:
        TRIED[word](client)
