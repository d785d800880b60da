"""Standard streams that are closed, full, or read by nobody any more: what is said is lost, and the work is not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.peers.program import installed

FULL = Path("/dev/full")


def run(evercert: Shell, words: str) -> subprocess.CompletedProcess[str]:
    """`evercert` and *words*, as a shell reads them."""
    argv = ["bash", "-c", f"{installed('evercert', 'run `make setup`')} {words}"]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, env=evercert.environment(), check=False)


@pytest.mark.parametrize("closed", ["2>&-", "2>/dev/full", "<&- 2>&-"])
def test_what_cannot_be_said_stops_nothing_and_goes_nowhere_else(evercert: Shell, closed: str) -> None:
    evercert.obtained("quiet.test")
    before = evercert.serial("quiet.test")
    done = run(evercert, f"renew --force quiet.test --json {closed}")
    assert '"name": "quiet.test"' in done.stdout
    assert done.stdout.startswith(("[", "{"))
    assert evercert.serial("quiet.test") != before
    assert done.stderr == ""


def test_a_reader_of_the_progress_that_goes_away_stops_nothing(evercert: Shell) -> None:
    evercert.obtained("unread.test")
    before = evercert.serial("unread.test")
    read_end, write_end = os.pipe()
    os.close(read_end)
    argv = [installed("evercert", "run `make setup`"), "renew", "--force", "unread.test"]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=write_end, timeout=60, env=evercert.environment())
    os.close(write_end)
    assert done.returncode == 0
    assert evercert.serial("unread.test") != before
    assert evercert("list", "--state", "installed").out.count("unread.test") > 0


def test_a_result_for_which_there_is_no_room_is_an_error_of_the_machine(evercert: Shell) -> None:
    done = run(evercert, "show nobody.test --json >/dev/full")
    assert "Traceback" not in done.stderr
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        3,
        "evercert: error: nobody.test: there is no certificate of that name",
    )
    done = run(evercert, "list --json >/dev/full")
    assert (done.returncode, done.stderr.splitlines()[0]) == (9, "evercert: error: no space left on device")


@pytest.mark.parametrize("words", ["list", "forecast", "events --since 0"])
def test_without_an_output_a_command_does_what_it_does(evercert: Shell, words: str) -> None:
    done = run(evercert, f"{words} --quiet >&- <&-")
    assert (done.returncode, done.stderr) == (0, "")


def test_without_a_terminal_to_ask_at_nothing_is_begun(evercert: Shell) -> None:
    done = run(evercert, "delete nobody.test <&-")
    assert "there is no" in done.stderr
    assert "Traceback" not in done.stderr


def test_names_of_any_script_go_to_a_stream_of_any_encoding(evercert: Shell) -> None:
    evercert.obtained("script.test", "--name", "bücher")
    listed = evercert("list", PYTHONIOENCODING="ascii")
    assert (listed.status, listed.err) == (0, "")
    assert "b\\xfccher  " in listed.out
    [document] = evercert("list", "--json", PYTHONIOENCODING="latin-1").document
    assert document["name"] == "bücher"
    assert evercert("show", "bücher", PYTHONIOENCODING="ascii").status == 0


def test_a_warning_says_whose_it_is(evercert: Shell, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("a word")
    secret.chmod(0o644)
    provider = (
        "--dns",
        "cloudflare",
        "-o",
        f"cloudflare.api_token=file:{secret}",
        "-o",
        "cloudflare.url=https://127.0.0.1:1",
    )
    done = evercert("obtain", "open.test", "--ca", "https://127.0.0.1:1/dir", *provider)
    assert f"evercert: warning: {secret} holds a secret and can be read by others: chmod 600 it\n" in done.err
