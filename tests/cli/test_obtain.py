"""`evercert obtain` as it is typed, against a real CA: what is printed, where, and what is there afterwards."""

from __future__ import annotations

import os
import re
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from evercert.pki.cert import CertificateView, read_certificate
from evercert.pki.chain import split_pem
from tests.cli.shell import Shell
from tests.peers.evercert_ca import EvercertCa
from tests.peers.pebble import Pebble
from tests.peers.place import Machine
from tests.peers.ports import free_port


def leaf(evercert: Shell, name: str) -> CertificateView:
    return read_certificate(split_pem(evercert.live(name).read_bytes())[0])


def openssl(*arguments: str | Path) -> str:
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=True, timeout=10).stdout


def test_the_result_is_one_line_and_the_way_there_is_told_on_standard_error(evercert: Shell) -> None:
    done = evercert("obtain", "www.line.test", *evercert.at, "--http-01")
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    places = re.escape(str(evercert.home / "live" / "www.line.test"))
    assert re.fullmatch(
        rf"www\.line\.test: installed in {places}, valid until {moment}; renewal {moment}: .+\n", done.out
    )
    assert done.status == 0
    told = [re.sub(r"^\[ *\d+\.\d s\] www\.line\.test: ", "", line) for line in done.err.splitlines()]
    assert told[0] == "issuing: there is no certificate yet"
    assert told[1].startswith(f"registering at {evercert.pebble.directory}, agreeing to ")
    assert any(re.fullmatch(r"issued by Pebble .+, serial [0-9a-f]+, until \S+ \S+ UTC", line) for line in told)
    assert told[-1].startswith("files: installed")


