"""What is declared in files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from evercert.base.errors import EvercertError
from evercert.db.migrate import Migration
from evercert.db.opening import Place, open_database
from evercert.db.protocol import Database, Query
from evercert.model.event import MemberLeftOut
from evercert.model.fact import CertificateFact, Failure, LeftOut
from evercert.model.intent import CertificateIntent
from evercert.model.terms import Criticality, Freeze, OnRemoval, Terms, Window
from evercert.store import certificates, declared, events, issued, views
from evercert.store.opening import open_store
from evercert.store.schema import MIGRATIONS
from tests.store.given import CA, NOW, begun, chain, claimed, intent, view
from tests.store.test_intents import in_full

LATER = NOW + timedelta(days=1)
TERMS = Terms(
    owner="web",
    tags=("a", "b"),
    criticality=Criticality.HIGH,
    on_removal=OnRemoval.REVOKE,
    windows=(Window((0,), 1, 2),),
    freezes=(Freeze(NOW, LATER, "x"),),
    installed_as={"b/files": "b"},
)


async def test_many_are_wanted_at_once_each_with_its_digest_and_due(db: Database) -> None:
    await declared.create(db, [(intent(f"www{n}", terms=TERMS), f"d{n}") for n in range(1201)], NOW)
    assert await declared.count(db) == 1201
    assert (await declared.digests(db))["www7"] == "d7"
    assert len(await claimed(db)) == 1201
    found = await declared.intents(db, [f"www{n}" for n in range(1201)] + ["gone"])
    assert len(found) == 1201
    assert found["www9"] == intent("www9", terms=TERMS)


async def test_the_list_knows_owners_and_tags(db: Database) -> None:
    await declared.create(db, [(intent("a", terms=TERMS), "1"), (intent("b"), "2")], NOW)
    choices: list[dict[str, Any]] = [{"owner": "web"}, {"tag": "b"}, {"owner": "web", "tag": "a"}]
    for chosen in choices:
        [line] = await views.listed(db, NOW, **chosen)
        assert (line.name, line.owner, line.tags) == ("a", "web", ("a", "b"))
    assert await views.listed(db, NOW, owner="web", tag="c") == []


async def test_of_two_who_want_a_name_first_one_does(db: Database) -> None:
    await declared.create(db, [(intent("b"), "x")], NOW)
    with pytest.raises(EvercertError) as caught:
        await declared.create(db, [(intent("a"), "y"), (intent("b"), "y")], NOW)
    assert caught.value.code.name == "conflict"
    assert await declared.all_names(db) == {"b"}


async def test_by_hand_or_declared_is_told_apart(db: Database) -> None:
    assert await certificates.declare(db, intent(), NOW) == "created"
    assert await declared.digests(db) == {}
    assert await certificates.declare(db, intent(), NOW, digest="d") == "unchanged"
    assert await certificates.declare(db, intent(), NOW) == "unchanged"
    assert await declared.digests(db) == {"www": "d"}
    assert await certificates.declare(db, intent(reuse_key=True), NOW) == "changed"
    assert await declared.digests(db) == {}


async def test_a_new_digest_alone_makes_nothing_due(db: Database) -> None:
    await certificates.declare(db, intent(), NOW, digest="d")
    await certificates.schedule(db, "www", LATER)
    await certificates.schedule(db, "www", LATER)
    await certificates.declare(db, intent(), NOW, digest="e")
    assert await certificates.next_action_at(db) == LATER


@pytest.mark.parametrize("how", list(OnRemoval))
async def test_what_is_declared_no_longer_stays_or_goes(db: Database, how: OnRemoval) -> None:
    await certificates.declare(db, intent(), NOW, digest="d")
    for _ in range(2):
        await declared.release(db, "www", how, "d", LATER)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.leaving is (None if how is OnRemoval.KEEP else how)
    assert await declared.count(db) == 0
    [last, *_] = await events.latest(db, 1, "www")
    assert "declared no longer" in msgspec.to_builtins(last.event)["change"]


@pytest.mark.parametrize("digest", ["", "d"])
async def test_what_is_wanted_again_does_not_go(db: Database, digest: str) -> None:
    await certificates.declare(db, intent(), NOW, digest="d")
    await declared.release(db, "www", OnRemoval.REVOKE, "d", NOW)
    await certificates.declare(db, intent(), LATER, digest=digest)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.leaving is None


async def test_what_was_applied_is_remembered(db: Database) -> None:
    assert await declared.applied(db) is None
    for what in (declared.Applied("d", ("/etc/names",), 7), declared.Applied("e", (), 8)):
        await declared.note(db, what, NOW)
        assert await declared.applied(db) == what


async def test_a_store_from_before_keeps_its_intents_and_goes_on(
    new_place: Callable[[Sequence[Migration]], Place],
) -> None:
    place = new_place(MIGRATIONS[:2])
    old = in_full(intent()).removesuffix(',"terms":{}}') + "}"
    insert = Query(
        "old",
        "INSERT INTO certificates (name, intent, created_at, next_action_at) VALUES (:name, :intent, 0, 0)",
    )
    async with open_database(place, MIGRATIONS[:2]) as db:
        await db.write(insert(name="www", intent=old))
    async with open_store(place) as db:
        fact = await certificates.fact(db, "www")
        assert fact is not None
        assert fact.intent == intent()
        assert await certificates.declare(db, intent(), NOW) == "unchanged"
        assert await certificates.declare(db, intent(ca=f"{CA}2"), NOW) == "changed"


def named(name: str, **changes: Any) -> CertificateIntent:
    return msgspec.structs.replace(intent(**changes), name=name)


MERGED = named("merged:a", terms=Terms(merge=9, members={"a": ("a.test",), "b": ("b.test", "example.test")}))


def left_out(member: str) -> LeftOut:
    return LeftOut(member, 2, LATER, Failure("dns", "no answer", NOW, "look"))


async def merged_one(db: Database) -> CertificateFact:
    await declared.create(db, [(MERGED, "1"), (intent("merged"), "2")], NOW)
    fact = await certificates.fact(db, "merged:a")
    assert fact
    return fact


async def test_merged_certificates_are_found_by_their_names_alone(db: Database) -> None:
    await merged_one(db)
    await declared.create(db, [(named("merged;"), "1"), (named("merged:by hand"), "2")], NOW)
    assert await declared.merged(db) == {"merged:a": MERGED}


async def test_who_is_left_out_is_known_told_and_what_was_begun_with_them_is_given_up(db: Database) -> None:
    fact = await merged_one(db)
    await begun(db, "merged:a")
    fact = await certificates.fact(db, "merged:a") or fact
    older = msgspec.structs.replace(left_out("b"), failure=Failure("dns", "no answer", NOW - timedelta(days=1)))
    await certificates.leave_out(db, "merged:a", [left_out("a"), older], NOW, fact.open_issuance)
    after = await certificates.fact(db, "merged:a")
    assert after
    assert (after.left_out, after.open_issuance) == ((left_out("a"), older), None)
    happened = [each.event for each in await events.latest(db, 9)]
    assert [each.member for each in happened if isinstance(each, MemberLeftOut)] == ["a"]


async def test_whose_names_have_changed_is_not_left_out_any_more(db: Database) -> None:
    await certificates.leave_out(db, (await merged_one(db)).intent.name, [left_out("a"), left_out("b")], NOW)
    members = {"a": ("a.test",), "b": ("example.test",)}
    changed = msgspec.structs.replace(MERGED, terms=msgspec.structs.replace(MERGED.terms, members=members))
    await certificates.declare(db, changed, NOW, digest="3")
    after = await certificates.fact(db, "merged:a")
    assert after
    assert after.left_out == (left_out("a"),)
    await certificates.wake(db, "merged:a", NOW)
    after = await certificates.fact(db, "merged:a")
    assert after
    assert after.left_out == (msgspec.structs.replace(left_out("a"), until=NOW),)


async def test_what_a_certificate_lacks_is_known(db: Database) -> None:
    fact = await merged_one(db)
    assert await declared.incomplete(db) == {"merged:a": frozenset(), "merged": frozenset()}
    for name, number in (("merged:a", 1), ("merged", 2)):
        kept = await issued.keep(db, name, chain(number), view(number), None, now=NOW)
        assert kept.names == ("www.example.test", "example.test")
    assert await declared.incomplete(db) == {}
    [line] = await views.listed(db, NOW, match="merged:a")
    assert line.left_out == ()
    await certificates.leave_out(db, fact.intent.name, [left_out("a"), left_out("gone")], NOW)
    assert await declared.incomplete(db) == {"merged:a": frozenset({"www.example.test", "example.test"})}
    [line] = await views.listed(db, NOW, match="merged:a")
    assert line.left_out == (left_out("a"),)
