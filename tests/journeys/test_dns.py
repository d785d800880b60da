"""dns-01 and its kin with real name servers, which the CA asks too; and nothing is left in any zone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evercert.pki.cert import read_certificate
from evercert.pki.chain import split_pem
from tests.cli.shell import Shell
from tests.journeys.host import Host
from tests.peers.bind import Bind, LateBind
from tests.peers.namespaces import Namespace
from tests.peers.pebble import Pebble, PebbleConfig
from tests.peers.place import Machine
from tests.peers.powerdns import PowerDns
from tests.peers.program import installed

ZONE = "example.test"
CHALLENGE = f"_acme-challenge.{ZONE}"
DELEGATED = "_acme-challenge.www CNAME www.elsewhere.test.\n"


@pytest.fixture(scope="module")
def bind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bind]:
    with Bind(
        Machine(tmp_path_factory.mktemp("bind")), {ZONE: DELEGATED, "elsewhere.test": ""}, recursive=True
    ) as running:
        yield running


@pytest.fixture(scope="module")
def ca(bind: Bind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    with Pebble(tmp_path_factory.mktemp("pebble"), PebbleConfig(dns=bind.address)) as running:
        yield running


@pytest.fixture
def evercert(ca: Pebble, bind: Bind, tmp_path: Path) -> Shell:
    return Shell(tmp_path / "home", ca)


def options(bind: Bind, **more: str) -> list[str]:
    """BIND tells its own port nowhere: its NS records mean port 53."""
    fields = {"server": bind.address, "key_name": "hmac-sha256", "propagation_servers": bind.address} | more
    return ["--dns", "rfc2136", *(word for name, value in fields.items() for word in ("-o", f"rfc2136.{name}={value}"))]


def obtained(evercert: Shell, bind: Bind, *arguments: str) -> list[str]:
    """The names of the certificate that the command made, which must succeed."""
    done = evercert("obtain", *arguments, *evercert.to_ca, "--json", EVERCERT_RFC2136_KEY_SECRET=bind.secret)
    assert done.status == 0, done.err
    leaf = split_pem(evercert.live(done.document["name"]).read_bytes())[0]
    return [each.value for each in read_certificate(leaf).identifiers]


def test_apex_and_wildcard_stand_side_by_side_under_one_name(evercert: Shell, bind: Bind) -> None:
    assert obtained(evercert, bind, ZONE, f"*.{ZONE}", *options(bind)) == [ZONE, f"*.{ZONE}"]
    assert bind.txt(CHALLENGE) == []


def test_a_delegated_challenge_is_written_where_the_cname_points(evercert: Shell, bind: Bind) -> None:
    obtained(evercert, bind, f"www.{ZONE}", *options(bind))
    assert bind.txt("www.elsewhere.test") == []
    assert "updating zone 'elsewhere.test/IN': adding an RR at 'www.elsewhere.test' TXT" in bind.log()


def test_an_account_has_a_name_of_its_own(evercert: Shell, bind: Bind) -> None:
    obtained(evercert, bind, f"account.{ZONE}", *options(bind), "--dns-challenge", "dns-account-01")
    assert f"._acme-challenge.account.{ZONE}' TXT" in bind.log()
    assert f"adding an RR at '_acme-challenge.account.{ZONE}'" not in bind.log()


def test_a_persistent_record_serves_the_renewal_too(evercert: Shell, bind: Bind) -> None:
    obtained(evercert, bind, f"persist.{ZONE}", *options(bind), "--dns-challenge", "dns-persist-01")
    name = f"_validation-persist.persist.{ZONE}"
    [written] = bind.txt(name)
    first = evercert.serial(f"persist.{ZONE}")
    done = evercert("renew", "--force", f"persist.{ZONE}", EVERCERT_RFC2136_KEY_SECRET=bind.secret)
    assert done.status == 0, done.err
    assert evercert.serial(f"persist.{ZONE}") != first
    assert bind.txt(name) == [written]
    assert bind.log().count(f"adding an RR at '{name}'") == 1


def test_a_hook_of_the_users_own_sets_the_records(evercert: Shell, bind: Bind, tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    update = f'server 127.0.0.1 {bind.port}\\nupdate $verb $2. 60 TXT \\"$3\\"\\nsend\\n'
    hook.write_text(
        "#!/bin/sh\nset -e\n"
        'case "$1" in present) verb=add;; cleanup) verb=delete;; esac\n'
        f'printf "{update}" | {installed("nsupdate", "run `make peers`")} -y hmac-sha256:hmac-sha256:{bind.secret}\n'
    )
    hook.chmod(0o700)
    how = ["--dns", "exec", "-o", f"exec.program={hook}", "-o", f"exec.propagation_servers={bind.address}"]
    obtained(evercert, bind, f"hook.{ZONE}", f"*.hook.{ZONE}", *how)
    assert bind.txt(f"_acme-challenge.hook.{ZONE}") == []
    assert bind.log().count(f"adding an RR at '_acme-challenge.hook.{ZONE}'") == 2


def test_a_refused_key_is_told_and_leaves_nothing(evercert: Shell, bind: Bind) -> None:
    asked = [*evercert.to_ca, *options(bind, key_name="stranger")]
    done = evercert("obtain", f"refused.{ZONE}", *asked, EVERCERT_RFC2136_KEY_SECRET=bind.secret)
    assert done.status == 7
    assert "the server's update policy does not allow it" in done.err
    assert bind.secret not in done.err
    assert bind.txt(f"_acme-challenge.refused.{ZONE}") == []


@pytest.mark.parametrize("provider", ["powerdns", "lexicon"])
def test_powerdns_serves_by_its_own_adapter_and_by_lexicons(
    provider: str, tmp_path: Path, start_pebble: Callable[..., Pebble]
) -> None:
    with PowerDns(Machine(tmp_path)) as powerdns:
        powerdns.add_zone(ZONE)
        evercert = Shell(tmp_path / "home", start_pebble(dns=powerdns.address))
        named = {
            "powerdns": ["-o", f"powerdns.url={powerdns.url}"],
            "lexicon": ["-o", "lexicon.provider=powerdns", "-o", f"lexicon.pdns_server={powerdns.url}"],
        }
        secret = {"powerdns": "EVERCERT_POWERDNS_API_KEY", "lexicon": "EVERCERT_LEXICON_AUTH_TOKEN"}[provider]
        how = ["--dns", provider, *named[provider], "-o", f"{provider}.propagation_servers={powerdns.address}"]
        done = evercert("obtain", ZONE, f"*.{ZONE}", *evercert.to_ca, *how, **{secret: powerdns.api_key})
        assert done.status == 0, done.err
        assert powerdns.txt(CHALLENGE) == []
        assert powerdns.rrset(ZONE, CHALLENGE) == {}


def test_killed_in_the_middle_it_is_gone_on_with_and_cleaned_up(
    bind: Bind, tmp_path: Path, start_pebble: Callable[..., Pebble]
) -> None:
    names = [f"killed.{ZONE}", f"*.killed.{ZONE}"]
    slow = start_pebble(dns=bind.address, validation_sleep=6)
    evercert = Shell(tmp_path / "home", slow)
    secret = {"EVERCERT_RFC2136_KEY_SECRET": bind.secret}
    argv = [installed("evercert", "run `make setup`"), "obtain", *names, *evercert.to_ca, *options(bind)]
    running = Machine(tmp_path).start(argv, "obtain", env=evercert.environment(**secret))
    running.wait_until(lambda: len(bind.txt(f"_acme-challenge.killed.{ZONE}")) == 2, "both values written")
    running.kill()
    assert len(bind.txt(f"_acme-challenge.killed.{ZONE}")) == 2
    done = evercert("renew", **secret)
    assert done.status == 0, done.err
    assert evercert("show", names[0], "--json").document["state"] == "installed"
    assert bind.txt(f"_acme-challenge.killed.{ZONE}") == []
    assert slow.order_count() == 1


def test_the_last_of_a_zones_servers_is_waited_for(tmp_path: Path) -> None:
    """Its servers are found by NS; the CA asks the one that is late."""
    second = "@ NS late\nlate A 127.0.0.2\n"
    with (
        Namespace(tmp_path, addresses=["127.0.0.2/8"]) as namespace,
        Bind(namespace, {ZONE: second}, port=53) as bind,
        LateBind(namespace, [ZONE]),
    ):
        config = PebbleConfig(dns="127.0.0.2:53", http_port=80, tls_port=443)
        with Pebble(namespace, config) as ca:
            host = Host(namespace, tmp_path / "home")
            at: list[str | Path] = ["--ca", ca.directory, "--ca-roots", ca.authority]
            how = ["--dns", "rfc2136", "-o", "rfc2136.server=127.0.0.1", "-o", "rfc2136.key_name=hmac-sha256"]
            done = host("obtain", ZONE, f"*.{ZONE}", *at, *how, "--json", EVERCERT_RFC2136_KEY_SECRET=bind.secret)
            assert json.loads(done.out)["state"] == "installed"
            ask = ["dig", "+short", "@127.0.0.1", CHALLENGE, "TXT"]
            assert namespace.run(ask).stdout == ""


def test_a_record_that_never_comes_is_told_of_with_the_server_that_lacks_it(
    evercert: Shell, bind: Bind, tmp_path: Path
) -> None:
    with Bind(Machine(tmp_path), {ZONE: ""}) as stale:
        both = options(bind, propagation_servers=f"{bind.address},{stale.address}", propagation_timeout="1")
        asked = [*evercert.to_ca, *both]
        done = evercert("obtain", f"stale.{ZONE}", *asked, EVERCERT_RFC2136_KEY_SECRET=bind.secret)
    assert done.status == 7
    assert f"{stale.address} does not show it" in done.err
    assert bind.txt(f"_acme-challenge.stale.{ZONE}") == []
