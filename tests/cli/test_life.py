"""What is done with a certificate that is there: shown, renewed, installed elsewhere, revoked, forgotten."""

from __future__ import annotations

import re
from pathlib import Path

import apsw

from tests.cli.shell import Shell


def test_the_list_tells_state_and_next_step_and_can_be_narrowed(evercert: Shell) -> None:
    evercert.obtained("a.list.test")
    evercert.obtained("b.list.test")
    heads, *rows = evercert("list").out.splitlines()
    assert heads.split() == ["NAME", "STATE", "LEFT", "NEXT", "CA", "NAMES"]
    assert [row.split()[:2] for row in rows] == [["a.list.test", "installed"], ["b.list.test", "installed"]]
    # Not when the CA is next asked about it, in some hours.
    [line] = evercert("list", "a*", "--json").document
    moment = evercert("show", "a.list.test", "--json").document["renewal"]["moment"]
    assert line["next"] == {"what": "renew", "at": moment, "why": ""}
    assert f"  renew {moment[:10]} {moment[11:19]} UTC  " in rows[0]
    assert [each["name"] for each in evercert("list", "a*", "--json").document] == ["a.list.test"]
    assert evercert("list", "--state", "served", "--json").document == []
    assert evercert("list", "--expiring", "1", "--json").document == []
    assert len(evercert("list", "--expiring", "91", "--state", "installed", "--json").document) == 2
    none = evercert("list", "--state", "served")
    assert (none.status, none.out) == (0, "")
    assert none.err == "evercert: note: no certificate is like that; see all with `evercert list`\n"


def test_show_says_who_issued_it_how_long_it_lasts_and_what_comes_next(evercert: Shell) -> None:
    evercert.obtained("show.test")
    lines = evercert("show", "show.test").out.splitlines()
    assert lines[0] == "show.test: installed"
    words = [line.split()[0] for line in lines[1:]]
    assert words == ["names", "CA", "proved", "issued", "valid", "left", "SHA-256", "renewal", "in", "next"]
    assert evercert("show", "show.test", "--pem").out == evercert.live("show.test").read_text()


def test_a_slip_of_the_finger_is_asked_about(evercert: Shell) -> None:
    evercert.obtained("www.slip.test")
    done = evercert("show", "ww.slip.test", "--json")
    assert done.status == 3
    assert done.document["error"]["code"] == "not-found"
    assert done.document["error"]["hint"] == "did you mean www.slip.test?"


def test_renew_does_nothing_when_nothing_is_due_and_something_when_it_is_forced(evercert: Shell) -> None:
    evercert.obtained("renew.test")
    before, orders = evercert.serial("renew.test"), evercert.pebble.order_count()
    nothing = evercert("renew")
    assert (nothing.status, nothing.err) == (0, "")
    assert nothing.out.startswith("nothing is due; next at ")
    assert evercert("run", "--once").out == nothing.out
    assert evercert.pebble.order_count() == orders
    assert evercert("renew", "--force", "renew.test").status == 0
    assert evercert.serial("renew.test") != before
    assert evercert("renew", "--force").status == 2


def test_a_further_place_is_installed_in_from_then_on_and_no_longer(evercert: Shell, tmp_path: Path) -> None:
    evercert.obtained("places.test")
    place = tmp_path / "elsewhere"
    place.mkdir()
    done = evercert("deploy", "places.test", "--to", "files:copy", "-o", f"copy.dir={place}")
    assert done.status == 0, done.err
    copy = place / "live" / "places.test" / "fullchain.pem"
    assert copy.read_text() == evercert.live("places.test").read_text()
    assert evercert("renew", "--force", "places.test").status == 0
    renewed = copy.read_text()
    assert renewed == evercert.live("places.test").read_text()
    assert evercert("deploy", "places.test", "--no-longer", "copy").status == 0
    assert evercert("renew", "--force", "places.test").status == 0
    assert copy.read_text() == renewed != evercert.live("places.test").read_text()
    assert evercert("show", "places.test", "--json").document["state"] == "installed"
    assert evercert("deploy", "places.test", "--no-longer", "copy").hint == "it is in files"


