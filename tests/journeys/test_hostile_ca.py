"""A CA that turns on its clients: a clear error in bounded time and memory, and nothing that was there is lost."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fakes.hostile_ca import TWISTS
from tests.journeys.host import Host
from tests.journeys.measured import Measured, measured
from tests.peers.listener import make_listener
from tests.peers.namespaces import Namespace
from tests.peers.program import ROOT, installed, without_trust_overrides

_MOST_SECONDS = 30
_MOST_RESIDENT = 300 << 20

# Twists that a certificate survives; all others must end in an error.
_SURVIVED = {"link", "links", "window", "backwards"}


class Turncoat:
    """A CA that was honest for one certificate, and the home that has it."""

    def __init__(self, namespace: Namespace, folder: Path) -> None:
        self.folder = folder
        authority = make_listener(folder).authority
        self.become("honest")
        env = without_trust_overrides(PYTHONPATH=f"{ROOT}:{ROOT / 'src'}")
        self.program = namespace.start([sys.executable, "-m", "tests.fakes.hostile_ca", folder], "ca", env=env)
        self.program.wait_until(lambda: namespace.accepts(443), "listening")
        self.host = Host(namespace, folder / "home")
        self.at = ["--ca", "https://ca.test/directory", "--ca-roots", str(authority)]
        self.host("obtain", "before.example.test", *self.at)

    def become(self, twist: str) -> None:
        (self.folder / "twist").write_text(twist)

    def obtained(self, name: str, *options: str) -> Measured:
        """`obtain` of that name, however it ends."""
        command = [installed("evercert", "run `make setup`"), "obtain", name, *self.at, *options]
        env = without_trust_overrides(EVERCERT_HOME=str(self.host.home))
        return measured(self.host.namespace.argv(command), env, self.folder / f"told-{name}")


@pytest.fixture(scope="module")
def turncoat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turncoat]:
    folder = tmp_path_factory.mktemp("turncoat")
    with Namespace(folder, hosts={"ca.test": "127.0.0.1"}) as namespace:
        yield Turncoat(namespace, folder)


@pytest.mark.parametrize("twist", sorted(TWISTS))
def test_what_a_ca_may_do_costs_an_error_and_nothing_else(turncoat: Turncoat, twist: str) -> None:
    name = f"{twist}.example.test"
    turncoat.become(twist)
    done = turncoat.obtained(name, "--preferred-chain", "nobody's")
    assert done.seconds < _MOST_SECONDS
    assert done.most_resident < _MOST_RESIDENT
    if twist in _SURVIVED:
        assert done.status == 0, done.err
    else:
        assert done.status in {2, 4, 5, 6, 7}, (done.status, done.err)
        assert f"evercert: error: {name}: " in done.err
    assert "Traceback" not in done.err
    assert done.err.replace("\n", "").isprintable()
    assert max(map(len, done.err.splitlines())) < 1000
    whole_again(turncoat, name)


def whole_again(turncoat: Turncoat, name: str) -> None:
    """Nothing was lost, nothing waits for ever, and an honest CA has it as its customer as before."""
    host = turncoat.host
    turncoat.become("honest")
    states = {each["name"]: each for each in host.document("list")}
    assert states["before.example.test"]["state"] == "installed"
    assert datetime.fromisoformat(states[name]["next_action_at"]) < datetime.now(UTC) + timedelta(days=366)
    host("obtain", name, *turncoat.at, "--preferred-chain", "nobody's")


def test_no_file_is_written_outside_of_the_webroot(turncoat: Turncoat, tmp_path: Path) -> None:
    root = tmp_path / "www"
    root.mkdir()
    turncoat.become("path")
    done = turncoat.obtained("webroot.example.test", "--webroot", str(root))
    turncoat.become("honest")
    assert done.status == 4
    assert "token" in done.err
    assert list(root.iterdir()) == []
    assert not Path("/tmp/evercert-was-here").exists()
    assert "none changed or missing" in turncoat.host("events", "--verify").out
