"""`plan`, `apply`, `explain` and `run --config` as they are typed, against a real CA."""

from __future__ import annotations

from pathlib import Path

import pytest

from evercert.acme.cas import known_ca
from tests.cli.shell import Shell
from tests.peers.ports import free_port


@pytest.fixture
def file(evercert: Shell, tmp_path: Path) -> Path:
    """A declaration of one certificate at Pebble."""
    path = tmp_path / "evercert.toml"
    path.write_text(
        f"""
[defaults]
cas = ["pebble"]

[cas.pebble]
directory = "{evercert.pebble.directory}"
roots = "{evercert.pebble.authority}"

[[challenges]]
type = "http-01"
solver = "standalone"
options = {{ port = {evercert.pebble.http_port} }}

[certificates."www.declared.test"]
owner = "web"
tags = ["shop"]
"""
    )
    return path


def test_from_a_file_to_a_certificate_and_then_nothing_to_do(evercert: Shell, file: Path) -> None:
    planned = evercert("plan", "--config", file)
    assert planned.out.splitlines() == [
        f"~ {evercert.pebble.directory}: configure  ({file}:5:6)",
        "    roots changed",
        f"+ www.declared.test: create  ({file}:14:15)",
        "    it is not there yet",
        "1 to create, 1 to configure; 0 unchanged",
    ]
    assert planned.status == 0
    assert evercert("plan", "--config", file, "--detailed-exitcode").status == 2
    applied = evercert("apply", EVERCERT_CONFIG=str(file))
    assert applied.status == 0, applied.err
    assert "www.declared.test: installed" in applied.out
    for again in (evercert("plan", "--config", file), evercert("plan", "--config", file, "--detailed-exitcode")):
        assert (again.status, again.out) == (0, "nothing to do; 1 unchanged\n")
    assert evercert("plan", "--config", file, "--json").document == {
        "changes": [],
        "unchanged": 1,
        "warnings": [],
    }


def test_what_will_most_likely_fail_is_warned_of_and_changes_no_status(evercert: Shell, file: Path) -> None:
    written, google = file.read_text(), known_ca("google")
    file.write_text(
        f"""{written}targets = ["hook"]
cas = ["pebble", "corp"]

[cas.corp]
directory = "google"

[targets.hook]
plugin = "exec"
options = {{ program = "/no/such/hook --now", group = "no-such-group" }}
"""
    )
    alone = f"{google.name} makes accounts for external accounts (EAB) alone, and 'default' has none"
    planned = evercert("plan", "--config", file)
    assert planned.status == 0
    warned = [line for line in planned.err.splitlines() if line.startswith("evercert: ")]
    assert warned == [
        f"evercert: warning: {file}:20:6: cas.corp: {alone}",
        "evercert: hint: write eab_kid and eab_key in [cas.corp]: " + google.eab,
        f"evercert: warning: {file}:25:13: targets.hook.options.program: /no/such/hook cannot be run",
        "evercert: hint: is it there, and may it be executed?",
        f"evercert: warning: {file}:25:46: targets.hook.options.group: there is no such user or group: no-such-group",
    ]
    told = evercert("plan", "--config", file, "--json").document["warnings"]
    assert [(each["line"], each["key"]) for each in told] == [
        (20, "cas.corp"),
        (25, "targets.hook.options.program"),
        (25, "targets.hook.options.group"),
    ]
    applied = evercert("apply", "--no-wait", "--config", file)
    assert (applied.status, applied.err.count("evercert: warning: ")) == (0, 3)


