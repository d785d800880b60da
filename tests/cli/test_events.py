"""`evercert events`: what there is, what comes, each once, until it is told to end or nobody reads."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evercert.base.clock import SystemClock, to_epoch
from evercert.db.opening import Place
from evercert.model.event import CertificateDeleted, CertificateIssued, Deployed, Event, OrderPlaced
from evercert.store import events
from evercert.store.opening import open_store
from tests.cli.shell import Shell
from tests.peers.postgres import Postgres
from tests.peers.program import Program, installed


def write(place: Place, *happened: Event) -> None:
    async def written() -> None:
        async with open_store(place) as db:
            for event in happened:
                await db.write(events.appended(event, SystemClock().now()))

    asyncio.run(written())


def write_of_a_newer_version(place: Place) -> None:
    """Events of a kind that this version does not know, about a certificate and about none."""

    async def written() -> None:
        query = events.appended(Deployed(), SystemClock().now()).query
        about = '"orbit":{"height":384400},"crew":["a","b"],"log":"one\\ntwo"'
        async with open_store(place) as db:
            for name in ("www.example.test", ""):
                body = f'{{"kind":"moon-landed","certificate":"{name}",{about}}}'
                at = to_epoch(SystemClock().now())
                await db.write(query(at=at, kind="moon-landed", certificate=name, body=body))

    asyncio.run(written())


@pytest.fixture
def file(evercert: Shell) -> Path:
    evercert.home.mkdir(mode=0o700)
    return evercert.home / "evercert.db"


def ids(text: str) -> list[int]:
    return [json.loads(line)["id"] for line in text.splitlines() if line.startswith("{")]


def test_kinds_certificates_numbers_and_times_choose(evercert: Shell, file: Path) -> None:
    write(file, *(CertificateIssued(f"c{n}", serial=f"{n}") for n in range(3)), Deployed("c0", target="files"))
    assert ids(evercert("events", "--json").out) == [1, 2, 3, 4]
    assert ids(evercert("events", "--json", "--limit", "2").out) == [3, 4]
    assert ids(evercert("events", "--json", "--kind", "deploy*").out) == [4]
    assert ids(evercert("events", "--json", "--certificate", "c0").out) == [1, 4]
    assert ids(evercert("events", "--json", "--certificate", "c[12]").out) == [2, 3]
    assert ids(evercert("events", "--json", "--since", "2").out) == [3, 4]
    assert ids(evercert("events", "--json", "--since", "1", "--limit", "2").out) == [2, 3]
    assert ids(evercert("events", "--json", "--since", "1h").out) == [1, 2, 3, 4]
    assert evercert("events", "--json", "--since", "2100-01-01").out == ""
    [first] = evercert(
        "events", "--json", "--limit", "1", "--kind", "certificate-issued", "--certificate", "c0"
    ).documents
    assert list(first) == ["id", "at", "kind", "certificate", "serial", "fingerprint", "not_after", "hash"]


def test_an_event_of_a_newer_version_is_shown_as_it_stands(evercert: Shell, tmp_path: Path) -> None:
    name = "www.example.test"
    evercert.obtained(name)
    write_of_a_newer_version(evercert.home / "evercert.db")
    about, none = evercert("events", "--json").documents[-2:]
    assert (about["kind"], about["certificate"], none["certificate"]) == ("moon-landed", name, "")
    assert (about["orbit"], about["crew"], about["log"]) == ({"height": 384400}, ["a", "b"], "one\ntwo")
    line = evercert("events", "--certificate", name).out.splitlines()[-1]
    assert "moon-landed" in line
    assert line.endswith('(an unknown kind of event) orbit={"height":384400} crew=a,b log=one two')
    for command in (("show", name), ("explain", name), ("list",), ("tasks",), ("events", "--verify")):
        done = evercert(*command)
        assert done.status == 0, done.err
    with evercert.start("events", "--follow", "--json", "--limit", "1", log=tmp_path / "log") as following:
        following.wait_until(lambda: len(ids(following.text())) == 1, "the newest that there is")
        write_of_a_newer_version(evercert.home / "evercert.db")
        following.wait_until(lambda: len(ids(following.text())) >= 3, "what came")
        assert following.text().count('"orbit":{"height":384400}') == 3


def test_what_an_event_says_is_shown_in_words(evercert: Shell, file: Path) -> None:
    deleted = CertificateDeleted("c0", owner="web", tags=("a", "b")), CertificateDeleted("c1")
    write(file, *deleted, OrderPlaced("c2", adopted=True))
    lines = [line.split()[5:] for line in evercert("events").out.splitlines()]
    assert lines == [["c0", "owner=web", "tags=a,b"], ["c1"], ["c2", "adopted=yes"]]


def test_a_word_that_is_no_kind_and_a_time_that_is_none_are_told(evercert: Shell) -> None:
    done = evercert("events", "--kind", "certificate-isued")
    assert (done.status, done.hint) == (2, "did you mean 'certificate-issued'?")
    assert evercert("events", "--since", "yesterday").status == 2
    assert evercert("events", "--follow", "--since", "1", "--limit", "3").status == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_comes_is_printed_once_and_in_order_until_it_is_told_to_end(
    evercert: Shell, file: Path, tmp_path: Path, number: signal.Signals
) -> None:
    write(file, *(CertificateIssued(f"c{n}") for n in range(3)))
    with evercert.start("events", "--follow", "--json", "--limit", "1", log=tmp_path / "log") as following:
        following.wait_until(lambda: ids(following.text()) == [3], "the newest that there is")
        write(file, *(Deployed(f"c{n}", target="files") for n in range(5)))
        following.wait_until(lambda: len(ids(following.text())) >= 6, "what came")
        following.signal(number)
        assert following.wait() == 0
    assert ids(following.text()) == [3, 4, 5, 6, 7, 8]
    assert "evercert:" not in following.text()


def test_it_ends_once_nobody_reads_it_though_nothing_happens(evercert: Shell, file: Path) -> None:
    write(file, CertificateIssued("c"))
    argv = [installed("evercert", "run `make setup`"), "events", "--follow", "--json"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=evercert.environment()) as following:
        assert following.stdout is not None
        try:
            assert ids(following.stdout.readline().decode()) == [1]
            following.stdout.close()
            assert following.wait(20) == 0
        finally:
            following.kill()


@contextmanager
def a_server_of_its_own() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


def test_a_restart_of_postgresql_costs_it_nothing(evercert: Shell, tmp_path: Path) -> None:
    with a_server_of_its_own() as server:
        place = server.fresh()
        write(place, CertificateIssued("before"))
        where = evercert.environment(EVERCERT_DATABASE=place.text(), PYTHONUNBUFFERED="1")
        argv = [installed("evercert", "run `make setup`"), "events", "--follow", "--json", "--since", "0"]
        with Program(argv, tmp_path / "log", env=where) as following:
            following.wait_until(lambda: ids(following.text()) == [1], "what was there")
            write(place, CertificateIssued("again"))
            following.wait_until(lambda: ids(following.text()) == [1, 2], "what came")
            server.stop()
            server.start()
            write(place, *(Deployed(f"c{n}") for n in range(3)))
            following.wait_until(lambda: len(ids(following.text())) >= 5, "what came afterwards")
        assert ids(following.text()) == [1, 2, 3, 4, 5]
