"""`evercert account`: the CA's side and ours stay one."""

from __future__ import annotations

import stat
from pathlib import Path

from tests.cli.shell import Shell


def url(evercert: Shell, number: int = 0) -> str:
    return str(evercert("account", "show", "--json").document[number]["url"])


def test_there_is_none_until_the_first_certificate(evercert: Shell) -> None:
    done = evercert("account", "show")
    assert (done.status, done.out) == (0, "")
    assert done.err == "evercert: note: no accounts; one is made with the first certificate\n"
    missing = evercert("account", "rollover")
    assert missing.status == 3
    assert missing.hint == "an account is made with the first certificate"


def test_one_that_no_ca_has_made_is_not_called_valid(evercert: Shell) -> None:
    assert evercert("obtain", "none.test", "--ca", "https://127.0.0.1:1/dir", "--http-01").status == 6
    assert "not registered  https://127.0.0.1:1/dir  -" in evercert("account", "show").out


def test_the_only_account_needs_no_naming(evercert: Shell) -> None:
    evercert.obtained("only.test")
    done = evercert("account", "update", "--contact", "ops@only.test")
    assert done.out == f"contacts at {evercert.pebble.directory}: mailto:ops@only.test\n"
    wrong = evercert("account", "update", "--account", "other")
    assert wrong.hint == f"there is --ca {evercert.pebble.directory} --account default"


def test_one_that_its_ca_knows_is_meant_rather_than_one_that_none_has_made(evercert: Shell) -> None:
    assert evercert("obtain", "none.test", "--ca", "https://127.0.0.1:1/dir", "--http-01").status == 6
    evercert.obtained("known.test")
    done = evercert("account", "update", "--contact", "ops@known.test", EVERCERT_CA="https://127.0.0.1:1/dir")
    assert done.out == f"contacts at {evercert.pebble.directory}: mailto:ops@known.test\n"


def test_a_new_key_is_the_same_account_and_the_old_key_is_none(evercert: Shell, tmp_path: Path) -> None:
    evercert.obtained("rolled.test")
    before = url(evercert)
    assert evercert("account", "export", tmp_path / "old.pem").status == 0
    assert evercert("account", "rollover").out == f"{before}: the account has a new key\n"
    assert evercert("renew", "--force", "rolled.test").status == 0
    assert url(evercert) == before
    done = evercert("account", "import", tmp_path / "old.pem", "--account", "old", *evercert.to_ca)
    assert done.status == 3
    assert "the CA has no account with this key" in done.err


def test_an_exported_key_is_the_account_elsewhere(evercert: Shell, tmp_path: Path) -> None:
    evercert.obtained("moved.test")
    file = tmp_path / "account.pem"
    exported = evercert("account", "export", file)
    assert exported.out == f"{file}: the private key of {url(evercert)}\n"
    assert "evercert: warning: whoever has this file is the account" in exported.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    elsewhere = Shell(tmp_path / "elsewhere", evercert.pebble)
    done = elsewhere("account", "import", file, *evercert.to_ca)
    assert done.out == f"{url(evercert)}: taken over as account default\n"
    assert url(elsewhere) == url(evercert)
    accounts = evercert.pebble.account_count()
    elsewhere.obtained("there.test")
    assert evercert.pebble.account_count() == accounts
    again = elsewhere("account", "import", file, *evercert.to_ca)
    assert again.status == 2
    assert again.hint == "choose a name for the other one with --account"


def test_deactivated_is_for_ever_and_said_twice(evercert: Shell) -> None:
    evercert.obtained("ended.test")
    before = url(evercert)
    assert evercert("account", "deactivate").status == 2
    assert evercert("account", "deactivate", "--yes").out == f"{before}: deactivated\n"
    statuses = {each["url"]: each["status"] for each in evercert("account", "show", "--json").document}
    assert statuses == {before: "deactivated"}
    evercert.obtained("after.test")
    assert len(evercert("account", "show", "--json").document) == 2


def ended_elsewhere(evercert: Shell, tmp_path: Path) -> None:
    """Afterwards another client, which has the account's key, has deactivated it."""
    assert evercert("account", "export", tmp_path / "account.pem").status == 0
    elsewhere = Shell(tmp_path / "elsewhere", evercert.pebble)
    assert elsewhere("account", "import", tmp_path / "account.pem", *evercert.to_ca).status == 0
    assert elsewhere("account", "deactivate", *evercert.to_ca[:2], "--yes").status == 0


def test_one_that_was_ended_elsewhere_is_shown_and_told_of(evercert: Shell, tmp_path: Path) -> None:
    evercert.obtained("before.test")
    before = url(evercert)
    ended_elsewhere(evercert, tmp_path)
    told = evercert("obtain", "then.test", *evercert.at)
    assert told.status == 4
    words = f"the account {before} is deactivated (at {evercert.pebble.directory})"
    assert words in told.err
    assert told.hint.startswith("somebody who has its key did that, or the CA; the next attempt registers")
    assert [each["status"] for each in evercert("account", "show", "--json").document] == ["deactivated"]
    evercert.obtained("then.test")
    statuses = [each["status"] for each in evercert("account", "show", "--json").document]
    assert sorted(statuses) == ["deactivated", "valid"]


def test_whatever_is_asked_of_one_that_was_ended_elsewhere_says_so(evercert: Shell, tmp_path: Path) -> None:
    for word in ("update", "rollover"):
        evercert.obtained(f"{word}.test")
        ended_elsewhere(evercert, tmp_path)
        done = evercert("account", word)
        assert (done.status, "is deactivated (at" in done.err) == (4, True)
        assert {each["status"] for each in evercert("account", "show", "--json").document} == {"deactivated"}


def test_one_that_was_ended_elsewhere_need_not_be_ended_again(evercert: Shell, tmp_path: Path) -> None:
    evercert.obtained("twice.test")
    before = url(evercert)
    ended_elsewhere(evercert, tmp_path)
    assert evercert("account", "deactivate", "--yes").out == f"{before}: deactivated\n"
    assert [each["status"] for each in evercert("account", "show", "--json").document] == ["deactivated"]


def test_a_ca_of_the_declaration_is_meant_with_the_account_that_it_says(evercert: Shell, tmp_path: Path) -> None:
    evercert.obtained("default.test")
    evercert.obtained("ops.test", "--account", "ops")
    file = tmp_path / "evercert.toml"
    file.write_text(f'[cas.corp]\ndirectory = "{evercert.pebble.directory}"\naccount = "ops"\n')
    assert evercert("account", "deactivate", "--ca", "corp", "--yes", "--config", file).status == 0
    statuses = {each["name"]: each["status"] for each in evercert("account", "show", "--json").document}
    assert statuses == {"default": "valid", "ops": "deactivated"}
    said = evercert("account", "rollover", "--ca", "corp", "--account", "default", EVERCERT_CONFIG=str(file))
    assert said.status == 0, said.err
    assert evercert("account", "rollover", "--ca", "corp", "--account", "", EVERCERT_CONFIG=str(file)).status == 3
