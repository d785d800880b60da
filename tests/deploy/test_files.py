from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from evercert.base.errors import EvercertError
from evercert.deploy.targets.exec import Exec
from evercert.deploy.targets.files import Files
from evercert.model.fact import DeployStatus
from evercert.plugins.contracts import Ports
from tests.deploy.conftest import error_of, options_for, run_apply, told_before
from tests.fakes.bundles import Issuer
from tests.peers.program import ROOT

WWW = "www.example.test"


def files(ports: Ports, state: Path, **values: str) -> Files:
    return Files(options_for(Files.info, **values), ports, state)


def script(tmp_path: Path, text: str) -> str:
    path = tmp_path / "hook"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


async def test_files_are_installed_and_not_called_served(ports: Ports, state: Path, issuer: Issuer) -> None:
    outcome = await run_apply(files(ports, state), issuer.bundle(WWW))
    assert outcome.status is DeployStatus.INSTALLED
    assert (state / "live" / WWW / "fullchain.pem").exists()


async def test_a_folder_of_the_users_is_used_for_many_certificates(
    ports: Ports, state: Path, tmp_path: Path, issuer: Issuer
) -> None:
    folder = tmp_path / "certs"
    for name in (WWW, "*.example.test"):
        await run_apply(files(ports, state, dir=str(folder)), issuer.bundle(name))
    assert sorted(each.name for each in (folder / "live").iterdir()) == ["_.example.test", WWW]
    assert list(state.iterdir()) == []


async def test_a_program_that_fails_brings_the_old_files_back_and_its_words_to_the_user(
    ports: Ports, state: Path, tmp_path: Path, issuer: Issuer
) -> None:
    old = issuer.bundle(WWW)
    await run_apply(files(ports, state), old)
    reload = script(tmp_path, r'printf "no \033[31mluck\n\n$1"; exit 3')
    outcome = await run_apply(files(ports, state, reload=f"{reload} 'a b'"), issuer.bundle(WWW))
    assert error_of(outcome).message == f"{reload} ended with status 3: no [31mluck a b"
    assert (state / "live" / WWW / "cert.pem").read_text() == old.leaf_pem


async def test_a_hook_is_told_where_the_files_are_by_our_names_and_certbots(
    ports: Ports, state: Path, tmp_path: Path, issuer: Issuer
) -> None:
    program = script(tmp_path, f'(echo "$@"; env | sort) > {tmp_path}/seen')
    target = Exec(options_for(Exec.info, program=f"{program} first"), ports, state)
    outcome = await run_apply(target, issuer.bundle(WWW, "example.test"))
    assert outcome.status is DeployStatus.INSTALLED
    seen = (tmp_path / "seen").read_text().splitlines()
    live = state / "live" / WWW
    assert seen[0] == f"first deploy {WWW}"
    assert f"EVERCERT_PRIVKEY={live}/privkey.pem" in seen
    assert f"RENEWED_LINEAGE={live}" in seen
    assert f"RENEWED_DOMAINS={WWW} example.test" in seen
    assert not any("PRIVATE KEY" in line for line in seen)


async def test_a_hook_that_hangs_is_ended_and_the_old_files_are_back(
    ports: Ports, state: Path, tmp_path: Path, issuer: Issuer
) -> None:
    program = script(tmp_path, 'grep -q "$EVERCERT_NAME" /dev/null; sleep 600')
    target = Exec(options_for(Exec.info, program=program, timeout="1"), ports, state)
    outcome = await run_apply(target, issuer.bundle(WWW))
    assert "did not end within 1 seconds" in error_of(outcome).message
    assert outcome.rolled_back
    assert not (state / "live" / WWW).is_symlink()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"dir": "relative"}, "absolute path"),
        ({"endpoint": "nowhere"}, "host:port"),
        ({"endpoint": "host:99999"}, "host:port"),
        ({"reload": "unfinished 'quote"}, "No closing quotation"),
        ({"group": "no-such-group"}, "no such user or group"),
        ({"reload": "/no/such/program"}, "cannot be started"),
    ],
)
async def test_a_wrong_option_is_told_and_nothing_stays_in_place(
    values: dict[str, str], words: str, ports: Ports, state: Path, issuer: Issuer
) -> None:
    try:
        error = error_of(await run_apply(files(ports, state, **values), issuer.bundle(WWW)))
    except EvercertError as refused:
        error = refused
    assert words in error.message
    assert error.code.name in {"bad-input", "program"}
    assert not (state / "live" / WWW).is_symlink()


async def test_an_endpoint_is_asked_for_every_name_and_one_under_a_wildcard(
    ports: Ports, state: Path, issuer: Issuer
) -> None:
    target = files(ports, state, endpoint="192.0.2.7:443, [2001:db8::1]:8443")
    found = await target.endpoints(issuer.bundle(WWW, "*.example.test", "192.0.2.7"))
    assert [(each.host, each.port) for each in found[::3]] == [("192.0.2.7", 443), ("2001:db8::1", 8443)]
    assert [each.server_name for each in found[:3]] == [WWW, "evercert-proof.example.test", ""]


async def test_ten_deploys_at_once_leave_the_newest(ports: Ports, state: Path, issuer: Issuer) -> None:
    bundles = [issuer.bundle(WWW) for _ in range(10)]
    outcomes = await asyncio.gather(*(run_apply(files(ports, state), bundle) for bundle in bundles))
    assert (state / "live" / WWW / "cert.pem").read_text() == bundles[-1].leaf_pem
    failures = {outcome.failure.message for outcome in outcomes if outcome.failure}
    assert failures <= {"a newer certificate is installed already"}


