"""Certificates: what is wanted, what is known, when each needs attention."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifiers
from evercert.db.protocol import Database
from evercert.model.event import CertificateDeleted, IntentChanged, IssuanceAbandoned, IssuanceFailed
from evercert.model.fact import DeployStatus, Failure
from evercert.model.intent import ChallengeRule, RenewPolicy, TargetSpec
from evercert.pki.keys import KeyType
from evercert.store import certificates, deployments, events, issuances, issued, keys, presented
from tests.store import given
from tests.store.given import DAY, HOUR, NOW


async def happened(db: Database, name: str = "www") -> list[object]:
    return [each.event for each in reversed(await events.latest(db, 100, name))]


async def test_a_declared_certificate_is_known_and_due(db: Database) -> None:
    assert await certificates.declare(db, given.intent(), NOW) == "created"
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.intent == given.intent()
    assert (fact.current, fact.open_issuance, fact.failures, fact.forced) == (None, None, 0, False)
    assert fact.created_at == NOW
    assert [each.certificate for each in await given.claimed(db)] == ["www"]
    assert await happened(db) == [IntentChanged("www", "created")]


async def test_declaring_the_same_again_changes_nothing(db: Database) -> None:
    await given.declared(db)
    await certificates.schedule(db, "www", NOW + DAY)
    assert await certificates.declare(db, given.intent(), NOW) == "unchanged"
    assert await certificates.next_action_at(db) == NOW + DAY
    assert len(await happened(db)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"identifiers": parse_identifiers(("other.test",))},
        {"ca": "https://other.test/directory"},
        {"key_type": KeyType.RSA2048},
        {"profile": "shortlived"},
        {"csr": b"somebody's"},
        {"must_staple": True},
        {"lifetime": 3600},
    ],
)
async def test_a_change_of_what_it_is_made_of_forces_another_and_gives_up_the_order(
    db: Database, change: dict[str, Any]
) -> None:
    issuance = await given.ordered(db)
    assert await certificates.declare(db, given.intent(**change), NOW) == "changed"
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.forced
    assert fact.open_issuance is None
    abandoned = [event for event in await happened(db) if isinstance(event, IssuanceAbandoned)]
    assert [event.order_url for event in abandoned] == [issuance.order_url]


@pytest.mark.parametrize(
    "change",
    [
        {"challenges": (ChallengeRule("dns-01", "rfc2136"),)},
        {"renew": RenewPolicy(fraction=0.5)},
        {"targets": (TargetSpec("nginx"), TargetSpec("haproxy"))},
        {"reuse_key": True},
    ],
)
async def test_another_change_leaves_the_order_alone_and_is_due_at_once(db: Database, change: dict[str, Any]) -> None:
    issuance = await given.ordered(db)
    await certificates.schedule(db, "www", NOW + DAY)
    await certificates.schedule(db, "www", NOW + DAY)
    assert await certificates.declare(db, given.intent(**change), NOW + HOUR) == "changed"
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert not fact.forced
    assert fact.open_issuance == issuance
    assert await certificates.next_action_at(db) == NOW + HOUR


async def test_a_target_that_became_another_place_is_installed_again(db: Database) -> None:
    certificate = await given.issued(db)
    for target in ("nginx", "files"):
        await deployments.put(db, given.deployment(certificate, DeployStatus.SERVED, target), NOW)
    await certificates.declare(db, given.intent(targets=(TargetSpec("nginx"), TargetSpec("files", {"dir": "/x"}))), NOW)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    known = {each.target: (each.status, each.in_use is not None) for each in fact.deployments}
    assert known == {"nginx": (DeployStatus.SERVED, True), "files": (DeployStatus.PENDING, True)}
    await certificates.declare(db, given.intent(targets=(TargetSpec("nginx"),)), NOW)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert [each.target for each in fact.deployments] == ["nginx"]


async def test_a_target_with_another_name_has_what_it_had_and_one_at_another_place_has_nothing(db: Database) -> None:
    certificate = await given.issued(db)
    await certificates.declare(db, given.intent(targets=(TargetSpec("nginx"), TargetSpec("files", {"dir": "/x"}))), NOW)
    for target in ("nginx", "files"):
        await deployments.put(db, given.deployment(certificate, DeployStatus.SERVED, target), NOW)
    # Left behind by whoever was at it when it was last called like that.
    await deployments.put(db, given.deployment(certificate, DeployStatus.FAILED, "web"), NOW)
    renamed = (TargetSpec("nginx", label="web"), TargetSpec("files", {"dir": "/y"}, label="elsewhere"))
    await certificates.declare(db, given.intent(targets=renamed), NOW)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    [deployment] = fact.deployments
    assert (deployment.target, deployment.status, deployment.failure) == ("web", DeployStatus.PENDING, None)
    assert deployment.in_use is not None
    assert deployment.in_use.issued_id == certificate.id


async def test_a_changed_intent_forgets_the_failures_of_the_old_one(db: Database) -> None:
    await given.declared(db)
    await certificates.failed(db, "www", Failure("dns", "no answer", NOW), 3, NOW + DAY)
    await certificates.declare(db, given.intent(challenges=(ChallengeRule("dns-01", "rfc2136"),)), NOW)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert (fact.failures, fact.retry_at, fact.failure) == (0, None, None)


async def test_of_many_that_declare_a_new_name_at_once_one_creates_it(db: Database) -> None:
    wanted = [given.intent(lifetime=seconds) for seconds in range(8)]
    outcomes = await asyncio.gather(*(certificates.declare(db, each, NOW) for each in wanted), return_exceptions=True)
    assert outcomes.count("created") == 1
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.intent == wanted[outcomes.index("created")] or "changed" in outcomes


async def test_an_issuance_cannot_begin_from_an_intent_that_has_changed(db: Database) -> None:
    old = await given.declared(db)
    account = await given.account(db)
    await certificates.declare(db, given.intent(profile="shortlived"), NOW)
    with pytest.raises(EvercertError) as caught:
        await issuances.begin(db, "www", account.id, None, b"csr", now=NOW, intent=old)
    assert caught.value.code.name == "conflict"
    await issuances.begin(db, "www", account.id, None, b"csr", now=NOW, intent=given.intent(profile="shortlived"))


async def test_a_failure_is_kept_with_the_time_of_the_next_attempt(db: Database) -> None:
    await given.declared(db)
    failure = Failure("rate-limited", "too many", NOW, "wait")
    await certificates.failed(db, "www", failure, 2, NOW + DAY)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert (fact.failures, fact.retry_at, fact.failure) == (2, NOW + DAY, failure)
    assert IssuanceFailed("www", "rate-limited", "too many", (NOW + DAY).isoformat()) in await happened(db)


async def test_waking_makes_it_due_and_no_failure_makes_it_wait(db: Database) -> None:
    certificate = await given.issued(db)
    await deployments.put(db, given.deployment(certificate, DeployStatus.FAILED), NOW)
    await certificates.failed(db, "www", Failure("dns", "no answer", NOW), 1, NOW + DAY)
    await certificates.wake(db, "www", NOW + HOUR, forced=True)
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert (fact.forced, fact.retry_at, fact.deployments[0].retry_at) == (True, None, NOW + HOUR)
    await certificates.wake(db, "www", NOW + HOUR)
    again = await certificates.fact(db, "www")
    assert again == fact


async def test_waking_what_does_not_exist_says_so(db: Database) -> None:
    with pytest.raises(EvercertError) as caught:
        await certificates.wake(db, "www", NOW)
    assert caught.value.code.name == "not-found"


async def test_a_plan_made_before_a_wake_does_not_put_it_off(db: Database) -> None:
    await given.declared(db)
    await certificates.schedule(db, "www", NOW + DAY)
    await certificates.wake(db, "www", NOW + HOUR)
    assert not await certificates.schedule(db, "www", NOW + 30 * DAY)
    assert await certificates.next_action_at(db) == NOW + HOUR
    assert await certificates.schedule(db, "www", NOW + 30 * DAY)
    assert await certificates.next_action_at(db) == NOW + 30 * DAY


async def test_deleting_leaves_nothing_but_events(db: Database) -> None:
    key_id = await keys.add(db, given.SEALER, given.KEY, "certificate", NOW)
    await given.declared(db)
    account = await given.account(db)
    issuance = await issuances.begin(db, "www", account.id, key_id, b"csr", now=NOW)
    issuance = await issuances.ordered(
        db,
        await issuances.placing(db, issuance),
        "https://ca.test/o",
        ca="https://ca.test",
        adopted=False,
        now=NOW,
    )
    certificate = await issuances.issued(db, issuance, given.chain(1), given.view(1), now=NOW)
    await deployments.put(db, given.deployment(certificate, DeployStatus.SERVED), NOW)
    await certificates.delete(db, "www", NOW)
    assert await certificates.fact(db, "www") is None
    assert await issued.get(db, certificate.id) is None
    with pytest.raises(EvercertError, match="not in the store"):
        await keys.load(db, given.SEALER, key_id)
    assert (await happened(db))[-1] == CertificateDeleted("www")


async def test_a_key_that_another_certificate_has_survives_a_deletion(db: Database) -> None:
    key_id = await keys.add(db, given.SEALER, given.KEY, "certificate", NOW)
    account = await given.account(db)
    for name in ("www", "mail"):
        await given.declared(db, name)
        await issuances.begin(db, name, account.id, key_id, b"csr", now=NOW)
    await certificates.delete(db, "www", NOW)
    assert (await keys.load(db, given.SEALER, key_id)).spki == given.KEY.spki


async def test_what_still_stands_outside_keeps_a_certificate_from_being_deleted(db: Database) -> None:
    items = await presented.add(db, [given.item(await given.ordered(db))])
    with pytest.raises(EvercertError, match="1 challenge answers") as caught:
        await certificates.delete(db, "www", NOW)
    assert caught.value.code.name == "conflict"
    assert "evercert renew www" in caught.value.hint
    await presented.remove(db, items)
    await certificates.delete(db, "www", NOW)
    with pytest.raises(EvercertError, match="no such certificate"):
        await certificates.delete(db, "www", NOW)


async def test_an_intent_comes_back_as_it_was_declared(db: Database) -> None:
    wanted = msgspec.structs.replace(
        given.intent(),
        key_type=KeyType.MLDSA65,
        csr=bytes(range(256)),
        challenges=(ChallengeRule("dns-01", "exec", {"program": "/bin/höök"}, "*.test"),),
        renew=RenewPolicy(fraction=1 / 3, use_ari=False),
        identifiers=parse_identifiers(("*.example.test", "2001:db8::1", "bücher.example")),
    )
    await certificates.declare(db, wanted, NOW)
    assert await certificates.declare(db, wanted, NOW) == "unchanged"
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.intent == wanted


async def test_the_numbers_of_what_was_deleted_are_never_given_again(db: Database) -> None:
    first = await given.issued(db)
    await certificates.delete(db, "www", NOW)
    second = await given.issued(db)
    assert second.id > first.id
    assert first.issuance_id is not None
    assert await issuances.get(db, first.issuance_id) is None


async def test_the_rules_of_those_that_stand_before_a_server_are_found_each_once(db: Database) -> None:
    one = ChallengeRule("tls-alpn-01", "front", {"upstream": "127.0.0.1:8443"}, "*.one.test")
    two = ChallengeRule("tls-alpn-01", "front", {"upstream": "127.0.0.1:9443"})
    told = ChallengeRule("dns-01", "exec", {"program": '/opt/"solver":"front"'})
    for name, rules in {"a": (one, told), "b": (one,), "c": (told, two), "d": (told,), "e": ()}.items():
        await certificates.declare(db, given.intent(name, challenges=rules), NOW)
    assert await certificates.fronts(db) == [one, two]
    await certificates.delete(db, "c", NOW)
    assert await certificates.fronts(db) == [one]
