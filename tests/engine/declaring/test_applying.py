"""A declaration compared with the store and applied: what changes, why, and what is left alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from evercert.acme.problem import ProblemType
from evercert.base.errors import EvercertError
from evercert.config.declaration.faults import Faulty
from evercert.daemon.following import Following
from evercert.engine.declaring.applying import apply, unchanged
from evercert.engine.declaring.comparing import compared
from evercert.engine.wiring import Engine, open_engine
from evercert.store import accounts, cas, certificates, declared, events, hooks
from tests.engine.declaring.declaring import Declaring, told
from tests.fakes.ca import Fault

HOUR = timedelta(hours=1)


async def test_what_is_declared_is_issued_and_then_there_is_nothing_to_do(world: Declaring, engine: Engine) -> None:
    assert await unchanged(engine.db, world.settings.declaration, world.settings) is None
    first = await world.apply(engine, '[certificates]\n"a.test" = {}\n"b.test" = {}\n')
    assert told(first) == dict.fromkeys(("a.test", "b.test"), ("create", "it is not there yet"))
    assert (world.live / "b.test" / "fullchain.pem").exists()
    again = await compared(engine)
    assert (again.changes, again.unchanged) == ([], 2)
    assert await unchanged(engine.db, world.settings.declaration, world.settings) == 2


BEFORE = '[certificates]\nx = { names = ["a.test"], owner = "me" }\n[targets.f]\nplugin = "files"\noptions.dir = "/x"\n'


@pytest.mark.parametrize(
    ("after", "action", "reasons"),
    [
        ('x = { names = ["a.test", "b.test"], owner = "me" }', "re-issue", ("names: +b.test",)),
        ('x = { names = ["a.test"], key_type = "rsa2048", owner = "me" }', "re-issue",
         ("key_type: from ec256 to rsa2048",)),
        ('x = { names = ["a.test"], owner = "me", lifetime = "6d" }', "re-issue", ("lifetime: from 0 to 518400",)),
        ('x = { names = ["a.test"], owner = "me", targets = ["f"] }', "re-install",
         ("to be installed in f", "installed no longer in files")),
        ('x = { names = ["a.test"], owner = "me", targets = [] }', "change", ("installed no longer in files",)),
        ('x = { names = ["a.test"], owner = "you", renew_at = 0.5 }', "change", ("renew changed", "owner changed")),
    ],
)  # fmt: skip
async def test_a_change_is_told_with_its_reasons(
    world: Declaring, engine: Engine, after: str, action: str, reasons: tuple[str, ...]
) -> None:
    await world.apply(engine, BEFORE)
    world.write(BEFORE.replace('x = { names = ["a.test"], owner = "me" }', after))
    assert told(await compared(engine)) == {"x": (action, *reasons)}


async def test_a_re_issue_is_done_and_everything_else_leaves_the_certificate(world: Declaring, engine: Engine) -> None:
    serials = []
    for options in ('owner = "a"', 'owner = "b"', 'key_type = "ec384"'):
        await world.apply(engine, f'[certificates."a.test"]\n{options}\n')
        fact = await world.fact(engine, "a.test")
        assert fact.current
        serials.append(fact.current.serial)
    assert serials[0] == serials[1] != serials[2]


@pytest.mark.parametrize(("policy", "left", "revoked"), [("keep", 1, None), ("delete", 0, None), ("revoke", 0, 5)])
async def test_what_is_declared_no_longer_goes_by_the_policy_that_was_declared_last(
    world: Declaring, engine: Engine, policy: str, left: int, revoked: int | None
) -> None:
    await world.apply(engine, f'[certificates."a.test"]\non_removal = "{policy}"\n')
    comparison = await world.apply(engine, '[policies.x]\non_removal = "revoke"\n')
    assert told(comparison) == {"a.test": (policy, f"it is declared no longer (on_removal = '{policy}')")}
    assert len(await declared.all_names(engine.db)) == left
    assert [each.revoked for each in world.ca.certificates.values()] == [revoked]
    assert (await compared(engine)).changes == []


async def test_what_others_take_over_goes_only_once_they_have_theirs(world: Declaring, engine: Engine) -> None:
    await world.apply(engine, '[certificates]\na = { names = ["x.test", "y.test"], on_removal = "revoke" }\n')
    world.ca.fail("new-order", Fault.refused(ProblemType.UNAUTHORIZED))
    comparison = await world.apply(engine, '[certificates."y.test"]\n')
    assert told(comparison)["a"][0] == "wait"
    assert told(comparison)["a"][2] == "it stays until there is a certificate y.test"
    assert await unchanged(engine.db, world.settings.declaration, world.settings) is None
    await Following(engine).look()
    assert await declared.all_names(engine.db) == {"a", "y.test"}
    await world.pass_time(engine, HOUR)
    await Following(engine).look()
    await engine.worker.settle_due()
    assert await declared.all_names(engine.db) == {"y.test"}
    assert await unchanged(engine.db, world.settings.declaration, world.settings) == 1


async def test_what_was_obtained_or_changed_by_hand_is_taken_back(world: Declaring, engine: Engine) -> None:
    await world.obtain(engine, world.intent("a.test"))
    comparison = await world.apply(engine, '[certificates."a.test"]\n')
    assert told(comparison) == {"a.test": ("adopt", "it was obtained or changed by hand")}
    assert len(world.ca.orders) == 1
    assert await unchanged(engine.db, world.settings.declaration, world.settings) == 1
    await world.obtain(engine, world.intent("a.test", "b.test", name="a.test"))
    assert await unchanged(engine.db, world.settings.declaration, world.settings) is None
    back = await compared(engine)
    assert told(back) == {"a.test": ("re-issue", "it was obtained or changed by hand", "names: -b.test")}
    await certificates.delete(engine.db, "a.test", world.clock.now())
    assert told(await compared(engine)) == {"a.test": ("create", "it is not there yet")}


TWO = '[certificates]\na = { names = ["x.test", "y.test"] }\nb = { names = ["y.test", "x.test"] }\n'


async def test_identical_needs_are_met_by_one_certificate_under_both_names(world: Declaring, engine: Engine) -> None:
    comparison = await world.apply(engine, TWO)
    assert told(comparison) == {"a": ("create", "it is not there yet", "it serves b as well")}
    assert len(world.ca.orders) == 1
    assert (world.live / "a/cert.pem").read_bytes() == (world.live / "b/cert.pem").read_bytes()
    assert (await compared(engine)).changes == []
    apart = await world.apply(engine, TWO.replace('"x.test"] }\n', '"x.test"], key_type = "ec384" }\n'))
    assert {name: action for name, (action, *_) in told(apart).items()} == {"a": "change", "b": "create"}
    assert (world.live / "a/cert.pem").read_bytes() != (world.live / "b/cert.pem").read_bytes()
    assert (await world.apply(engine, TWO)).changes != []  # both exist, so both stay
    assert await declared.all_names(engine.db) == {"a", "b"}
    assert (await compared(engine)).changes == []


async def test_how_a_ca_is_reached_is_declared_too(world: Declaring, engine: Engine) -> None:
    table = f'[cas.own]\ndirectory = "{world.ca.directory_url}"\ncontacts = ["ops@a.test"]\n'
    comparison = await world.apply(engine, table)
    assert told(comparison) == {world.ca.directory_url: ("configure", "contacts changed")}
    assert (await cas.access(engine.db, world.ca.directory_url)).contacts == ("mailto:ops@a.test",)
    assert (await compared(engine)).changes == []


async def test_further_accounts_at_a_ca_are_declared_as_cas_of_their_own(world: Declaring, engine: Engine) -> None:
    world.ca.eab_keys = {"kid-1": b"secret-of-thirty-two-octets-----", "kid-2": b"secret-of-thirty-two-octets-----"}
    secret = world.folder / "hmac"
    secret.write_text("c2VjcmV0LW9mLXRoaXJ0eS10d28tb2N0ZXRzLS0tLS0")
    secret.chmod(0o600)
    tables = "".join(
        f'[cas.{name}]\ndirectory = "{world.ca.directory_url}"\naccount = "{name}"\ncontacts = ["{name}@a.test"]\n'
        f'eab_kid = "kid-{number}"\neab_key = "file:{secret}"\n'
        for number, name in enumerate(("one", "two"), 1)
    )
    certificates = '[certificates."a.test"]\ncas = ["one", "two"]\n[certificates."b.test"]\ncas = ["two", "one"]\n'
    await world.apply(engine, tables + certificates)
    made = {each.name: (each.eab_kid, each.contacts) for each in await accounts.listed(engine.db)}
    assert made == {"one": ("kid-1", ("mailto:one@a.test",)), "two": ("kid-2", ("mailto:two@a.test",))}
    assert (await compared(engine)).changes == []
    await engine.db.write(accounts.spent(world.ca.directory_url, "kid-1"))
    await world.apply(engine, tables + certificates)
    made_before = await accounts.made_with(engine.db, world.ca.directory_url, "kid-1")
    assert made_before is not None
    assert made_before.is_spent  # nothing was said anew
    secret.rename(world.folder / "other")
    tables = tables.replace("hmac", "other")
    await world.apply(engine, tables + certificates)
    assert await accounts.made_with(engine.db, world.ca.directory_url, "kid-1") == ("one", False)
    world.write(tables.replace("other", "gone", 2).replace("gone", "other", 1) + certificates)
    with pytest.raises(Faulty) as faulty:
        await compared(engine)
    assert [fault.key for fault in faulty.value.faults] == ["cas.two.eab_key"]


async def test_nothing_of_a_declaration_with_a_fault_is_applied(world: Declaring, engine: Engine) -> None:
    await world.apply(engine, '[certificates."a.test"]\n')
    before = await events.head(engine.db)
    world.write('[certificates."a.test"]\nkey_type = "rsa2048"\n[certificates."b.test"]\npolicy = "gone"\n')
    following = Following(engine)
    for _ in range(3):
        await following.look()
        world.clock.advance(HOUR)
    assert await events.head(engine.db) == before
    told_once = [line for line in world.told if "there is no policy 'gone'" in line]
    assert len(told_once) == 1
    assert "evercert.toml:4:10" in told_once[0]


async def test_a_changed_file_is_followed_and_an_unchanged_one_left_alone(world: Declaring, engine: Engine) -> None:
    following = Following(engine)
    world.write('[certificates."a.test"]\n')
    for _ in range(2):
        await following.look()
    world.write('[certificates."a.test"]\n[certificates."b.test"]\n')
    await following.look()
    assert await declared.digests(engine.db) == await declared.digests(engine.db)
    assert await declared.count(engine.db) == 2
    assert len([line for line in world.told if "a change was declared" in line]) == 2


async def test_an_empty_declaration_takes_nothing_away_by_itself(world: Declaring, engine: Engine) -> None:
    await world.apply(engine, '[certificates."a.test"]\non_removal = "delete"\n')
    world.write("")
    await Following(engine).look()
    assert await declared.count(engine.db) == 1
    assert any("everything would go" in line for line in world.told)
    await world.apply(engine, "")
    assert await declared.count(engine.db) == 0


async def test_where_the_file_is_gone_that_is_said(world: Declaring, engine: Engine) -> None:
    with pytest.raises(EvercertError, match="cannot be read"):
        await Following(engine).look()


async def test_what_was_stopped_on_the_way_is_applied_again(world: Declaring) -> None:
    world.write("".join(f'[certificates."n{number}.test"]\n' for number in range(3)))
    async with open_engine(world.settings, clock=world.clock) as engine:
        comparison = await compared(engine)
        first = comparison.wanted[0]
        await declared.create(engine.db, [(first.intent, first.digest)], world.clock.now())
        again = await compared(engine)
        assert (len(again.changes), again.unchanged) == (2, 1)
        await apply(engine.db, again, world.clock.now())
        assert (await compared(engine)).unchanged == 3


HOOK = """
[hooks.page]
events = ["certificate-*", "deploy-failed"]
exec = ["/usr/local/bin/page", "--now"]
"""


async def test_hooks_are_declared_changed_and_let_go(world: Declaring, engine: Engine) -> None:
    certificate = '[certificates."a.test"]\n'
    await world.apply(engine, certificate)
    happened, _ = await events.head(engine.db)
    assert told(await world.apply(engine, certificate + HOOK)) == {
        "hooks.page": ("configure", "it is told of what happens from now on")
    }
    standing = await hooks.find(engine.db, "page")
    assert standing is not None
    assert (standing.event_id, standing.hook.program) == (happened, ("/usr/local/bin/page", "--now"))
    assert not (await compared(engine)).changes
    changed = await world.apply(engine, certificate + HOOK.replace("--now", "--later"))
    assert told(changed) == {"hooks.page": ("configure", "exec changed")}
    again = await hooks.find(engine.db, "page")
    assert again is not None
    assert again.event_id == happened
    gone = await world.apply(engine, certificate)
    assert told(gone) == {"hooks.page": ("remove", "it is declared no longer")}
    assert gone.losing == []
    assert await hooks.all_hooks(engine.db) == []
