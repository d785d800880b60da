"""Killed at any step, the next run goes on with the same order and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from evercert.base.names import parse_identifiers
from evercert.model.access import CaAccess
from evercert.model.intent import CertificateIntent, ChallengeRule, TargetSpec
from tests.fault.deaths import Scene, deaths_worth_dying
from tests.fault.nursery import Nursery
from tests.fault.players import Player, play
from tests.fault.webroot import Webroot
from tests.peers.bind import Bind
from tests.peers.pebble import Pebble
from tests.peers.place import Machine

FILES = ("one.killed.test", "two.killed.test")
APEX = "killed.test"


@pytest.mark.timeout(900)
def test_death_at_every_step_costs_no_second_order_and_leaves_nothing(
    tmp_path: Path, start_pebble: Callable[..., Pebble]
) -> None:
    with ExitStack() as worlds:
        players = [worlds.enter_context(_by_files(tmp_path / name, start_pebble())) for name in ("one", "two")]
        moments = deaths_worth_dying(players[0].scene.moments())
        assert len(moments) > 30, f"only {len(moments)} moments were seen; is the enumeration broken?"
        play(players, moments)


@pytest.mark.timeout(900)
def test_death_between_the_updates_of_a_zone_leaves_no_record_of_a_name_or_its_wildcard(
    tmp_path: Path, start_pebble: Callable[..., Pebble]
) -> None:
    with ExitStack() as worlds:
        players = [worlds.enter_context(_by_dns(tmp_path / name, start_pebble)) for name in ("one", "two")]
        moments = deaths_worth_dying(players[0].scene.moments())
        updates = [moment for moment in moments if " UPDATE " in moment]
        assert len(updates) == 8, f"two values, each added and deleted: {updates}"
        play(players, moments)


@contextmanager
def _by_files(folder: Path, pebble: Pebble) -> Iterator[Player]:
    folder.mkdir()
    with Webroot(folder / "www", pebble.http_port) as webroot, Nursery() as nursery:
        rule = ChallengeRule("http-01", "webroot", {"root": str(webroot.root)})
        yield Player(_scene(folder, pebble, nursery, FILES, rule), pebble, webroot.files)


@contextmanager
def _by_dns(folder: Path, start_pebble: Callable[..., Pebble]) -> Iterator[Player]:
    folder.mkdir()
    with Bind(Machine(folder), {APEX: ""}) as bind, Nursery() as nursery:
        secret = folder / "secret"
        secret.touch(0o600)
        secret.write_text(bind.secret)
        options = {
            "server": bind.address,
            "key_name": "hmac-sha256",
            "key_secret": f"file:{secret}",
            "propagation_servers": bind.address,
        }
        pebble = start_pebble(dns=bind.address)
        rule = ChallengeRule("dns-01", "rfc2136", options)
        scene = _scene(folder, pebble, nursery, (APEX, f"*.{APEX}"), rule)
        scene.environ["EVERCERT_RESOLVERS"] = bind.address
        yield Player(scene, pebble, lambda: bind.txt(f"_acme-challenge.{APEX}"))


def _scene(folder: Path, pebble: Pebble, nursery: Nursery, names: tuple[str, ...], rule: ChallengeRule) -> Scene:
    intent = CertificateIntent(
        name=names[0],
        identifiers=parse_identifiers(names),
        ca=pebble.directory,
        challenges=(rule,),
        targets=(TargetSpec("files", {}),),
    )
    return Scene(folder, CaAccess(pebble.directory, roots=str(pebble.authority)), intent, nursery)