def test_the_files_are_there_and_the_key_is_for_its_owner_alone(evercert: Shell) -> None:
    evercert.obtained("www.files.test")
    for file in ("cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"):
        assert evercert.live("www.files.test", file).read_text().startswith("-----BEGIN ")
    assert stat.S_IMODE(evercert.live("www.files.test", "privkey.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((evercert.home / "master.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(evercert.home.stat().st_mode) == 0o700


def test_what_is_there_is_not_ordered_again(evercert: Shell) -> None:
    evercert.obtained("www.again.test")
    orders = evercert.pebble.order_count()
    evercert.obtained("www.again.test")
    assert evercert.pebble.order_count() == orders


def test_of_two_cas_the_second_issues_where_the_first_does_not_answer(evercert: Shell, tmp_path: Path) -> None:
    down = f"https://localhost:{free_port()}/dir"
    done = evercert("obtain", "www.second.test", "--ca", down, *evercert.at, "--json")
    assert done.status == 0, done.err
    assert leaf(evercert, "www.second.test").issuer.startswith("Pebble")
    assert done.document["ca"] == down
    assert done.document["further_cas"] == [evercert.pebble.directory]
    passed = evercert("events", "--json", "--kind", "ca-passed-over").documents
    assert [(each["ca"], each["next_ca"]) for each in passed] == [(down, evercert.pebble.directory)]


def test_of_two_cas_the_first_issues_where_it_can(evercert: Shell) -> None:
    down = f"https://localhost:{free_port()}/dir"
    document = evercert.obtained("www.first.test", "--ca", down, "--json", "--quiet").document
    assert (document["ca"], document["further_cas"]) == (evercert.pebble.directory, [down])
    assert evercert("events", "--json", "--kind", "ca-passed-over").documents == []


def test_many_certificates_all_find_the_ca_that_answers(evercert: Shell, tmp_path: Path) -> None:
    down = f"https://localhost:{free_port()}/dir"
    file = tmp_path / "names"
    file.write_text("".join(f"n{number}.failover.test\n" for number in range(20)))
    done = evercert("obtain", "--each-from", file, "--ca", down, *evercert.at, "--quiet")
    assert (done.status, done.out.splitlines()[0]) == (0, "20 certificates: 20 installed")


def test_an_external_account_is_of_one_ca(evercert: Shell) -> None:
    eab = ["--eab-kid", "ours", "--eab-key", "env:KEY"]
    done = evercert("obtain", "www.eab.test", "--ca", "https://localhost:1/dir", *evercert.at, *eab)
    assert done.status == 2
    assert "--eab-kid is of one CA" in done.err


def test_quiet_leaves_only_the_result(evercert: Shell) -> None:
    assert evercert.obtained("www.quiet.test", "--quiet").err == ""


def test_json_is_one_document_with_all_that_is_known(evercert: Shell) -> None:
    document = evercert.obtained("www.json.test", "--json", "--quiet").document
    assert (document["name"], document["state"], document["failure"]) == ("www.json.test", "installed", None)
    assert document["identifiers"] == ["www.json.test"]
    assert document["current"]["serial"] == leaf(evercert, "www.json.test").serial
    assert document["renewal"]["window_start"] < document["renewal"]["window_end"]


def test_a_name_may_be_international_and_an_address(evercert: Shell) -> None:
    evercert.obtained("bücher.test")
    assert [each.value for each in leaf(evercert, "xn--bcher-kva.test").identifiers] == ["xn--bcher-kva.test"]
    evercert.obtained("127.0.0.1", "--name", "loopback")
    assert [each.value for each in leaf(evercert, "loopback").identifiers] == ["127.0.0.1"]


@pytest.mark.parametrize("key_type", ["ec384", "rsa2048"])
def test_the_key_is_of_the_type_that_was_asked_for(evercert: Shell, key_type: str) -> None:
    evercert.obtained(f"{key_type}.test", "--key-type", key_type)
    text = openssl("x509", "-noout", "-text", "-in", evercert.live(f"{key_type}.test"))
    assert {"ec384": "Public-Key: (384 bit)", "rsa2048": "Public-Key: (2048 bit)"}[key_type] in text


def test_a_key_is_kept_at_renewals_if_that_was_asked_for(evercert: Shell) -> None:
    evercert.obtained("kept.test", "--reuse-key")
    before = evercert.live("kept.test", "privkey.pem").read_text()
    assert evercert("renew", "--force", "kept.test").status == 0
    assert evercert.live("kept.test", "privkey.pem").read_text() == before
    evercert.obtained("fresh.test")
    before = evercert.live("fresh.test", "privkey.pem").read_text()
    assert evercert("renew", "--force", "fresh.test").status == 0
    assert evercert.live("fresh.test", "privkey.pem").read_text() != before


def test_must_staple_is_in_the_request(evercert: Shell) -> None:
    evercert.obtained("staple.test", "--must-staple")
    text = openssl("x509", "-noout", "-text", "-in", evercert.live("staple.test"))
    assert "TLS Feature" in text


def test_a_request_from_outside_keeps_its_key_outside(evercert: Shell, tmp_path: Path) -> None:
    subject = ["-subj", "/", "-addext", "subjectAltName=DNS:csr.test,DNS:www.csr.test"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "csr.pem")]
    openssl("req", "-new", *curve, *files, *subject)
    done = evercert("obtain", "--csr", tmp_path / "csr.pem", *evercert.at)
    assert done.status == 0, done.err
    assert [each.value for each in leaf(evercert, "csr.test").identifiers] == ["csr.test", "www.csr.test"]
    assert not evercert.live("csr.test", "privkey.pem").exists()


def test_many_are_counted_and_not_listed(evercert: Shell, tmp_path: Path) -> None:
    names = [f"n{number}.many.test" for number in range(12)]
    file = tmp_path / "names"
    file.write_text("# ours\n\n" + "".join(f"{name} www.{name}  # one\n" for name in names))
    done = evercert("obtain", "--each-from", file, *evercert.at, "--quiet")
    first, second = done.out.splitlines()
    assert first == "12 certificates: 12 installed"
    assert second.startswith("the first renewal is due ")
    document = evercert("obtain", "--each-from", file, *evercert.at, "--quiet", "--json").document
    assert sorted(each["name"] for each in document) == sorted(names)


def test_a_profile_is_used_if_there_is_one_and_demanded_if_that_was_said(evercert: Shell) -> None:
    evercert.obtained("preferred.test", "--profile", "nosuch")
    done = evercert("obtain", "required.test", *evercert.at, "--profile", "nosuch", "--require-profile")
    assert done.status == 4
    assert "the CA does not offer the profile 'nosuch'" in done.err
    assert done.hint == "it offers default"


def test_the_preferred_chain_is_the_one_that_is_installed(tmp_path: Path, start_pebble: Callable[..., Pebble]) -> None:
    pebble = start_pebble(alternate_roots=1)
    evercert = Shell(tmp_path / "home", pebble)
    wanted = read_certificate(split_pem(pebble.root(1).encode())[0]).subject
    evercert.obtained("chain.test")
    usual = split_pem(evercert.live("chain.test").read_bytes())
    evercert.obtained("chain.test", "--preferred-chain", wanted)
    chosen = split_pem(evercert.live("chain.test").read_bytes())
    assert read_certificate(usual[-1]).issuer != wanted
    assert read_certificate(chosen[-1]).issuer == wanted


def test_an_external_account_opens_the_door(tmp_path: Path, start_pebble: Callable[..., Pebble]) -> None:
    pebble = start_pebble(eab_keys={"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"})
    evercert = Shell(tmp_path / "home", pebble)
    without = evercert("obtain", "eab.test", *evercert.at)
    assert without.status == 4
    assert "externalAccountRequired" in without.err
    assert "--eab-kid" in without.hint
    key = tmp_path / "hmac"
    key.write_text("zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W\n")
    evercert.obtained("eab.test", "--eab-kid", "kid-1", "--eab-key", f"file:{key}")


def test_an_external_account_is_of_the_account_that_it_is_given_for(
    tmp_path: Path, start_pebble: Callable[..., Pebble]
) -> None:
    secret = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
    evercert = Shell(tmp_path / "home", start_pebble(eab_keys={"kid-1": secret, "kid-2": secret}))
    ours = ["--eab-key", "env:HMAC", "--eab-kid"]
    first = evercert("obtain", "one.test", *evercert.at, *ours, "kid-1", "--contact", "one@a.test", HMAC=secret)
    assert first.status == 0, first.err
    without = evercert("obtain", "two.test", *evercert.at, "--account", "two", HMAC=secret)
    assert without.status == 4
    assert "--account two --eab-kid and --eab-key" in without.hint
    second = evercert("obtain", "two.test", *evercert.at, "--account", "two", *ours, "kid-2", HMAC=secret)
    assert second.status == 0, second.err
    shown = evercert("account", "show", "--json").document
    assert [(each["name"], each["eab_kid"]) for each in shown] == [("default", "kid-1"), ("two", "kid-2")]
    assert [each["contacts"] for each in shown] == [["mailto:one@a.test"], []]


def test_an_external_account_that_is_used_up_is_shown_to_no_ca_again(tmp_path: Path, pebble: Pebble) -> None:
    """Evercert's own CA hands out keys for one account; this one proves the names as well."""
    with EvercertCa(tmp_path / "ca") as ca:
        evercert = Shell(tmp_path / "home", pebble)
        added = evercert("ca", "eab", "add", "--dir", ca.folder, "--name", ".corp.test", "--authorize", "--json")
        given = added.document
        at = ["--ca", ca.directory, "--ca-roots", str(ca.root_file)]
        at += ["--eab-kid", given["kid"], "--eab-key", "env:HMAC"]
        first = evercert("obtain", "one.corp.test", *at, HMAC=given["hmac_key"])
        assert first.status == 0, first.err
        second = evercert("obtain", "two.corp.test", *at, "--account", "two", HMAC=given["hmac_key"])
        again = evercert("obtain", "two.corp.test", *at[:4], "--account", "two", HMAC=given["hmac_key"])
    used_up = f"external account {given['kid']} is used up by account 'default'"
    assert (second.status, second.hint.startswith(f"{used_up}: get an unused key id")) == (4, True), second.err
    assert f"external account {given['kid']}, which has made account 'default', is shown again" in second.err
    assert (again.status, f"two.corp.test: {used_up} (at {ca.directory})" in again.err) == (4, True), again.err


def test_tls_alpn_01_proves_on_a_port_of_its_own(evercert: Shell) -> None:
    done = evercert(
        "obtain", "alpn.test", *evercert.to_ca, "--tls-alpn-01", "--tls-port", str(evercert.pebble.tls_port)
    )
    assert done.status == 0, done.err


def test_webroot_proves_through_a_server_that_is_there(evercert: Shell, tmp_path: Path) -> None:
    root = tmp_path / "www"
    root.mkdir()
    port = str(evercert.pebble.http_port)
    server = ["python3", "-m", "http.server", port, "--bind", "127.0.0.1", "--directory", str(root)]
    place = Machine(tmp_path)
    with place.start(server, "www") as running:
        running.wait_until(lambda: place.accepts(evercert.pebble.http_port), "listening")
        done = evercert("obtain", "webroot.test", *evercert.to_ca, "--webroot", root)
    assert done.status == 0, done.err
    assert not [path for path in root.rglob("*") if path.is_file()]


def test_a_webroot_that_cannot_be_written_is_told_as_that_and_blames_no_ca(evercert: Shell, tmp_path: Path) -> None:
    root = tmp_path / "www"
    root.mkdir()
    (root / ".well-known").touch()
    done = evercert("obtain", "webroot.test", *evercert.to_ca, "--webroot", root)
    assert done.status == 7
    assert f"cannot write below {root}: a link or a file is where a folder should be\n" in done.err


def test_contacts_reach_the_ca(evercert: Shell) -> None:
    evercert.obtained("contact.test", "--contact", "ops@contact.test")
    [account] = evercert("account", "show", "--json").document
    assert account["contacts"] == ["mailto:ops@contact.test"]


def test_two_at_once_make_one_order(evercert: Shell, tmp_path: Path) -> None:
    orders = evercert.pebble.order_count()
    arguments = ["obtain", "twice.test", *evercert.at]
    first = evercert.start(*arguments, log=tmp_path / "first.log")
    second = evercert(*arguments)
    first.wait_until(lambda: "twice.test: installed in" in first.text(), "installed")
    first.end()
    assert second.status == 0, second.err
    assert evercert.pebble.order_count() == orders + 1


def test_a_port_that_another_program_has_is_told_with_its_owner(evercert: Shell) -> None:
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", port))  # the address that a standalone responder wants
        taken.listen()
        done = evercert("obtain", "taken.test", *evercert.to_ca, "--http-port", str(port))
    assert done.status == 7
    assert f"cannot listen on 0.0.0.0:{port}: address already in use\n" in done.err  # at no CA
    assert f"(pid {os.getpid()}) has port {port}" in done.hint
