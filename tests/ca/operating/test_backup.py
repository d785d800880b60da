"""Backup and restore (the issue of every CA that lost its disk): whole, sealed, verified, and the CA goes on."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import pytest

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.ca.operating import auditing
from evercert.ca.operating.backup import back_up, restore
from evercert.ca.operating.opening import open_office
from evercert.ca.operating.restoring import go_on_after
from evercert.ca.setup.settings import first_file
from evercert.ca.store.operating import Wanted, find
from evercert.pki.cert import read_certificate
from evercert.pki.seal import Sealer
from tests.ca.given import World, a_ca
from tests.ca.protocol.test_certificates import issued
from tests.ca.protocol.wire import Wire, kind_of, read
from tests.peers.program import ROOT


def settings(folder: Path, more: str = "") -> None:
    (folder / "ca.toml").write_text(more + first_file("https://ca.test", ("127.0.0.1:8443",)))


def backed_up(world: World, folder: Path, file: Path, **more: Any) -> Path:
    given = {"passphrase": None, "without_database": False, **more}
    back_up(folder, file, {}, now=world.clock.now(), rng=Random(5), **given)
    return file


def master_key(folder: Path) -> Secret:
    return Secret((folder / "master.key").read_bytes())


async def test_a_ca_goes_on_from_its_backup(tmp_path: Path) -> None:
    folder, again = tmp_path / "ca", tmp_path / "again"
    async with a_ca(folder) as world:
        settings(folder)
        wire = Wire(world.node.site)
        before = read_certificate(await issued(world, wire, "www.example.test")).serial
        nonce = await wire.fresh()
        file = backed_up(world, folder, tmp_path / "backup")
        since = read_certificate(await issued(world, wire, "later.example.test")).serial
    manifest = restore(file, again, master_key(folder), None)
    assert {"ca.toml", "root.pem", "ca.db"} <= {each.path for each in manifest.members}
    async with open_office(again, {}, "tester") as office:
        await go_on_after(office, manifest.created_at)
        verified = await auditing.verify(office.db)
        (record,) = await auditing.latest(office.db, 1)
        assert (record.kind, record.id) == ("restored", verified.id)
    async with a_ca(again) as world:
        found = [each.serial for each in await find(world.node.desk.db, Wanted(), 10)]
        assert before in found
        assert since not in found
        restored = Wire(world.node.site, key=wire.key, kid=wire.kid)
        old = await restored.post(wire.kid, nonce=nonce)
        assert kind_of(old) == "badNonce"
        assert read(await restored.post(wire.kid))["status"] == "valid"
        new = read_certificate(await issued(world, Wire(world.node.site), "new.example.test")).serial
        assert new not in {before, since}


async def test_no_secret_is_in_a_backup_and_the_roots_key_never_is(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    async with a_ca(folder) as world:
        settings(folder)
        file = backed_up(world, folder, tmp_path / "backup", passphrase=Secret("correct horse battery"))
    octets = file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    master = master_key(folder)
    secrets = [master.reveal().strip(), base64.b64decode(master.reveal())]
    for place in folder.rglob("*"):
        if place.is_file() and (place.name in {"key.sealed", "ca.toml"} or "offline" in place.parts):
            secrets.append(place.read_bytes().strip())
    for place in (folder / "issuers").glob("*/key.sealed"):
        from evercert.ca.setup.hierarchy import key_context
        from evercert.pki.chain import split_pem

        context = key_context(read_certificate(split_pem((place.parent / "chain.pem").read_bytes())[0]).spki)
        secrets.append(Sealer(master).open(place.read_bytes(), context).reveal())
    assert len(secrets) >= 6
    for secret in secrets:
        assert secret not in octets
        assert base64.b64encode(secret) not in octets
    manifest = restore(file, tmp_path / "again", None, Secret("correct horse battery"))
    assert not [each.path for each in manifest.members if "offline" in each.path or "master" in each.path]
    assert master_key(tmp_path / "again").reveal().strip() == master.reveal().strip()


async def test_what_is_not_right_writes_nothing(tmp_path: Path) -> None:
    folder, again = tmp_path / "ca", tmp_path / "again"
    async with a_ca(folder) as world:
        settings(folder)
        file = backed_up(world, folder, tmp_path / "backup")
        with pytest.raises(EvercertError, match="already"):
            backed_up(world, folder, file)
    octets, key = file.read_bytes(), master_key(folder)
    wrong = tmp_path / "wrong"
    for changed in (octets[:-1], octets[: len(octets) // 2], b"", b"x" * 100, octets[:300] + b"\0" + octets[301:]):
        wrong.write_bytes(changed)
        with pytest.raises(EvercertError):
            restore(wrong, again, key, None)
        assert not again.exists()
    for other, passphrase in ((Secret(base64.b64encode(b"o" * 32)), None), (None, None), (None, Secret("x" * 20))):
        with pytest.raises(EvercertError):
            restore(file, again, other, passphrase)
    again.mkdir()
    with pytest.raises(EvercertError, match="already"):
        restore(file, again, key, None)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["again", "backup", "ca", "wrong"]


async def test_a_store_in_postgresql_is_for_its_own_programs(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    async with a_ca(folder) as world:
        settings(folder, 'database = "postgresql://user@db.test/ca"\n')
        with pytest.raises(EvercertError, match="PostgreSQL") as raised:
            backed_up(world, folder, tmp_path / "backup")
        assert raised.value.hint.startswith("pg_dump")
        file = backed_up(world, folder, tmp_path / "backup", without_database=True)
    manifest = restore(file, tmp_path / "again", master_key(folder), None)
    assert "ca.db" not in {each.path for each in manifest.members}


def test_the_commands_do_it(tmp_path: Path) -> None:
    def run(*words: object) -> dict[str, Any]:
        argv = [str(ROOT / ".venv/bin/evercert"), "ca", *map(str, words), "--json"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env={"WORDS": "correct horse battery"})
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    folder, file = tmp_path / "ca", tmp_path / "backup"
    run("init", "--dir", folder)
    run("eab", "add", "--dir", folder)
    run("backup", file, "--dir", folder, "--with-master-key", "--passphrase", "env:WORDS")
    shutil.rmtree(folder)
    run("restore", file, "--dir", folder, "--passphrase", "env:WORDS")
    assert run("audit", "verify", "--dir", folder)["records"] == 2
