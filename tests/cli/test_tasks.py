"""`evercert tasks`: what is to be done, and a person's word on it."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime

from evercert.store import leases
from evercert.store.opening import open_store
from tests.cli.shell import Shell


def test_the_tasks_say_what_comes_next_for_each_certificate(evercert: Shell) -> None:
    evercert.obtained("a.tasks.test")
    evercert.obtained("b.tasks.test")
    heads, *rows = evercert("tasks").out.splitlines()
    assert heads.split() == ["NAME", "STATE", "AT", "NEXT", "TRIES", "BY", "LAST", "FAILURE"]
    assert sorted(row.split()[:2] for row in rows) == [["a.tasks.test", "waiting"], ["b.tasks.test", "waiting"]]
    [line] = evercert("tasks", "--match", "a*", "--json").document
    assert (line["name"], line["state"], line["next"], line["failures"]) == ("a.tasks.test", "waiting", "wait", 0)
    none = evercert("tasks", "--state", "due")
    assert (none.status, none.out) == (0, "")
    assert none.err == "evercert: note: no certificate is like that; see all with `evercert tasks`\n"
    first = evercert("tasks", "--limit", "1")
    assert len(first.out.splitlines()) == 2
    assert first.err == "evercert: note: the first 1; there are more (--limit)\n"


def test_one_that_failed_is_shown_with_its_failure_and_run_by_hand(evercert: Shell) -> None:
    failed = evercert("obtain", "failed.tasks.test", *evercert.to_ca, "--http-port", "1")
    assert failed.status != 0
    [line] = evercert("tasks", "--state", "failed", "--json").document
    assert (line["name"], line["state"], line["failures"]) == ("failed.tasks.test", "failed", 1)
    assert line["failure"]["code"]
    assert evercert("tasks", "retry", "--all-failed").out == "1 that failed is due now\n"
    [line] = evercert("tasks", "--state", "due", "--json").document
    assert (line["name"], line["next"]) == ("failed.tasks.test", "issue")
    assert evercert("tasks", "retry").status == 2
    assert evercert("tasks", "retry", "failed.tasks.test").out == "failed.tasks.test: due now\n"
    assert evercert("tasks", "run", "failed.tasks.test").status == failed.status


def test_one_that_is_cancelled_is_left_alone_until_it_is_resumed(evercert: Shell) -> None:
    evercert.obtained("stop.tasks.test")
    orders = evercert.pebble.order_count()
    done = evercert("tasks", "cancel", "stop.tasks.test", "--reason", "moving it")
    assert (done.status, done.err) == (0, "")
    assert done.out == "stop.tasks.test: stopped; `evercert tasks resume stop.tasks.test` lets it go on\n"
    refused = evercert("renew", "--force", "stop.tasks.test")
    assert refused.status == evercert("tasks", "run", "stop.tasks.test").status == 10
    assert "evercert: error: stop.tasks.test: it is stopped: moving it\n" in refused.err
    assert refused.hint == "evercert tasks resume stop.tasks.test"
    assert evercert.pebble.order_count() == orders
    [line] = evercert("tasks", "--state", "stopped", "--json").document
    assert line["stopped"]["reason"] == "moving it"
    assert "moving it" in evercert("show", "stop.tasks.test").out
    for command in ("show", "explain"):
        last = evercert(command, "stop.tasks.test").out.splitlines()[-1]
        assert last.split(maxsplit=1)[1] == "nothing: it is stopped: moving it"
    assert "  stopped: moving it  " in evercert("list", "stop.tasks.test").out.splitlines()[1]
    again = evercert("tasks", "cancel", "stop.tasks.test", "--reason", "another")
    assert again.out.startswith("stop.tasks.test: was stopped before (moving it)")
    assert evercert("tasks", "resume", "stop.tasks.test").out == "stop.tasks.test: due now\n"
    assert evercert("tasks", "resume", "stop.tasks.test").out == "stop.tasks.test: was not stopped\n"
    kinds = [each["kind"] for each in evercert("events", "--json").documents]
    assert kinds[-2:] == ["certificate-stopped", "certificate-resumed"]
    assert evercert("renew", "--force", "stop.tasks.test").status == 0


def test_one_that_somebody_works_on_is_his_until_the_moment_shown(evercert: Shell) -> None:
    evercert.obtained("busy.tasks.test")
    until = datetime(2099, 1, 1, tzinfo=UTC)

    async def claimed() -> None:
        async with open_store(evercert.home / "evercert.db") as db:
            assert await leases.claim(db, "busy.tasks.test", "node7/1-a", datetime.now(UTC), until)

    asyncio.run(claimed())
    [line] = evercert("tasks", "--state", "running").out.splitlines()[1:]
    assert line.split()[:5] == ["busy.tasks.test", "running", "2099-01-01", "00:00:00", "UTC"]
    assert "node7/1-a" in line


def test_the_list_says_on_one_line_why_one_is_stopped(evercert: Shell) -> None:
    evercert.obtained("why.tasks.test")
    reason = f"first\nline, \udcff\x1b{'and more' * 20}"  # an octet that is no UTF-8, and what a terminal obeys
    assert evercert("tasks", "cancel", "why.tasks.test", "--reason", reason).status == 0
    [kept] = evercert("events", "--kind", "certificate-stopped", "--json").documents
    assert kept["reason"].startswith("first line, and more")
    lines = evercert("list", "why.tasks.test").out.splitlines()
    assert len(lines) == 2
    [shown] = re.findall("stopped: first line, and more.*…", lines[1])
    assert len(shown) == 48


def test_nobody_is_stopped_who_is_not_there(evercert: Shell) -> None:
    evercert.obtained("there.tasks.test")
    for words in (["cancel", "ther.tasks.test"], ["resume", "ther.tasks.test"], ["run", "ther.tasks.test"]):
        done = evercert("tasks", *words)
        assert (done.status, done.hint) == (3, "did you mean there.tasks.test?")
