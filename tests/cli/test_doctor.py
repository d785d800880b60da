"""`evercert doctor`: what is examined, where a certificate is there and where none is."""

from __future__ import annotations

from pathlib import Path

from evercert.base.errors import Exit
from tests.cli.shell import Shell


def test_a_certificate_is_examined_as_it_is_wanted(evercert: Shell) -> None:
    evercert.obtained("one.doctor.test", "two.doctor.test", "--name", "shop")
    directory = evercert.pebble.directory
    found = evercert("doctor", "shop", "--json").document
    assert set(found) == {directory, "one.doctor.test", "two.doctor.test"}
    account = next(each for each in found[directory] if each["check"] == "account")
    assert (account["severity"], account["what"].endswith(" is valid")) == ("ok", True)


def test_each_is_examined_at_its_own_ca_unless_one_is_named(evercert: Shell) -> None:
    evercert.obtained("own.doctor.test")
    directory, other = evercert.pebble.directory, "https://localhost:1/dir"
    found = evercert("doctor", "own.doctor.test", "new.doctor.test", "--json", EVERCERT_CA=other).document
    assert set(found) == {directory, "own.doctor.test", other, "new.doctor.test"}
    assert [each["check"] for each in found[other] if each["severity"] == "problem"] == ["ca"]
    named = evercert("doctor", "own.doctor.test", "new.doctor.test", "--ca", other, "--json").document
    assert set(named) == {other, "own.doctor.test", "new.doctor.test"}


def test_of_a_certificate_with_several_cas_each_is_examined(evercert: Shell) -> None:
    second = "https://localhost:1/dir"
    evercert.obtained("both.doctor.test", "--ca", second)
    assert evercert.pebble.dns is not None
    evercert.pebble.dns.add_caa("both.doctor.test", ("issue", "ca.test"))
    done = evercert("doctor", "both.doctor.test", "--json")
    assert done.status == Exit.CHALLENGE.value
    found = done.document
    assert set(found) == {evercert.pebble.directory, second, "both.doctor.test"}
    assert [each["check"] for each in found[second] if each["severity"] == "problem"] == ["ca"]
    # What is found at both is told once, what at one of them alone with which one that is.
    told = [(each["check"], each["what"]) for each in found["both.doctor.test"]]
    assert len([check for check, _ in told if check == "dns"]) == 1
    host = evercert.pebble.directory.split("/")[2]
    assert sorted(what.partition(": ")[0] for check, what in told if check == "caa") == sorted(
        [f"at {host}", "at localhost:1"]
    )


def test_of_several_accounts_at_one_ca_each_is_examined_and_named(evercert: Shell, tmp_path: Path) -> None:
    directory, file = evercert.pebble.directory, tmp_path / "evercert.toml"
    evercert.obtained("first.doctor.test")
    evercert.obtained("second.doctor.test", "--account", "second")
    cas = [f'[cas.{name}]\ndirectory = "{directory}"\naccount = "{name}"\n' for name in ("default", "second")]
    roots = f'roots = "{evercert.pebble.authority}"\n'
    challenge = '[[challenges]]\ntype = "http-01"\nsolver = "standalone"\n'
    wanted = '[certificates."two.doctor.test"]\ncas = ["default", "second"]\n'
    file.write_text(cas[0] + roots + cas[1] + challenge + wanted)
    done = evercert("apply", "--config", file, "--no-wait")
    assert done.status == 0, done.err
    found = evercert("doctor", "two.doctor.test", "--json").document
    places = [f"{directory}, account {name}" for name in ("default", "second")]
    assert set(found) == {*places, "two.doctor.test"}
    urls = {each["name"]: each["url"] for each in evercert("account", "show", "--json").document}
    said = [next(each["what"] for each in found[place] if each["check"] == "account") for place in places]
    assert said == [f"{urls[name]} is valid" for name in ("default", "second")]
    # Nothing about the name depends on the account.
    assert not any(each["what"].startswith("at ") for each in found["two.doctor.test"])
    named = evercert("doctor", "two.doctor.test", "--ca", "second", "--json", EVERCERT_CONFIG=str(file)).document
    assert [each["what"] for each in named[directory] if each["check"] == "account"] == [said[1]]
