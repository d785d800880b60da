"""The look at all that the CA of the tests makes sees what is unclean."""

from __future__ import annotations

from pathlib import Path

import pytest

from evercert.ca.profiles.profile import BUILT_IN
from evercert.pki.chain import split_pem
from tests.ca.given import a_ca
from tests.ca.linted import Linted
from tests.ca.protocol.test_certificates import csr_for, ready
from tests.ca.protocol.wire import Wire, read
from tests.ca.status.given import issuer


async def test_a_certificate_below_an_issuer_that_did_not_sign_it_is_seen(tmp_path: Path) -> None:
    async with a_ca(tmp_path / "ca") as world:
        wire = Wire(world.node.site)
        await wire.register()
        order = await ready(world, wire, "www.example.test")
        done = read(await wire.post(order["finalize"], csr_for("www.example.test")))
        leaf, _ = split_pem((await wire.post(done["certificate"])).body)
    linted = Linted()
    with pytest.raises(AssertionError):
        linted.take(leaf, issuer(), BUILT_IN["default"])
    assert linted.found
