"""What users meet: each failure says what happened, to which name, at which CA, what comes next, and what to do."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import apsw
import pytest

from evercert.base.errors import Exit
from tests.cli.shell import Done, Shell
from tests.peers.ports import free_port


def told(done: Done) -> str:
    """The first error line."""
    return next(line for line in done.err.splitlines() if line.startswith("evercert: error: "))


def test_a_ca_that_is_down(evercert: Shell) -> None:
    ca = f"https://localhost:{free_port()}/dir"
    done = evercert("obtain", "down.test", "--ca", ca)
    assert done.status == Exit.NETWORK.value
    assert told(done).startswith("evercert: error: down.test: cannot reach localhost:")
    assert told(done).endswith(f"(at {ca})")
    assert done.hint
    assert done.out.startswith("down.test: wanted; next 2")


def test_a_fraction_that_is_no_number(evercert: Shell) -> None:
    done = evercert("obtain", "www.test", "--renew-at", "nan")
    assert (done.status, "'nan' is no number" in done.err, evercert.home.exists()) == (2, True, False)


def test_a_ca_whose_name_does_not_resolve(evercert: Shell) -> None:
    done = evercert("obtain", "nowhere.test", "--ca", "https://ca.invalid/dir")
    assert done.status == Exit.NETWORK.value
    assert "cannot reach ca.invalid" in told(done)
    assert done.hint


def test_a_url_that_is_no_directory(evercert: Shell) -> None:
    done = evercert("obtain", "wrong.test", *_instead(evercert.at, evercert.pebble.directory + "x"))
    assert done.status == Exit.REFUSED.value
    assert "404" in told(done)
    assert done.hint


def test_a_ca_without_tls_wants_to_be_allowed(evercert: Shell) -> None:
    done = evercert("obtain", "plain.test", "--ca", "http://localhost:1/dir")
    assert done.status == Exit.USAGE.value
    assert "--allow-http" in done.hint
    assert evercert("list", "--json").document == []


def test_a_ca_whose_certificate_is_not_trusted(evercert: Shell) -> None:
    done = evercert("obtain", "trust.test", "--ca", evercert.pebble.directory)
    assert done.status == Exit.NETWORK.value
    assert "is not trusted" in told(done)
    assert "--ca-roots" in done.hint


def test_a_name_that_the_ca_cannot_reach(evercert: Shell) -> None:
    done = evercert("obtain", "unreached.test", *evercert.to_ca, "--http-port", str(free_port()))
    assert done.status == Exit.CHALLENGE.value
    assert told(done).startswith("evercert: error: unreached.test: http-01: ")
    assert "evercert doctor" in done.hint


def test_a_ca_that_asks_to_wait_is_heeded(evercert: Shell) -> None:
    with _limiting_ca() as directory:
        done = evercert("obtain", "limited.test", "--ca", directory, "--allow-http", "--json", "--quiet")
    assert done.status == Exit.MUST_WAIT.value
    document = done.document
    assert document["failure"] is None
    assert document["hold"]["limit"] == "127.0.0.1 makes no more accounts for now"
    assert "127.0.0.1 makes no more accounts for now; it is asked again at " in told(done)


def test_a_wildcard_without_dns(evercert: Shell) -> None:
    done = evercert("obtain", "*.wild.test", *evercert.at)
    assert done.status == Exit.CHALLENGE.value
    assert told(done) == "evercert: error: *.wild.test: a wildcard is proved by DNS alone"
    assert "--dns PROVIDER" in done.hint


def test_a_key_type_that_the_ca_does_not_take(evercert: Shell) -> None:
    done = evercert("obtain", "ed.test", *evercert.at, "--key-type", "ed25519")
    assert done.status == Exit.REFUSED.value
    assert "badCSR" in told(done)
    assert done.hint.startswith("try another key type")


def test_a_dry_run_at_a_ca_without_staging(evercert: Shell) -> None:
    done = evercert("obtain", "dry.test", *evercert.at, "--dry-run")
    assert done.status == Exit.NOT_FOUND.value
    assert done.hint == "leave --staging or --dry-run out, and name a CA for tests with --ca"


def test_a_name_that_cannot_stand_in_a_certificate(evercert: Shell) -> None:
    done = evercert("obtain", "a_b.test", *evercert.at)
    assert done.status == Exit.USAGE.value
    assert "'a_b' has an underscore" in told(done)


def test_a_full_disk(evercert: Shell, tmp_path: Path) -> None:
    with _tmpfs(tmp_path / "small", "64k") as small:
        done = evercert("obtain", "full.test", *evercert.at, "--home", small / "home")
    assert done.status == Exit.STORE.value
    assert "no room" in done.err or "no space" in done.err
    assert done.hint


def test_a_home_that_may_not_be_made(evercert: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = evercert("list", "--home", tmp_path / "file" / "home")
    assert done.status == Exit.STORE.value
    assert "Traceback" not in done.err
    assert done.hint


def test_a_store_that_is_newer_than_the_program(evercert: Shell) -> None:
    assert evercert("list").status == 0
    store = apsw.Connection(str(evercert.home / "evercert.db"))
    columns = [row[1] for row in store.execute("PRAGMA table_info(migrations)") if row[1] != "number"]
    values = f"number + 1, {', '.join(columns)}"
    newest = "FROM migrations ORDER BY number DESC LIMIT 1"
    store.execute(f"INSERT INTO migrations (number, {', '.join(columns)}) SELECT {values} {newest}")
    store.close()
    done = evercert("list")
    assert done.status == Exit.STORE.value
    assert "knows only" in told(done)
    assert done.hint


def test_a_master_key_that_is_gone(evercert: Shell) -> None:
    evercert.obtained("sealed.test")
    (evercert.home / "master.key").unlink()
    done = evercert("renew", "--force", "sealed.test")
    assert done.status == Exit.STORE.value
    assert "master.key is gone" in told(done)
    assert "backup" in done.hint
    assert not (evercert.home / "master.key").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["obtian"], "hint: did you mean 'obtain'?"),
        (["obtain"], "hint: evercert obtain www.example.com --http-01"),
        (["obtain", "x.test", "--nosuch"], "error: no such option '--nosuch'"),
        (["obtain", "x.test", "--key-type", "dsa"], "error: invalid value for '--key-type'"),
        (["obtain", "x.test", "--dns", "rfc2137"], "error: x.test: there is no DNS provider 'rfc2137'"),
        (["obtain", "x.test", "--dns", "rfc2136"], "rfc2136 needs its server"),
        (["obtain", "x.test", "--deploy", "nginz"], "error: x.test: there is no deploy target 'nginz'"),
        (["obtain", "x.test", "--deploy", "files", "--deploy", "files"], "hint: tell them apart"),
        (["obtain", "x.test", "-o", "nonsense"], "hint: write -o PLUGIN.FIELD=VALUE"),
        (["obtain", "x.test", "--csr", __file__], "error: --csr brings its own names"),
        (["obtain", "--csr", __file__], "hint: give a PKCS #10 request"),
        (["obtain", "x.test", "--each-from", __file__], "error: --each-from names all certificates itself"),
        (["obtain", "--each-from", "/bin/true"], "error: /bin/true is not a text file in UTF-8"),
        (["obtain", "--each-from", "/dev/null"], "error: /dev/null is not a file"),
        (["obtain", "x.test", "--webroot", "/nowhere"], "error: x.test: there is no folder '/nowhere'"),
        (["obtain", "x.test", "--name", "two\nlines"], "error: a certificate cannot be called 'two lines'"),
        (["obtain", "x.test", "--name", "merged:x"], "error: a certificate cannot be called 'merged:x'"),
        (["obtain", "x.test", "--name", "n" * 254], "hint: use printable characters, at most 253"),
        (["obtain", "x.test", "--tls-port", "8443"], "error: --tls-port belongs to --tls-alpn-01"),
        (["obtain", "x.test", "--http-port", "80800"], "error: invalid value for '--http-port'"),
        (["obtain", "x.test", "--lifetime", "-5"], "error: invalid value for '--lifetime'"),
        (["obtain", "x.test", "--deploy", "nginx", "-o", "ngnix.conf=/x"], "hint: did you mean 'nginx'?"),
        (["deploy", "x.test", "-o", "nginx.conf=/x"], "hint: name it with --dns, --challenge, --deploy or --to"),
        (["deploy", "x.test", "--to", "files", "--no-longer", "files"], "error: x.test: files is named by both"),
        (["deploy", "x.test", "--to", "files:copy", "--no-longer", "copy"], "hint: leave out --to or --no-longer"),
        (["obtain", "x.test", "--eab-kid", "kid"], "error: --eab-kid and --eab-key belong together"),
        (["obtain", "x.test", "--ca", "letsencypt"], "hint: did you mean letsencrypt?"),
        (["ca", "show", "letsencypt"], "hint: did you mean letsencrypt?"),
        (["plan", "--confg", "x"], "error: no such option '--confg'\nevercert: hint: did you mean '--config' or"),
        (["show", "\udcff"], "error: an argument is not UTF-8"),
        (["events", "--certificate", "\udcff"], "error: an argument is not UTF-8"),
        (["list", "--expiring", "99999999999"], "error: invalid value for '--expiring'"),
        (["tasks", "--limit", "99999999999999999999"], "error: invalid value for '--limit'"),
        (["incident", "show", "99999999999999999999"], "error: invalid value for 'NUMBER'"),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_is_done(
    evercert: Shell, arguments: list[str], words: str
) -> None:
    done = evercert(*arguments, "--json")
    assert done.status in {Exit.USAGE.value, Exit.NOT_FOUND.value}
    assert words in done.err
    assert done.document["error"]["message"] in done.err
    assert not (evercert.home / "evercert.db").exists() or evercert("list", "--json").document == []


def test_a_fault_of_a_plugin_is_told_as_that(evercert: Shell, tmp_path: Path) -> None:
    _plugin(tmp_path, "raise RuntimeError('secret words')")
    done = evercert("obtain", "fault.test", *evercert.at, "--deploy", "broken", PYTHONPATH=str(tmp_path))
    assert done.status == Exit.FAILED.value
    assert told(done) == "evercert: error: fault.test: the deploy plugin failed with RuntimeError"
    assert "secret words" not in done.err


def test_somebody_else_at_the_same_thing_is_told_as_that(evercert: Shell, tmp_path: Path) -> None:
    _plugin(tmp_path, "raise EvercertError('conflict', 'the server is being changed by somebody else')")
    done = evercert("obtain", "busy.test", *evercert.at, "--deploy", "broken", PYTHONPATH=str(tmp_path))
    assert done.status == Exit.BUSY.value
    assert told(done) == "evercert: error: busy.test: the server is being changed by somebody else"


def _instead(options: list[str], directory: str) -> list[str]:
    return ["--ca", directory, *options[2:]]


@contextmanager
def _limiting_ca() -> Iterator[str]:
    """A CA that gives its directory and nonces, and asks every new account to come back in two hours."""

    class Answers(BaseHTTPRequestHandler):
        def _answer(self, status: int, document: object, **headers: str) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {"Replay-Nonce": "nonce", "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_GET(self) -> None:
            host = f"http://{self.headers['Host']}"
            names = ("newNonce", "newAccount", "newOrder", "revokeCert", "keyChange")
            self._answer(200, {name: f"{host}/{name}" for name in names}, Content_Type="application/json")

        def do_HEAD(self) -> None:
            self._answer(200, {})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            problem = {"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many new accounts"}
            self._answer(429, problem, Content_Type="application/problem+json", Retry_After="7200")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's word
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/dir"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _tmpfs(folder: Path, size: str) -> Iterator[Path]:
    """A disk of that size; needs root, as the network namespaces do."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True, timeout=10)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True, timeout=10)


def _plugin(folder: Path, raising: str) -> None:
    """An installed distribution with a deploy target that fails."""
    (folder / "broken-1.dist-info").mkdir()
    (folder / "broken-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (folder / "broken-1.dist-info" / "entry_points.txt").write_text("[evercert.deploy]\nbroken = broken:Broken\n")
    (folder / "broken.py").write_text(
        f"""
from evercert.base.errors import EvercertError
from evercert.deploy.fields import ACCESS_FIELDS, DIR_FIELD, ENDPOINT_FIELD
from evercert.deploy.filed import FiledTarget
from evercert.plugins.info import PluginInfo, PluginKind

class Broken(FiledTarget):
    info = PluginInfo("broken", PluginKind.DEPLOY, "fails", (DIR_FIELD, ENDPOINT_FIELD, *ACCESS_FIELDS))

    async def stage(self, bundle):
        {raising}
"""
    )
