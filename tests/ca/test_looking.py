"""A CA whose validations and whose CAA are confirmed from elsewhere, from its settings to its certificates."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError
from evercert.base.probe import CaaRecord
from evercert.base.secret import Secret
from evercert.ca.setup.looking import perspectives_of, reach_of
from evercert.ca.setup.settings import CaSettings, PerspectiveSettings, ValidationSettings
from evercert.ca.validation.perspective_app import Callers, PerspectiveApplication
from evercert.ca.validation.perspectives import Perspectives, Remote
from tests.ca.given import a_ca
from tests.ca.validation.given import reach
from tests.ca.validation.test_perspectives import WORD, Wires, dead
from tests.fakes.clock import FakeClock
from tests.fakes.validated_network import FakeNetwork

NAME = "www.example.test"


def elsewhere(seen: FakeNetwork) -> Perspectives:
    """Three remotes, of which one is dead."""
    application = PerspectiveApplication(reach(seen, "127.0.0.0/8"), Callers(WORD), FakeClock())
    wires: Mapping[str, object] = {"p0": application, "p1": application, "p2": dead}
    return Perspectives([Remote(name, f"https://{name}/", WORD) for name in wires], Wires(wires))


async def test_a_name_that_others_see_as_well_is_issued_for(tmp_path: Path) -> None:
    async with a_ca(tmp_path / "ca", confirmed=elsewhere) as world:
        assert (await world.obtain(await world.registered(), NAME)).certificate


async def test_a_name_that_only_the_ca_sees_is_not_proved(tmp_path: Path) -> None:
    async with a_ca(tmp_path / "ca", confirmed=lambda network: elsewhere(FakeNetwork())) as world:
        with pytest.raises(EvercertError) as raised:
            await world.obtain(await world.registered(), NAME)
    assert "perspectives in other networks" in str(raised.value)


async def test_a_name_whose_caa_others_see_to_forbid_it_is_not_issued_for(tmp_path: Path) -> None:
    theirs = FakeNetwork()
    async with a_ca(tmp_path / "ca", confirmed=lambda network: elsewhere(theirs)) as world:
        theirs.names, theirs.pages = world.network.names, world.network.pages
        theirs.records = {NAME: [CaaRecord(0, "issue", ";")]}
        with pytest.raises(EvercertError) as raised:
            await world.obtain(await world.registered(), NAME)
    assert "caa: " in str(raised.value)
    assert "perspectives in other networks" in str(raised.value)


def settings(**validation: object) -> CaSettings:
    return CaSettings(url="https://ca.test", validation=ValidationSettings(**validation))  # type: ignore[arg-type]


async def test_the_settings_name_perspectives_and_where_to_look(tmp_path: Path) -> None:
    wanted = settings(
        resolvers=("127.0.0.1:9",),
        allow=("10.0.0.0/8",),
        http_port=5002,
        perspectives=(
            PerspectiveSettings("a", "https://a.test", "env:WORD"),
            PerspectiveSettings("b", "http://[::1]:9"),
        ),
    )
    where = reach_of(wanted)
    assert (where.http_port, where.tls_port, where.policy.objection("10.0.0.1")) == (5002, 443, "")
    async with perspectives_of(wanted, tmp_path, {"WORD": "x"}, SystemClock()) as found:
        assert isinstance(found, Perspectives)


@pytest.mark.parametrize(
    ("perspective", "code"),
    [
        (PerspectiveSettings("a", "http://a.test"), "insecure-url"),
        (PerspectiveSettings("a", "a.test"), "insecure-url"),
        (PerspectiveSettings("a", "https://a.test", "word"), "bad-input"),
        (PerspectiveSettings("a", "https://a.test", "env:NOTHING"), "not-found"),
        (PerspectiveSettings("a", "https://a.test", region="ripe"), "bad-input"),
    ],
)
async def test_perspectives_that_cannot_be_meant_are_refused(
    tmp_path: Path, perspective: PerspectiveSettings, code: str
) -> None:
    with pytest.raises(EvercertError) as raised:
        async with perspectives_of(settings(perspectives=(perspective,)), tmp_path, {}, SystemClock()):
            await asyncio.sleep(0)
    assert raised.value.code.name == code
    assert Secret("word").text() not in str(raised.value)
