"""Hooks from a declaration to a program that is told, with the commands that show and mend them."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from evercert.db.protocol import Query
from evercert.model.event import CertificateIssued, Deployed
from evercert.store.opening import open_store
from tests.cli.shell import Shell
from tests.cli.test_events import write


def change(file: Path, query: Query) -> None:
    async def changed() -> None:
        async with open_store(file) as db:
            await db.write(query())

    asyncio.run(changed())


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "told"


@pytest.fixture
def declared(evercert: Shell, tmp_path: Path, log: Path) -> dict[str, str]:
    """A hook that writes down what it is told, while there is no file `refuse`; the variables that lead to it."""
    hook = tmp_path / "hook"
    hook.write_text(
        f"#!/bin/sh\ntest ! -e {tmp_path}/refuse || {{ echo not now; exit 1; }}\ncat >> {log}; echo >> {log}\n"
    )
    hook.chmod(0o700)
    text = f'[hooks.page]\nevents = ["certificate-issued"]\nexec = ["{hook}"]\n'
    (tmp_path / "evercert.toml").write_text(text)
    where = {"EVERCERT_CONFIG": str(tmp_path / "evercert.toml")}
    assert evercert("plan", **where).out.startswith("~ hooks.page: configure  (")
    applied = evercert("apply", **where)
    assert applied.status == 0, applied.err
    return where


def ids(log: Path) -> list[int]:
    return [json.loads(line)["id"] for line in log.read_text().splitlines()] if log.exists() else []


def test_what_happened_is_told_by_one_look_and_what_is_refused_again(
    evercert: Shell, declared: dict[str, str], tmp_path: Path, log: Path
) -> None:
    write(evercert.home / "evercert.db", CertificateIssued("a"), Deployed("a"), CertificateIssued("b"))
    [listed] = evercert("hooks", "list", "--json").document
    assert (listed["name"], listed["event_id"], listed["behind"], listed["failure"]) == ("page", 0, 3, None)
    assert evercert("run", "--once").status == 0
    assert ids(log) == [1, 3]
    (tmp_path / "refuse").touch()
    write(evercert.home / "evercert.db", CertificateIssued("c"))
    told = evercert("run", "--once")
    assert told.status == 0
    assert "hook page did not take event 4 (certificate-issued): " in told.err
    [listed] = evercert("hooks", "list", "--json").document
    assert (listed["failures"], listed["failure"]["message"]) == (1, f"{tmp_path}/hook ended with status 1: not now")
    assert "not now (1 in a row)" in evercert("hooks", "list").out
    (tmp_path / "refuse").unlink()
    assert evercert("hooks", "retry", "page").status == 0
    assert evercert("run", "--once").status == 0
    assert ids(log) == [1, 3, 4]
    assert evercert("hooks", "retry", "page", "--skip").status == 10


def test_one_that_took_nothing_for_a_week_is_given_up_until_it_is_told_again_by_hand(
    evercert: Shell, declared: dict[str, str], tmp_path: Path, log: Path
) -> None:
    (tmp_path / "refuse").touch()
    write(evercert.home / "evercert.db", CertificateIssued("a"))
    assert evercert("run", "--once").status == 0
    a_week_ago = Query("a week ago", "UPDATE hooks SET failing_since = 0, failures = 30, retry_at = NULL")
    change(evercert.home / "evercert.db", a_week_ago)
    told = evercert("run", "--once")
    assert (told.status, "given up after 31 attempts; `evercert hooks retry page`" in told.err) == (0, True)
    [listed] = evercert("hooks", "list", "--json").document
    assert (listed["event_id"], listed["failing_since"], listed["retry_at"]) == (0, "1970-01-01T00:00:00Z", None)
    assert f"given up {listed['given_up_at'][:10]} " in evercert("hooks", "list").out
    [event] = evercert("events", "--kind", "hook-*", "--json").documents
    assert (event["hook"], event["event_id"], event["message"]) == (
        "page",
        1,
        f"{tmp_path}/hook ended with status 1: not now",
    )
    (tmp_path / "refuse").unlink()
    assert evercert("run", "--once").out.startswith("nothing is due")
    assert ids(log) == []
    assert evercert("hooks", "retry", "page").status == 0
    assert evercert("run", "--once").status == 0
    assert ids(log) == [1]


def test_a_sample_is_handed_over_by_hand(evercert: Shell, declared: dict[str, str], tmp_path: Path, log: Path) -> None:
    assert evercert("hooks", "test", "page").out == "page: it took the sample\n"
    assert json.loads(log.read_text())["kind"] == "hook-test"
    (tmp_path / "refuse").touch()
    refused = evercert("hooks", "test", "page")
    assert (refused.status, "not now" in refused.err) == (4, True)
    unknown = evercert("hooks", "test", "pgae")
    assert (unknown.status, unknown.hint) == (3, "did you mean 'page'?")


def test_whoever_stays_tells_it_at_once(evercert: Shell, declared: dict[str, str], tmp_path: Path, log: Path) -> None:
    with evercert.start("run", log=tmp_path / "run.log") as running:
        running.wait_until(lambda: "watching over" in running.text(), "watching")
        write(evercert.home / "evercert.db", *(CertificateIssued(f"c{n}") for n in range(5)))
        running.wait_until(lambda: len(ids(log)) >= 5, "told of")
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
    assert ids(log) == [1, 2, 3, 4, 5]
    assert evercert("hooks", "list", "--json").document[0]["behind"] == 0


def test_without_a_hook_it_is_said_how_to_make_one(evercert: Shell) -> None:
    assert evercert("hooks", "list").out.startswith("there is no hook; write a [hooks.NAME]")
    assert evercert("hooks", "list", "--json").document == []


def test_of_an_endpoint_no_more_is_shown_than_where_it_is(evercert: Shell, tmp_path: Path) -> None:
    config = tmp_path / "evercert.toml"
    url = "https://hooks.test:8443/services/T0/geheim?token=geheim"
    config.write_text(f'[hooks.page]\nevents = ["*"]\nurl = "{url}"\nsecret = "env:KEY"\n')
    where = {"EVERCERT_CONFIG": str(config), "KEY": "whsec_" + "A" * 32}
    planned, applied = evercert("plan", **where), evercert("apply", **where)
    assert applied.status == 0, applied.err
    listed, document = evercert("hooks", "list"), evercert("hooks", "list", "--json")
    assert "  https://hooks.test:8443/...  " in listed.out
    assert document.document[0]["definition"]["url"] == "https://hooks.test:8443/..."
    events = evercert("events", "--json")
    tried = evercert("hooks", "test", "page", **where)
    assert tried.status != 0
    for done in (planned, applied, listed, document, events, tried):
        assert "geheim" not in done.out + done.err
