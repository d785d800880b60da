"""What must be quick imports little: no X.509, no HTTP, no drawing for a command that only reads."""

from __future__ import annotations

import resource
import subprocess
import sys
from math import inf

import pytest

from tests.cli.shell import Shell

_HEAVY = ("cryptography", "dns", "rich", "urllib3")


@pytest.mark.parametrize(
    ("command", "also"),
    [
        ("version", ("asyncio", "apsw", "msgspec", "click")),
        ("--help", ("asyncio", "apsw", "msgspec")),
        ("ca list", ("asyncio", "apsw", "msgspec")),
        ("ca show letsencrypt", ("asyncio", "apsw")),
        ("completion bash", ("asyncio", "apsw", "msgspec")),
        ("list", ()),
        ("tasks", ()),
        ("tasks retry --all-failed", ()),
        ("forecast", ()),
        ("renew", ()),
        ("run --once", ()),
        ("events", ()),
    ],
)
def test_a_light_command_imports_nothing_heavy(evercert: Shell, command: str, also: tuple[str, ...]) -> None:
    code = (
        "import sys\n"
        "from evercert.cli import main\n"
        "try: main()\n"
        "finally: sys.stderr.write('IMPORTED ' + ' '.join(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command.split()],
        capture_output=True,
        text=True,
        timeout=30,
        env=evercert.environment(),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    imported = set(done.stderr.rpartition("IMPORTED ")[2].split())
    assert "evercert.cli" in imported
    assert imported & {*_HEAVY, *also} == set()


def test_a_demonstration_without_what_a_ca_needs_says_what_to_install(evercert: Shell) -> None:
    code = "import sys; sys.modules['httptools'] = None; from evercert.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "demo"],
        capture_output=True,
        text=True,
        timeout=30,
        env=evercert.environment(),
        check=False,
    )
    assert done.returncode == 2
    assert "pip install 'evercert[ca]'" in done.stderr


def test_the_version_is_told_within_five_times_a_bare_interpreter_s_start() -> None:
    """Of processor time, the best of each: what else this machine does makes none of them better."""
    told = bare = inf
    for _ in range(20):
        told = min(told, _processor_seconds(sys.executable, "-m", "evercert", "version"))
        bare = min(bare, _processor_seconds(sys.executable, "-c", "pass"))
        if told < 5 * bare:
            return
    pytest.fail(f"{told / bare:.1f} times")


def _processor_seconds(*argv: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, check=True, capture_output=True, timeout=30)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
