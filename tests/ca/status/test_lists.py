"""`/crl/...`, as anybody and any cache asks for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from evercert.ca.store import crls
from evercert.ca.store.crls import ListKey
from evercert.db.protocol import Database
from tests.ca.status.given import DAY, HOUR, header, number, registry, serials, written
from tests.pki.hierarchies import NOW

WHOLE = "/crl/one/whole.crl"


async def test_a_list_may_be_kept_for_a_while_and_is_asked_for_again(one_db: Database) -> None:
    its = registry(one_db)
    await its.maker.look()
    its.clock.advance(HOUR)
    answer = await its.get(WHOLE)
    assert header(answer, "content-type") == "application/pkix-crl"
    assert header(answer, "cache-control") == "max-age=300, public, no-transform, must-revalidate"
    assert header(answer, "last-modified") == written(NOW)
    assert header(answer, "expires") == written(NOW + HOUR + timedelta(minutes=5))
    tag = header(answer, "etag")
    conditions: list[dict[str, Any]] = [
        {"if_none_match": tag},
        {"if_none_match": f'"other", W/{tag}'},
        {"if_none_match": "*"},
        {"if_modified_since": written(NOW)},
    ]
    for fields in conditions:
        again = await its.get(WHOLE, **fields)
        assert (again.status, again.body) == (304, b"")
        assert header(again, "etag") == tag


@pytest.mark.parametrize(
    "fields",
    [
        {"if-none-match": '"other"'},
        {"if-none-match": '"other"', "if-modified-since": "Mon, 01 Jun 2026 12:00:00 GMT"},
        {"if-modified-since": "Mon, 01 Jun 2026 11:59:59 GMT"},
        {"if-modified-since": "never"},
        {"if-modified-since": "Mon, 01 Jun 2026 12:00:00"},
        {"if-modified-since": "9" * 5000},
    ],
)
async def test_whoever_has_another_or_says_nonsense_gets_the_list(one_db: Database, fields: dict[str, Any]) -> None:
    its = registry(one_db)
    await its.maker.look()
    assert (await its.get(WHOLE, **fields)).status == 200


async def test_nothing_is_kept_for_longer_than_the_list_is_good(one_db: Database) -> None:
    its = registry(one_db)
    await its.maker.look()
    its.clock.advance(3 * DAY - timedelta(seconds=20))
    assert header(await its.get(WHOLE), "cache-control").startswith("max-age=20,")


async def test_a_list_that_is_over_is_never_served(one_db: Database) -> None:
    its = registry(one_db)
    await its.maker.look()
    its.clock.advance(3 * DAY)
    answer = await its.get(WHOLE)
    assert (answer.status, header(answer, "retry-after"), header(answer, "cache-control")) == (503, "5", "no-store")
    await its.maker.look()
    assert (await its.get(WHOLE)).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/crl/two/whole.crl",
        "/crl/one/1.crl",
        "/crl/one/whole-delta.crl",
        "/crl/one/0.crl",
        "/crl/one/01.crl",
        "/crl/one/99999999.crl",
        "/crl/one/whole.crl/",
        "/crl/one/",
        "/crl//whole.crl",
        "/crl/../one/whole.crl",
        "/crl/" + "o" * 5000 + "/whole.crl",
        "/crl/%00/whole.crl",
        "/crl",
    ],
)
async def test_there_is_nothing_where_no_list_is(one_db: Database, path: str) -> None:
    its = registry(one_db)
    await its.maker.look()
    assert (await its.get(path)).status == 404


async def test_only_reading_is_taken(one_db: Database) -> None:
    its = registry(one_db)
    await its.maker.look()
    answer = await its.get(WHOLE, "POST")
    assert (answer.status, header(answer, "allow")) == (405, "GET, HEAD")
    assert (await its.get(WHOLE, "HEAD")).status == 200


async def test_a_node_serves_what_another_has_made_from_then_on(db: Database) -> None:
    maker = registry(db)
    server = maker.beside()
    await maker.maker.look()
    assert number(await server.crl()) == 1
    maker.clock.advance(HOUR)
    gone = await maker.revoked()
    await maker.maker.look()
    assert serials(await server.crl()) == {gone.serial}


async def test_what_is_in_memory_is_bounded(one_db: Database) -> None:
    its = registry(one_db)
    large = bytes(40 << 20)
    for name in ("a", "b", "c"):
        made = crls.PublishedList(ListKey(name), 1, NOW, NOW + DAY, 0, 0, len(large), name)
        await crls.publish(one_db, made, [large])
        assert (await its.get(f"/crl/{name}/whole.crl")).body == large
    held = its.parts.applications["crl"].held  # type: ignore[attr-defined]  # an Application that is known here
    assert list(held) == [ListKey("c")]


async def test_an_issuers_name_may_be_any(one_db: Database) -> None:
    its = registry(one_db)
    made = crls.PublishedList(ListKey("a b/ü"), 1, NOW, NOW + DAY, 0, 0, 3, "d")
    await crls.publish(one_db, made, [b"c", b"rl"])
    assert (await its.get("/crl/a%20b%2F%C3%BC/whole.crl")).body == b"crl"
