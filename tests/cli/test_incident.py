"""`evercert incident`, as an operator has it on a bad day."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Shell


def test_what_is_meant_is_planned_opened_carried_through_and_revoked(evercert: Shell, tmp_path: Path) -> None:
    for name in ("a.in.test", "b.in.test", "c.out.test"):
        evercert.obtained(name)
    serials = {name: evercert.serial(name) for name in ("a.in.test", "b.in.test", "c.out.test")}
    planned = evercert("incident", "plan", "--match", "*.in.test", "--deadline", "24h")
    assert planned.status == 0, planned.err
    lines = planned.out.splitlines()
    assert lines[0] == "2 certificates, 2 to replace in 1 wave"
    assert "  criticality normal: 2" in lines
    assert lines[-1].endswith("is long enough for the limits")
    assert evercert("incident", "list").err.startswith("evercert: note: no incidents")

    asked = evercert("incident", "open", "--match", "*.in.test")
    assert (asked.status, asked.hint) == (2, "see evercert incident open --help")
    opened = evercert(
        "incident", "open", "--match", "*.in.test", "--revoke", "superseded", "--reason", "a notice", "--yes", "--json"
    )
    assert opened.document == {"incident": 1, "certificates": 2, "waves": 1}
    assert evercert("incident", "list").out.splitlines()[1].split()[:2] == ["1", "open"]

    ran = evercert("incident", "run", "1")
    assert ran.status == 0, ran.err
    assert ran.out.splitlines()[0] == "incident 1: done"
    assert "  wave 1      2 done" in ran.out.splitlines()
    assert "  meant       name *.in.test" in ran.out.splitlines()
    after = {name: evercert.serial(name) for name in serials}
    assert [name for name in serials if serials[name] == after[name]] == ["c.out.test"]
    shown = evercert("incident", "show", "1", "--json").document
    assert (shown["state"], shown["troubles"], shown["waves"][0]["done"]) == ("done", [], 2)
    kinds = [each["kind"] for each in events(evercert)]
    assert [kind for kind in kinds if kind.startswith("incident")] == [
        "incident-opened",
        "incident-advanced",
        "incident-closed",
    ]
    assert kinds.count("certificate-revoked") == 2
    assert evercert("incident", "pause", "1").err.startswith("evercert: error: incident 1 is done\n")


def events(evercert: Shell) -> list[dict[str, Any]]:
    return [json.loads(line) for line in evercert("events", "--json").out.splitlines()]


def test_serials_of_a_list_are_what_is_meant_and_a_wrong_line_is_told(evercert: Shell, tmp_path: Path) -> None:
    evercert.obtained("listed.test")
    evercert.obtained("other.test")
    file = tmp_path / "serials.txt"
    serial = evercert.serial("listed.test")
    file.write_text(f"# from the CA\n\n{serial.upper()} account 17\n00{serial[:2]}:{serial[2:]},x\n")
    assert evercert("incident", "plan", "--serials", file, "--json").document["certificates"] == 1
    file.write_text("12\nnot a serial\n")
    wrong = evercert("incident", "plan", "--serials", file)
    assert wrong.status == 2
    assert wrong.err.startswith(f"evercert: error: {file}:2: 'not' is no serial number in hexadecimal\n")
    assert evercert("incident", "plan", "--serials", tmp_path / "none").status == 3


def test_a_ca_is_meant_by_its_name_in_the_declaration(evercert: Shell, tmp_path: Path) -> None:
    evercert.obtained("named.test")
    file = tmp_path / "evercert.toml"
    spare = '[cas.spare]\ndirectory = "https://spare.test/dir"\naccount = "ops"\n'
    file.write_text(f'[cas.corp]\ndirectory = "{evercert.pebble.directory}"\n{spare}')
    planned = evercert("incident", "plan", "--ca", "corp", "--to-ca", "spare", "--config", file)
    assert planned.status == 0, planned.err
    assert planned.out.startswith("1 certificate, 1 to replace in 1 wave\n")
    asked = next(line for line in planned.out.splitlines() if line.startswith("  asked of"))
    assert asked.split(maxsplit=2)[2] == "https://spare.test/dir, by account ops, before those that are declared"
    none = evercert("incident", "plan", "--ca", "spare", "--config", file)
    assert none.err.startswith("evercert: error: no certificate is like that\n")
    missed = evercert("incident", "plan", "--ca", "corb", EVERCERT_CONFIG=str(file))
    assert (missed.status, missed.hint) == (3, "did you mean 'corp'?")


@pytest.mark.parametrize("option", ["--issuer", "--serial-from", "--key", "--match", "--issued-from", "--to-ca"])
def test_an_empty_option_is_told_and_means_no_more_than_was_meant(evercert: Shell, option: str) -> None:
    done = evercert("incident", "plan", "--ca", evercert.pebble.directory, option, "")
    assert done.status == 2
    assert f"invalid value for '{option}': it is empty" in done.err


def test_a_paused_incident_does_nothing_and_a_cancelled_one_is_over(evercert: Shell) -> None:
    evercert.obtained("paused.test")
    serial = evercert.serial("paused.test")
    assert evercert("incident", "open", "--match", "paused.test", "--reason", "one\nline\x1b", "--yes").status == 0
    assert evercert("incident", "list").out.splitlines()[-1].endswith("  one line")
    assert evercert("incident", "pause", "1").out == "incident 1 is paused; orders that were begun go on\n"
    assert evercert("run", "--once").status == 0
    assert evercert.serial("paused.test") == serial
    assert evercert("incident", "resume", "1").out == "incident 1 goes on\n"
    assert evercert("incident", "resume", "1").err.startswith("evercert: error: incident 1 goes on already\n")
    cancelled = evercert("incident", "cancel", "1", "--yes")
    assert cancelled.out == "incident 1 is cancelled with 0 of 1 done\n"
    assert evercert("run", "--once").status == 0
    assert evercert.serial("paused.test") == serial


def test_an_open_incident_is_carried_through_by_a_timer_too(evercert: Shell) -> None:
    evercert.obtained("timer.test")
    serial = evercert.serial("timer.test")
    assert evercert("incident", "open", "--match", "timer.test", "--yes").status == 0
    assert evercert("run", "--once").status == 0
    assert evercert.serial("timer.test") != serial
    assert evercert("incident", "show", "1", "--json").document["state"] == "done"


def test_a_drill_tells_what_would_fail_and_changes_nothing(evercert: Shell, tmp_path: Path) -> None:
    evercert.obtained("drill.test")
    evercert.obtained("gone.test")
    before = events(evercert)
    fine = evercert("incident", "open", "--match", "drill.test", "--drill")
    assert fine.status == 0, fine.err
    assert fine.out.splitlines()[-1] == "nothing is known that would stop any of them"
    assert events(evercert) == before
    assert evercert("tasks", "cancel", "gone.test", "--reason", "nobody wants it").status == 0
    drilled = evercert("incident", "open", "--match", "*.test", "--drill", "--json")
    assert drilled.status == 1
    assert [(each["certificate"], each["what"]) for each in drilled.document["hindrances"]] == [
        ("gone.test", "no CA is asked for it: nobody wants it")
    ]
    assert evercert("incident", "list", "--json").document == []
