"""`evercert import` from a client that really obtained something: names, key, account, and the next renewal."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.cli.shell import Shell
from tests.peers.program import installed


def test_what_lego_obtained_is_ours_and_renewed_with_its_account(evercert: Shell, tmp_path: Path) -> None:
    pebble, folder = evercert.pebble, tmp_path / "lego"
    port = str(pebble.http_port)
    lego = [installed("lego", "run `make peers`"), "--server", pebble.directory, "--accept-tos", "--path", str(folder)]
    about = ["--email", "ops@taken.test", "--domains", "taken.test", "--http", "--http.port", f"127.0.0.1:{port}"]
    subprocess.run([*lego, *about, "run"], env=pebble.environment(), check=True, timeout=60, capture_output=True)
    accounts = pebble.account_count()

    unsaid = evercert("import", "lego", folder)
    assert unsaid.out == "took over 0 certificates and 0 accounts from lego\n"
    assert "taken.test: its CA is not recorded, and it was left out: say which with --ca URL" in unsaid.err
    declared = tmp_path / "evercert.toml"
    declared.write_text(f'[cas.corp]\ndirectory = "{pebble.directory}"\naccount = "ops"\n')
    roots = ["--ca-roots", str(pebble.authority)]
    done = evercert("import", "lego", folder, "--ca", "corp", "--config", declared, *roots)
    assert done.status == 0, done.err
    assert done.out.startswith("took over 1 certificate and 1 account from lego\n")
    fact = evercert("show", "taken.test", "--json").document
    assert fact["account"] == "ops"
    assert fact["current"]["issuer"].startswith("Pebble")
    again = evercert("import", "lego", folder, *evercert.to_ca, "--json")
    assert (again.document["certificates"], again.document["accounts"]) == ([], [])
    assert "was left as it is" in again.err

    evercert.obtained("taken.test", "--account", fact["account"])
    assert evercert("renew", "--force", "taken.test").status == 0
    assert evercert.serial("taken.test") != fact["current"]["serial"]
    assert pebble.account_count() == accounts
