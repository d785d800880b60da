"""Strangers' clients, from their packages, get, renew and revoke over every challenge that they know."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.strangers.acme_client import AcmeClient
from tests.strangers.acme_tiny import AcmeTiny
from tests.strangers.ca import CaUnderTest
from tests.strangers.caddy import Caddy
from tests.strangers.client import BEYOND, DNS, HTTP, TLS, Client, Wish
from tests.strangers.journey import leaf_of, names_for
from tests.strangers.results import described, entry, try_beyond, try_journey, written
from tests.strangers.strangers import STRANGERS
from tests.strangers.uacme import Uacme

_HOW = "run `make strangers`, `make docs`, and read the diff"

_JOURNEYS = [(stranger, challenge) for stranger in STRANGERS for challenge in stranger.challenges]
_BEYOND = [(stranger, word) for stranger in STRANGERS for word in BEYOND if word in stranger.beyond]
_CONTROL: list[tuple[type[Client], str]] = [(AcmeTiny, HTTP), (Caddy, TLS), (AcmeClient, DNS)]
_KEYS: list[tuple[type[Client], str]] = [(Caddy, "rsa2048"), (Caddy, "ec384"), (Uacme, "ec384"), (Uacme, "rsa2048")]


def _ids(pairs: Iterable[tuple[type[Client], str]]) -> list[str]:
    return [f"{stranger.__name__}-{word}" for stranger, word in pairs]


@pytest.mark.parametrize(("stranger", "challenge"), _JOURNEYS, ids=_ids(_JOURNEYS))
def test_a_stranger_gets_renews_and_revokes(
    ca: CaUnderTest, stranger: type[Client], challenge: str, tmp_path: Path
) -> None:
    seen = try_journey(stranger, challenge, ca, tmp_path / "home")
    assert written()[entry(stranger)]["journeys"][challenge] == seen, _HOW


@pytest.mark.parametrize(("stranger", "word"), _BEYOND, ids=_ids(_BEYOND))
def test_a_stranger_does_what_not_every_client_does(
    request: pytest.FixtureRequest, stranger: type[Client], word: str, tmp_path: Path
) -> None:
    ca: CaUnderTest = request.getfixturevalue("binding_ca" if word == "eab" else "ca")
    try_beyond(stranger, word, ca, tmp_path / "home")
    assert word in written()[entry(stranger)]["beyond"], _HOW


@pytest.mark.parametrize(("stranger", "key"), _KEYS, ids=_ids(_KEYS))
def test_a_strangers_key_is_certified_whichever_type_it_is_of(
    ca: CaUnderTest, stranger: type[Client], key: str, tmp_path: Path
) -> None:
    with stranger(ca, tmp_path / "home", Wish(key=key)) as client:
        names = names_for(client)
        certified = leaf_of(ca, client.obtain(names), names).public_key()
    assert isinstance(certified, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    assert f"{'ec' if isinstance(certified, ec.EllipticCurvePublicKey) else 'rsa'}{certified.key_size}" == key


@pytest.mark.parametrize(("stranger", "challenge"), _CONTROL, ids=_ids(_CONTROL))
def test_the_same_journey_holds_elsewhere(
    others: CaUnderTest, stranger: type[Client], challenge: str, tmp_path: Path
) -> None:
    try_journey(stranger, challenge, others, tmp_path / "home")


@pytest.mark.parametrize("stranger", STRANGERS, ids=[stranger.__name__ for stranger in STRANGERS])
def test_what_is_written_is_about_the_stranger_who_is_here(stranger: type[Client]) -> None:
    found = written()[entry(stranger)]
    assert found["journeys"].keys() == set(stranger.challenges)
    assert found == described(stranger) | {"journeys": found["journeys"]}, _HOW


def test_nothing_is_written_about_anybody_else() -> None:
    assert written().keys() == {entry(stranger) for stranger in STRANGERS}
