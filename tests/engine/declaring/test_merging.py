"""Small certificates merged into few: who shares one, who stays in it, and a bad name that holds up nobody."""

from __future__ import annotations

import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from evercert.acme.problem import ProblemType
from evercert.base.names import parse_identifiers
from evercert.config.declaration.declared import Declared
from evercert.engine.declaring.applying import unchanged
from evercert.engine.declaring.comparing import compared
from evercert.engine.declaring.merging import may_merge, merged
from evercert.engine.wiring import Engine
from evercert.model.event import MemberLeftOut
from evercert.model.fact import CertificateFact
from evercert.model.intent import CertificateIntent, ChallengeRule, TargetSpec
from evercert.model.terms import Terms
from evercert.pki.cert import read_certificate
from evercert.store import certificates, declared, events
from tests.engine.declaring.declaring import Declaring, told
from tests.fakes.ca import Fault

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def each(*names: str, merge: str = "3") -> str:
    """A certificate for each of the names, to be merged."""
    return f"[defaults]\nmerge = {merge}\n[certificates.all]\neach = {json.dumps(names)}\n"


def installed(world: Declaring, name: str) -> str:
    """The serial of what is installed under that name, which is for that name."""
    pem = (world.live / name / "cert.pem").read_text()
    view = read_certificate(_der(pem))
    assert name in {identifier.value for identifier in view.identifiers}
    return view.serial


def _der(pem: str) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    return x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)


async def groups(engine: Engine) -> dict[str, set[str]]:
    names = await declared.all_names(engine.db)
    return {
        name: set(intent.terms.members) for name, intent in (await declared.intents(engine.db, sorted(names))).items()
    }


def bad(world: Declaring, *names: str) -> None:
    world.ca.validate = lambda identifier, kind, proof: "nobody is there" if identifier.value in names else None


async def the_merged(world: Declaring, engine: Engine) -> CertificateFact:
    [name] = await declared.all_names(engine.db)
    return await world.fact(engine, name)


async def test_small_ones_share_certificates_and_each_is_installed_under_its_own_name(
    world: Declaring, engine: Engine
) -> None:
    comparison = await world.apply(engine, each("a.test", "b.test", "c.test", "d.test"))
    assert told(comparison) == {
        "merged:a.test": ("create", "it is not there yet", "it is made of a.test, b.test, c.test"),
        "merged:d.test": ("create", "it is not there yet", "it is made of d.test"),
    }
    assert len(world.ca.orders) == 2
    serials = {name: installed(world, name) for name in ("a.test", "b.test", "c.test", "d.test")}
    assert len(set(serials.values())) == 2
    assert serials["a.test"] == serials["b.test"] == serials["c.test"]
    again = await compared(engine)
    assert (again.changes, again.unchanged) == ([], 2)


async def test_who_comes_or_goes_changes_one_certificate_alone(world: Declaring, engine: Engine) -> None:
    await world.apply(engine, each("a.test", "b.test", "c.test", "d.test", "e.test"))
    before = {name: installed(world, name) for name in ("a.test", "d.test")}
    comparison = await world.apply(engine, each("0.test.example", "a.test", "b.test", "c.test", "d.test", "e.test"))
    assert told(comparison) == {
        "merged:d.test": ("re-issue", "names: +0.test.example", "to be installed in 0.test.example/files")
    }
    assert installed(world, "a.test") == before["a.test"]
    assert installed(world, "d.test") == installed(world, "0.test.example") != before["d.test"]
    comparison = await world.apply(engine, each("0.test.example", "a.test", "c.test", "d.test", "e.test"))
    assert list(told(comparison)) == ["merged:a.test"]
    assert await groups(engine) == {
        "merged:a.test": {"a.test", "c.test"},
        "merged:d.test": {"d.test", "e.test", "0.test.example"},
    }


