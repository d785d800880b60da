"""A store in a file has one node; a second one is told so, and what to do."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.ca.node.opening import open_ca
from evercert.ca.setup.founding import Founding, found
from evercert.ca.setup.settings import first_file, load_ca_settings
from tests.ca.given import in_no_token
from tests.fakes.clock import FakeClock


async def test_a_store_in_a_file_is_served_by_one_node(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    found(folder, Founding("Test", root_passphrase=Secret("test")), in_no_token, FakeClock().now(), Random(1))
    (folder / "ca.toml").write_text(first_file("https://localhost:8443", ("127.0.0.1:0",)))
    settings = load_ca_settings(folder / "ca.toml")
    async with open_ca(folder, settings, {}, FakeClock(settle=0.1)):
        with pytest.raises(EvercertError, match="another node serves the store") as caught:
            async with open_ca(folder, settings, {}, FakeClock(settle=0.1)):
                pass
        assert "PostgreSQL" in caught.value.hint
    async with open_ca(folder, settings, {}, FakeClock(settle=0.1)) as opened:
        assert opened.node.desk.urls.directory
