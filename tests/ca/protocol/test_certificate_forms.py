"""In which form a certificate is handed out (RFC 8555 §7.4.2), and what leads on from it."""

from __future__ import annotations

import pytest

from evercert.pki.keys import KeyType, generate
from tests.ca.given import World
from tests.ca.protocol.wire import Wire, header


# Caddy fetches whatever is linked as "up" with a signed POST, and throws the chain away when that is refused.
@pytest.mark.parametrize(
    ("form", "leads_up"),
    [("application/pem-certificate-chain", False), ("application/pkcs7-mime", False), ("application/pkix-cert", True)],
)
async def test_only_a_certificate_without_its_chain_says_who_issued_it(world: World, form: str, leads_up: bool) -> None:
    key = generate(KeyType.EC256)
    client = await world.registered(key)
    order = await world.obtain(client, "www.example.test")
    wire = Wire(world.node.site, key)
    await wire.register()
    answer = await wire.raw(order.certificate, await wire.signed(order.certificate, None), accept=form)
    assert header(answer, "content-type") == form
    assert ('rel="up"' in " ".join(value for name, value in answer.headers if name == "link")) is leads_up
