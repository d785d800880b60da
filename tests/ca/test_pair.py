"""Our client and our CA, in memory."""

from __future__ import annotations

from pathlib import Path

from tests.ca.given import a_ca


async def test_a_certificate_is_issued(tmp_path: Path) -> None:
    async with a_ca(tmp_path / "ca") as world:
        client = await world.registered()
        order = await world.obtain(client, "www.example.test", "example.test")
        ((leaf, issuer),) = await client.chains(order)
        assert leaf
        assert issuer
