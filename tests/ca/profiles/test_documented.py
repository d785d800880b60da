"""The examples in `docs/ca-profiles.md` are settings that a CA takes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from evercert.ca.profiles.profile import BUILT_IN
from evercert.ca.setup.settings import load_ca_settings
from tests.house.sources import ROOT

PAGE = (ROOT / "docs" / "ca-profiles.md").read_text()
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_taken(example: str, tmp_path: Path) -> None:
    file = tmp_path / "ca.toml"
    file.write_text(f'url = "https://ca.test"\n{example}')
    offered = load_ca_settings(file).profiles_in_force()
    assert offered.keys() == tomllib.loads(example).get("profiles", BUILT_IN).keys()


def test_each_built_in_profile_is_told_of() -> None:
    assert [name for name in BUILT_IN if f"**{name}**" not in PAGE] == []
