"""What a person at a terminal sees, and what a pipe gets."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from io import StringIO

from rich.console import Console

from evercert.cli.progress import LiveProgress
from tests.cli.shell import Shell
from tests.fakes.clock import FakeClock
from tests.peers.program import installed


def drawn(console: Console) -> str:
    """What stands on the screen, without the terminal's control sequences."""
    assert isinstance(console.file, StringIO)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())


def terminal() -> Console:
    return Console(file=StringIO(), force_terminal=True, width=60, highlight=False, markup=False)


def test_what_is_finished_stands_above_as_a_plain_line() -> None:
    console = terminal()
    progress = LiveProgress(FakeClock(), console)
    progress.show("www.test", "waiting 5 s: the CA asked for it")
    progress.show("www.test", "nginx: served")
    progress.show("www.test", "")
    progress.close()
    assert drawn(console).strip().endswith("[   0.0 s] www.test: nginx: served")


def test_names_and_words_are_text_and_never_markup_or_control() -> None:
    console = terminal()
    progress = LiveProgress(FakeClock(), console)
    progress.show("www.test", "[bold]failed[/bold]")
    progress.show("www.test", "")
    progress.close()
    assert "[bold]failed[/bold]" in drawn(console)


def test_a_thousand_at_once_are_a_dozen_lines_and_a_number() -> None:
    console = terminal()
    progress = LiveProgress(FakeClock(), console)
    for number in range(1000):
        progress.show(f"n{number}.test", "issuing: there is no certificate yet")
    console.print(progress.lines())
    progress.close()
    screen = drawn(console)
    assert "and 988 more" in screen
    assert "n12.test" not in screen


def test_at_a_terminal_the_work_is_drawn_and_taken_away_again(evercert: Shell) -> None:
    screen, status = _at_terminal(evercert, "obtain", "drawn.test", *evercert.at)
    assert status == 0, screen
    assert "\x1b[?25l" in screen  # the cursor is hidden while something is drawn ...
    assert screen.rindex("\x1b[?25h") > screen.rindex("\x1b[?25l")  # ... and comes back
    last = screen.replace("\r", "").splitlines()[-1]
    assert last.rpartition("drawn.test: ")[2].startswith("installed in ")


def test_a_terminal_that_goes_away_while_it_is_drawn_on_stops_nothing(evercert: Shell) -> None:
    evercert.obtained("gone.test")
    before = evercert.serial("gone.test")
    screen, terminal_end = pty.openpty()
    argv = [installed("evercert", "run `make setup`"), "renew", "--force", "gone.test"]
    environ = evercert.environment(TERM="xterm")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=terminal_end, env=environ) as renewing:
        os.close(terminal_end)
        written = b""
        while b"\x1b[?25l" not in written and select.select([screen], [], [], 60)[0]:
            written += os.read(screen, 65536)
        os.close(screen)
        told, _ = renewing.communicate(timeout=60)
    assert (renewing.returncode, told[:21]) == (0, b"gone.test: installed ")
    assert evercert.serial("gone.test") != before


def test_at_a_terminal_delete_asks_and_takes_no_for_an_answer(evercert: Shell) -> None:
    evercert.obtained("asked.test")
    screen, status = _at_terminal(evercert, "delete", "asked.test", typed=b"n\n")
    assert "Forget asked.test and its private key? [y/N]" in screen
    assert status == 130
    assert evercert("show", "asked.test").status == 0


def test_a_question_stands_at_the_terminal_and_not_among_the_results(evercert: Shell) -> None:
    evercert.obtained("question.test")
    screen, terminal_end = pty.openpty()
    os.write(screen, b"y\n")
    argv = [installed("evercert", "run `make setup`"), "delete", "question.test", "--json"]
    done = subprocess.run(
        argv, stdin=terminal_end, stdout=subprocess.PIPE, stderr=terminal_end, timeout=60, env=evercert.environment()
    )
    os.close(terminal_end)
    assert b"Forget question.test and its private key? [y/N]" in os.read(screen, 65536)
    os.close(screen)
    assert (done.returncode, done.stdout[:1]) == (0, b"{")


def _at_terminal(evercert: Shell, *arguments: str, typed: bytes = b"") -> tuple[str, int]:
    """What the command wrote to a terminal of its own, and its exit status; at most a minute."""
    program, environ = installed("evercert", "run `make setup`"), evercert.environment(TERM="xterm")
    pid, terminal_end = pty.fork()
    if pid == 0:
        os.execve(program, [program, *arguments], environ)
    os.write(terminal_end, typed)
    written, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline and select.select([terminal_end], [], [], 60)[0]:
        try:
            part = os.read(terminal_end, 65536)
        except OSError:  # the other end is closed: it has ended
            break
        written += part
    os.close(terminal_end)
    return written.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
