"""What is declared rightly and will most likely fail: told before, with its place, and no fault."""

from __future__ import annotations

import pytest

from evercert.acme.cas import known_ca
from evercert.engine.declaring.comparing import compared
from evercert.engine.declaring.doubtful import doubtful
from evercert.engine.wiring import Engine
from evercert.model.fact import AccountStatus
from evercert.store import accounts, keys
from tests.engine.declaring.declaring import Declaring
from tests.store.given import KEY

ZEROSSL = known_ca("zerossl").directory
CERTIFICATE = '[certificates."a.test"]\n'


async def told(world: Declaring, engine: Engine, text: str) -> list[tuple[str, str]]:
    world.write(text)
    comparison = await compared(engine)
    return [(each.key, each.message) for each in await doubtful(engine.db, comparison, engine.targets)]


def unbound(account: str) -> str:
    return f"ZeroSSL makes accounts for external accounts (EAB) alone, and '{account}' has none"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CERTIFICATE, []),
        (f'{CERTIFICATE}cas = ["letsencrypt"]\n', []),
        (f'{CERTIFICATE}cas = ["letsencrypt", "zerossl"]\n', [('certificates."a.test"', unbound("default"))]),
        (f'{CERTIFICATE}cas = ["z"]\n[cas.z]\ndirectory = "zerossl"\naccount = "ops"\n', [("cas.z", unbound("ops"))]),
        # Nobody asks it.
        (f"{CERTIFICATE}[cas.zerossl]\n", []),
    ],
)
async def test_a_ca_that_wants_an_external_account_is_told_where_none_is_given(
    world: Declaring, engine: Engine, text: str, expected: list[tuple[str, str]]
) -> None:
    assert await told(world, engine, text) == expected


async def test_who_has_a_binding_or_an_account_is_not_warned(world: Declaring, engine: Engine) -> None:
    key = world.folder / "eab"
    key.write_text("c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0")
    bound = f'[cas.zerossl]\neab_kid = "k"\neab_key = "file:{key}"\n'
    assert await told(world, engine, f'{CERTIFICATE}cas = ["zerossl"]\n{bound}') == []
    key_id = await keys.add(engine.db, engine.sealer, KEY, "account", world.clock.now())
    account = await accounts.add(engine.db, ZEROSSL, "default", key_id, now=world.clock.now())
    wanted = f'{CERTIFICATE}cas = ["zerossl"]\n'
    assert len(await told(world, engine, wanted)) == 1  # it was never registered
    await accounts.registered(engine.db, account, "https://acme.zerossl.test/1", (), now=world.clock.now())
    assert await told(world, engine, wanted) == []


def bound(world: Declaring, kid: str) -> str:
    key = world.folder / "eab"
    key.write_text("c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0")
    return f'eab_kid = "{kid}"\neab_key = "file:{key}"\n'


def used_up(name: str, account: str) -> str:
    return f"{name} makes one account for an external account (EAB), and k is used up by '{account}'"


@pytest.mark.parametrize(("ca", "is_told"), [("google", True), ("zerossl", False)])
async def test_a_further_account_that_inherits_what_makes_one_account_is_told(
    world: Declaring, engine: Engine, ca: str, is_told: bool
) -> None:
    wanted = f'{CERTIFICATE}cas = ["two", "one"]\n'
    first = f'[cas.one]\ndirectory = "{ca}"\naccount = "ops"\n{bound(world, "k")}'
    second = f'[cas.two]\ndirectory = "{ca}"\naccount = "dev"\n'
    expected = [("cas.two", used_up(known_ca(ca).name, "ops"))]
    assert await told(world, engine, wanted + first + second) == (expected if is_told else [])
    assert await told(world, engine, wanted + first + second + bound(world, "other")) == []
    # Nobody asks the first.
    assert await told(world, engine, f'{CERTIFICATE}cas = ["two"]\n{first}{second}') == []


async def test_what_has_made_an_account_that_has_ended_is_told(world: Declaring, engine: Engine) -> None:
    google, now = known_ca("google"), world.clock.now()
    key_id = await keys.add(engine.db, engine.sealer, KEY, "account", now)
    account = await accounts.add(engine.db, google.directory, "default", key_id, now=now)
    account = await accounts.registered(engine.db, account, "https://google.test/1", (), now=now, eab_kid="k")
    text = f'{CERTIFICATE}cas = ["google"]\n[cas.google]\n{bound(world, "k")}'
    assert await told(world, engine, text) == []
    await accounts.end(engine.db, account, AccountStatus.DEACTIVATED, now=now)
    assert await told(world, engine, text) == [("cas.google", used_up(google.name, "default"))]


async def test_a_target_tells_what_is_not_there_at_its_option(world: Declaring, engine: Engine) -> None:
    target = '[targets.t]\nplugin = "files"\noptions = { dir = "/x", reload = "/no/such now" }\n'
    assert await told(world, engine, f'{CERTIFICATE}targets = ["t"]\n{target}') == [
        ("targets.t.options.reload", "/no/such cannot be run")
    ]