@pytest.mark.parametrize("command", [("plan",), ("explain", "www.declared.test")])
def test_to_look_at_a_declaration_makes_nothing(
    evercert: Shell, file: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    asked = evercert(*command, "--config", file, "--home", tmp_path / "home", "--json")
    assert asked.status == 0, asked.err
    assert not (tmp_path / "home").exists()
    # No more does one of which there is a store, but no key that could open it.
    evercert("list", "--home", tmp_path / "home")
    before = {path.name for path in (tmp_path / "home").iterdir()}
    assert evercert(*command, "--config", file, "--home", tmp_path / "home").status == 0
    assert {path.name for path in (tmp_path / "home").iterdir()} == before
    assert "master.key" not in before


def test_it_says_where_each_value_came_from(evercert: Shell, file: Path) -> None:
    lines = evercert("explain", "www.declared.test", "--config", file).out.splitlines()
    assert lines[0] == f"www.declared.test: declared in {file}:14:15"
    words = {line.split()[0]: line.split(None, 1)[1] for line in lines[1:]}
    assert words["owner"] == f'web  (certificates."www.declared.test".owner in {file}:15:1)'
    assert words["cas"] == f"pebble  (defaults.cas in {file}:3:1)"
    assert words["key_type"] == "ec256  (by default)"
    assert words["next:"] == "nothing, before it is applied (`evercert apply`)"
    evercert("apply", "--no-wait", "--config", file)
    document = evercert("explain", "www.declared.test", "--config", file, "--json").document
    assert document["next"] == "now: issue, because there is no certificate yet"
    assert document["values"]["tags"] == {
        "value": "shop",
        "from": f'certificates."www.declared.test".tags in {file}:16:1',
    }
    missing = evercert("explain", "www.declard.test", "--config", file)
    assert (missing.status, missing.hint) == (3, "did you mean 'www.declared.test'?")


def test_a_merged_certificate_is_installed_where_it_says(evercert: Shell, file: Path, tmp_path: Path) -> None:
    places = [tmp_path / "srv" / "live" / name for name in ("one.test", "two.test")]
    declared = (
        file.read_text().partition("[certificates")[0].replace("cas = ", 'merge = true\ntargets = ["srv"]\ncas = ')
    )
    target = f'[targets.srv]\nplugin = "files"\noptions = {{ dir = "{tmp_path / "srv"}" }}\n'
    file.write_text(f'{declared}{target}[certificates.all]\neach = ["one.test", "two.test"]\n')
    applied = evercert("apply", "--config", file)
    assert applied.status == 0, applied.err
    assert applied.out.splitlines()[-1].startswith(
        f"merged:one.test: installed in {places[0]}, {places[1]}, valid until"
    )
    assert all((place / "fullchain.pem").exists() for place in places)


def test_in_a_freeze_no_server_is_touched_and_every_command_says_so(evercert: Shell, file: Path) -> None:
    freeze = 'freezes = [{ from = 2020-01-01, until = 2999-01-01, reason = "for ever" }]'
    file.write_text(f"{file.read_text()}{freeze}\n")
    name, words = "www.declared.test", "before 2999-01-01 00:00:00 UTC: a freeze (for ever)"
    assert f"    it is not installed {words}" in evercert("plan", "--config", file).out.splitlines()
    applied = evercert("apply", "--config", file)
    assert applied.status == 0, applied.err
    assert f"{name}: not-installed, valid until" in applied.out
    assert f"; not installed in files {words}; renewal" in applied.out
    assert evercert("run", "--once", "--config", file).status == 0
    assert evercert("tasks", "retry", name).out == f"{name}: not installed in files {words}\n"
    for command in (("show", name), ("explain", name, "--config", file), ("tasks",)):
        assert f"not installed in files {words}" in evercert(*command).out
        document = evercert(*command, "--json").document
        [waiting] = (document[0] if command == ("tasks",) else document)["put_off"]
        assert waiting == {"target": "files", "until": "2999-01-01T00:00:00Z", "reason": "a freeze (for ever)"}
    assert "2999-01-01 00:00:00 UTC: a freeze (for ever)" in evercert("list").out
    assert [each["put_off"] for each in evercert("list", "--json").document] == [[waiting]]
    assert not evercert.live(name).exists()
    done = evercert("tasks", "run", name)
    assert (done.status, f"{name}: installed" in done.out) == (0, True), done.err
    assert evercert.live(name).exists()
    assert evercert("deploy", name).status == 0
    assert evercert("list", "--json").document[0]["put_off"] == []


def test_faults_are_told_all_at_once_and_nothing_is_applied(evercert: Shell, file: Path) -> None:
    file.write_text(file.read_text().replace("owner", "ownr").replace('"pebble"]', '"peble"]'))
    done = evercert("apply", "--config", file)
    assert done.status == 2
    assert done.err.splitlines() == [
        f"evercert: error: {file}:3:8: defaults.cas: there is no known CA 'peble'",
        "evercert: hint: did you mean 'pebble'?",
        f'evercert: error: {file}:15:1: certificates."www.declared.test".ownr: there is no such key here',
        "evercert: hint: did you mean 'owner'?",
    ]
    assert evercert("list", "--json").document == []
    assert evercert("plan", "--config", file, "--detailed-exitcode").status == 1
    assert evercert("plan", "--confg", file, "--detailed-exitcode").status == 1
    assert evercert("plan", "--detailed-exitcode", EVERCERT_CONCURRENCY="none").status == 1
    [first, _] = evercert("plan", "--config", file, "--json").document["error"]["faults"]
    assert (first["line"], first["column"], first["key"]) == (3, 8, "defaults.cas")


def test_the_next_ca_issues_while_whoever_applies_waits(evercert: Shell, file: Path) -> None:
    down = f"https://localhost:{free_port()}/dir"
    file.write_text(file.read_text().replace('cas = ["pebble"]', f'cas = ["{down}", "pebble"]'))
    file.write_text(f'{file.read_text()}[certificates.many]\neach = ["n{{1..5}}.declared.test"]\n')
    done = evercert("apply", "--config", file)
    assert done.status == 0, done.err
    assert {each["state"] for each in evercert("list", "--json").document} == {"installed"}
    assert evercert("events", "--json", "--kind", "ca-passed-over").documents


def test_what_would_be_lost_is_asked_about(evercert: Shell, file: Path) -> None:
    file.write_text(f'{file.read_text()}on_removal = "revoke"\n')
    assert evercert("apply", "--config", file).status == 0
    file.write_text(file.read_text().partition("[certificates")[0])
    refused = evercert("apply", "--config", file)
    assert (refused.status, refused.hint) == (2, "see evercert apply --help")
    done = evercert("apply", "--yes", "--json", "--config", file)
    assert done.status == 0, done.err
    [change] = done.document["changes"]
    assert (change["name"], change["action"]) == ("www.declared.test", "revoke")
    assert evercert("list", "--json").document == []


def test_a_timer_applies_what_is_declared_and_does_it(evercert: Shell, file: Path) -> None:
    done = evercert("run", "--once", "--config", file)
    assert done.status == 0, done.err
    assert "www.declared.test: installed" in done.out
    file.write_text(file.read_text().replace("owner", "ownr"))
    refused = evercert("run", "--once", "--config", file)
    assert (refused.status, ":15:1: " in refused.err) == (2, True), refused.err


def test_without_a_declaration_that_is_said(evercert: Shell, tmp_path: Path) -> None:
    for command in ("plan", "apply"):
        done = evercert(command, "--config", tmp_path / "gone.toml")
        assert (done.status, "cannot be read" in done.err) == (3, True)
    evercert.obtained("www.byhand.test")
    lines = evercert("explain", "www.byhand.test").out.splitlines()
    assert lines[0] == "www.byhand.test: not declared; obtained by hand, or kept"
    assert lines[-1].startswith("  next: ")


def test_who_stays_follows_the_file(evercert: Shell, file: Path, tmp_path: Path) -> None:
    def served(name: str) -> bool:
        return evercert.live(name).exists()

    with evercert.start("run", "--config", str(file), log=tmp_path / "run.log") as running:
        running.wait_until(lambda: served("www.declared.test"), "the first certificate", patience=40)
        whole = file.read_text()
        file.write_text(f"{whole}ownr = 1\n")
        running.wait_until(lambda: "the declaration has a fault; " in running.text(), "the fault", patience=40)
        assert ":17:1: " in running.text()
        file.write_text(f'{whole}[certificates."www.later.test"]\n')
        running.wait_until(lambda: served("www.later.test"), "the second certificate", patience=40)
        assert f"{file}: a change was declared" in running.text()
