"""Accounts, keys, and what is known of CAs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from evercert.base.errors import EvercertError
from evercert.db.migrate import Migration
from evercert.db.opening import Place, open_database
from evercert.db.protocol import Database, Query
from evercert.model.access import CaAccess, OwnLimit, Registration
from evercert.model.event import AccountChanged
from evercert.model.fact import AccountStatus
from evercert.pki.keys import KeyType, generate
from evercert.pki.seal import Sealer, new_master_key
from evercert.store import accounts, cas, directories, events, keys
from evercert.store.columns import to_text
from evercert.store.opening import open_store
from evercert.store.schema import MIGRATIONS
from tests.store import given
from tests.store.given import CA, NOW

URL = "https://ca.test/account/9"


async def test_an_account_is_there_before_its_url_is_known(db: Database) -> None:
    key_id = await keys.add(db, given.SEALER, given.KEY, "account", NOW)
    added = await accounts.add(db, CA, "default", key_id, now=NOW)
    assert (added.url, added.key_id, added.status) == ("", key_id, AccountStatus.VALID)
    assert await accounts.find(db, CA, "default") == added
    registered = await accounts.registered(db, added, URL, ("mailto:a@example.test",), now=NOW)
    assert await accounts.registered(db, added, URL, ("mailto:a@example.test",), now=NOW) == registered
    assert await accounts.find(db, CA, "default") == await accounts.get(db, added.id) == registered
    assert (registered.url, registered.contacts) == (URL, ("mailto:a@example.test",))
    assert await accounts.find(db, CA, "other") is None


async def test_of_an_external_account_it_is_known_what_it_made_and_whether_it_makes_another(db: Database) -> None:
    key_id = await keys.add(db, given.SEALER, given.KEY, "account", NOW)
    assert await accounts.made_with(db, CA, "kid-1") is None
    for name in ("first", "second"):
        added = await accounts.add(db, CA, name, key_id, now=NOW)
        made = await accounts.registered(db, added, f"{URL}/{name}", (), now=NOW, eab_kid="kid-1")
        assert made.eab_kid == "kid-1"
    assert await accounts.made_with(db, CA, "kid-1") == ("first", False)
    first = await accounts.find(db, CA, "first")
    assert first is not None
    assert await accounts.made_with(db, CA, "kid-1", but=first.id) == ("second", False)
    await db.write(accounts.spent(CA, "kid-1"))
    assert await accounts.made_with(db, CA, "kid-1") == ("first", True)
    assert await accounts.made_with(db, "https://other.test/directory", "kid-1") is None
    await db.write(accounts.given_anew(CA, "kid-1"))
    assert await accounts.made_with(db, CA, "kid-1") == ("first", False)


async def test_accounts_and_cas_of_a_store_from_before_are_what_they_were(
    new_place: Callable[[Sequence[Migration]], Place],
) -> None:
    before = MIGRATIONS[: next(n for n, each in enumerate(MIGRATIONS) if each.name.endswith("external_accounts"))]
    place = new_place(before)
    account = Query(
        "account",
        "INSERT INTO accounts (ca, name, key_id, url, status, contacts)"
        " VALUES (:ca, 'default', :key_id, :url, :status, :contacts)",
    )
    access = Query("access", "INSERT INTO cas (directory, access) VALUES (:ca, :access)")
    in_full = (
        f'{{"directory":"{CA}","roots":"/r","allow_http":false,"proxy":"","family":0,"contacts":["mailto:a@a.test"],'
        '"eab_kid":"kid-1","eab_key":"env:K","eab_algorithm":"HS256","account_key":"ec384","limits":[],"concurrency":2}'
    )
    async with open_database(place, before) as db:
        key_id = await keys.add(db, given.SEALER, given.KEY, "account", NOW)
        for number, status in enumerate(("deactivated", "valid")):
            url = f"{URL}/{number}"
            await db.write(account(ca=CA, key_id=key_id, url=url, status=status, contacts='["mailto:a@a.test"]'))
        await db.write(access(ca=CA, access=in_full))
    async with open_store(place) as db:
        known = await accounts.listed(db)
        assert [(each.url, each.status.value, each.eab_kid) for each in known] == [
            (f"{URL}/0", "deactivated", ""),
            (f"{URL}/1", "valid", ""),
        ]
        assert await accounts.find(db, CA, "default") == known[1]
        assert (known[1].key_id, known[1].contacts, known[1].next_key_id) == (key_id, ("mailto:a@a.test",), None)
        assert await accounts.made_with(db, CA, "kid-1") is None
        mails, key_type = ("mailto:a@a.test",), KeyType.EC384
        way = CaAccess(CA, "/r", contacts=mails, eab_kid="kid-1", eab_key="env:K", account_key=key_type, concurrency=2)
        assert await cas.access(db, CA) == way
        assert way.registration("other") == Registration("other", mails, "kid-1", "env:K", account_key=key_type)
        ended = await accounts.end(db, known[1], AccountStatus.DEACTIVATED, now=NOW)
        assert ended.status is AccountStatus.DEACTIVATED


async def test_nodes_of_several_versions_read_how_a_ca_is_reached(db: Database) -> None:
    way = CaAccess(CA, roots="/r", limits=(OwnLimit("orders", 1, 60),))
    assert to_text(way) == f'{{"directory":"{CA}","roots":"/r","limits":[{{"word":"orders","count":1,"seconds":60}}]}}'
    way = way.saying(Registration("other", eab_kid="kid-2"))
    of_later = to_text(way).replace('"name":"other"', '"name":"other","new":1').replace('{"dir', '{"new":1,"dir')
    access = Query("access", "INSERT INTO cas (directory, access) VALUES (:ca, :access)")
    await db.write(access(ca=CA, access=of_later))
    assert await cas.access(db, CA) == way


async def test_an_account_never_gets_another_url(db: Database) -> None:
    account = await given.account(db)
    with pytest.raises(EvercertError) as caught:
        await accounts.registered(db, account, URL, (), now=NOW)
    assert caught.value.code.name == "conflict"


async def test_of_many_that_add_an_account_at_once_one_does(db: Database) -> None:
    key_id = await keys.add(db, given.SEALER, given.KEY, "account", NOW)
    outcomes = await asyncio.gather(
        *(accounts.add(db, CA, "default", key_id, now=NOW) for _ in range(6)), return_exceptions=True
    )
    assert sum(not isinstance(outcome, EvercertError) for outcome in outcomes) == 1


async def test_a_deactivated_account_stays_on_record_and_its_name_is_free(db: Database) -> None:
    account = await given.account(db)
    ended = await accounts.end(db, account, AccountStatus.DEACTIVATED, now=NOW)
    assert ended.status is AccountStatus.DEACTIVATED
    assert await accounts.find(db, CA, "default") is None
    another = await given.account(db)
    assert await accounts.listed(db) == [ended, another]
    with pytest.raises(EvercertError):
        await accounts.end(db, account, AccountStatus.DEACTIVATED, now=NOW)


@pytest.mark.parametrize(("new_key_won", "told"), [(True, "rolled-over"), (False, "rollover-undone")])
async def test_during_a_rollover_both_keys_are_known_and_then_one(db: Database, new_key_won: bool, told: str) -> None:
    account = await given.account(db)
    next_id = await keys.add(db, given.SEALER, generate(KeyType.EC256), "account", NOW)
    rolling = await accounts.begin_rollover(db, account, next_id, now=NOW)
    assert (rolling.key_id, rolling.next_key_id) == (account.key_id, next_id)
    with pytest.raises(EvercertError):
        await accounts.begin_rollover(db, account, next_id, now=NOW)
    with pytest.raises(EvercertError):
        await accounts.end_rollover(db, rolling, next_id + 99, now=NOW)
    with pytest.raises(EvercertError):  # whoever asked with the key of before knows nothing of the other one
        await accounts.end(db, account, AccountStatus.REVOKED, now=NOW)
    winner = next_id if new_key_won else account.key_id
    ended = await accounts.end_rollover(db, rolling, winner, now=NOW)
    assert (ended.key_id, ended.next_key_id) == (winner, None)
    newest = (await events.latest(db, 1))[0].event
    assert newest == AccountChanged(ca=CA, account_url=account.url, change=told)


async def test_an_imported_account_comes_with_its_url_and_contacts(db: Database) -> None:
    key_id = await keys.add(db, given.SEALER, given.KEY, "account", NOW)
    account = await accounts.add(db, CA, "certbot", key_id, now=NOW, url=URL, contacts=["mailto:a@example.test"])
    assert (account.url, account.contacts) == (URL, ("mailto:a@example.test",))
    changed = await accounts.set_contacts(db, account, (), now=NOW)
    assert changed.contacts == ()


@pytest.mark.parametrize("kind", [KeyType.EC256, KeyType.RSA2048, KeyType.ED25519])
async def test_a_key_comes_back_as_it_was_and_the_same_key_has_one_number(db: Database, kind: KeyType) -> None:
    key = generate(kind)
    key_id = await keys.add(db, given.SEALER, key, "certificate", NOW)
    assert await keys.add(db, given.SEALER, key, "certificate", NOW) == key_id
    assert (await keys.load(db, given.SEALER, key_id)).to_der() == key.to_der()


async def test_no_key_lies_open_in_the_database(db: Database) -> None:
    await keys.add(db, given.SEALER, given.KEY, "account", NOW)
    ((sealed,),) = await db.rows(Query("sealed", "SELECT sealed FROM keys")())
    private = given.KEY.to_der().reveal()
    assert private not in sealed
    assert private[-16:] not in sealed


async def test_a_key_does_not_open_with_another_master_key(db: Database) -> None:
    key_id = await keys.add(db, given.SEALER, given.KEY, "account", NOW)
    with pytest.raises(EvercertError) as caught:
        await keys.load(db, Sealer(new_master_key()), key_id)
    assert caught.value.code.name == "sealed"


async def test_sealed_keys_that_were_exchanged_do_not_open(db: Database) -> None:
    await keys.add(db, given.SEALER, given.KEY, "account", NOW)
    key_id = await keys.add(db, given.SEALER, generate(KeyType.ED25519), "account", NOW)
    exchange = Query("exchange", "UPDATE keys SET sealed = (SELECT sealed FROM keys WHERE id <> :id) WHERE id = :id")
    await db.write(exchange(id=key_id).expecting(1))
    with pytest.raises(EvercertError) as caught:
        await keys.load(db, given.SEALER, key_id)
    assert caught.value.code.name == "sealed"


async def test_a_key_in_use_is_not_deleted_as_unused(db: Database) -> None:
    account = await given.account(db)
    unused = await keys.add(db, given.SEALER, generate(KeyType.ED25519), "account", NOW)
    await db.write(*map(keys.deleted_if_unused, (account.key_id, unused, 99)))
    assert (await keys.load(db, given.SEALER, account.key_id)).spki == given.KEY.spki
    with pytest.raises(EvercertError, match="not in the store"):
        await keys.load(db, given.SEALER, unused)


async def test_a_ca_is_reached_the_plain_way_until_another_is_configured(db: Database) -> None:
    assert await cas.access(db, CA) == CaAccess(CA)
    way = CaAccess(CA, roots="/etc/roots.pem", proxy="env:PROXY", family=6, eab_kid="k", eab_key="file:/etc/eab")
    await cas.configure(db, way)
    await cas.configure(db, way)
    assert await cas.access(db, CA) == way
    assert await cas.listed(db) == [way]


async def test_what_a_directory_said_is_remembered(db: Database) -> None:
    assert await directories.remembered(db, CA) == {}
    await directories.remember(db, CA, {"newOrder": "https://ca.test/a"}, NOW)
    await directories.remember(db, CA, {"newOrder": "https://ca.test/b"}, NOW)
    assert await directories.remembered(db, CA) == {"newOrder": "https://ca.test/b"}
