"""Accounts that are made with what was said of them: contacts, the type of a key, an external account."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from evercert.acme.cas import known_ca
from evercert.acme.problem import URN, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.engine.registering import Registering
from evercert.engine.report import Telling, silent
from evercert.engine.wiring import Engine
from evercert.model.access import CaAccess, Registration
from evercert.model.fact import Account
from evercert.pki.key_type import KeyType
from evercert.pki.keys import generate
from evercert.store import accounts, cas, keys
from tests.engine.world import World
from tests.fakes.ca import FakeCa, Fault

SECRET = "c2VjcmV0LW9mLXRoaXJ0eS10d28tb2N0ZXRzLS0tLS0"
OCTETS = b"secret-of-thirty-two-octets-----"
REFUSED = json.dumps({"type": f"{URN}unauthorized", "detail": "unknown EAB key"}).encode()


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.ca.eab_keys = {"kid-1": OCTETS, "kid-2": OCTETS}
    return made


def reference(world: World) -> str:
    file = world.folder / "hmac"
    file.write_text(SECRET)
    file.chmod(0o600)
    return f"file:{file}"


async def say(
    engine: Engine, world: World, *own: Registration, kid: str = "", contact: str = "", ca: FakeCa | None = None
) -> None:
    """Afterwards that is said of those accounts, and the rest of all accounts at the CA."""
    contacts = (contact,) if contact else ()
    key = reference(world)
    access = CaAccess((ca or world.ca).directory_url, contacts=contacts, eab_kid=kid, eab_key=key if kid else "")
    for each in own:
        access = access.saying(msgspec.structs.replace(each, eab_key=key if each.eab_kid else ""))
    await cas.configure(engine.db, access)


async def account(engine: Engine, world: World, name: str, ca: FakeCa | None = None) -> Account:
    return (await engine.accounts.registered((ca or world.ca).directory_url, name)).account


async def refusal(engine: Engine, world: World, name: str, ca: FakeCa | None = None) -> EvercertError:
    with pytest.raises(EvercertError) as raised:
        await account(engine, world, name, ca)
    return raised.value


async def test_what_is_said_of_an_account_is_said_of_no_other(world: World) -> None:
    own = Registration("one", ("mailto:one@a.test",), "kid-1"), Registration("two", ("mailto:two@a.test",), "kid-2")
    async with world.engine() as engine:
        await say(engine, world, *own)
        made = [await account(engine, world, name) for name in ("one", "two")]
        assert [each.eab_kid for each in made] == ["kid-1", "kid-2"]
        assert [each.contacts for each in made] == [("mailto:one@a.test",), ("mailto:two@a.test",)]
        error = await refusal(engine, world, "three")
    assert "externalAccountRequired" in error.message
    assert error.hint.startswith(
        "get an unused key id and HMAC key from the CA, and give them as --account three --eab"
    )


async def test_what_is_said_of_a_ca_is_said_of_accounts_of_which_nothing_else_is(world: World) -> None:
    async with world.engine() as engine:
        await say(
            engine, world, Registration("own", account_key=KeyType.EC384), kid="kid-1", contact="mailto:all@a.test"
        )
        made = [await account(engine, world, name) for name in ("own", "other")]
        keys = [(await engine.accounts.registered(each.ca, each.name)).key.type for each in made]
    assert [each.contacts for each in made] == [("mailto:all@a.test",)] * 2
    assert keys == [KeyType.EC384, KeyType.EC256]


async def test_a_key_that_makes_many_accounts_is_shown_again_and_that_is_told(world: World) -> None:
    async with world.engine() as engine:
        await say(engine, world, kid="kid-1")
        await account(engine, world, "one")
        assert not any("shown again" in line for line in world.told)
        await account(engine, world, "two")
    words = "external account kid-1, which has made account 'one', is shown again"
    assert any(line.endswith(words) for line in world.told)


async def test_a_key_that_a_second_account_was_refused_with_is_not_sent_again(world: World) -> None:
    async with world.engine() as engine:
        await say(engine, world, kid="kid-1")
        await account(engine, world, "one")
        world.ca.fail("new-account", Fault.answered(403, REFUSED))
        told = await refusal(engine, world, "two")
        assert told.hint.startswith("external account kid-1 is used up by account 'one': get an unused key id")
        sent = world.ca.seen["new-account"]
        error = await refusal(engine, world, "two")
        assert (error.code.name, world.ca.seen["new-account"]) == ("ca-refused", sent)
        assert str(error) == f"external account kid-1 is used up by account 'one' (at {world.ca.directory_url})"
        assert "give them as --account two --eab-kid and --eab-key" in error.hint
        await say(engine, world, Registration("two", eab_kid="kid-2"), kid="kid-1")
        assert (await account(engine, world, "two")).eab_kid == "kid-2"


async def test_a_key_that_somebody_gives_again_is_shown_again(world: World) -> None:
    async with world.engine() as engine:
        await say(engine, world, kid="kid-1")
        await account(engine, world, "one")
        world.ca.fail("new-account", Fault.answered(403, REFUSED))
        await refusal(engine, world, "two")
        await engine.db.write(accounts.given_anew(world.ca.directory_url, "kid-1"))
        assert (await account(engine, world, "two")).eab_kid == "kid-1"


async def test_a_key_that_has_made_no_account_is_tried_again_for_it_may_be_put_right(world: World) -> None:
    async with world.engine() as engine:
        await say(engine, world, kid="kid-1")
        world.ca.fail("new-account", Fault.answered(403, REFUSED))
        told = await refusal(engine, world, "default")
        assert told.hint.startswith("external account kid-1 was shown, and is wrong, too old or used up: get an unused")
        assert "give them as --eab-kid and --eab-key" in told.hint
        assert (await account(engine, world, "default")).eab_kid == "kid-1"


async def test_a_gateway_that_forbids_it_uses_nothing_up(world: World) -> None:
    async with world.engine() as engine:
        await say(engine, world, kid="kid-1")
        await account(engine, world, "one")
        world.ca.fail("new-account", Fault.answered(403, b"<h1>Forbidden</h1>"))
        assert "used up" not in (await refusal(engine, world, "two")).hint
        assert (await account(engine, world, "two")).eab_kid == "kid-1"


async def test_what_is_refused_for_another_reason_uses_nothing_up(world: World) -> None:
    async with world.engine() as engine:
        await say(engine, world, kid="kid-1")
        await account(engine, world, "one")
        world.ca.fail("new-account", Fault.refused(ProblemType.UNAUTHORIZED, "the address is not allowed"))
        told = await refusal(engine, world, "two")
        assert told.hint.startswith("external account kid-1 has made account 'one', and may be used up: get an unused")
        assert (await account(engine, world, "two")).eab_kid == "kid-1"


async def test_who_finds_the_account_registered_by_another_process_meanwhile_has_it(world: World) -> None:
    ca = world.another_ca(known_ca("google").directory.removesuffix("/directory"))
    ca.eab_keys = {"kid-1": OCTETS}
    async with world.engine() as one, world.engine() as other:
        await say(one, world, ca=ca, kid="kid-1")
        key = generate(KeyType.EC256)
        key_id = await keys.add(other.db, other.sealer, key, "account", world.clock.now())
        seen = await accounts.add(other.db, ca.directory_url, "default", key_id, now=world.clock.now())
        registered = await account(one, world, "default", ca)
        client = await other.accounts.connect(ca.directory_url, key)
        registering = Registering(other.db, world.clock, lambda _: Secret(SECRET), Telling(silent))
        assert await registering(seen, client) == registered
    assert len(ca.accounts) == 1


async def test_where_a_key_is_known_to_make_one_account_it_is_sent_for_no_other(world: World) -> None:
    once = known_ca("google")
    ca = world.another_ca(once.directory.removesuffix("/directory"))
    ca.eab_keys = {"kid-1": OCTETS}
    assert ca.directory_url == once.directory
    async with world.engine() as engine:
        await say(engine, world, ca=ca, kid="kid-1")
        await account(engine, world, "default", ca)
        sent = ca.seen["new-account"]
        error = await refusal(engine, world, "two", ca)
    assert (error.code.name, ca.seen["new-account"]) == ("ca-refused", sent)
    assert once.eab in error.hint


async def test_an_account_that_is_made_again_needs_a_key_that_is_unused(world: World) -> None:
    async with world.engine() as engine:
        await say(engine, world, kid="kid-1")
        await world.obtain(engine, world.intent("www.a.test"))
        for each in world.ca.accounts.values():
            each.status = "deactivated"
        assert (await world.obtain(engine, world.intent("www.b.test"))).failure is not None
        world.ca.fail("new-account", Fault.answered(403, REFUSED))
        error = await refusal(engine, world, "default")
    assert error.hint.startswith("external account kid-1 is used up by account 'default'")
