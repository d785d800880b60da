"""A CA that rejects every second nonce, proves every name again, takes its time and has three roots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from evercert.pki.cert import read_certificate
from evercert.pki.chain import split_pem
from tests.cli.shell import Shell
from tests.journeys.measured import measured
from tests.peers.pebble import Pebble
from tests.peers.program import installed

COUNT = 200

# The aim is 300 MB for a thousand at once; what does not grow with them is 70 MB of that.
_MOST_RESIDENT = 130 << 20


# So many Pebbles are tried: about one in twenty locks itself up under this load (tests/peers/pebble.py), which is no
# client's doing. Whatever else goes wrong is told at once.
_PEBBLES = 4


@pytest.mark.timeout(400)
def test_two_hundred_are_issued_by_one_order_each_and_the_chain_is_the_one_that_was_asked_for(
    tmp_path: Path, start_pebble: Callable[..., Pebble]
) -> None:
    file = tmp_path / "names"
    file.write_text("".join(f"n{number}.hard.test\n" for number in range(COUNT)))
    for number in range(_PEBBLES):
        hard = start_pebble(nonce_reject=50, authz_reuse=0, validation_sleep=3, alternate_roots=2, retry_after=1)
        evercert = Shell(tmp_path / f"home-{number}", hard)
        wanted = read_certificate(split_pem(hard.root(2).encode())[0]).subject
        asked = ["obtain", "--each-from", str(file), *evercert.at, "--preferred-chain", wanted, "--quiet", "--json"]
        argv = [installed("evercert", "run `make setup`"), *asked]
        workers = evercert.environment(EVERCERT_CONCURRENCY="200")
        done = measured(argv, workers, tmp_path / f"told-{number}", seconds=80)
        if done.status == 0 or not hard.is_wedged():
            break
    assert done.status == 0, done.err
    assert Counter(each["state"] for each in done.document) == {"installed": COUNT}
    assert hard.order_count() == COUNT
    issuers = {read_certificate(split_pem(path.read_bytes())[-1]).issuer for path in chains(evercert)}
    assert issuers == {wanted}
    assert done.most_resident < _MOST_RESIDENT


def chains(evercert: Shell) -> list[Path]:
    found = list((evercert.home / "live").glob("*/fullchain.pem"))
    assert len(found) == COUNT
    return found
