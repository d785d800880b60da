"""A certificate revocation list, read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evercert.base.errors import EvercertError
from evercert.pki.crl import build_crl, entry
from evercert.pki.crl_view import read_crl
from tests.ca.given import a_ca

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def test_a_list_of_ours_is_read(tmp_path: Path) -> None:
    async with a_ca(tmp_path / "ca") as world:
        issuer = world.node.desk.issuers.for_profile("", world.clock.now())
    entries = [entry(serial, NOW) for serial in (0xAB, 0x1234)]
    der = build_crl(issuer.signer, number=7, this_update=NOW, next_update=NOW + timedelta(days=1), entries=entries)
    seen = read_crl(bytes(der))
    assert (seen.number, seen.serials) == (7, {"ab", "1234"})


@pytest.mark.parametrize("der", [b"", b"\x30\x00", b"no list"])
def test_what_is_no_list_is_refused(der: bytes) -> None:
    with pytest.raises(EvercertError, match="no certificate revocation list"):
        read_crl(der)
