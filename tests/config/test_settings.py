"""Settings where the system says less than usual."""

from __future__ import annotations

import subprocess
import sys

from tests.peers.program import installed


def test_a_user_without_a_home_has_that_of_the_system() -> None:
    """As a user is that systemd makes for a unit alone (DynamicUser=): no HOME, and no line in passwd that has one."""
    says = "from evercert.config.settings import load_settings; print(load_settings({}).home)"
    unshare = installed("unshare", "run `make peers`")
    argv = [unshare, "--user", "--map-user=54321", "env", "-i", sys.executable, "-c", says]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("/var/lib/evercert\n", "")