_IN_LITTLE_ROOM = """
import asyncio, sys; from pathlib import Path
from tests.deploy.test_files import in_little_room
asyncio.run(in_little_room(Path(sys.argv[1])))
"""


def test_a_full_disk_is_told_and_the_old_certificate_stays_whole(tmp_path: Path) -> None:
    own_user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    mount = 'mount -t tmpfs -o size=96k none "$0" && exec "$@"'
    argv: list[str | Path] = [
        "unshare",
        *own_user,
        "--mount",
        "sh",
        "-c",
        mount,
        tmp_path,
        sys.executable,
        "-c",
        _IN_LITTLE_ROOM,
        tmp_path,
    ]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


async def in_little_room(room: Path) -> None:
    """Deploys on a disk that is full for the second of three times."""
    from evercert.base.clock import SystemClock
    from evercert.host.programs import SystemPrograms
    from tests.deploy.conftest import NoDns, PlainHttp

    ports, issuer = Ports(PlainHttp(), NoDns(), SystemPrograms(), SystemClock()), Issuer()
    old, new = issuer.bundle(WWW), issuer.bundle(WWW)
    assert (await run_apply(files(ports, room), old)).status is DeployStatus.INSTALLED
    filler = room / "filler"
    fill(filler)
    outcome = await run_apply(files(ports, room), new)
    assert "No space left on device" in error_of(outcome).message
    assert (room / "live" / WWW / "fullchain.pem").read_text() == old.fullchain_pem
    assert sorted(each.name for each in (room / "generations" / WWW).iterdir()) == ["1", "settled"]
    filler.unlink()
    assert (await run_apply(files(ports, room), new)).status is DeployStatus.INSTALLED
    assert (room / "live" / WWW / "fullchain.pem").read_text() == new.fullchain_pem


def fill(path: Path) -> None:
    """Afterwards the disk that *path* is on has no room left."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass


def test_a_folder_that_may_not_be_written_is_told(ports: Ports, tmp_path: Path, issuer: Issuer) -> None:
    folder, bundle = tmp_path / "certs", issuer.bundle(WWW)
    # What is imported on the way is here before the child is somebody who may not read where it lies.
    assert asyncio.run(run_apply(files(ports, tmp_path, dir=str(tmp_path / "others")), bundle)).failure is None
    folder.mkdir(mode=0o555)
    for above in (tmp_path, *tmp_path.parents[:3]):
        above.chmod(above.stat().st_mode | 0o011)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setuid(65534)
        outcome = asyncio.run(run_apply(files(ports, tmp_path, dir=str(folder)), bundle))
        os.write(writer, str(outcome.failure).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        assert told.read().decode() == f"{WWW}: {folder}/live: Permission denied"


async def test_a_rehearsal_makes_nothing_and_starts_no_program(
    ports: Ports, state: Path, tmp_path: Path, issuer: Issuer
) -> None:
    bundle, program = issuer.bundle(WWW), script(tmp_path, f"touch {tmp_path}/started")
    certs = str(tmp_path / "new" / "certs")
    assert await told_before(files(ports, state, dir=certs, reload=program), bundle, tmp_path) == ""
    hook = Exec(options_for(Exec.info, program=f"{program} first", dir=certs), ports, state)
    assert await told_before(hook, bundle, tmp_path) == ""
    Path(program).chmod(0o644)
    assert await told_before(hook, bundle, tmp_path) == f"{program} cannot be run"
    below_a_file = files(ports, state, dir=f"{program}/certs")
    assert await told_before(below_a_file, bundle, tmp_path) == f"{program} is no folder"
    relative = Exec(options_for(Exec.info, program="hook"), ports, state)
    assert await told_before(relative, bundle, tmp_path) == "program is not an absolute path"


async def test_a_rehearsal_tells_of_a_disk_that_is_read_only(
    ports: Ports, state: Path, tmp_path: Path, issuer: Issuer
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", disk], check=True, timeout=10)
    try:
        told = await told_before(files(ports, state, dir=str(disk / "certs")), issuer.bundle(WWW), state)
    finally:
        subprocess.run(["umount", disk], check=True, timeout=10)
    assert told == f"{disk} cannot be written"


@pytest.mark.parametrize(
    ("plugin", "options", "told"),
    [
        (Files, {}, []),
        (Files, {"reload": "true now", "owner": "root", "endpoint": "192.0.2.7:443"}, []),
        (Files, {"reload": "no-such-program"}, ["reload: no-such-program cannot be run"]),
        (Files, {"reload": "bin/no-such-program"}, ["reload: bin/no-such-program cannot be run"]),
        (Files, {"reload": "'open"}, ['reload: No closing quotation: "\'open"']),
        (Exec, {"program": "true"}, ["program: program is not an absolute path"]),
        (Exec, {"program": "/bin/true"}, []),
        (
            Exec,
            {"program": "/no/such", "owner": "nobody-here", "group": "none-here", "endpoint": "192.0.2.7"},
            [
                "endpoint: endpoint is host:port, not '192.0.2.7'",
                "owner: there is no such user or group: nobody-here",
                "group: there is no such user or group: none-here",
                "program: /no/such cannot be run",
            ],
        ),
    ],
)
def test_fields_that_cannot_work_here_are_told_and_nothing_is_made(
    ports: Ports, state: Path, plugin: type[Files | Exec], options: dict[str, str], told: list[str]
) -> None:
    target = plugin(options_for(plugin.info, **options), ports, state)
    assert [error.message for error in target.doubts()] == told
    assert [*state.iterdir()] == []
