"""What the CA holds proved already is not proved again; and what a certificate is made of, all at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from evercert.pki.cert import read_certificate
from evercert.pki.chain import split_pem
from tests.cli.shell import Shell
from tests.peers.pebble import DAY, Pebble
from tests.peers.ports import free_port


def test_names_that_are_proved_already_need_no_challenge(tmp_path: Path, start_pebble: Callable[..., Pebble]) -> None:
    evercert = Shell(tmp_path / "home", start_pebble(authz_reuse=100))
    evercert.obtained("a.reuse.test", "b.reuse.test")
    # A port where no CA looks: whoever would have to prove something now would fail.
    nowhere = [*evercert.to_ca, "--http-port", str(free_port())]
    done = evercert("obtain", "--name", "again", "b.reuse.test", "a.reuse.test", *nowhere)
    assert done.status == 0, done.err
    done = evercert("obtain", "--name", "more", "a.reuse.test", "c.reuse.test", *nowhere)
    assert done.status == 7
    assert "c.reuse.test" in done.err


def test_the_profile_that_was_named_decides_how_long_it_lives(
    tmp_path: Path, start_pebble: Callable[..., Pebble]
) -> None:
    evercert = Shell(tmp_path / "home", start_pebble(profiles={"short": 6 * DAY, "long": 60 * DAY}))
    for profile, days in (("short", 6), ("long", 60)):
        evercert.obtained(f"{profile}.profile.test", "--profile", profile, "--require-profile")
        leaf = read_certificate(split_pem(evercert.live(f"{profile}.profile.test").read_bytes())[0])
        assert round((leaf.not_after - leaf.not_before).total_seconds() / DAY) == days
    done = evercert("obtain", "refused.profile.test", *evercert.at, "--profile", "none", "--require-profile")
    assert done.status == 4
    assert done.hint == "it offers long, short"


def test_a_name_that_the_ca_will_not_have_is_told_by_name(tmp_path: Path, start_pebble: Callable[..., Pebble]) -> None:
    evercert = Shell(tmp_path / "home", start_pebble(blocked=("blocked.test",)))
    done = evercert("obtain", "www.fine.test", "www.blocked.test", *evercert.at)
    assert done.status == 4
    assert "www.blocked.test" in done.err
    assert "next " in done.out


def test_fifty_names_stand_in_one_certificate(tmp_path: Path, pebble: Pebble) -> None:
    evercert = Shell(tmp_path / "home", pebble)
    names = [f"n{number}.fifty.test" for number in range(50)]
    evercert.obtained(*names)
    leaf = read_certificate(split_pem(evercert.live(names[0]).read_bytes())[0])
    assert sorted(each.value for each in leaf.identifiers) == sorted(names)