def test_a_place_that_fails_is_told_and_what_was_there_stays(evercert: Shell) -> None:
    evercert.obtained("fails.test")
    done = evercert("deploy", "fails.test", "--to", "exec", "-o", "exec.program=/bin/false")
    assert done.status == 8
    assert "evercert: error: fails.test: /bin/false ended with status 1" in done.err
    assert "next " in done.out
    assert done.out.startswith("fails.test: not-installed")
    unknown = evercert("deploy", "fails.test", "--to", "exec", "-o", "exec.comand=x")
    assert unknown.status == 2
    assert evercert("show", "fails.test", "--json").document["deployments"][0]["status"] == "failed"
    evercert.obtained("fine.test")
    [row] = evercert("list", "--failing").out.splitlines()[1:]
    assert row.startswith("fails.test  not-installed, failing: deploy  ")
    assert re.search(r"  install (now|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC)  ", row)
    [line] = evercert("list", "fails.test", "--json").document
    assert (line["failing"], line["next"]["what"]) == ("deploy", "install")


def test_revoked_is_replaced_at_once(evercert: Shell) -> None:
    evercert.obtained("revoked.test")
    serial = evercert.serial("revoked.test")
    done = evercert("revoke", "revoked.test", "--reason", "SUPERSEDED")  # certbot takes any case
    assert done.status == 0, done.err
    assert done.out.startswith("revoked.test: installed in ")
    assert evercert.serial("revoked.test") != serial
    status = evercert.pebble.status_of(serial)
    assert (status["Status"], status["Reason"]) == ("Revoked", 4)


def test_revoked_by_its_own_key_and_not_replaced_it_is_forgotten(evercert: Shell) -> None:
    evercert.obtained("leaked.test")
    serial = evercert.serial("leaked.test")
    asked = ["--by-certificate-key", "--reason", "keyCompromise", "--no-replacement", "--json", "--quiet"]
    done = evercert("revoke", "leaked.test", *asked)
    assert done.document == {"revoked": serial, "deleted": "leaked.test"}
    assert evercert.pebble.status_of(serial)["Reason"] == 1
    assert evercert("show", "leaked.test").status == 3


def test_an_earlier_certificate_is_revoked_by_its_serial_and_the_current_one_stays(evercert: Shell) -> None:
    evercert.obtained("earlier.test")
    earlier = evercert.serial("earlier.test")
    evercert("renew", "--force", "earlier.test")
    current = evercert.serial("earlier.test")
    assert evercert("revoke", "earlier.test", "--serial", earlier).status == 0
    assert evercert.serial("earlier.test") == current
    assert evercert.pebble.status_of(earlier)["Status"] == "Revoked"
    assert evercert("revoke", "earlier.test", "--serial", "abcd").status == 3


def test_delete_asks_at_a_terminal_alone(evercert: Shell) -> None:
    evercert.obtained("gone.test")
    refused = evercert("delete", "gone.test")
    assert refused.status == 2
    assert refused.err.startswith("evercert: error: there is no terminal to ask at; say --yes\n")
    assert evercert("delete", "gone.test", "--yes").out == "gone.test: forgotten\n"
    assert evercert("show", "gone.test").status == 3
    assert evercert.live("gone.test").exists()


def test_events_are_told_in_order_and_a_changed_one_is_found(evercert: Shell) -> None:
    evercert.obtained("events.test")
    kinds = [each["kind"] for each in evercert("events", "--json").documents]
    assert kinds[-3:] == ["order-placed", "certificate-issued", "deployed"]
    proved = evercert("events", "--verify").out.splitlines()
    assert proved[0] == f"{len(kinds)} events, none changed or missing"
    [newest] = evercert("events", "--json", "--limit", "1").documents
    assert proved[1].startswith(f"the newest is {newest['id']}, with the hash {newest['hash']}: ")
    assert evercert("events", "--verify", "--json").document["hash"] == newest["hash"]
    store = apsw.Connection(str(evercert.home / "evercert.db"))
    for (trigger,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        store.execute(f"DROP TRIGGER {trigger}")  # who can write the file can do this too
    store.execute("DELETE FROM events WHERE id = (SELECT max(id) - 1 FROM events)")
    store.close()
    assert evercert("events", "--verify").status == 9


def test_one_dry_look_at_an_old_client_takes_nothing(evercert: Shell, tmp_path: Path) -> None:
    done = evercert("import", "lego", tmp_path / "nowhere")
    assert done.status == 3
    assert done.hint == "name it: evercert import CLIENT FOLDER"
    (tmp_path / "lego" / "accounts").mkdir(parents=True)
    (tmp_path / "lego" / "certificates").mkdir()
    done = evercert("import", "lego", tmp_path / "lego", "--dry-run", "--json")
    assert (done.document["certificates"], done.document["accounts"]) == ([], [])