async def test_a_bad_name_holds_up_nobody_and_comes_back_once_it_is_good(world: Declaring, engine: Engine) -> None:
    bad(world, "b.test")
    await world.apply(engine, each("a.test", "b.test", "c.test"))
    assert installed(world, "a.test") == installed(world, "c.test")
    assert not (world.live / "b.test").exists()
    fact = await the_merged(world, engine)
    [left] = fact.left_out
    assert (left.member, left.failures, left.failure.code) == ("b.test", 1, "challenge-failed")
    assert "nobody is there" in left.failure.message
    assert fact.failures == 0
    assert fact.failure is None
    [told_of] = [each.event for each in await events.latest(engine.db, 50) if isinstance(each.event, MemberLeftOut)]
    assert (told_of.certificate, told_of.member) == ("merged:a.test", "b.test")
    assert told_of.retry_at == left.until.isoformat()
    first = installed(world, "a.test")
    # It is tried again on its own time, and as long as that fails nobody else is issued anew.
    await world.pass_time(engine, 3 * HOUR)
    [left] = (await the_merged(world, engine)).left_out
    assert left.failures > 2
    assert installed(world, "a.test") == first
    bad(world)
    await world.pass_time(engine, 2 * DAY)
    assert installed(world, "a.test") == installed(world, "b.test") == installed(world, "c.test") != first


async def test_a_name_that_turns_bad_keeps_what_is_installed(world: Declaring, engine: Engine) -> None:
    await world.apply(engine, each("a.test", "b.test"))
    first = installed(world, "b.test")
    bad(world, "b.test")
    await world.pass_time(engine, 65 * DAY)
    assert installed(world, "a.test") != first
    assert installed(world, "b.test") == first
    bad(world)
    await world.pass_time(engine, 3 * DAY)
    assert installed(world, "a.test") == installed(world, "b.test")


async def test_several_bad_names_are_left_out_together(world: Declaring, engine: Engine) -> None:
    bad(world, "b.test", "c.test")
    await world.apply(engine, each("a.test", "b.test", "c.test", "d.test", merge="true"))
    assert len(world.ca.orders) == 2
    assert installed(world, "a.test") == installed(world, "d.test")
    assert {left.member for left in (await the_merged(world, engine)).left_out} == {"b.test", "c.test"}


async def test_many_bad_names_never_have_the_others_stopped(world: Declaring, engine: Engine) -> None:
    names = [f"n{number:02d}.test" for number in range(20)]
    bad(world, *names[:10])
    await world.apply(engine, each(*names, merge="true"))
    for number in range(10):  # they come back one by one, in the same days
        bad(world, *names[number + 1 : 10])
        await world.pass_time(engine, DAY / 4)
    await world.pass_time(engine, 3 * DAY)
    fact = await the_merged(world, engine)
    assert (fact.stopped, fact.failures) == (None, 0)
    assert fact.current
    assert len(fact.current.names) == 20


async def test_where_all_fail_together_nobody_is_to_blame(world: Declaring, engine: Engine) -> None:
    bad(world, "a.test", "b.test")
    await world.apply(engine, each("a.test", "b.test"))
    fact = await the_merged(world, engine)
    assert (fact.left_out, fact.failures) == ((), 1)


async def test_what_the_ca_refuses_to_order_is_left_out(world: Declaring, engine: Engine) -> None:
    sub = {
        "type": ProblemType.REJECTED_IDENTIFIER.urn,
        "detail": "no",
        "identifier": {"type": "dns", "value": "b.test"},
    }
    problem = {"type": ProblemType.REJECTED_IDENTIFIER.urn, "detail": "some names are refused", "subproblems": [sub]}
    world.ca.fail("new-order", Fault.answered(400, json.dumps(problem).encode()))
    await world.apply(engine, each("a.test", "b.test", "c.test"))
    assert installed(world, "a.test") == installed(world, "c.test")
    [left] = (await the_merged(world, engine)).left_out
    assert (left.member, left.failure.code) == ("b.test", "ca-refused")


async def test_a_member_with_several_names_is_in_or_out_with_all_of_them(world: Declaring, engine: Engine) -> None:
    bad(world, "www.b.test")
    text = '[defaults]\nmerge = true\n[certificates]\n"a.test" = {}\n"b.test" = { names = ["b.test", "www.b.test"] }\n'
    await world.apply(engine, text)
    fact = await the_merged(world, engine)
    assert fact.current
    assert fact.current.names == ("a.test",)


