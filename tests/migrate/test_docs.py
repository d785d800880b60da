"""What the guides tell newcomers to type exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evercert.plugins.info import PluginKind
from evercert.plugins.registry import load, names

_DOCS = Path(__file__).parents[2] / "docs"
_GUIDES = sorted(_DOCS.glob("coming-from-*.md"))


def test_there_is_a_guide_for_each_client() -> None:
    assert [guide.stem.removeprefix("coming-from-") for guide in _GUIDES] == ["acme-sh", "certbot", "lego"]


@pytest.mark.parametrize("guide", _GUIDES, ids=lambda guide: guide.stem)
def test_every_plugin_and_field_of_a_guide_exists(guide: Path) -> None:
    text = guide.read_text()
    fields = re.findall(r"-o ([a-z0-9]+)\.([a-z_]+)=", text)
    providers = re.findall(r"`evercert obtain [^`]*--dns ([a-z0-9]+)", text)
    assert fields
    assert set(providers) <= set(names(PluginKind.DNS))
    for plugin, field in fields:
        kinds = [kind for kind in (PluginKind.DNS, PluginKind.DEPLOY) if plugin in names(kind)]
        assert any(load(kind, plugin).info.field(field) for kind in kinds), f"{plugin}.{field}"
