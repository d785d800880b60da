"""Commands that only tell: CAs, versions, help, completion."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from evercert import __version__
from evercert.acme.cas import KNOWN_CAS
from evercert.cli.app import COMMANDS
from tests.cli.shell import Shell
from tests.peers.program import installed


def test_every_known_ca_is_listed_and_shown(evercert: Shell) -> None:
    listed = evercert("ca", "list").out.splitlines()
    assert listed[0].split() == ["ID", "NAME", "EAB", "DIRECTORY"]
    assert [line.split()[0] for line in listed[1:]] == [ca.id for ca in KNOWN_CAS]
    shown = evercert("ca", "show", "letsencrypt").out
    assert "  limit       50 certificates per registered domain in 7 d\n" in shown
    assert json.loads(evercert("ca", "show", "letsencrypt", "--json").out)["id"] == "letsencrypt"


@pytest.mark.parametrize("word", ["version", "--version", "-V"])
def test_the_version_is_one_line(evercert: Shell, word: str) -> None:
    assert evercert(word).out == f"evercert {__version__}\n"


def test_help_names_every_command(evercert: Shell) -> None:
    text = evercert("--help").out
    assert [name for name in COMMANDS if f"  {name} " not in text] == []
    nothing = evercert()
    assert (nothing.status, nothing.out) == (2, "")
    assert nothing.err.startswith("Usage: evercert ")


def test_a_reader_that_goes_away_is_no_error(evercert: Shell) -> None:
    done = subprocess.run(
        ["bash", "-c", "set -o pipefail; evercert events --help | head -1; exit ${PIPESTATUS[0]}"],
        capture_output=True,
        text=True,
        timeout=30,
        env=evercert.environment(PATH=_path()),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_bash_completes_commands_values_and_names(evercert: Shell) -> None:
    evercert.obtained("complete.test")
    script = """
        source <(evercert completion bash)
        offer() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _evercert_completion evercert
                  echo "${COMPREPLY[@]}"; }
        offer evercert ob
        offer evercert obtain --key-type rsa
        offer evercert obtain --deploy ng
        offer evercert ca show letsencrypt-
        offer evercert show comp
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env=evercert.environment(PATH=_path()),
        check=True,
    )
    offered = ["obtain", "rsa2048 rsa3072 rsa4096", "nginx", "letsencrypt-staging", "complete.test"]
    assert done.stdout.splitlines() == offered


@pytest.mark.parametrize(("shell", "words"), [("zsh", "#compdef evercert"), ("fish", "complete --no-files --command")])
def test_other_shells_get_their_own_script(evercert: Shell, shell: str, words: str) -> None:
    assert words in evercert("completion", shell).out


def _path() -> str:
    program = Path(installed("evercert", "run `make setup`")).parent
    bash = Path(shutil.which("bash") or "/bin/bash").parent
    return f"{program}:{bash}:/usr/bin:/bin"