async def test_those_that_there_are_are_merged_without_a_gap(world: Declaring, engine: Engine) -> None:
    await world.apply(engine, each("a.test", "b.test", merge="false"))
    before = installed(world, "b.test")
    bad(world, "b.test")
    comparison = await world.apply(engine, each("a.test", "b.test"))
    assert told(comparison)["a.test"] == (
        "wait", "it is met by merged:a.test now", "it stays until there is a certificate merged:a.test",
    )  # fmt: skip
    assert installed(world, "b.test") == before
    assert await unchanged(engine.db, world.settings.declaration, world.settings) is None
    comparison = await world.apply(engine, each("a.test", "b.test"))
    assert {name: action for name, (action, *_) in told(comparison).items()} == {"a.test": "delete", "b.test": "wait"}
    bad(world)
    await world.pass_time(engine, HOUR)
    await world.apply(engine, each("a.test", "b.test"))
    assert await declared.all_names(engine.db) == {"merged:a.test"}
    assert installed(world, "a.test") == installed(world, "b.test") != before
    assert await unchanged(engine.db, world.settings.declaration, world.settings) == 1


async def test_what_was_obtained_by_hand_is_merged_as_well(world: Declaring, engine: Engine) -> None:
    await world.obtain(engine, world.intent("a.test"))
    await world.apply(engine, each("a.test", "b.test"))
    await world.apply(engine, each("a.test", "b.test"))
    assert await declared.all_names(engine.db) == {"merged:a.test"}


async def test_and_they_are_taken_apart_again(world: Declaring, engine: Engine) -> None:
    await world.apply(engine, each("a.test", "b.test"))
    shared = installed(world, "a.test")
    await world.apply(engine, each("a.test", "b.test", merge="false"))
    await world.apply(engine, each("a.test", "b.test", merge="false"))
    assert await declared.all_names(engine.db) == {"a.test", "b.test"}
    assert len({shared, installed(world, "a.test"), installed(world, "b.test")}) == 3


async def test_another_kind_is_another_certificate(world: Declaring, engine: Engine) -> None:
    text = (
        '[defaults]\nmerge = true\n[certificates]\n"a.test" = {}\n"b.test" = { owner = "shop" }\n'
        '"c.test" = { key_type = "rsa2048" }\n"d.test" = { merge = false }\n"e.test" = {}\n'
    )
    world.write(text)
    comparison = await compared(engine)
    assert set(told(comparison)) == {"merged:a.test", "merged:b.test", "merged:c.test", "d.test"}


async def test_whoever_asks_for_another_try_gets_it_for_those_that_are_left_out_too(
    world: Declaring, engine: Engine
) -> None:
    bad(world, "b.test")
    await world.apply(engine, each("a.test", "b.test"))
    bad(world)
    await certificates.wake(engine.db, "merged:a.test", world.clock.now())
    await engine.worker.settle("merged:a.test")
    assert installed(world, "a.test") == installed(world, "b.test")


# The pure part: any history of members.


def wanted_of(numbers: frozenset[int], known: dict[str, CertificateIntent], most: int) -> dict[str, CertificateIntent]:
    rule = ChallengeRule("http-01", "auto")
    intents = [
        CertificateIntent(
            name=f"n{number}.test",
            identifiers=parse_identifiers([f"n{number}.test", f"www.n{number}.test"][: 1 + number % 2]),
            ca="https://ca.test",
            challenges=(rule,),
            targets=(TargetSpec("files", {"dir": "/x"}),),
            terms=Terms(merge=most),
        )
        for number in sorted(numbers)
    ]
    members = [Declared(intent, None, None) for intent in intents]  # type: ignore[arg-type]  # where it is written
    assert all(map(may_merge, members))
    return {each.intent.name: each.intent for each in merged(members, known, known, lambda identifiers: (rule,))}


@given(st.lists(st.frozensets(st.integers(0, 20)), min_size=2, max_size=6), st.integers(2, 7))
def test_whatever_comes_and_goes_only_its_own_certificate_changes(history: list[frozenset[int]], most: int) -> None:
    known: dict[str, CertificateIntent] = {}
    before: frozenset[int] = frozenset()
    for numbers in history:
        after = wanted_of(numbers, known, most)
        assert sorted(name for intent in after.values() for name in intent.terms.members) == sorted(
            f"n{number}.test" for number in numbers
        )
        assert all(len(intent.identifiers) <= most for intent in after.values())
        changed = {f"n{number}.test" for number in numbers ^ before}
        for name, intent in known.items():
            if not changed.intersection(intent.terms.members) and after.get(name) != intent:
                assert changed.intersection(after[name].terms.members), "it has a newcomer"
                assert set(intent.terms.members) <= set(after[name].terms.members)
        assert wanted_of(numbers, after, most) == after, "and then there is nothing to do"
        known, before = after, numbers
